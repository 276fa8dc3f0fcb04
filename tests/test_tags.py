"""Tags of IoT resources through boto3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.bodies import PLAIN_BODY, ROLE
from support.cloud import ACCOUNT, client, refused

from moto_jitp import CertificateAuthority

TAG = {"Key": "line", "Value": "bulbs"}
MORE = {"Key": "site", "Value": "Seoul"}
POLICY = (
    '{"Version": "2012-10-17", '
    '"Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}'
)
Make = Callable[[Any, "list[dict[str, str]]"], str]


def ca_certificate(iot: Any, tags: list[dict[str, str]]) -> str:
    ca = CertificateAuthority()
    answer = iot.register_ca_certificate(
        caCertificate=ca.certificate_pem, certificateMode="SNI_ONLY", tags=tags
    )
    return str(answer["certificateArn"])


def template(iot: Any, tags: list[dict[str, str]]) -> str:
    answer = iot.create_provisioning_template(
        templateName="t", templateBody=PLAIN_BODY, provisioningRoleArn=ROLE, tags=tags
    )
    return str(answer["templateArn"])


def thing_type(iot: Any, tags: list[dict[str, str]]) -> str:
    return str(iot.create_thing_type(thingTypeName="t", tags=tags)["thingTypeArn"])


def thing_group(iot: Any, tags: list[dict[str, str]]) -> str:
    return str(iot.create_thing_group(thingGroupName="g", tags=tags)["thingGroupArn"])


def billing_group(iot: Any, tags: list[dict[str, str]]) -> str:
    return str(iot.create_billing_group(billingGroupName="b", tags=tags)["billingGroupArn"])


def policy(iot: Any, tags: list[dict[str, str]]) -> str:
    answer = iot.create_policy(policyName="p", policyDocument=POLICY, tags=tags)
    return str(answer["policyArn"])


def role_alias(iot: Any, tags: list[dict[str, str]]) -> str:
    answer = iot.create_role_alias(roleAlias="r", roleArn=ROLE, tags=tags)
    return str(answer["roleAliasArn"])


def domain_configuration(iot: Any, tags: list[dict[str, str]]) -> str:
    answer = iot.create_domain_configuration(domainConfigurationName="d", tags=tags)
    return str(answer["domainConfigurationArn"])


def job(iot: Any, tags: list[dict[str, str]]) -> str:
    thing = iot.create_thing(thingName="bulb")["thingArn"]
    answer = iot.create_job(jobId="j", targets=[thing], document="{}", tags=tags)
    return str(answer["jobArn"])


def job_template(iot: Any, tags: list[dict[str, str]]) -> str:
    answer = iot.create_job_template(jobTemplateId="jt", description="J", document="{}", tags=tags)
    return str(answer["jobTemplateArn"])


KINDS = [
    ca_certificate,
    template,
    thing_type,
    thing_group,
    billing_group,
    policy,
    role_alias,
    domain_configuration,
    job,
    job_template,
]
DELETED: dict[Make, Callable[[Any], object]] = {
    thing_group: lambda iot: iot.delete_thing_group(thingGroupName="g"),
    billing_group: lambda iot: iot.delete_billing_group(billingGroupName="b"),
    policy: lambda iot: iot.delete_policy(policyName="p"),
    role_alias: lambda iot: iot.delete_role_alias(roleAlias="r"),
    template: lambda iot: iot.delete_provisioning_template(templateName="t"),
    job: lambda iot: iot.delete_job(jobId="j", force=True),
    job_template: lambda iot: iot.delete_job_template(jobTemplateId="jt"),
}


def tags_of(iot: Any, arn: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = iot.list_tags_for_resource(resourceArn=arn)["tags"]
    return found


@pytest.mark.parametrize("make", KINDS)
def test_tags_given_at_the_creation_are_listed(iot: Any, make: Make) -> None:
    assert tags_of(iot, make(iot, [TAG, MORE])) == [TAG, MORE]


@pytest.mark.parametrize("make", KINDS)
def test_tags_are_added_changed_and_removed(iot: Any, make: Make) -> None:
    arn = make(iot, [TAG])
    iot.tag_resource(resourceArn=arn, tags=[MORE, {"Key": "line", "Value": "plugs"}])
    assert tags_of(iot, arn) == [{"Key": "line", "Value": "plugs"}, MORE]
    iot.untag_resource(resourceArn=arn, tagKeys=["line", "never-there"])
    assert tags_of(iot, arn) == [MORE]


def test_a_resource_that_is_created_again_does_not_inherit_tags(iot: Any) -> None:
    thing_group(iot, [TAG])
    iot.delete_thing_group(thingGroupName="g")
    assert tags_of(iot, thing_group(iot, [])) == []


@pytest.mark.parametrize("make", DELETED)
def test_tags_are_deleted_with_their_resource(iot: Any, make: Make) -> None:
    arn = make(iot, [TAG])
    DELETED[make](iot)
    with refused("ResourceNotFoundException", 404, f"No resource with the ARN {arn} "):
        tags_of(iot, arn)
    assert tags_of(iot, make(iot, [])) == []


def test_a_creation_that_is_repeated_leaves_the_tags(iot: Any) -> None:
    arn = thing_type(iot, [TAG])
    assert thing_type(iot, [MORE]) == arn
    assert tags_of(iot, arn) == [TAG]


def test_a_refused_creation_leaves_the_tags_of_what_exists(iot: Any) -> None:
    arn = template(iot, [TAG])
    with refused("ResourceAlreadyExistsException", 409, ""):
        template(iot, [MORE])
    assert tags_of(iot, arn) == [TAG]


@pytest.mark.parametrize(
    "arn",
    [
        f"arn:aws:iot:us-east-1:{ACCOUNT}:cacert/{'0' * 64}",
        f"arn:aws:iot:us-east-1:{ACCOUNT}:provisioningtemplate/none",
        f"arn:aws:iot:us-east-1:{ACCOUNT}:thinggroup/none",
        "no ARN",
    ],
)
def test_only_what_exists_has_tags(iot: Any, arn: str) -> None:
    text = f"No resource with the ARN {arn} "
    with refused("ResourceNotFoundException", 404, text):
        iot.list_tags_for_resource(resourceArn=arn)
    with refused("ResourceNotFoundException", 404, text):
        iot.tag_resource(resourceArn=arn, tags=[TAG])
    with refused("ResourceNotFoundException", 404, text):
        iot.untag_resource(resourceArn=arn, tagKeys=["line"])


def test_things_have_no_tags(iot: Any) -> None:
    arn = iot.create_thing(thingName="bulb-1")["thingArn"]
    with refused("ResourceNotFoundException", 404, f"No resource with the ARN {arn} "):
        iot.tag_resource(resourceArn=arn, tags=[TAG])


def test_a_resource_of_another_region_is_not_found(iot: Any) -> None:
    arn = template(client("eu-west-1"), [TAG])
    template(iot, [])
    with refused("ResourceNotFoundException", 404, f"No resource with the ARN {arn} "):
        iot.list_tags_for_resource(resourceArn=arn)


def test_a_resource_has_at_most_50_tags(iot: Any) -> None:
    fifty = [{"Key": f"k{number}", "Value": "v"} for number in range(50)]
    arn = template(iot, fifty)
    iot.tag_resource(resourceArn=arn, tags=fifty)
    with refused("LimitExceededException", 410, "A resource can have at most 50 tags"):
        iot.tag_resource(resourceArn=arn, tags=[TAG])
    iot.delete_provisioning_template(templateName="t")
    with refused("LimitExceededException", 410, "A resource can have at most 50 tags"):
        template(iot, [*fifty, TAG])
    assert iot.list_provisioning_templates()["templates"] == []
    with refused("LimitExceededException", 410, "A resource can have at most 50 tags"):
        ca_certificate(iot, [*fifty, TAG])
    assert iot.list_ca_certificates()["certificates"] == []


def test_a_key_has_at_most_128_characters(iot: Any) -> None:
    arn = template(iot, [{"Key": "k" * 128, "Value": "v"}])
    with refused("InvalidRequestException", 400, "1 validation error detected: "):
        iot.tag_resource(resourceArn=arn, tags=[{"Key": "k" * 129, "Value": "v"}])
