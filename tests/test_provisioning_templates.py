"""Provisioning templates through boto3: nine operations, versions, hooks, paging."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from support.bodies import GUIDE_BODY, PLAIN_BODY, ROLE, body
from support.cloud import ACCOUNT, an_hour_later, client, client_of, refused

from moto_jitp.mock import JitpHandle

HOOK = {"targetArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:hook"}
OTHER_ROLE = f"arn:aws:iam::{ACCOUNT}:role/Other"


def create(iot: Any, name: str = "bulbs", **changes: Any) -> dict[str, Any]:
    answer: dict[str, Any] = iot.create_provisioning_template(
        **{
            "templateName": name,
            "templateBody": PLAIN_BODY,
            "provisioningRoleArn": ROLE,
            "type": "JITP",
            **changes,
        }
    )
    answer.pop("ResponseMetadata")
    return answer


def add_version(iot: Any, name: str = "bulbs", **changes: Any) -> dict[str, Any]:
    answer: dict[str, Any] = iot.create_provisioning_template_version(
        **{"templateName": name, "templateBody": PLAIN_BODY, **changes}
    )
    answer.pop("ResponseMetadata")
    return answer


def described(iot: Any, name: str = "bulbs") -> dict[str, Any]:
    answer: dict[str, Any] = iot.describe_provisioning_template(templateName=name)
    answer.pop("ResponseMetadata")
    return answer


def versions(iot: Any, name: str = "bulbs") -> list[tuple[int, bool]]:
    answer = iot.list_provisioning_template_versions(templateName=name)
    return [(version["versionId"], version["isDefaultVersion"]) for version in answer["versions"]]


class TestCreate:
    def test_the_first_version_is_the_default_one(self, iot: Any) -> None:
        assert create(iot) == {
            "templateArn": f"arn:aws:iot:us-east-1:{ACCOUNT}:provisioningtemplate/bulbs",
            "templateName": "bulbs",
            "defaultVersionId": 1,
        }
        assert versions(iot) == [(1, True)]

    def test_without_options_it_is_a_disabled_fleet_template(self, iot: Any) -> None:
        before = datetime.now(timezone.utc) - timedelta(seconds=1)
        iot.create_provisioning_template(
            templateName="fleet", templateBody=PLAIN_BODY, provisioningRoleArn=ROLE
        )
        found = described(iot, "fleet")
        assert before <= found.pop("creationDate") == found.pop("lastModifiedDate")
        assert found == {
            "templateArn": f"arn:aws:iot:us-east-1:{ACCOUNT}:provisioningtemplate/fleet",
            "templateName": "fleet",
            "templateBody": PLAIN_BODY,
            "provisioningRoleArn": ROLE,
            "defaultVersionId": 1,
            "enabled": False,
            "type": "FLEET_PROVISIONING",
        }

    def test_options_are_kept(self, iot: Any) -> None:
        create(iot, enabled=True, description="for bulbs")
        found = described(iot)
        assert found["type"] == "JITP"
        assert found["enabled"] is True
        assert found["description"] == "for bulbs"

    def test_the_body_comes_back_byte_for_byte(self, iot: Any) -> None:
        text = " \t\r\n" + GUIDE_BODY + "\n\n"
        create(iot, templateBody=text)
        assert described(iot)["templateBody"] == text
        found = iot.describe_provisioning_template_version(templateName="bulbs", versionId=1)
        assert found["templateBody"] == text

    def test_a_name_is_used_once(self, iot: Any) -> None:
        arn = create(iot)["templateArn"]
        text = "Template with name bulbs already exists"
        with refused("ResourceAlreadyExistsException", 409, text) as caught:
            create(iot, type="FLEET_PROVISIONING")
        assert caught.response["resourceId"] == "bulbs"
        assert caught.response["resourceArn"] == arn

    def test_each_account_and_region_has_names_of_its_own(self, iot: Any) -> None:
        create(iot)
        for where in (client("eu-west-1"), client_of("111111111111")):
            with refused("ResourceNotFoundException", 404, "Unable to find template named bulbs"):
                described(where)
            create(where)

    @pytest.mark.parametrize("name", ["a" * 37, "with space", "dotted.name", "über"])
    def test_impossible_names_are_refused(self, iot: Any, name: str) -> None:
        with refused(
            "InvalidRequestException", 400, f"1 validation error detected: Value '{name}'"
        ):
            create(iot, name)

    def test_the_longest_name_is_accepted(self, iot: Any) -> None:
        name = "a_B-9" + "x" * 31
        create(iot, name)
        assert described(iot, name)["templateName"] == name

    def test_impossible_values_are_refused(self, iot: Any) -> None:
        for wrong in (
            {"type": "JITR"},
            {"description": "x" * 501},
            {"description": "two\nlines"},
            {"provisioningRoleArn": ROLE + "x" * 2048},
        ):
            with refused("InvalidRequestException", 400, "1 validation error detected: "):
                create(iot, **wrong)
        create(iot, description="x" * 500)

    @pytest.mark.parametrize(
        ("wrong", "text"),
        [
            ("", "The template body is invalid"),
            ("{", "The template body is invalid"),
            ('"text"', "The template body is invalid"),
            (" " * 10241, "The template body is invalid"),
            ("{}", "The template body is invalid: Template must have certificate resource."),
            (
                body(other=json.loads(body())["Resources"]["certificate"]),
                "The template body is invalid: Only one certificate resource can be defined",
            ),
            (
                body(thing={"Type": "AWS::IoT::Thing"}),
                "The template body is invalid: Properties of a resource cannot be null.",
            ),
            (
                body(
                    certificate={
                        "Type": "AWS::IoT::Certificate",
                        "Properties": {"CertificateId": "0123", "Status": "ACTIVE"},
                    }
                ),
                "The template body is invalid: CertificateId must contain a reference to "
                "AWS::IoT::Certificate::Id",
            ),
            (
                body(
                    certificate={
                        "Type": "AWS::IoT::Certificate",
                        "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}},
                    }
                ),
                "The template body is invalid: A certificate resource must specify a Status of "
                'either "Active" or "Inactive"',
            ),
            (
                body(
                    certificate={
                        "Type": "AWS::IoT::Certificate",
                        "Properties": {
                            "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
                            "Status": "REVOKED",
                        },
                    }
                ),
                "The template body is invalid: A certificate resource must specify a Status of "
                'either "Active" or "Inactive"',
            ),
            (
                body(policy={"Type": "AWS::IoT::Policy", "Properties": {}}),
                "The template body is invalid: Neither policyName nor policyDocument is present "
                "in the Template.",
            ),
        ],
    )
    def test_a_body_that_could_provision_nobody_is_refused_at_once(
        self, iot: Any, wrong: str, text: str
    ) -> None:
        with refused("InvalidRequestException", 400, text):
            create(iot, templateBody=wrong)
        assert iot.list_provisioning_templates()["templates"] == []
        create(iot)
        with refused("InvalidRequestException", 400, text):
            add_version(iot, templateBody=wrong)
        assert versions(iot) == [(1, True)]

    def test_the_status_may_be_written_in_any_case(self, iot: Any) -> None:
        for number, status in enumerate(("Active", "INACTIVE", "inactive")):
            create(iot, f"t{number}", templateBody=PLAIN_BODY.replace("ACTIVE", status))

    def test_tags_are_accepted_and_listed(self, iot: Any) -> None:
        tags = [{"Key": "line", "Value": "bulbs"}]
        arn = create(iot, tags=tags)["templateArn"]
        assert iot.list_tags_for_resource(resourceArn=arn)["tags"] == tags

    def test_an_account_has_at_most_256_fleet_templates(self, iot: Any) -> None:
        for number in range(256):
            create(iot, f"fleet-{number}", type="FLEET_PROVISIONING")
        with refused("LimitExceededException", 410, "The account already has 256 fleet"):
            create(iot, "one-more", type="FLEET_PROVISIONING")
        create(iot, "just-in-time")


class TestHook:
    @pytest.fixture(autouse=True)
    def function(self, mocked: JitpHandle) -> None:
        mocked.lambda_handler("hook", lambda event: {"allowProvisioning": True})

    def test_a_fleet_template_keeps_its_hook(self, iot: Any) -> None:
        create(iot, type="FLEET_PROVISIONING", preProvisioningHook=HOOK)
        found = described(iot)["preProvisioningHook"]
        assert found == {**HOOK, "payloadVersion": "2020-04-01"}

    def test_a_jitp_template_has_none(self, iot: Any) -> None:
        text = "Provisioning hook is not supported for template type: JITP"
        with refused("InvalidRequestException", 400, text):
            create(iot, preProvisioningHook=HOOK)
        create(iot)
        with refused("InvalidRequestException", 400, text):
            iot.update_provisioning_template(templateName="bulbs", preProvisioningHook=HOOK)
        assert "preProvisioningHook" not in described(iot)

    def test_there_is_one_payload_version(self, iot: Any) -> None:
        create(
            iot,
            type="FLEET_PROVISIONING",
            preProvisioningHook={**HOOK, "payloadVersion": "2020-04-01"},
        )
        wrong = {**HOOK, "payloadVersion": "2019-01-01"}
        text = (
            "The hook version cannot be supported by AWS Iot, the supported versions are: "
            "[2020-04-01]"
        )
        with refused("InvalidRequestException", 400, text):
            iot.update_provisioning_template(templateName="bulbs", preProvisioningHook=wrong)
        with refused("InvalidRequestException", 400, text):
            create(iot, "other", type="FLEET_PROVISIONING", preProvisioningHook=wrong)

    def test_a_hook_is_set_and_removed_later(self, iot: Any) -> None:
        create(iot, type="FLEET_PROVISIONING")
        iot.update_provisioning_template(templateName="bulbs", preProvisioningHook=HOOK)
        assert described(iot)["preProvisioningHook"]["targetArn"] == HOOK["targetArn"]
        iot.update_provisioning_template(templateName="bulbs", enabled=True)
        assert "preProvisioningHook" in described(iot)
        iot.update_provisioning_template(templateName="bulbs", removePreProvisioningHook=True)
        assert "preProvisioningHook" not in described(iot)


class TestUpdate:
    def test_what_is_named_changes_and_the_rest_stays(self, iot: Any) -> None:
        create(iot, description="old")
        for change in (
            {"enabled": True},
            {"description": "new"},
            {"provisioningRoleArn": OTHER_ROLE},
            {"enabled": False},
        ):
            before = described(iot)
            answer = iot.update_provisioning_template(templateName="bulbs", **change)
            assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
            assert set(answer) == {"ResponseMetadata"}
            after = described(iot)
            assert before.pop("lastModifiedDate") <= after.pop("lastModifiedDate")
            assert after == {**before, **change}

    def test_an_update_is_remembered(self, iot: Any) -> None:
        create(iot)
        before = described(iot)
        with an_hour_later():
            iot.update_provisioning_template(templateName="bulbs", enabled=True)
        after = described(iot)
        assert after["lastModifiedDate"] > before["lastModifiedDate"]
        assert after["creationDate"] == before["creationDate"]

    def test_a_description_can_be_removed(self, iot: Any) -> None:
        create(iot, "never-had-one", description="")
        assert "description" not in described(iot, "never-had-one")
        create(iot, description="old")
        iot.update_provisioning_template(templateName="bulbs", description="")
        assert "description" not in described(iot)

    def test_the_default_version_decides_which_body_counts(self, iot: Any) -> None:
        create(iot)
        add_version(iot, templateBody=GUIDE_BODY)
        assert described(iot)["templateBody"] == PLAIN_BODY
        iot.update_provisioning_template(templateName="bulbs", defaultVersionId=2)
        assert described(iot)["templateBody"] == GUIDE_BODY
        assert described(iot)["defaultVersionId"] == 2
        assert versions(iot) == [(1, False), (2, True)]

    def test_the_default_version_must_exist(self, iot: Any) -> None:
        create(iot)
        before = described(iot)
        text = "Unable to set version 2 as the default, version does not exist"
        with refused("InvalidRequestException", 400, text):
            iot.update_provisioning_template(templateName="bulbs", enabled=True, defaultVersionId=2)
        assert described(iot) == before

    def test_an_unknown_template_is_not_found(self, iot: Any) -> None:
        with refused("ResourceNotFoundException", 404, "Unable to find template named bulbs"):
            iot.update_provisioning_template(templateName="bulbs", enabled=True)
        with refused("ResourceNotFoundException", 404, "Unable to find template named bulbs"):
            described(iot)


class TestVersions:
    def test_a_new_version_is_not_the_default_one_unless_asked_for(self, iot: Any) -> None:
        arn = create(iot)["templateArn"]
        assert add_version(iot) == {
            "templateArn": arn,
            "templateName": "bulbs",
            "versionId": 2,
            "isDefaultVersion": False,
        }
        assert add_version(iot, setAsDefault=True)["isDefaultVersion"] is True
        assert versions(iot) == [(1, False), (2, False), (3, True)]

    def test_a_new_version_bumps_the_template(self, iot: Any) -> None:
        create(iot)
        before = described(iot)
        with an_hour_later():
            add_version(iot)
        after = described(iot)
        assert after["lastModifiedDate"] > before["lastModifiedDate"]
        assert after["creationDate"] == before["creationDate"]

    def test_a_version_is_described(self, iot: Any) -> None:
        create(iot)
        add_version(iot, templateBody=GUIDE_BODY)
        found = iot.describe_provisioning_template_version(templateName="bulbs", versionId=2)
        assert found["versionId"] == 2
        assert found["templateBody"] == GUIDE_BODY
        assert found["isDefaultVersion"] is False
        assert found["creationDate"] >= described(iot)["creationDate"]

    def test_five_versions_are_accepted_and_no_more(self, iot: Any) -> None:
        create(iot)
        assert [add_version(iot)["versionId"] for _ in range(4)] == [2, 3, 4, 5]
        text = (
            "Can't create a template version for the template bulbs, the maximum number of "
            "template versions has been reached"
        )
        with refused("VersionsLimitExceededException", 409, text):
            add_version(iot)
        iot.delete_provisioning_template_version(templateName="bulbs", versionId=3)
        assert add_version(iot)["versionId"] == 6

    def test_ids_never_come_back(self, iot: Any) -> None:
        create(iot)
        for expected in (2, 3, 4):
            assert add_version(iot)["versionId"] == expected
            iot.delete_provisioning_template_version(templateName="bulbs", versionId=expected)
        assert versions(iot) == [(1, True)]

    def test_the_default_version_cannot_be_deleted(self, iot: Any) -> None:
        create(iot)
        text = "Unable to delete template version 1, it is the default version"
        with refused("InvalidRequestException", 400, text):
            iot.delete_provisioning_template_version(templateName="bulbs", versionId=1)
        add_version(iot, setAsDefault=True)
        iot.delete_provisioning_template_version(templateName="bulbs", versionId=1)
        assert versions(iot) == [(2, True)]

    def test_an_unknown_version_is_not_found(self, iot: Any) -> None:
        create(iot)
        with refused("ResourceNotFoundException", 404, "Unable to find template version 7"):
            iot.delete_provisioning_template_version(templateName="bulbs", versionId=7)
        text = "Unable to find a template version with ID 7 for template bulbs"
        with refused("ResourceNotFoundException", 404, text):
            iot.describe_provisioning_template_version(templateName="bulbs", versionId=7)

    def test_an_unknown_template_has_none(self, iot: Any) -> None:
        with refused("ResourceNotFoundException", 404, "Template named bulbs not found"):
            iot.list_provisioning_template_versions(templateName="bulbs")
        text = "Unable to find template named bulbs"
        with refused("ResourceNotFoundException", 404, text):
            add_version(iot)
        with refused("ResourceNotFoundException", 404, text):
            iot.describe_provisioning_template_version(templateName="bulbs", versionId=1)
        with refused("ResourceNotFoundException", 404, text):
            iot.delete_provisioning_template_version(templateName="bulbs", versionId=1)

    def test_versions_come_in_pages(self, iot: Any) -> None:
        create(iot)
        for _ in range(4):
            add_version(iot)
        pages = [
            [version["versionId"] for version in page["versions"]]
            for page in iot.get_paginator("list_provisioning_template_versions").paginate(
                templateName="bulbs", PaginationConfig={"PageSize": 2}
            )
        ]
        assert pages == [[1, 2], [3, 4], [5]]


class TestDelete:
    def test_a_template_is_deleted_with_all_its_versions(self, iot: Any) -> None:
        create(iot)
        add_version(iot)
        iot.delete_provisioning_template(templateName="bulbs")
        with refused("ResourceNotFoundException", 404, "Unable to find template named bulbs"):
            described(iot)
        create(iot)
        assert versions(iot) == [(1, True)]

    def test_an_unknown_template_is_not_found(self, iot: Any) -> None:
        text = "Unable to delete template, template not found"
        with refused("ResourceNotFoundException", 404, text):
            iot.delete_provisioning_template(templateName="bulbs")

    def test_tags_are_gone_with_the_template(self, iot: Any) -> None:
        create(iot, tags=[{"Key": "line", "Value": "bulbs"}])
        iot.delete_provisioning_template(templateName="bulbs")
        arn = create(iot)["templateArn"]
        assert iot.list_tags_for_resource(resourceArn=arn)["tags"] == []


class TestListing:
    def test_entries_have_the_documented_members_and_no_description(self, iot: Any) -> None:
        create(iot, description="for bulbs", enabled=True)
        (entry,) = iot.list_provisioning_templates()["templates"]
        found = described(iot)
        members = (
            "templateArn",
            "templateName",
            "creationDate",
            "lastModifiedDate",
            "enabled",
            "type",
        )
        assert entry == {member: found[member] for member in members}

    def test_templates_come_in_pages(self, iot: Any) -> None:
        names = [f"t{number}" for number in range(7)]
        for name in names:
            create(iot, name)
        pages = [
            [template["templateName"] for template in page["templates"]]
            for page in iot.get_paginator("list_provisioning_templates").paginate(
                PaginationConfig={"PageSize": 3}
            )
        ]
        assert [len(page) for page in pages] == [3, 3, 1]
        assert [name for page in pages for name in page] == names

    @pytest.mark.parametrize("wrong", [{"maxResults": 251}, {"nextToken": "?"}])
    def test_impossible_pages_are_refused(self, iot: Any, wrong: dict[str, Any]) -> None:
        create(iot)
        with refused("InvalidRequestException", 400, ""):
            iot.list_provisioning_templates(**wrong)
        with refused("InvalidRequestException", 400, ""):
            iot.list_provisioning_template_versions(templateName="bulbs", **wrong)
