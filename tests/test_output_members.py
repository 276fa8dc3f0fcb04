"""An operation's output has every member that the mock knows; missing members are listed.

One fleet has a bit of everything. Each operation with an output is called for it, and the members
of its answers are compared with those of AWS's service model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.session
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from freezegun import freeze_time
from support.bodies import PLAIN_BODY, ROLE
from support.cloud import client_of
from support.fleet import HOOK_FUNCTION, SIMPLE, make_hook_function
from support.service_models import IS_COMPLETE, without_unknown

from moto_jitp import CertificateAuthority, connect_device, mock_jitp
from moto_jitp.iot import models as models  # fills the table of operations, as urls does
from moto_jitp.iot import urls as urls
from moto_jitp.iot.api.operations import Emulation, emulation_of

MODEL = botocore.session.get_session().get_service_model("iot")
TOPIC = "arn:aws:iot:us-east-1:123456789012:topic/a"
ALLOW = json.dumps(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
)
WITH_REQUEST = json.dumps(
    {
        "Parameters": {"Name": {"Type": "String"}, "Csr": {"Type": "String"}},
        "Resources": {
            "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": "Name"}}},
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {"CertificateSigningRequest": {"Ref": "Csr"}, "Status": "ACTIVE"},
            },
        },
    }
)

NOT_CARRIED_OUT = "the member of the input that would say so is refused"
CLEAN = "the sessions of connect_device are clean"
ROLLOUT = "jobExecutionsRolloutConfig"

#: Members that no operation of the mock has anything for, and why; with all that is below them.
ABSENT = {
    ("CreatePackageVersion", "errorReason"): "no version of a package fails",
    ("DescribeDomainConfiguration", "authorizerConfig"): NOT_CARRIED_OUT,
    ("DescribeDomainConfiguration", "clientCertificateConfig"): NOT_CARRIED_OUT,
    ("DescribeDomainConfiguration", "serverCertificateConfig"): NOT_CARRIED_OUT,
    (
        "DescribeDomainConfiguration",
        "serverCertificates.serverCertificateStatusDetail",
    ): "no server certificate is invalid",
    ("DescribeJob", "documentSource"): "the job was given its document",
    ("DescribeJob", "job.abortConfig"): NOT_CARRIED_OUT,
    ("DescribeJob", "job.destinationPackageVersions"): NOT_CARRIED_OUT,
    ("DescribeJob", "job.documentParameters"): NOT_CARRIED_OUT,
    ("DescribeJob", "job.isConcurrent"): "no job is rolled out in parts",
    ("DescribeJob", "job.jobExecutionsRetryConfig"): NOT_CARRIED_OUT,
    ("DescribeJob", f"job.{ROLLOUT}"): NOT_CARRIED_OUT,
    ("DescribeJob", "job.jobProcessDetails.processingTargets"): "no job is rolled out in parts",
    ("DescribeJob", "job.jobTemplateArn"): NOT_CARRIED_OUT,
    ("DescribeJob", "job.namespaceId"): NOT_CARRIED_OUT,
    ("DescribeJob", "job.presignedUrlConfig"): NOT_CARRIED_OUT,
    ("DescribeJob", "job.schedulingConfig"): NOT_CARRIED_OUT,
    ("DescribeJob", "job.scheduledJobRollouts"): NOT_CARRIED_OUT,
    ("DescribeJobTemplate", "documentSource"): "the template was given its document",
    ("DescribeJobTemplate", "destinationPackageVersions"): NOT_CARRIED_OUT,
    ("DescribeJobTemplate", "maintenanceWindows"): NOT_CARRIED_OUT,
    ("DescribeThingGroup", "indexName"): "there are no dynamic groups",
    ("DescribeThingGroup", "queryString"): "there are no dynamic groups",
    ("DescribeThingGroup", "queryVersion"): "there are no dynamic groups",
    ("DescribeThingGroup", "status"): "there are no dynamic groups",
    (
        "DescribeThingGroup",
        "thingGroupProperties.attributePayload.merge",
    ): "it belongs to the input",
    ("DescribeThingRegistrationTask", "message"): "it tells why a task failed",
    ("GetPackageVersion", "artifact"): NOT_CARRIED_OUT,
    ("GetPackageVersion", "errorReason"): "no version of a package fails",
    ("GetPackageVersion", "recipe"): NOT_CARRIED_OUT,
    ("GetPackageVersion", "sbom"): NOT_CARRIED_OUT,
    ("GetPackageVersion", "sbomValidationStatus"): NOT_CARRIED_OUT,
    ("GetIndexingConfiguration", "thingIndexingConfiguration.filter.geoLocations"): (
        NOT_CARRIED_OUT
    ),
    ("GetThingConnectivityData", "sessionExpiry"): CLEAN,
    ("SearchIndex", "things.connectivity.sessionExpiry"): CLEAN,
    ("GetThingConnectivityData", "vpcEndpointId"): "no client comes from a VPC",
    ("ListProvisioningTemplates", "templates.description"): "AWS leaves it out of the list",
    ("ListJobExecutionsForJob", "executionSummaries.jobExecutionSummary.retryAttempt"): (
        NOT_CARRIED_OUT
    ),
    ("ListJobExecutionsForThing", "executionSummaries.jobExecutionSummary.retryAttempt"): (
        NOT_CARRIED_OUT
    ),
    ("SearchIndex", "things.deviceDefender"): "Device Defender is not emulated",
}

ANSWERING = [
    name
    for name in MODEL.operation_names
    if emulation_of(name) is not Emulation.REFUSED and MODEL.operation_model(name).output_shape
]


def csr(common_name: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    signed = request.sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def members_of(shape: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of all members below a shape; a list's members stand in its place."""
    if shape.type_name == "list":
        yield from members_of(shape.member, path)
    elif shape.type_name == "structure":
        for name, member in shape.members.items():
            below = f"{path}.{name}" if path else name
            yield below
            yield from members_of(member, below)


