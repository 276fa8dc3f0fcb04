"""What the acceptance tests of Terraform's AWS provider expect of AWS IoT, in boto3's words.

The provider reads a resource back after each change and compares; a difference makes a plan that
is never empty. The real command runs in ``test_terraform.py`` where the provider is available.
https://github.com/hashicorp/terraform-provider-aws/tree/main/internal/service/iot
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.bodies import PLAIN_BODY, ROLE
from support.cloud import ACCOUNT

from moto_jitp import CertificateAuthority

ARN = f"arn:aws:iot:us-east-1:{ACCOUNT}"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["iot:*"], "Resource": ["*"]}],
}


def gone(read: Any, **arguments: Any) -> bool:
    """Whether reading a resource fails in the one way that the provider recognizes as gone."""
    with pytest.raises(ClientError) as told:
        read(**arguments)
    return bool(told.value.response["Error"]["Code"] == "ResourceNotFoundException")


def test_aws_iot_thing(iot: Any) -> None:
    iot.create_thing(thingName="bulb")
    plain = iot.describe_thing(thingName="bulb")
    assert plain["attributes"] == {}
    assert "thingTypeName" not in plain
    assert plain["defaultClientId"] == "bulb"
    assert plain["thingArn"] == f"{ARN}:thing/bulb"
    assert plain["version"] == 1

    iot.create_thing_type(thingTypeName="type")
    attributes = {"One": "11111", "Two": "TwoTwo", "Answer": "42"}
    iot.update_thing(
        thingName="bulb",
        thingTypeName="type",
        attributePayload={"attributes": attributes, "merge": False},
    )
    full = iot.describe_thing(thingName="bulb")
    assert (full["attributes"], full["thingTypeName"]) == (attributes, "type")

    iot.update_thing(thingName="bulb", removeThingType=True)
    assert "thingTypeName" not in iot.describe_thing(thingName="bulb")
    iot.delete_thing(thingName="bulb")
    assert gone(iot.describe_thing, thingName="bulb")


def test_aws_iot_thing_type(iot: Any) -> None:
    iot.create_thing_type(
        thingTypeName="type",
        thingTypeProperties={
            "thingTypeDescription": "A type",
            "searchableAttributes": ["foo", "bar", "baz"],
        },
        tags=[{"Key": "a", "Value": "1"}],
    )
    listed = [thing_type["thingTypeName"] for thing_type in iot.list_thing_types()["thingTypes"]]
    assert listed == ["type"]
    described = iot.describe_thing_type(thingTypeName="type")
    assert sorted(described["thingTypeProperties"]["searchableAttributes"]) == ["bar", "baz", "foo"]
    tags = iot.list_tags_for_resource(resourceArn=described["thingTypeArn"])["tags"]
    assert tags == [{"Key": "a", "Value": "1"}]

    iot.deprecate_thing_type(thingTypeName="type")
    assert iot.describe_thing_type(thingTypeName="type")["thingTypeMetadata"]["deprecated"] is True
    iot.deprecate_thing_type(thingTypeName="type", undoDeprecate=True)
    assert iot.describe_thing_type(thingTypeName="type")["thingTypeMetadata"]["deprecated"] is False


def test_aws_iot_thing_group(iot: Any) -> None:
    for name, parent in (("a", None), ("b", "a"), ("c", "b")):
        given = {"parentGroupName": parent} if parent else {}
        iot.create_thing_group(thingGroupName=name, **given)
    group = iot.describe_thing_group(thingGroupName="c")
    assert re.search(r"thinggroup/c$", group["thingGroupArn"])
    assert group["version"] == 1
    assert group["thingGroupMetadata"]["creationDate"]
    assert group["thingGroupMetadata"]["parentGroupName"] == "b"
    roots = group["thingGroupMetadata"]["rootToParentThingGroups"]
    assert [root["groupName"] for root in roots] == ["a", "b"]

    def update(attributes: dict[str, str]) -> Any:
        iot.update_thing_group(
            thingGroupName="c",
            thingGroupProperties={
                "thingGroupDescription": "text",
                "attributePayload": {"attributes": attributes},
            },
        )
        return iot.describe_thing_group(thingGroupName="c")

    assert update({"Key1": "Value1"})["version"] == 2
    changed = update({"Key2": "Value2"})
    assert changed["thingGroupProperties"]["attributePayload"]["attributes"] == {"Key2": "Value2"}

    with pytest.raises(ClientError, match="there are still child groups attached"):
        iot.delete_thing_group(thingGroupName="b")
    iot.delete_thing_group(thingGroupName="c")
    assert gone(iot.describe_thing_group, thingGroupName="c")


def test_aws_iot_thing_group_membership(iot: Any) -> None:
    iot.create_thing_group(thingGroupName="group")
    iot.create_thing(thingName="bulb")
    iot.add_thing_to_thing_group(thingGroupName="group", thingName="bulb")
    groups = iot.list_thing_groups_for_thing(thingName="bulb")["thingGroups"]
    assert [group["groupName"] for group in groups] == ["group"]

    iot.delete_thing_group(thingGroupName="group")
    assert iot.list_thing_groups_for_thing(thingName="bulb")["thingGroups"] == []


def test_aws_iot_billing_group(iot: Any) -> None:
    iot.create_billing_group(billingGroupName="group")
    group = iot.describe_billing_group(billingGroupName="group")
    assert re.search(r"billinggroup/group$", group["billingGroupArn"])
    assert group["billingGroupMetadata"]["creationDate"]
    assert group["version"] == 1

    iot.update_billing_group(
        billingGroupName="group", billingGroupProperties={"billingGroupDescription": "text"}
    )
    assert iot.describe_billing_group(billingGroupName="group")["version"] == 2


def test_aws_iot_thing_principal_attachment(iot: Any) -> None:
    first, second = (
        iot.create_keys_and_certificate(setAsActive=True)["certificateArn"] for _ in range(2)
    )
    for name in ("one", "two"):
        iot.create_thing(thingName=name)
        iot.attach_thing_principal(thingName=name, principal=first)
    iot.attach_thing_principal(thingName="one", principal=second)
    assert sorted(iot.list_thing_principals(thingName="one")["principals"]) == sorted(
        [first, second]
    )
    assert sorted(iot.list_principal_things(principal=first)["things"]) == ["one", "two"]

    iot.detach_thing_principal(thingName="two", principal=first)
    iot.delete_thing(thingName="two")
    assert gone(iot.describe_thing, thingName="two")


def test_aws_iot_policy(iot: Any) -> None:
    made = iot.create_policy(policyName="policy", policyDocument=json.dumps(POLICY))
    assert made["policyArn"] == f"{ARN}:policy/policy"
    assert iot.get_policy(policyName="policy")["defaultVersionId"] == "1"

    other = {**POLICY, "Statement": [{**POLICY["Statement"][0], "Sid": "other"}]}  # type: ignore[dict-item]
    iot.create_policy_version(
        policyName="policy", policyDocument=json.dumps(other), setAsDefault=True
    )
    assert iot.get_policy(policyName="policy")["defaultVersionId"] == "2"

    iot.delete_policy_version(policyName="policy", policyVersionId="1")
    iot.delete_policy(policyName="policy")
    assert gone(iot.get_policy, policyName="policy")


def test_aws_iot_policy_attachment(iot: Any) -> None:
    target = iot.create_keys_and_certificate(setAsActive=True)["certificateArn"]
    for name in ("one", "two"):
        iot.create_policy(policyName=name, policyDocument=json.dumps(POLICY))
        iot.attach_policy(policyName=name, target=target)
    attached = iot.list_attached_policies(target=target, pageSize=250)["policies"]
    assert sorted(policy["policyName"] for policy in attached) == ["one", "two"]

    iot.detach_policy(policyName="one", target=target)
    left = iot.list_attached_policies(target=target, pageSize=250)["policies"]
    assert [policy["policyName"] for policy in left] == ["two"]


def test_aws_iot_certificate(iot: Any) -> None:
    pem = CertificateAuthority(common_name="Somebody").issue(common_name="bulb").certificate_pem
    registered = iot.register_certificate_without_ca(certificatePem=pem, status="ACTIVE")
    described = iot.describe_certificate(certificateId=registered["certificateId"])
    assert described["certificateDescription"]["status"] == "ACTIVE"

    iot.update_certificate(certificateId=registered["certificateId"], newStatus="INACTIVE")
    iot.delete_certificate(certificateId=registered["certificateId"])
    assert gone(iot.describe_certificate, certificateId=registered["certificateId"])


def test_aws_iot_ca_certificate(iot: Any) -> None:
    ca = CertificateAuthority(common_name="Acme Root")
    registered = iot.register_ca_certificate(
        caCertificate=ca.certificate_pem,
        certificateMode="SNI_ONLY",
        setAsActive=True,
        allowAutoRegistration=True,
        registrationConfig={"templateBody": PLAIN_BODY, "roleArn": ROLE},
    )
    found = iot.describe_ca_certificate(certificateId=registered["certificateId"])
    description = found["certificateDescription"]
    assert description["customerVersion"] == 1
    assert description["generationId"]
    assert description["validity"]["notBefore"] < description["validity"]["notAfter"]
    assert found["registrationConfig"]["roleArn"] == ROLE

    iot.update_ca_certificate(
        certificateId=registered["certificateId"],
        newStatus="INACTIVE",
        newAutoRegistrationStatus="DISABLE",
    )
    found = iot.describe_ca_certificate(certificateId=registered["certificateId"])
    description = found["certificateDescription"]
    assert description["status"] == "INACTIVE"
    assert description["autoRegistrationStatus"] == "DISABLE"


def test_aws_iot_provisioning_template(iot: Any) -> None:
    iot.create_provisioning_template(
        templateName="template",
        templateBody=PLAIN_BODY,
        provisioningRoleArn=ROLE,
    )
    found = iot.describe_provisioning_template(templateName="template")
    assert (found.get("description", ""), found["enabled"]) == ("", False)
    assert found["type"] == "FLEET_PROVISIONING"

    iot.create_provisioning_template_version(
        templateName="template",
        templateBody=PLAIN_BODY.replace("CommonName", "SerialNumber"),
        setAsDefault=True,
    )
    iot.update_provisioning_template(templateName="template", description="text", enabled=True)
    iot.tag_resource(resourceArn=found["templateArn"], tags=[{"Key": "a", "Value": "1"}])
    versions = iot.list_provisioning_template_versions(templateName="template")["versions"]
    assert len(versions) == 2
    found = iot.describe_provisioning_template(templateName="template")
    assert (found["description"], found["enabled"]) == ("text", True)


def test_aws_iot_role_alias(iot: Any) -> None:
    iot.create_role_alias(roleAlias="alias", roleArn=ROLE, credentialDurationSeconds=3600)
    with pytest.raises(iot.exceptions.ResourceAlreadyExistsException):
        iot.create_role_alias(roleAlias="alias", roleArn=ROLE)

    other = f"{ROLE}bogus"
    iot.update_role_alias(roleAlias="alias", roleArn=other, credentialDurationSeconds=43200)
    found = iot.describe_role_alias(roleAlias="alias")["roleAliasDescription"]
    assert (found["credentialDurationSeconds"], found["roleArn"]) == (43200, other)


def test_aws_iot_topic_rule(iot: Any) -> None:
    iot.create_topic_rule(
        ruleName="rule",
        topicRulePayload={
            "sql": "SELECT * FROM 'topic/test'",
            "awsIotSqlVersion": "2015-10-08",
            "actions": [{"republish": {"topic": "copy", "roleArn": ROLE}}],
            "ruleDisabled": True,
        },
    )
    found = iot.get_topic_rule(ruleName="rule")
    assert re.search(r"rule/rule$", found["ruleArn"])
    assert found["rule"]["ruleDisabled"] is True
    assert found["rule"]["awsIotSqlVersion"] == "2015-10-08"
    assert [list(action) for action in found["rule"]["actions"]] == [["republish"]]

    iot.delete_topic_rule(ruleName="rule")
    assert iot.list_topic_rules()["rules"] == []


def test_aws_iot_domain_configuration(iot: Any) -> None:
    certificate = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/{'0' * 8}-0000-0000-0000-{'0' * 12}"
    iot.create_domain_configuration(
        domainConfigurationName="devices",
        domainName="devices.example.com",
        serverCertificateArns=[certificate],
        serviceType="DATA",
        tlsConfig={"securityPolicy": "IoTSecurityPolicy_TLS13_1_3_2022_10"},
        tags=[{"Key": "a", "Value": "1"}],
    )
    found = iot.describe_domain_configuration(domainConfigurationName="devices")
    assert re.search(r"domainconfiguration/devices/[A-Za-z0-9]+$", found["domainConfigurationArn"])
    assert (found["domainName"], found["serviceType"]) == ("devices.example.com", "DATA")
    assert (found["domainConfigurationStatus"], found["domainType"]) == (
        "ENABLED",
        "CUSTOMER_MANAGED",
    )
    assert [certificate["serverCertificateArn"] for certificate in found["serverCertificates"]] == [
        certificate
    ]
    policy = found["tlsConfig"]["securityPolicy"]
    assert policy == "IoTSecurityPolicy_TLS13_1_3_2022_10"
    arn = found["domainConfigurationArn"]
    assert iot.list_tags_for_resource(resourceArn=arn)["tags"] == [{"Key": "a", "Value": "1"}]

    def update(**given: Any) -> Any:
        iot.update_domain_configuration(domainConfigurationName="devices", **given)
        return iot.describe_domain_configuration(domainConfigurationName="devices")

    older = {"securityPolicy": "IoTSecurityPolicy_TLS13_1_2_2022_10"}
    assert update(tlsConfig=older)["tlsConfig"] == older
    disabled = update(domainConfigurationStatus="DISABLED")
    assert disabled["domainConfigurationStatus"] == "DISABLED"
    iot.delete_domain_configuration(domainConfigurationName="devices")
    assert gone(iot.describe_domain_configuration, domainConfigurationName="devices")


def test_aws_iot_event_configurations(iot: Any) -> None:
    kinds = iot.describe_event_configurations()["eventConfigurations"]
    assert set(kinds) == {
        "CA_CERTIFICATE",
        "CERTIFICATE",
        "JOB",
        "JOB_EXECUTION",
        "POLICY",
        "THING",
        "THING_GROUP",
        "THING_GROUP_HIERARCHY",
        "THING_GROUP_MEMBERSHIP",
        "THING_TYPE",
        "THING_TYPE_ASSOCIATION",
    }
    wanted = {kind: {"Enabled": kind in ("THING", "CERTIFICATE")} for kind in kinds}
    iot.update_event_configurations(eventConfigurations=wanted)
    assert iot.describe_event_configurations()["eventConfigurations"] == wanted


def test_aws_iot_logging_options(iot: Any) -> None:
    iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="WARN", disableAllLogs=False)
    found = iot.get_v2_logging_options()
    assert (found["defaultLogLevel"], found["roleArn"]) == ("WARN", ROLE)

    iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="DISABLED", disableAllLogs=True)
    found = iot.get_v2_logging_options()
    assert (found["defaultLogLevel"], found["disableAllLogs"]) == ("DISABLED", True)


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        (None, r"^[a-z0-9]+(-ats)?.iot.us-east-1.amazonaws.com$"),
        ("iot:Data-ATS", r"^[a-z0-9]+-ats.iot.us-east-1.amazonaws.com$"),
        ("iot:CredentialProvider", r"^[a-z0-9]+.credentials.iot.us-east-1.amazonaws.com$"),
    ],
)
def test_data_aws_iot_endpoint(iot: Any, kind: str | None, pattern: str) -> None:
    given = {"endpointType": kind} if kind else {}
    assert re.search(pattern, iot.describe_endpoint(**given)["endpointAddress"])
