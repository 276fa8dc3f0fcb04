"""The examples in the docstrings are what happens, and each public name has one."""

from __future__ import annotations

import contextlib
import doctest
import importlib
import inspect
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from support.bodies import ROLE, plain_template
from support.cloud import client
from support.documents import ROOT

import moto_jitp
from moto_jitp import CertificateAuthority, DeviceEndpoint, mock_jitp

PACKAGE = ROOT / "moto_jitp"
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(PACKAGE.rglob("*.py"))
    if ">>>" in path.read_text(encoding="utf-8")
]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

#: A template whose devices may connect, and nothing else.
BODY = plain_template(
    PolicyDocument={
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}],
    }
)


@contextlib.contextmanager
def world(text: str, folder: Path) -> Iterator[dict[str, Any]]:
    """What examples presuppose: a mock with a registered CA, a device, an endpoint."""
    with contextlib.ExitStack() as stack:
        jitp = stack.enter_context(mock_jitp())
        ca = CertificateAuthority("Acme Root")
        ca.register(client(), template_body=BODY, role_arn=ROLE)
        names: dict[str, Any] = {name: getattr(moto_jitp, name) for name in moto_jitp.__all__}
        names |= {"jitp": jitp, "iot": client(), "ca": ca, "bulb": ca.issue("bulb-1")}
        names |= {"BODY": BODY, "ROLE": ROLE, "folder": folder, "boto3": boto3}
        names |= {"contextlib": contextlib, "datetime": datetime, "subprocess": subprocess}
        if "endpoint." in text:
            pytest.importorskip("OpenSSL", reason="the extra [mqtt] is not installed")
            names["endpoint"] = stack.enter_context(DeviceEndpoint(https_port=0))
        for program in ("mosquitto_pub", "curl"):
            if f'["{program}"' in text and shutil.which(program) is None:
                pytest.skip(f"{program} is not installed")
        if "paho.Client" in text:
            names["paho"] = pytest.importorskip("paho.mqtt.client")
        if "mqtt_connection_builder" in text:
            builder = "mqtt_connection_builder"
            names[builder] = pytest.importorskip(f"awsiot.{builder}")
        yield names


def docstrings(module: ModuleType) -> Iterator[doctest.DocTest]:
    """The docstrings of a module, those of classes included that say they are the package's."""
    finder, source = doctest.DocTestFinder(), inspect.getsource(module)
    yield from finder.find(module)
    for value in list(vars(module).values()):
        is_ours = inspect.isclass(value) and value.__module__ == moto_jitp.__name__
        if is_ours and f"class {value.__name__}(" in source:
            yield from finder.find(value, module=False, globs=dict(vars(module)))


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if "endpoint" in name else ()) for name in MODULES],
)
def test_the_examples_of_a_module_hold(name: str, tmp_path: Path) -> None:
    module = importlib.import_module(name)
    examples = [found for found in docstrings(module) if found.examples]
    told: list[str] = []
    for number, example in enumerate(examples):
        with world(example.docstring or "", tmp_path / str(number)) as names:
            example.globs |= names
            doctest.DocTestRunner(optionflags=FLAGS).run(example, out=told.append)

    assert examples
    assert not told, "".join(told)


def documented() -> dict[str, Any]:
    """The public names, and of classes the methods that take arguments."""
    found: dict[str, Any] = {}
    for name in moto_jitp.__all__:
        found[name] = value = getattr(moto_jitp, name)
        if inspect.isclass(value):
            for method in vars(value):
                function = getattr(value, method)
                if not method.startswith("_") and takes_arguments(function):
                    found[f"{name}.{method}"] = function
    return found


def takes_arguments(function: Any) -> bool:
    if not (inspect.isfunction(function) or inspect.ismethod(function)):
        return False
    return bool(set(inspect.signature(function).parameters) - {"self"})


#: Methods for the package itself: users do not make these values.
INTERNAL = {"NotAuthorized.of", "ProvisioningRun.refused"}


@pytest.mark.parametrize("name", sorted(documented().keys() - INTERNAL))
def test_each_public_name_has_an_example(name: str) -> None:
    assert ">>>" in (inspect.getdoc(documented()[name]) or "")


@pytest.mark.parametrize(
    "name",
    sorted(
        name
        for name, value in documented().items()
        if not inspect.isclass(value) and takes_arguments(value) and name not in INTERNAL
    ),
)
def test_each_public_function_says_what_it_raises(name: str) -> None:
    assert "Raises:" in (inspect.getdoc(documented()[name]) or "")