def told_by(value: Any, shape: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of the members that an answer has."""
    if shape.type_name == "list":
        for item in value:
            yield from told_by(item, shape.member, path)
    elif shape.type_name == "structure":
        for name, member in shape.members.items():
            if value.get(name) is not None:
                below = f"{path}.{name}" if path else name
                yield below
                yield from told_by(value[name], member, below)


class Fleet:
    """Notes the output of each operation, while one account goes through all of them."""

    def __init__(self) -> None:
        self.told: dict[str, set[str]] = {}
        self.iot: Any = boto3.client("iot", region_name="us-east-1")
        self.theirs = client_of("210987654321")
        for account_client in (self.iot, self.theirs):
            account_client.meta.events.register("after-call.iot", self._note)

    def _note(self, parsed: Any, model: Any, **_: Any) -> None:
        if model.output_shape and "Error" not in parsed:
            self.told.setdefault(model.name, set()).update(told_by(parsed, model.output_shape))

    def live(self) -> None:
        """Make one of each resource with all its members, and read each."""
        acme, device = CertificateAuthority(common_name="Acme Root"), "bulb-1"
        self._registry(device)
        self._policies()
        self._provisioning(acme)
        self._index()
        connection = connect_device(acme.issue(common_name=device))
        self._certificates(acme, connection.certificate_arn)
        self._attachments(device, connection.certificate_arn)
        self._jobs(device)
        self._bulk_registration()
        self._account()
        self._transfers()
        connection.disconnect()
        self._searches(device)

    def _registry(self, device: str) -> None:
        iot, tags = self.iot, [{"Key": "a", "Value": "b"}]
        described = {"thingTypeDescription": "A bulb", "searchableAttributes": ["line"]}
        enriched = {"propagatingAttributes": [{"userPropertyKey": "k", "thingAttribute": "line"}]}
        properties = {**described, "mqtt5Configuration": enriched}
        enriched["propagatingAttributes"].append(
            {"userPropertyKey": "c", "connectionAttribute": "iot:ClientId"}
        )
        iot.create_thing_type(thingTypeName="bulb", thingTypeProperties=properties, tags=tags)
        iot.create_thing_type(thingTypeName="old")
        iot.deprecate_thing_type(thingTypeName="old")
        iot.describe_thing_type(thingTypeName="old")
        of_group = {"thingGroupDescription": "d", "attributePayload": {"attributes": {"a": "b"}}}
        iot.create_thing_group(thingGroupName="all")
        iot.create_thing_group(
            thingGroupName="bulbs", parentGroupName="all", thingGroupProperties=of_group
        )
        described = {"billingGroupDescription": "Paid"}
        iot.create_billing_group(billingGroupName="paid", billingGroupProperties=described)
        iot.create_thing(
            thingName=device,
            thingTypeName="bulb",
            attributePayload={"attributes": {"line": "a"}},
            billingGroupName="paid",
        )
        iot.add_thing_to_thing_group(thingGroupName="bulbs", thingName=device)
        iot.update_billing_group(billingGroupName="paid", billingGroupProperties=described)
        iot.update_thing_group(thingGroupName="bulbs", thingGroupProperties=of_group)
        arn = iot.describe_thing_type(thingTypeName="bulb")["thingTypeArn"]
        iot.list_tags_for_resource(resourceArn=arn)
        iot.describe_billing_group(billingGroupName="paid")
        iot.describe_thing_group(thingGroupName="bulbs")
        iot.describe_thing(thingName=device)
        iot.list_things()
        iot.list_thing_types()
        iot.list_thing_groups()
        iot.list_billing_groups()
        iot.list_thing_groups_for_thing(thingName=device)
        iot.list_things_in_thing_group(thingGroupName="bulbs")
        iot.list_things_in_billing_group(billingGroupName="paid")

    def _policies(self) -> None:
        iot = self.iot
        iot.create_policy(policyName="All", policyDocument=ALLOW)
        iot.create_policy_version(policyName="All", policyDocument=ALLOW)
        iot.get_policy(policyName="All")
        iot.get_policy_version(policyName="All", policyVersionId="1")
        iot.list_policies()
        iot.list_policy_versions(policyName="All")
        alias = {"roleAlias": "alias", "roleArn": ROLE}
        iot.create_role_alias(**alias)
        iot.update_role_alias(**alias, credentialDurationSeconds=900)
        iot.describe_role_alias(roleAlias="alias")
        iot.list_role_aliases()

    def _provisioning(self, acme: CertificateAuthority) -> None:
        iot = self.iot
        make_hook_function()
        iot.create_provisioning_template(
            templateName="claims",
            description="For claims",
            preProvisioningHook={"targetArn": HOOK_FUNCTION, "payloadVersion": "2020-04-01"},
            templateBody=PLAIN_BODY,
            provisioningRoleArn=ROLE,
            enabled=True,
        )
        iot.create_provisioning_template_version(templateName="claims", templateBody=PLAIN_BODY)
        iot.describe_provisioning_template(templateName="claims")
        iot.describe_provisioning_template_version(templateName="claims", versionId=1)
        iot.list_provisioning_templates()
        iot.list_provisioning_template_versions(templateName="claims")
        iot.create_provisioning_claim(templateName="claims")
        iot.get_registration_code()
        acme.register(iot, template_body=PLAIN_BODY)
        iot.create_provisioning_template(
            templateName="jitp",
            type="JITP",
            templateBody=PLAIN_BODY,
            provisioningRoleArn=ROLE,
            enabled=True,
        )
        other = CertificateAuthority(common_name="Other Root")
        iot.register_ca_certificate(
            caCertificate=other.certificate_pem,
            certificateMode="SNI_ONLY",
            setAsActive=True,
            registrationConfig={"templateName": "jitp"},
        )
        for listed in iot.list_ca_certificates()["certificates"]:
            iot.describe_ca_certificate(certificateId=listed["certificateId"])
        iot.register_thing(
            templateBody=WITH_REQUEST,
            parameters={"Name": "registered", "Csr": csr("registered")},
        )

    def _certificates(self, acme: CertificateAuthority, arn: str) -> None:
        iot = self.iot
        iot.create_keys_and_certificate(setAsActive=True)
        request = csr("requested")
        iot.create_certificate_from_csr(certificateSigningRequest=request)
        given = {"status": "ACTIVE"}
        issued = acme.issue(common_name="given").certificate_pem
        iot.register_certificate(certificatePem=issued, **given)
        alone = CertificateAuthority(common_name="Nobody's Root").issue(common_name="alone")
        iot.register_certificate_without_ca(certificatePem=alone.certificate_pem, **given)
        iot.describe_certificate(certificateId=arn.rpartition("/")[2])
        iot.list_certificates()
        for listed in iot.list_ca_certificates()["certificates"]:
            iot.list_certificates_by_ca(caCertificateId=listed["certificateId"])

    def _transfers(self) -> None:
        iot, theirs = self.iot, self.theirs
        for answer in (theirs.accept_certificate_transfer, theirs.reject_certificate_transfer):
            made = iot.create_keys_and_certificate(setAsActive=False)["certificateId"]
            iot.transfer_certificate(
                certificateId=made, targetAwsAccount="210987654321", transferMessage="for you"
            )
            iot.list_outgoing_certificates()
            rejected = answer == theirs.reject_certificate_transfer
            answer(certificateId=made, **({"rejectReason": "not ours"} if rejected else {}))
            (iot if rejected else theirs).describe_certificate(certificateId=made)

    def _attachments(self, device: str, arn: str) -> None:
        iot = self.iot
        iot.attach_policy(policyName="All", target=arn)
        iot.list_attached_policies(target=arn)
        iot.list_principal_policies(principal=arn)
        iot.list_policy_principals(policyName="All")
        iot.list_targets_for_policy(policyName="All")
        iot.list_principal_things(principal=arn)
        iot.list_principal_things_v2(principal=arn)
        iot.list_thing_principals(thingName=device)
        iot.list_thing_principals_v2(thingName=device)
        iot.get_effective_policies(principal=arn, thingName=device)
        asked = [{"actionType": "PUBLISH", "resources": [TOPIC]}]
        iot.test_authorization(principal=arn, authInfos=asked)
        iot.create_policy(policyName="Nothing", policyDocument=ALLOW.replace("Allow", "Deny"))
        other = ALLOW.replace('"Resource": "*"', f'"Resource": "{TOPIC}/b"')
        iot.create_policy(policyName="Other", policyDocument=other)
        denied = {"policyNamesToAdd": ["Nothing", "Other"], "policyNamesToSkip": ["All"]}
        iot.test_authorization(principal=arn, authInfos=asked, **denied)

    def _jobs(self, device: str) -> None:
        iot = self.iot
        target = iot.describe_thing(thingName=device)["thingArn"]
        given = {
            "document": "{}",
            "description": "A job",
            "timeoutConfig": {"inProgressTimeoutInMinutes": 60},
        }
        iot.create_job_template(
            jobTemplateId="template",
            presignedUrlConfig={"roleArn": ROLE, "expiresInSec": 60},
            jobExecutionsRolloutConfig={
                "maximumPerMinute": 50,
                "exponentialRate": {
                    "baseRatePerMinute": 1,
                    "incrementFactor": 2.0,
                    "rateIncreaseCriteria": {
                        "numberOfNotifiedThings": 1,
                        "numberOfSucceededThings": 1,
                    },
                },
            },
            abortConfig={
                "criteriaList": [
                    {
                        "failureType": "FAILED",
                        "action": "CANCEL",
                        "thresholdPercentage": 50.0,
                        "minNumberOfExecutedThings": 1,
                    }
                ]
            },
            jobExecutionsRetryConfig={
                "criteriaList": [{"failureType": "FAILED", "numberOfRetries": 1}]
            },
            **given,
        )
        iot.create_job(jobId="job", targets=[target], **given)
        iot.describe_job(jobId="job")
        iot.describe_job_execution(jobId="job", thingName=device)
        iot.describe_job_template(jobTemplateId="template")
        iot.get_job_document(jobId="job")
        device_jobs = boto3.client("iot-jobs-data", region_name="us-east-1")
        device_jobs.start_next_pending_job_execution(thingName=device, stepTimeoutInMinutes=5)
        iot.describe_job_execution(jobId="job", thingName=device)
        iot.list_jobs()
        iot.list_job_templates()
        iot.list_job_executions_for_job(jobId="job")
        iot.list_job_executions_for_thing(thingName=device)
        iot.cancel_job(jobId="job", reasonCode="CODE", comment="No more", force=True)
        iot.describe_job(jobId="job")
        iot.describe_job_execution(jobId="job", thingName=device)
        group = iot.describe_thing_group(thingGroupName="bulbs")["thingGroupArn"]
        continuous = {**given, "targetSelection": "CONTINUOUS"}
        iot.create_job(jobId="of-group", targets=[group], **continuous)
        iot.associate_targets_with_job(jobId="of-group", targets=[group])
        iot.list_jobs()
        iot.create_package(packageName="firmware", description="Firmware")
        of_version = {"packageName": "firmware", "versionName": "1.0"}
        iot.create_package_version(**of_version, description="First", attributes={"a": "b"})
        iot.update_package_version(**of_version, action="PUBLISH")
        iot.update_package(packageName="firmware", defaultVersionName="1.0")
        iot.get_package(packageName="firmware")
        iot.get_package_version(**of_version)
        iot.list_packages()
        iot.list_package_versions(packageName="firmware")

    def _bulk_registration(self) -> None:
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="fleet")
        s3.put_object(Bucket="fleet", Key="lines", Body=b'{"ThingName": "t"}\n{}\n')
        body = {
            "Parameters": {"ThingName": {"Type": "String"}},
            "Resources": {
                "thing": {
                    "Type": "AWS::IoT::Thing",
                    "Properties": {"ThingName": {"Ref": "ThingName"}},
                }
            },
        }
        task = self.iot.start_thing_registration_task(
            templateBody=json.dumps(body),
            inputFileBucket="fleet",
            inputFileKey="lines",
            roleArn=ROLE,
        )["taskId"]
        self.iot.describe_thing_registration_task(taskId=task)
        self.iot.list_thing_registration_tasks()
        self.iot.list_thing_registration_task_reports(taskId=task, reportType="RESULTS")

    def _account(self) -> None:
        iot = self.iot
        certificate = "arn:aws:acm:us-east-1:123456789012:certificate/a"
        iot.create_domain_configuration(
            domainConfigurationName="devices",
            domainName="devices.example.com",
            serverCertificateArns=[certificate],
            serviceType="DATA",
            tlsConfig={"securityPolicy": "IoTSecurityPolicy_TLS13_1_3_2022_10"},
            authenticationType="AWS_X509",
            applicationProtocol="SECURE_MQTT",
        )
        iot.describe_domain_configuration(domainConfigurationName="devices")
        iot.update_domain_configuration(
            domainConfigurationName="devices", domainConfigurationStatus="DISABLED"
        )
        iot.list_domain_configurations()
        iot.describe_endpoint()
        iot.update_event_configurations(eventConfigurations={"THING": {"Enabled": True}})
        iot.describe_event_configurations()
        iot.set_logging_options(loggingOptionsPayload={"roleArn": ROLE, "logLevel": "INFO"})
        iot.get_logging_options()
        events = [
            {"eventType": "Connect", "logLevel": "INFO", "logDestination": "AWSIotLogsV2"},
        ]
        options = {"roleArn": ROLE, "defaultLogLevel": "INFO", "disableAllLogs": False}
        iot.set_v2_logging_options(
            **without_unknown("SetV2LoggingOptions", **options, eventConfigurations=events)
        )
        iot.get_v2_logging_options()
        group = {"targetType": "THING_GROUP", "targetName": "bulbs"}
        iot.set_v2_logging_level(logTarget=group, logLevel="DEBUG")
        iot.list_v2_logging_levels()
        iot.create_topic_rule(
            ruleName="rule",
            topicRulePayload={
                "sql": "SELECT * FROM 'a'",
                "description": "Copies",
                "awsIotSqlVersion": "2016-03-23",
                "ruleDisabled": False,
                "actions": [{"republish": {"topic": "b", "roleArn": ROLE}}],
                "errorAction": {"republish": {"topic": "c", "roleArn": ROLE}},
            },
        )
        iot.get_topic_rule(ruleName="rule")
        iot.list_topic_rules()

    def _index(self) -> None:
        iot = self.iot
        things = {
            "thingIndexingMode": "REGISTRY_AND_SHADOW",
            "thingConnectivityIndexingMode": "STATUS",
            "customFields": [{"name": "attributes.line", "type": "String"}],
            "namedShadowIndexingMode": "ON",
            "filter": {
                "namedShadowNames": ["settings"],
                "connectivity": {"includeSocketInformation": ["GET_THING_CONNECTIVITY_DATA"]},
            },
        }
        iot.update_indexing_configuration(
            **without_unknown("UpdateIndexingConfiguration", thingIndexingConfiguration=things),
            thingGroupIndexingConfiguration={
                "thingGroupIndexingMode": "ON",
                "customFields": [{"name": "attributes.a", "type": "String"}],
            },
        )
        iot.get_indexing_configuration()
        iot.list_indices()
        iot.describe_index(indexName="AWS_Things")

    def _searches(self, device: str) -> None:
        iot = self.iot
        data = boto3.client("iot-data", region_name="us-east-1")
        data.update_thing_shadow(thingName=device, payload='{"state": {"reported": {"a": 1}}}')
        iot.search_index(queryString="thingName:*")
        iot.search_index(indexName="AWS_ThingGroups", queryString="thingGroupName:*")
        with_socket = without_unknown("GetThingConnectivityData", includeSocketInformation=True)
        iot.get_thing_connectivity_data(thingName=device, **with_socket)


@pytest.fixture(scope="module")
def told() -> dict[str, set[str]]:
    """The output of each operation in the life of one fleet."""
    with mock_jitp(config=SIMPLE), freeze_time("2026-03-01 12:00:00"):
        fleet = Fleet()
        fleet.live()
        return fleet.told


def is_absent(operation: str, path: str) -> bool:
    return any(
        operation == name and (path == absent or path.startswith(f"{absent}."))
        for name, absent in ABSENT
    )


@pytest.mark.parametrize("operation", ANSWERING)
def test_an_operation_is_described_with_all_that_is_known(
    operation: str, told: dict[str, set[str]]
) -> None:
    shape = MODEL.operation_model(operation).output_shape
    members = {
        path
        for path in members_of(shape)
        if path not in ("nextToken", "nextMarker")  # see test_paging.py
        and not path.startswith(("rule.actions.", "rule.errorAction."))  # one of each is there
        and not is_absent(operation, path)
    }
    assert members - told.get(operation, set()) == set()


@pytest.mark.parametrize(("operation", "path"), ABSENT)
def test_what_is_listed_as_absent_is_absent(
    operation: str, path: str, told: dict[str, set[str]]
) -> None:
    if not IS_COMPLETE and path not in members_of(MODEL.operation_model(operation).output_shape):
        pytest.skip("the installed botocore does not know the member")
    assert path in set(members_of(MODEL.operation_model(operation).output_shape))
    assert path not in told[operation]
