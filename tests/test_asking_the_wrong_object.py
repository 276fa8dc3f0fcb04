"""Using the wrong object, or a wrong argument, gives an error in the project's own words."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from moto_jitp import CertificateAuthority, mock_jitp
from moto_jitp.pytest_plugin import Jitp


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("issue", "issue(common_name=…) of your CertificateAuthority"),
        ("connect", "moto_jitp.connect_device(device)"),
        ("iot", "boto3.client('iot')"),
    ],
)
def test_the_handle_says_what_is_the_fixtures(name: str, instead: str) -> None:
    with mock_jitp() as jitp, pytest.raises(AttributeError) as error:
        getattr(jitp, name)
    assert f"{name} belongs to the pytest fixture jitp" in str(error.value)
    assert str(error.value).endswith(f"Use {instead}.")


def test_the_handle_names_the_fixture_for_everything_that_only_the_fixture_has(jitp: Jitp) -> None:
    alone = {name for name in dir(jitp) if not name.startswith("_")} - set(dir(jitp.mock))
    for name in alone:
        with pytest.raises(AttributeError, match="belongs to the pytest fixture jitp"):
            getattr(jitp.mock, name)


def test_the_fixture_says_what_is_the_handles(jitp: Jitp) -> None:
    with pytest.raises(AttributeError, match=r"use jitp\.mock\.reset"):
        jitp.reset()  # type: ignore[attr-defined]


def test_a_misspelt_attribute_is_answered_with_the_right_one(jitp: Jitp) -> None:
    for asked in (jitp, jitp.mock):
        with pytest.raises(AttributeError, match=r"Did you mean connections\?"):
            asked.conections  # type: ignore[union-attr]  # noqa: B018


def test_a_misspelt_keyword_is_answered_with_the_right_one(jitp: Jitp) -> None:
    for issue in (jitp.issue, CertificateAuthority().issue):
        with pytest.raises(TypeError, match=r"no argument 'comon_name'\. Did you mean 'common"):
            issue(comon_name="a")
    options: Any = {"rolearn": "a"}
    with pytest.raises(TypeError, match="Did you mean 'role_arn'"):
        jitp.ca.register(jitp.iot, **options)


@pytest.mark.parametrize("service", ["s3", None])
def test_a_ca_is_registered_with_a_client_for_iot(jitp: Jitp, service: str | None) -> None:
    client = boto3.client("s3") if service else object()
    with pytest.raises(TypeError, match=r"a boto3 client for iot.*, not (one for s3|object)"):
        jitp.ca.register(client)


def test_describe_says_that_it_does_not_take_the_name_of_a_thing(jitp: Jitp) -> None:
    with pytest.raises(ValueError, match=r"'lamp-1' is not one of them.*describe_thing"):
        jitp.describe("lamp-1")
