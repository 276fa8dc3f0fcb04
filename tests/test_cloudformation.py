"""CloudFormation stacks make the AWS IoT resources that they declare, or fail and say why."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import boto3
import botocore
import pytest
from botocore.exceptions import ClientError
from support.bodies import PLAIN_BODY, ROLE
from support.cloud import ACCOUNT, client

from moto_jitp import CertificateAuthority, ConnectionRefused, JitpHandle, connect_device, mock_jitp
from moto_jitp.server import ThreadedJitpServer

POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}],
}
OTHER_POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}],
}
CA = CertificateAuthority(common_name="Stack Root")
DEVICE = CA.issue(common_name="bulb-1")
ARN = f"arn:aws:iot:us-east-1:{ACCOUNT}"
BOTOCORE = f"botocore {botocore.__version__}"


def resource(kind: str, properties: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"Type": f"AWS::IoT::{kind}", "Properties": dict(properties), **more}


class Stack:
    """A stack named ``fleet`` whose template tests write as a dict of resources."""

    def __init__(self) -> None:
        self._cloudformation = client(service="cloudformation")

    def create(
        self,
        outputs: Mapping[str, Any] | None = None,
        parameters: Mapping[str, Any] | None = None,
        **resources: Any,
    ) -> None:
        self._cloudformation.create_stack(
            StackName="fleet", TemplateBody=self._body(outputs, resources, parameters)
        )

    def update(self, outputs: Mapping[str, Any] | None = None, **resources: Any) -> None:
        self._cloudformation.update_stack(
            StackName="fleet", TemplateBody=self._body(outputs, resources)
        )

    def delete(self) -> None:
        self._cloudformation.delete_stack(StackName="fleet")

    @staticmethod
    def _body(
        outputs: Mapping[str, Any] | None,
        resources: Mapping[str, Any],
        parameters: Mapping[str, Any] | None = None,
    ) -> str:
        described = {name: {"Value": value} for name, value in (outputs or {}).items()}
        sections = {"Parameters": parameters, "Resources": resources, "Outputs": described}
        return json.dumps({name: section for name, section in sections.items() if section})

    def _described(self) -> dict[str, Any]:
        stacks = self._cloudformation.describe_stacks(StackName="fleet")["Stacks"]
        described: dict[str, Any] = stacks[0]
        return described

    @property
    def status(self) -> str:
        return str(self._described()["StackStatus"])

    @property
    def outputs(self) -> dict[str, str]:
        outputs = self._described().get("Outputs", [])
        return {output["OutputKey"]: output["OutputValue"] for output in outputs}

    @property
    def failures(self) -> list[str]:
        events = self._cloudformation.describe_stack_events(StackName="fleet")["StackEvents"]
        return [
            f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
            for event in events
            if event["ResourceStatus"].endswith(("CREATE_FAILED", "UPDATE_FAILED"))
        ]


@pytest.fixture
def stack(mocked: JitpHandle) -> Stack:
    return Stack()


class Kind(NamedTuple):
    """A type of resource, for the tests that apply to every type.

    Attributes:
        properties: what it is made with.
        ref: what ``Ref`` returns.
        attributes: what ``Fn::GetAtt`` returns; ``None`` for what only AWS IoT knows.
        describe: reads it by boto3; raises where it is not there.
        before: resources that it needs.
        change: properties that an update changes in place.
    """

    properties: Mapping[str, Any]
    ref: str | None
    attributes: Mapping[str, str | None]
    describe: Callable[[Any], Any]
    before: Mapping[str, Any] = {}
    change: Mapping[str, Any] = {}


TAGS = [{"Key": "team", "Value": "light"}]
THING = {"Thing": resource("Thing", {"ThingName": "bulb-1"})}
CERTIFICATE = {
    "Certificate": resource(
        "Certificate",
        {
            "CertificateMode": "SNI_ONLY",
            "CertificatePem": DEVICE.certificate_pem,
            "Status": "ACTIVE",
        },
    )
}
NAMED_POLICY = {"Policy": resource("Policy", {"PolicyName": "P", "PolicyDocument": POLICY})}
CERTIFICATE_ARN = f"{ARN}:cert/{DEVICE.certificate_id}"

KINDS: dict[str, Kind] = {
    "Thing": Kind(
        {"ThingName": "bulb-1", "AttributePayload": {"Attributes": {"color": "red"}}},
        "bulb-1",
        {"Arn": f"{ARN}:thing/bulb-1", "Id": None},
        lambda iot: iot.describe_thing(thingName="bulb-1")["attributes"],
        change={"AttributePayload": {"Attributes": {"color": "blue"}}},
    ),
    "ThingType": Kind(
        {
            "ThingTypeName": "bulb",
            "ThingTypeProperties": {"ThingTypeDescription": "A bulb"},
            "Tags": TAGS,
        },
        "bulb",
        {"Arn": f"{ARN}:thingtype/bulb", "Id": None},
        lambda iot: iot.describe_thing_type(thingTypeName="bulb")["thingTypeMetadata"][
            "deprecated"
        ],
        change={"DeprecateThingType": True},
    ),
    "ThingGroup": Kind(
        {
            "ThingGroupName": "kitchen",
            "ThingGroupProperties": {"ThingGroupDescription": "first"},
        },
        "kitchen",
        {"Arn": f"{ARN}:thinggroup/kitchen", "Id": None},
        lambda iot: iot.describe_thing_group(thingGroupName="kitchen")["thingGroupProperties"],
        change={"ThingGroupProperties": {"ThingGroupDescription": "second"}},
    ),
    "BillingGroup": Kind(
        {
            "BillingGroupName": "paid",
            "BillingGroupProperties": {"BillingGroupDescription": "first"},
        },
        "paid",
        {"Arn": f"{ARN}:billinggroup/paid", "Id": None},
        lambda iot: iot.describe_billing_group(billingGroupName="paid")["billingGroupProperties"],
        change={"BillingGroupProperties": {"BillingGroupDescription": "second"}},
    ),
    "Policy": Kind(
        {"PolicyName": "P", "PolicyDocument": POLICY},
        "P",
        {"Arn": f"{ARN}:policy/P", "Id": "P"},
        lambda iot: json.loads(iot.get_policy(policyName="P")["policyDocument"]),
        change={"PolicyDocument": OTHER_POLICY},
    ),
    "PolicyPrincipalAttachment": Kind(
        {"PolicyName": {"Ref": "Policy"}, "Principal": {"Fn::GetAtt": ["Certificate", "Arn"]}},
        f"P|{CERTIFICATE_ARN}",
        {},
        lambda iot: _only_one(iot.list_attached_policies(target=CERTIFICATE_ARN)["policies"]),
        before={**NAMED_POLICY, **CERTIFICATE},
    ),
    "ThingPrincipalAttachment": Kind(
        {"ThingName": {"Ref": "Thing"}, "Principal": {"Fn::GetAtt": ["Certificate", "Arn"]}},
        f"bulb-1|{CERTIFICATE_ARN}",
        {},
        lambda iot: _only_one(iot.list_thing_principals(thingName="bulb-1")["principals"]),
        before={**THING, **CERTIFICATE},
    ),
    "ProvisioningTemplate": Kind(
        {
            "TemplateName": "JITP",
            "TemplateType": "JITP",
            "TemplateBody": PLAIN_BODY,
            "ProvisioningRoleArn": ROLE,
            "Enabled": "true",
            "Description": "first",
            "Tags": TAGS,
        },
        "JITP",
        {"TemplateArn": f"{ARN}:provisioningtemplate/JITP"},
        lambda iot: iot.describe_provisioning_template(templateName="JITP")["description"],
        change={"Description": "second"},
    ),
    "CACertificate": Kind(
        {
            "CACertificatePem": CA.certificate_pem,
            "CertificateMode": "SNI_ONLY",
            "Status": "ACTIVE",
            "AutoRegistrationStatus": "ENABLE",
            "RegistrationConfig": {"TemplateBody": PLAIN_BODY, "RoleArn": ROLE},
        },
        None,
        {"Arn": None, "Id": None},
        lambda iot: _only_one(iot.list_ca_certificates()["certificates"])["status"],
        change={"Status": "INACTIVE"},
    ),
    "Certificate": Kind(
        CERTIFICATE["Certificate"]["Properties"],
        DEVICE.certificate_id,
        {"Arn": CERTIFICATE_ARN, "Id": DEVICE.certificate_id},
        lambda iot: iot.describe_certificate(certificateId=DEVICE.certificate_id)[
            "certificateDescription"
        ]["status"],
        change={"Status": "INACTIVE"},
    ),
    "RoleAlias": Kind(
        {"RoleAlias": "alias", "RoleArn": ROLE, "CredentialDurationSeconds": 1800},
        "alias",
        {"RoleAliasArn": f"{ARN}:rolealias/alias"},
        lambda iot: iot.describe_role_alias(roleAlias="alias")["roleAliasDescription"][
            "credentialDurationSeconds"
        ],
        change={"CredentialDurationSeconds": 3600},
    ),
    "TopicRule": Kind(
        {
            "RuleName": "ready",
            "TopicRulePayload": {
                "Sql": "SELECT * FROM 'ready'",
                "Actions": [{"Republish": {"Topic": "copy", "RoleArn": ROLE}}],
                "AwsIotSqlVersion": "2016-03-23",
            },
        },
        "ready",
        {"Arn": f"{ARN}:rule/ready"},
        lambda iot: iot.get_topic_rule(ruleName="ready")["rule"]["sql"],
        change={
            "TopicRulePayload": {
                "Sql": "SELECT a FROM 'ready'",
                "Actions": [{"Republish": {"Topic": "copy", "RoleArn": ROLE}}],
                "AwsIotSqlVersion": "2016-03-23",
            }
        },
    ),
    "Logging": Kind(
        {"AccountId": ACCOUNT, "RoleArn": ROLE, "DefaultLogLevel": "INFO"},
        ACCOUNT,
        {},
        lambda iot: _logging(iot.get_v2_logging_options()),
        change={"DefaultLogLevel": "DEBUG"},
    ),
    "ResourceSpecificLogging": Kind(
        {"TargetType": "CLIENT_ID", "TargetName": "bulb-1", "LogLevel": "DEBUG"},
        "CLIENT_ID:bulb-1",
        {"TargetId": "CLIENT_ID:bulb-1"},
        lambda iot: _only_one(
            configuration
            for configuration in iot.list_v2_logging_levels()["logTargetConfigurations"]
            if configuration["logTarget"]["targetType"] == "CLIENT_ID"
        )["logLevel"],
        before={
            "Logging": resource(
                "Logging", {"AccountId": ACCOUNT, "RoleArn": ROLE, "DefaultLogLevel": "INFO"}
            )
        },
        change={"LogLevel": "ERROR"},
    ),
    "DomainConfiguration": Kind(
        {
            "DomainConfigurationName": "devices",
            "DomainName": "devices.example.com",
            "ServerCertificateArns": [
                f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/00000000-0000-0000-0000-000000000000"
            ],
        },
        "devices",
        {"Arn": None},
        lambda iot: iot.describe_domain_configuration(domainConfigurationName="devices")[
            "domainConfigurationStatus"
        ],
        change={"DomainConfigurationStatus": "DISABLED"},
    ),
    "Job": Kind(
        {
            "JobId": "first",
            "Targets": [f"{ARN}:thing/bulb-1"],
            "Document": '{"do": "it"}',
            "Description": "first",
        },
        "first",
        {"Arn": f"{ARN}:job/first"},
        lambda iot: iot.describe_job(jobId="first")["job"]["description"],
        before=THING,
    ),
    "SoftwarePackage": Kind(
        {"PackageName": "firmware", "Description": "first", "Tags": TAGS},
        "firmware",
        {"PackageArn": f"{ARN}:package/firmware"},
        lambda iot: iot.get_package(packageName="firmware")["description"],
        change={"Description": "second"},
    ),
    "SoftwarePackageVersion": Kind(
        {
            "PackageName": {"Ref": "Package"},
            "VersionName": "1.0",
            "Attributes": {"size": "12"},
            "Tags": TAGS,
        },
        "firmware|1.0",
        {"PackageVersionArn": f"{ARN}:package/firmware/version/1.0", "Status": "DRAFT"},
        lambda iot: iot.get_package_version(packageName="firmware", versionName="1.0")[
            "attributes"
        ],
        before={"Package": resource("SoftwarePackage", {"PackageName": "firmware"})},
        change={"Attributes": {"size": "13"}},
    ),
    "JobTemplate": Kind(
        {"JobTemplateId": "update", "Description": "An update", "Document": '{"do": "it"}'},
        "update",
        {"Arn": f"{ARN}:jobtemplate/update"},
        lambda iot: iot.describe_job_template(jobTemplateId="update")["description"],
    ),
}


def _only_one(found: Any) -> Any:
    items = list(found)
    if len(items) != 1:
        raise LookupError(f"expected one, found {items}")
    return items[0]


def _logging(options: Mapping[str, Any]) -> Any:
    if options.get("disableAllLogs") or not options.get("roleArn"):
        raise LookupError("logging is off")
    return options["defaultLogLevel"]


@pytest.mark.parametrize("name", KINDS)
def test_a_stack_makes_each_type_and_takes_it_away(name: str, stack: Stack, iot: Any) -> None:
    kind = KINDS[name]
    outputs: dict[str, Any] = {"Ref": {"Ref": "It"}}
    outputs |= {attribute: {"Fn::GetAtt": ["It", attribute]} for attribute in kind.attributes}

    stack.create(outputs, **kind.before, It=resource(name, kind.properties))

    assert stack.status == "CREATE_COMPLETE", stack.failures
    kind.describe(iot)
    made = stack.outputs
    assert made["Ref"] == kind.ref or (kind.ref is None and made["Ref"])
    for attribute, value in kind.attributes.items():
        assert made[attribute] == value or (value is None and made[attribute])

    stack.delete()

    with pytest.raises((ClientError, LookupError)):
        kind.describe(iot)


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.change])
def test_an_update_changes_each_type_in_place(name: str, stack: Stack, iot: Any) -> None:
    kind = KINDS[name]
    stack.create({"Ref": {"Ref": "It"}}, **kind.before, It=resource(name, kind.properties))
    before, reference = kind.describe(iot), stack.outputs["Ref"]

    changed = resource(name, {**kind.properties, **kind.change})
    stack.update({"Ref": {"Ref": "It"}}, **kind.before, It=changed)

    assert stack.status == "UPDATE_COMPLETE", stack.failures
    assert kind.describe(iot) != before
    assert stack.outputs["Ref"] == reference

    stack.delete()
    with pytest.raises((ClientError, LookupError)):
        kind.describe(iot)


def test_a_device_of_a_ca_in_a_stack_is_provisioned(stack: Stack) -> None:
    stack.create(
        Template=resource(
            "ProvisioningTemplate",
            {
                "TemplateName": "JITP",
                "TemplateType": "JITP",
                "TemplateBody": PLAIN_BODY,
                "ProvisioningRoleArn": ROLE,
            },
        ),
        Ca=resource(
            "CACertificate",
            {
                "CACertificatePem": CA.certificate_pem,
                "CertificateMode": "SNI_ONLY",
                "Status": "ACTIVE",
                "AutoRegistrationStatus": "ENABLE",
                "RegistrationConfig": {"TemplateName": {"Ref": "Template"}},
            },
        ),
    )

    assert connect_device(DEVICE).thing_name == "bulb-1"


def test_the_refusal_of_a_device_names_the_stack_that_should_have_created_what_is_missing(
    stack: Stack, iot: Any
) -> None:
    body = json.loads(PLAIN_BODY)
    body["Resources"]["thing"]["Properties"]["ThingTypeName"] = "bulb"
    CA.register(iot, template_body=body)
    stack.create(
        Type=resource("ThingType", {"ThingTypeName": "bulb"}),
        Broken=resource("ThingGroup", {"ThingGroupName": "two words"}, DependsOn="Type"),
    )

    with pytest.raises(ConnectionRefused) as caught:
        connect_device(DEVICE)

    assert "Create the thing type 'bulb'" in str(caught.value)
    expected = (
        "The stack 'fleet' should have created the thing type 'bulb' as Type; it is "
        "ROLLBACK_COMPLETE"
    )
    assert f"{expected} because of Broken: " in str(caught.value)

    stack.delete()
    with pytest.raises(ConnectionRefused, match="as Type; it is DELETE_COMPLETE"):
        connect_device(DEVICE)


@pytest.mark.parametrize(
    "name",
    [
        {"Fn::Sub": "${AWS::StackName}-${Kind}"},
        {"Fn::Sub": ["${Place}-${Kind}", {"Place": {"Ref": "AWS::StackName"}}]},
        {"Fn::Join": ["-", [{"Ref": "AWS::StackName"}, {"Ref": "Kind"}]]},
    ],
    ids=["Sub", "Sub with values", "Join"],
)
def test_a_name_that_a_stack_was_to_put_together_is_traced_to_it(
    stack: Stack, iot: Any, name: dict[str, Any]
) -> None:
    body = json.loads(PLAIN_BODY)
    body["Resources"]["thing"]["Properties"]["ThingTypeName"] = "fleet-bulb"
    CA.register(iot, template_body=body)
    stack.create(
        parameters={"Kind": {"Type": "String", "Default": "bulb"}},
        Unnamed=resource("ThingType", {"ThingTypeName": {"Fn::GetAtt": ["Broken", "Arn"]}}),
        Type=resource("ThingType", {"ThingTypeName": name}),
        Broken=resource("ThingGroup", {"ThingGroupName": "two words"}, DependsOn="Type"),
    )

    with pytest.raises(
        ConnectionRefused, match=r"'fleet' should have created .* 'fleet-bulb' as Type; it is"
    ):
        connect_device(DEVICE)


def test_a_property_that_names_the_resource_replaces_it(stack: Stack, iot: Any) -> None:
    stack.create(It=resource("Thing", {"ThingName": "old"}))

    stack.update(It=resource("Thing", {"ThingName": "new"}))

    assert [thing["thingName"] for thing in iot.list_things()["things"]] == ["new"]


def test_a_resource_without_a_name_is_given_one(stack: Stack, iot: Any) -> None:
    stack.create(
        {"Thing": {"Ref": "Thing"}, "Group": {"Ref": "Group"}},
        Thing=resource("Thing", {}),
        Group=resource("ThingGroup", {}),
    )

    assert iot.describe_thing(thingName=stack.outputs["Thing"])
    assert iot.describe_thing_group(thingGroupName=stack.outputs["Group"])
    assert stack.outputs["Thing"].startswith("fleet-Thing-")
    assert stack.outputs["Group"].startswith("fleet_Group_")


def test_a_version_that_yaml_takes_for_a_date_is_a_version(stack: Stack, iot: Any) -> None:
    client(service="cloudformation").create_stack(
        StackName="fleet",
        TemplateBody="""
