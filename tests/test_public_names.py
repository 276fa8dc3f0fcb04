"""What ``import moto_jitp`` offers, and what it does not load."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import subprocess
import sys

import pytest

import moto_jitp

NAMES = {
    "AmbiguousEndpoint",
    "CertificateAuthority",
    "ConnectionAttempt",
    "ConnectionRefused",
    "DeviceConnection",
    "DeviceIdentity",
    "ProvisioningRun",
    "RefusalReason",
    "activate",
    "connect_device",
    "current",
    "deactivate",
    "explain_rule",
    "mock_jitp",
    "render",
}


def modules_after(program: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after a program."""
    done = subprocess.run(
        [
            *(sys.executable, "-c"),
            f"{program}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_the_public_names_are_there() -> None:
    assert set(moto_jitp.__all__) >= NAMES
    for name in moto_jitp.__all__:
        assert getattr(moto_jitp, name) is getattr(moto_jitp, name)
        assert name in dir(moto_jitp)
    scope: dict[str, object] = {}
    exec("from moto_jitp import *", scope)
    assert set(moto_jitp.__all__) <= scope.keys()


def test_public_classes_and_functions_say_what_they_are() -> None:
    for name in moto_jitp.__all__:
        assert getattr(moto_jitp, name).__doc__, name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'moto_jitp' has no attribute 'mock_jipt'"):
        moto_jitp.mock_jipt  # noqa: B018
    with pytest.raises(ImportError):
        exec("from moto_jitp import mock_jipt")


def test_the_version_is_that_of_the_distribution() -> None:
    assert moto_jitp.__version__ == importlib.metadata.version("moto_jitp")


def test_the_package_is_typed() -> None:
    assert importlib.resources.files("moto_jitp").joinpath("py.typed").is_file()


def test_importing_the_package_loads_neither_moto_nor_boto3_nor_cryptography() -> None:
    heavy = {"moto", "boto3", "botocore", "cryptography", "responses", "flask"}
    assert not heavy & modules_after("import moto_jitp; moto_jitp.__version__; dir(moto_jitp)")


def test_making_certificates_needs_no_moto() -> None:
    program = (
        "import moto_jitp.pki\n"
        "from moto_jitp import CertificateAuthority, DeviceIdentity\n"
        "device = CertificateAuthority(common_name='Acme').issue(common_name='bulb-1')\n"
        "assert isinstance(device, DeviceIdentity)\n"
        "assert moto_jitp.pki.CertificateAuthority is CertificateAuthority"
    )
    loaded = modules_after(program)
    assert "cryptography" in loaded
    assert not {"moto", "boto3", "botocore", "responses"} & loaded


@pytest.mark.parametrize("module", ["templates", "policies"])
def test_templates_and_policies_need_the_standard_library_alone(module: str) -> None:
    loaded = modules_after(f"import moto_jitp.{module}")
    assert not {"moto", "boto3", "botocore", "cryptography", "responses"} & loaded
