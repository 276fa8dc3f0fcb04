"""Software packages and their versions, also those that a provisioning template names."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.bodies import PLAIN_BODY
from support.cloud import ACCOUNT, client, refused

from moto_jitp import CertificateAuthority, ConnectionRefused, connect_device

ARN = f"arn:aws:iot:us-east-1:{ACCOUNT}:package/firmware"


@pytest.fixture
def firmware(iot: Any) -> None:
    """A package with a version 1.0, in draft."""
    iot.create_package(packageName="firmware", description="For bulbs", tags={"team": "light"})
    iot.create_package_version(
        packageName="firmware", versionName="1.0", attributes={"size": "12"}, tags={"stage": "test"}
    )


def publish(iot: Any, version: str = "1.0") -> None:
    iot.update_package_version(packageName="firmware", versionName=version, action="PUBLISH")


@pytest.mark.usefixtures("firmware")
def test_a_package_is_described_as_it_was_created(iot: Any) -> None:
    package = iot.get_package(packageName="firmware")
    assert package["packageArn"] == ARN
    assert package["description"] == "For bulbs"
    assert "defaultVersionName" not in package
    assert package["creationDate"] == package["lastModifiedDate"]
    tags = iot.list_tags_for_resource(resourceArn=ARN)["tags"]
    assert tags == [{"Key": "team", "Value": "light"}]
    assert [summary["packageName"] for summary in iot.list_packages()["packageSummaries"]] == [
        "firmware"
    ]


@pytest.mark.usefixtures("firmware")
def test_a_version_goes_from_draft_by_published_to_deprecated_and_back(iot: Any) -> None:
    names = {"packageName": "firmware", "versionName": "1.0"}
    version = iot.get_package_version(**names)
    assert version["packageVersionArn"] == f"{ARN}/version/1.0"
    assert (version["status"], version["attributes"]) == ("DRAFT", {"size": "12"})
    tags = iot.list_tags_for_resource(resourceArn=f"{ARN}/version/1.0")["tags"]
    assert tags == [{"Key": "stage", "Value": "test"}]
    with refused("ConflictException", 409, "The version 1.0 of the software package firmware is"):
        iot.update_package_version(**names, action="DEPRECATE")
    for action, status in (
        ("PUBLISH", "PUBLISHED"),
        ("DEPRECATE", "DEPRECATED"),
        ("PUBLISH", "PUBLISHED"),
    ):
        iot.update_package_version(**names, action=action)
        assert iot.get_package_version(**names)["status"] == status
    listed = iot.list_package_versions(packageName="firmware", status="PUBLISHED")
    assert [summary["versionName"] for summary in listed["packageVersionSummaries"]] == ["1.0"]
    drafts = iot.list_package_versions(packageName="firmware", status="DRAFT")
    assert drafts["packageVersionSummaries"] == []


@pytest.mark.usefixtures("firmware")
def test_a_published_version_keeps_its_attributes_and_may_change_its_description(iot: Any) -> None:
    names = {"packageName": "firmware", "versionName": "1.0"}
    iot.update_package_version(**names, attributes={"size": "13"})
    publish(iot)
    with refused("ConflictException", 409, "The attributes of a version can be changed while"):
        iot.update_package_version(**names, attributes={"size": "14"})
    iot.update_package_version(**names, description="The first")
    version = iot.get_package_version(**names)
    assert (version["attributes"], version["description"]) == ({"size": "13"}, "The first")


@pytest.mark.usefixtures("firmware")
def test_the_default_version_is_a_published_one_and_is_not_deleted(iot: Any) -> None:
    with refused("ConflictException", 409, "The version 1.0 of the software package firmware is"):
        iot.update_package(packageName="firmware", defaultVersionName="1.0")
    publish(iot)
    with refused(
        "ValidationException", 400, "Give either defaultVersionName or unsetDefaultVersion"
    ):
        iot.update_package(
            packageName="firmware", defaultVersionName="1.0", unsetDefaultVersion=True
        )
    iot.update_package(packageName="firmware", defaultVersionName="1.0")
    assert iot.get_package(packageName="firmware")["defaultVersionName"] == "1.0"
    with refused("ValidationException", 400, "1.0 is the default version"):
        iot.delete_package_version(packageName="firmware", versionName="1.0")
    iot.update_package(packageName="firmware", unsetDefaultVersion=True)
    with refused("ValidationException", 400, "The software package firmware has 1 version(s)"):
        iot.delete_package(packageName="firmware")
    iot.delete_package_version(packageName="firmware", versionName="1.0")
    iot.delete_package(packageName="firmware")
    iot.delete_package(packageName="firmware")  # one that is gone is not an error
    assert iot.list_packages()["packageSummaries"] == []
    with refused("ResourceNotFoundException", 404, f"No resource with the ARN {ARN}"):
        iot.list_tags_for_resource(resourceArn=ARN)


@pytest.mark.usefixtures("firmware")
def test_what_exists_or_is_missing_gets_the_errors_of_the_packages_api(iot: Any) -> None:
    with refused("ConflictException", 409, "The software package firmware already exists") as error:
        iot.create_package(packageName="firmware")
    assert error.response["resourceId"] == ARN
    with refused("ConflictException", 409, "The software package firmware already has a version"):
        iot.create_package_version(packageName="firmware", versionName="1.0")
    with refused("ValidationException", 400, "The software package other does not exist"):
        iot.create_package_version(packageName="other", versionName="1.0")
    with refused("ResourceNotFoundException", 404, "The software package other does not exist"):
        iot.get_package(packageName="other")
    with refused("ResourceNotFoundException", 404, "The software package firmware does not have"):
        iot.get_package_version(packageName="firmware", versionName="2.0")
    with refused("ValidationException", 400, "The attributes of a package version can have 3072"):
        iot.create_package_version(
            packageName="firmware",
            versionName="2.0",
            attributes={name: name * 1000 for name in "abcd"},
        )
    with refused("ValidationException", 400, ""):
        iot.create_package(packageName="two words")


def test_the_same_call_with_its_token_again_finds_what_it_made(iot: Any) -> None:
    token = "t" * 36
    made = [iot.create_package(packageName="firmware", clientToken=token) for _ in range(2)]
    assert made[0]["packageArn"] == made[1]["packageArn"] == ARN


@pytest.mark.usefixtures("firmware")
def test_versions_are_listed_by_the_page(iot: Any) -> None:
    iot.create_package_version(packageName="firmware", versionName="2.0")
    pages = iot.get_paginator("list_package_versions").paginate(
        packageName="firmware", PaginationConfig={"PageSize": 1}
    )
    found = [
        [summary["versionName"] for summary in page["packageVersionSummaries"]] for page in pages
    ]
    assert found == [["1.0"], ["2.0"]]


BODY = json.loads(PLAIN_BODY)
BODY["Resources"]["thing"]["Properties"]["PackageVersions"] = {"firmware": "1.0"}


@pytest.mark.usefixtures("firmware")
def test_a_provisioned_thing_has_the_package_versions_of_its_template(iot: Any) -> None:
    ca = CertificateAuthority()
    ca.register(iot, template_body=BODY)
    attempt = connect_device(ca.issue(common_name="bulb-1"))
    assert attempt.thing_name == "bulb-1"
    data = client(service="iot-data")
    shadow = data.get_thing_shadow(thingName="bulb-1", shadowName="$package")
    assert json.loads(shadow["payload"].read())["state"]["reported"] == {
        "firmware": {"version": "1.0", "attributes": {"size": "12"}}
    }


def test_a_template_that_names_a_missing_version_creates_nothing_and_says_so(iot: Any) -> None:
    ca = CertificateAuthority()
    ca.register(iot, template_body=BODY)
    with pytest.raises(ConnectionRefused) as caught:
        connect_device(ca.issue(common_name="bulb-1"))
    assert iot.list_things()["things"] == []
    assert "The software package firmware does not have a version 1.0." in str(caught.value)
    advice = "create_package_version(packageName='firmware', versionName='1.0')"
    assert advice in str(caught.value)
