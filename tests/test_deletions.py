"""Clean-up code works here as on AWS: deleting twice is an error only where AWS's page says so.

Each operation that deletes, detaches, removes, cancels or stops is called for what never existed,
and, where it can be, twice for what did.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from support.bodies import PLAIN_BODY, ROLE
from support.cloud import ACCOUNT

from moto_jitp.iot import models as models  # fills the table of operations, as urls does
from moto_jitp.iot import urls as urls
from moto_jitp.iot.api.operations import Emulation, emulation_of

MODEL = botocore.session.get_session().get_service_model("iot")
CERTIFICATE_ID = "0" * 64
CERTIFICATE = f"arn:aws:iot:us-east-1:{ACCOUNT}:cert/{CERTIFICATE_ID}"
ALLOW = {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}
DOCUMENT = json.dumps({"Version": "2012-10-17", "Statement": ALLOW})
TAGGED = f"arn:aws:iot:us-east-1:{ACCOUNT}:thinggroup/gone"

#: The arguments of each operation for something that does not exist.
GONE: dict[str, dict[str, Any]] = {
    "CancelCertificateTransfer": {"certificateId": CERTIFICATE_ID},
    "CancelJob": {"jobId": "gone"},
    "CancelJobExecution": {"jobId": "gone", "thingName": "gone"},
    "DeleteBillingGroup": {"billingGroupName": "gone"},
    "DeleteCACertificate": {"certificateId": CERTIFICATE_ID},
    "DeleteCertificate": {"certificateId": CERTIFICATE_ID},
    "DeleteDomainConfiguration": {"domainConfigurationName": "gone"},
    "DeleteJob": {"jobId": "gone"},
    "DeleteJobExecution": {"jobId": "gone", "thingName": "gone", "executionNumber": 1},
    "DeleteJobTemplate": {"jobTemplateId": "gone"},
    "DeletePackage": {"packageName": "gone"},
    "DeletePackageVersion": {"packageName": "gone", "versionName": "gone"},
    "DeletePolicy": {"policyName": "gone"},
    "DeletePolicyVersion": {"policyName": "gone", "policyVersionId": "2"},
    "DeleteProvisioningTemplate": {"templateName": "gone"},
    "DeleteProvisioningTemplateVersion": {"templateName": "gone", "versionId": 2},
    "DeleteRegistrationCode": {},
    "DeleteRoleAlias": {"roleAlias": "gone"},
    "DeleteThing": {"thingName": "gone"},
    "DeleteThingGroup": {"thingGroupName": "gone"},
    "DeleteThingType": {"thingTypeName": "gone"},
    "DeleteTopicRule": {"ruleName": "gone"},
    "DeleteV2LoggingLevel": {"targetType": "THING_GROUP", "targetName": "gone"},
    "DetachPolicy": {"policyName": "gone", "target": CERTIFICATE},
    "DetachPrincipalPolicy": {"policyName": "gone", "principal": CERTIFICATE},
    "DetachThingPrincipal": {"thingName": "gone", "principal": CERTIFICATE},
    "RejectCertificateTransfer": {"certificateId": CERTIFICATE_ID},
    "RemoveThingFromBillingGroup": {"billingGroupName": "gone", "thingName": "gone"},
    "RemoveThingFromThingGroup": {"thingGroupName": "gone", "thingName": "gone"},
    "StopThingRegistrationTask": {"taskId": "gone"},
    "UntagResource": {"resourceArn": TAGGED, "tagKeys": ["gone"]},
}

#: Where the list of errors does not decide: DeleteThing's page says that one that does not exist is
#: fine, and a rule that does not exist is one that nobody has access to.
BY_OTHER_WORDS = {"DeleteThing": None, "DeleteTopicRule": "UnauthorizedException"}
MOTOS_TEXT = "The specified resource does not exist"


def call(iot: Any, operation: str, **given: Any) -> Any:
    methods = {api: method for method, api in iot.meta.method_to_api_mapping.items()}
    return getattr(iot, methods[operation])(**given)


def declared_errors(operation: str) -> set[str]:
    return {shape.name for shape in MODEL.operation_model(operation).error_shapes}


def test_no_operation_that_deletes_is_left_out() -> None:
    word = re.compile("Cancel|Delete|Detach|Reject|Remove|Stop|Untag")
    emulated = {
        name
        for name in MODEL.operation_names
        if word.match(name) and emulation_of(name) is not Emulation.REFUSED
    }
    assert emulated == {name for name in GONE if emulation_of(name) is not Emulation.REFUSED}


@pytest.mark.parametrize("operation", GONE)
def test_what_is_gone_is_an_error_only_where_the_page_says_so(iot: Any, operation: str) -> None:
    if emulation_of(operation) is Emulation.REFUSED:
        pytest.skip(f"{operation} is not emulated")
    declares_it = "ResourceNotFoundException" in declared_errors(operation)
    code = BY_OTHER_WORDS.get(operation, "ResourceNotFoundException" if declares_it else None)
    if code is None:
        call(iot, operation, **GONE[operation])
        return
    with pytest.raises(ClientError) as caught:
        call(iot, operation, **GONE[operation])
    error = caught.value.response["Error"]
    assert error["Code"] == code
    assert error["Message"] != MOTOS_TEXT


def made_once(iot: Any, operation: str) -> dict[str, Any]:
    """Make what an operation deletes, and return what to call it with."""
    given = {**GONE[operation]}
    make: dict[str, Callable[[], Any]] = {
        "DeleteBillingGroup": lambda: iot.create_billing_group(billingGroupName="gone"),
        "DeletePackage": lambda: iot.create_package(packageName="gone"),
        "DeletePackageVersion": lambda: (
            iot.create_package(packageName="gone"),
            iot.create_package_version(packageName="gone", versionName="gone"),
        ),
        "DeleteThing": lambda: iot.create_thing(thingName="gone"),
        "DeleteThingGroup": lambda: iot.create_thing_group(thingGroupName="gone"),
        "DeleteV2LoggingLevel": lambda: (
            iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="INFO"),
            iot.set_v2_logging_level(
                logTarget={"targetType": "THING_GROUP", "targetName": "gone"}, logLevel="INFO"
            ),
        ),
    }
    make[operation]()
    return given


@pytest.mark.parametrize(
    "operation",
    [
        "DeleteBillingGroup",
        "DeletePackage",
        "DeletePackageVersion",
        "DeleteThing",
        "DeleteThingGroup",
        "DeleteV2LoggingLevel",
    ],
)
def test_deleting_twice_is_deleting_once(iot: Any, operation: str) -> None:
    given = made_once(iot, operation)
    call(iot, operation, **given)
    call(iot, operation, **given)


def test_detaching_and_removing_twice_is_doing_it_once(iot: Any) -> None:
    iot.create_thing(thingName="bulb")
    iot.create_thing_group(thingGroupName="bulbs")
    iot.create_billing_group(billingGroupName="paid")
    arn = iot.create_keys_and_certificate(setAsActive=True)["certificateArn"]
    iot.create_policy(policyName="all", policyDocument=DOCUMENT)
    iot.attach_policy(policyName="all", target=arn)
    iot.attach_thing_principal(thingName="bulb", principal=arn)
    iot.add_thing_to_thing_group(thingGroupName="bulbs", thingName="bulb")
    iot.add_thing_to_billing_group(billingGroupName="paid", thingName="bulb")
    for _ in range(2):
        iot.detach_policy(policyName="all", target=arn)
        iot.detach_principal_policy(policyName="all", principal=arn)
        iot.detach_thing_principal(thingName="bulb", principal=arn)
        iot.remove_thing_from_thing_group(thingGroupName="bulbs", thingName="bulb")
        iot.remove_thing_from_billing_group(billingGroupName="paid", thingName="bulb")
        iot.untag_resource(
            resourceArn=iot.describe_thing_group(thingGroupName="bulbs")["thingGroupArn"],
            tagKeys=["a"],
        )
    assert iot.list_thing_principals(thingName="bulb")["principals"] == []


def test_a_default_version_is_not_deleted(iot: Any) -> None:
    iot.create_policy(policyName="all", policyDocument=DOCUMENT)
    with pytest.raises(iot.exceptions.InvalidRequestException, match="default version"):
        iot.delete_policy_version(policyName="all", policyVersionId="1")
    with pytest.raises(iot.exceptions.ResourceNotFoundException, match="no version 7; it has 1"):
        iot.delete_policy_version(policyName="all", policyVersionId="7")
    iot.create_provisioning_template(
        templateName="t", templateBody=PLAIN_BODY, provisioningRoleArn=ROLE, enabled=True
    )
    with pytest.raises(ClientError, match="default"):
        iot.delete_provisioning_template_version(templateName="t", versionId=1)
