"""What ``import moto_jitp`` provides; ``test_layers.py`` checks what it does not load."""

from __future__ import annotations

import importlib.metadata
import importlib.resources

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