Resources:
  Policy:
    Type: AWS::IoT::Policy
    Properties:
      PolicyName: P
      PolicyDocument:
        Version: 2012-10-17
        Statement:
          - {Effect: Allow, Action: iot:Connect, Resource: '*'}
""",
    )

    document = json.loads(iot.get_policy(policyName="P")["policyDocument"])
    assert document["Version"] == "2012-10-17"


def test_a_policy_can_be_changed_more_often_than_it_keeps_versions(stack: Stack, iot: Any) -> None:
    stack.create(It=resource("Policy", {"PolicyName": "P", "PolicyDocument": POLICY}))
    for number in range(7):
        statement = {**POLICY["Statement"][0], "Sid": f"S{number}"}  # type: ignore[dict-item]
        document = {**POLICY, "Statement": [statement]}
        stack.update(It=resource("Policy", {"PolicyName": "P", "PolicyDocument": document}))

    assert json.loads(iot.get_policy(policyName="P")["policyDocument"]) == document
    assert len(iot.list_policy_versions(policyName="P")["policyVersions"]) == 5
    stack.delete()
    assert iot.list_policies()["policies"] == []


def test_what_aws_iot_refuses_rolls_the_stack_back(stack: Stack, iot: Any) -> None:
    stack.create(
        Thing=resource("Thing", {"ThingName": "bulb-1"}),
        Ca=resource(
            "CACertificate",
            {
                "CACertificatePem": CA.certificate_pem,
                "CertificateMode": "SNI_ONLY",
                "Status": "ACTIVE",
                "RegistrationConfig": {"TemplateName": "Nowhere"},
            },
            DependsOn="Thing",
        ),
    )

    assert stack.status == "ROLLBACK_COMPLETE"
    (failure,) = stack.failures
    assert failure.startswith("Ca: ")
    assert "Nowhere" in failure
    assert iot.list_things()["things"] == []


def test_a_failed_update_brings_the_stack_back_to_where_it_was(stack: Stack, iot: Any) -> None:
    good = resource("Policy", {"PolicyName": "P", "PolicyDocument": POLICY})
    stack.create(Policy=good)

    stack.update(
        Policy=resource("Policy", {"PolicyName": "P", "PolicyDocument": OTHER_POLICY}),
        Bad=resource("Policy", {"PolicyName": "Q", "PolicyDocument": {"Statement": "nonsense"}}),
    )

    assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
    assert [failure.partition(":")[0] for failure in stack.failures] == ["Bad"]
    assert json.loads(iot.get_policy(policyName="P")["policyDocument"]) == POLICY
    assert [policy["policyName"] for policy in iot.list_policies()["policies"]] == ["P"]


def test_a_change_set_that_fails_is_rolled_back_too(mocked: JitpHandle, iot: Any) -> None:
    cloudformation = client(service="cloudformation")
    bad = {"Resources": {"Bad": resource("Thing", {"ThingName": "has space"})}}
    cloudformation.create_change_set(
        StackName="fleet",
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps(bad),
    )

    cloudformation.execute_change_set(StackName="fleet", ChangeSetName="first")

    assert Stack().status == "ROLLBACK_COMPLETE"
    assert "thingName" in Stack().failures[0]


@pytest.mark.parametrize("name", ["Authorizer", "FleetMetric", "SecurityProfile", "Thingg"])
def test_a_type_that_is_not_emulated_fails_the_stack_and_is_named(
    name: str, stack: Stack, iot: Any
) -> None:
    with pytest.raises(ClientError, match=f"AWS::IoT::{name} of It is not emulated"):
        stack.create(It=resource(name, {}), Thing=resource("Thing", {"ThingName": "bulb-1"}))

    assert iot.list_things()["things"] == []
    assert client(service="cloudformation").list_stacks()["StackSummaries"] == []


def test_a_type_that_is_not_emulated_can_be_passed_over_with_a_warning() -> None:
    with mock_jitp(config={"jitp": {"stacks": "warn"}}):
        with pytest.warns(UserWarning, match="AWS::IoT::Authorizer of It is not emulated"):
            Stack().create(
                It=resource("Authorizer", {}), Thing=resource("Thing", {"ThingName": "bulb-1"})
            )

        assert Stack().status == "CREATE_COMPLETE"


def test_an_unknown_choice_for_stacks_is_refused() -> None:
    with pytest.raises(ValueError, match=r'"jitp.stacks" must be \'refuse\' or \'warn\''):
        mock_jitp(config={"jitp": {"stacks": "ignore"}})


@pytest.mark.parametrize(
    ("kind", "properties", "text"),
    [
        ("CACertificate", {"Status": "ACTIVE"}, r"required key \[CACertificatePem\] not found"),
        ("Thing", {"ThingNmae": "a"}, "unknown property ThingNmae. Did you mean ThingName?"),
        ("Thing", {"OfALaterModel": 1}, f"OfALaterModel. The installed {BOTOCORE} does"),
        ("ThingGroup", {"QueryString": "*"}, "dynamic thing group, which is not emulated"),
        ("Certificate", {"Status": "ACTIVE"}, "Invalid certificate resource configuration"),
        ("Logging", {"AccountId": "1", "RoleArn": ROLE, "DefaultLogLevel": "INFO"}, ACCOUNT),
    ],
)
def test_a_mistake_in_a_property_is_reported(
    kind: str, properties: Any, text: str, stack: Stack
) -> None:
    stack.create(It=resource(kind, properties))

    assert stack.status == "ROLLBACK_COMPLETE"
    (failure,) = stack.failures
    assert re.search(text, failure), failure


@pytest.mark.parametrize(
    "undeclared",
    [
        resource("Thing", {"ThingName": {"Ref": "Nothing"}}),
        resource("Thing", {"ThingName": {"Fn::Sub": "${AWS::StackName}-${Nothing}-${!Literal}"}}),
        resource("Thing", {"ThingName": {"Fn::Sub": ["${a}-${Nothing}", {"a": "b"}]}}),
        resource("Thing", {"ThingName": "bulb-1"}, DependsOn="Nothing"),
    ],
)
def test_a_reference_to_nothing_is_refused_in_cloudformations_words(
    undeclared: dict[str, Any], stack: Stack, iot: Any
) -> None:
    text = (
        r"\(ValidationError\).*Template format error: Unresolved resource dependencies \[Nothing\] "
        "in the Resources block of the template"
    )
    with pytest.raises(ClientError, match=text):
        stack.create(It=undeclared)
    assert iot.list_things()["things"] == []

    stack.create(It=resource("Thing", {"ThingName": "bulb-1"}))
    with pytest.raises(ClientError, match=text):
        stack.update(It=undeclared)


def test_references_to_what_is_declared_are_followed(stack: Stack, iot: Any) -> None:
    sub = {"Fn::Sub": ["${AWS::Region}-${Other.Id}-${Other}-${own}", {"own": {"Ref": "Other"}}]}
    stack.create(
        It=resource(
            "Thing", {"ThingName": {"Fn::Sub": "${AWS::StackName}-1"}}, DependsOn=["Other"]
        ),
        Other=resource("ThingType", {"ThingTypeName": "bulb"}),
        Group=resource("ThingGroup", {"ThingGroupName": sub}),
    )

    assert stack.status == "CREATE_COMPLETE", stack.failures
    assert iot.describe_thing(thingName="fleet-1")


def test_a_package_is_deleted_with_the_versions_that_others_made(stack: Stack, iot: Any) -> None:
    stack.create(It=resource("SoftwarePackage", {"PackageName": "firmware"}))
    for number in range(101):
        iot.create_package_version(packageName="firmware", versionName=f"1.{number}")
    iot.update_package_version(packageName="firmware", versionName="1.0", action="PUBLISH")
    iot.update_package(packageName="firmware", defaultVersionName="1.0")

    stack.delete()

    assert iot.list_packages()["packageSummaries"] == []


def test_a_job_changes_in_place(stack: Stack, iot: Any) -> None:
    job = KINDS["Job"].properties
    stack.create(**THING, It=resource("Job", job))

    stack.update(**THING, It=resource("Job", {**job, "Description": "second"}))

    assert stack.status == "UPDATE_COMPLETE"
    assert iot.describe_job(jobId="first")["job"]["description"] == "second"


def test_what_exists_already_is_not_adopted_by_a_stack(stack: Stack, iot: Any) -> None:
    iot.create_thing(thingName="bulb-1")

    stack.create(It=resource("Thing", {"ThingName": "bulb-1"}))

    assert stack.status == "ROLLBACK_COMPLETE"
    assert "exists" in stack.failures[0]
    assert iot.describe_thing(thingName="bulb-1")


def test_a_stack_works_at_a_server_too() -> None:
    with ThreadedJitpServer() as server:
        session = boto3.Session("testing", "testing", region_name="us-east-1")
        cloudformation = session.client("cloudformation", endpoint_url=server.endpoint_url)
        document = {"Resources": {"It": resource("Thing", {"ThingName": "bulb-1"})}}
        cloudformation.create_stack(StackName="fleet", TemplateBody=json.dumps(document))

        iot = session.client("iot", endpoint_url=server.endpoint_url)
        assert iot.describe_thing(thingName="bulb-1")["thingName"] == "bulb-1"
