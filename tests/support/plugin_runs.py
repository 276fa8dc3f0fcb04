"""Runs a small suite under the plugin; shared by the tests of the plugin."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import pkgutil
from collections.abc import Callable

import boto3
import pytest

import conftest_plugin
import moto_jitp
from moto_jitp import CertificateAuthority, connect_device, mock_jitp

#: Disables plugins that print or reorder.
PLAIN = (
    *("-p", "no:randomly", "-p", "no:hypothesispytest", "-p", "no:cacheprovider"),
    *("-W", "ignore::DeprecationWarning"),
)


def load_everything() -> None:
    """Import the package before there is a pytester, which forgets later imports.

    A module that is imported again would have other classes of the same names.
    """
    for package in (conftest_plugin, moto_jitp):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            with contextlib.suppress(ImportError):  # an extra that is not installed
                importlib.import_module(module.name)
    with mock_jitp():
        ca = CertificateAuthority()
        ca.register(boto3.client("iot", region_name="us-east-1"), template_body=TEMPLATE)
        connect_device(ca.issue(common_name="first"))


def needs(module: str) -> pytest.MarkDecorator:
    """Skip if a module is not installed."""
    absent = importlib.util.find_spec(module) is None
    return pytest.mark.skipif(absent, reason=f"{module} is not installed")


Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(package_loaded: None, pytester: pytest.Pytester) -> Run:
    """Run the text of a test module, in this process: ``run(text, *options)``."""

    def run_text(text: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(text)
        return pytester.runpytest_inprocess(*PLAIN, *options)

    return run_text


@pytest.fixture
def run_apart(pytester: pytest.Pytester) -> Run:
    """Run the text of a test module in a separate process: ``run_apart(text, *options)``."""

    def run_text(text: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(text)
        return pytester.runpytest_subprocess(*PLAIN, *options)

    return run_text


#: Requires a Country, unlike the plugin's default template.
TEMPLATE = {
    "Parameters": {
        "AWS::IoT::Certificate::CommonName": {"Type": "String"},
        "AWS::IoT::Certificate::Country": {"Type": "String", "Default": "none"},
        "AWS::IoT::Certificate::Id": {"Type": "String"},
    },
    "Resources": {
        "thing": {
            "Type": "AWS::IoT::Thing",
            "Properties": {"ThingName": {"Ref": "AWS::IoT::Certificate::CommonName"}},
        },
        "certificate": {
            "Type": "AWS::IoT::Certificate",
            "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}},
        },
    },
}
