"""Every list has pages, in process and from the server, whatever is added or removed meanwhile."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import boto3
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from support.servers import serving

from moto_jitp import CertificateAuthority, mock_jitp

MANY = range(7)
ROLE = "arn:aws:iam::123456789012:role/r"
DOCUMENT = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}],
    }
)
TEMPLATE = json.dumps(
    {
        "Parameters": {"AWS::IoT::Certificate::Id": {"Type": "String"}},
        "Resources": {
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {
                    "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
                    "Status": "ACTIVE",
                },
            },
        },
    }
)


class Listing(NamedTuple):
    """An operation that lists, its input in the world below, and the key of its items."""

    operation: str
    given: dict[str, Any]
    items: str
    name: str | None
    newest_first: bool = False


class World(NamedTuple):
    ca_id: str
    certificate_arn: str


def fill(iot: Any, data: Any) -> World:
    """Make seven of everything, and seven attachments of the first to all others."""
    ca = CertificateAuthority(common_name="Acme Root")
    ca.register(iot, template_body=TEMPLATE, role_arn=ROLE)
    certificates = []
    for at in MANY:
        CertificateAuthority(common_name=f"Other {at}").register(
            iot, template_body=TEMPLATE, role_arn=ROLE
        )
        pem = ca.issue(f"c{at}").certificate_pem
        answer = iot.register_certificate(certificatePem=pem, caCertificatePem=ca.certificate_pem)
        certificates.append(answer["certificateArn"])
        iot.create_thing(thingName=f"t{at}")
        iot.create_thing_type(thingTypeName=f"k{at}")
        iot.create_thing_group(thingGroupName=f"g{at}")
        iot.create_billing_group(billingGroupName=f"b{at}")
        iot.create_policy(policyName=f"p{at}", policyDocument=DOCUMENT)
        iot.create_role_alias(roleAlias=f"a{at}", roleArn=ROLE)
        iot.create_domain_configuration(
            domainConfigurationName=f"d{at}", domainName=f"d{at}.example.com", serviceType="DATA"
        )
        iot.create_provisioning_template(
            templateName=f"f{at}", templateBody=TEMPLATE, provisioningRoleArn=ROLE
        )
        iot.create_job_template(
            jobTemplateId=f"jt{at}", description="a job template", document='{"a": 1}'
        )
        iot.create_topic_rule(
            ruleName=f"r{at}", topicRulePayload={"sql": "SELECT * FROM 'a'", "actions": []}
        )
        data.publish(topic=f"m{at}", payload=b"1", retain=True)
    iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="INFO")
    arns = [iot.describe_thing(thingName=f"t{at}")["thingArn"] for at in MANY]
    for at in MANY:
        iot.add_thing_to_thing_group(thingName=f"t{at}", thingGroupName="g0")
        iot.add_thing_to_billing_group(thingName=f"t{at}", billingGroupName="b0")
        if at:
            iot.add_thing_to_thing_group(thingName="t0", thingGroupName=f"g{at}")
        iot.attach_thing_principal(thingName=f"t{at}", principal=certificates[0])
        iot.attach_thing_principal(thingName="t0", principal=certificates[at])
        iot.attach_policy(policyName=f"p{at}", target=certificates[0])
        iot.attach_policy(policyName="p0", target=certificates[at])
        iot.create_job(jobId=f"j{at}", targets=arns, document='{"a": 1}')
        iot.set_v2_logging_level(
            logTarget={"targetType": "CLIENT_ID", "targetName": f"l{at}"}, logLevel="INFO"
        )
        data.update_thing_shadow(
            thingName="t0", shadowName=f"s{at}", payload=b'{"state": {"reported": {"a": 1}}}'
        )
        if at < 4:
            iot.create_provisioning_template_version(templateName="f0", templateBody=TEMPLATE)
    return World(ca.certificate_id, certificates[0])


def listings(world: World) -> list[Listing]:
    principal = {"principal": world.certificate_arn}
    newest_first = True
    return [
        Listing("ListThings", {}, "things", "thingName"),
        Listing("ListThingTypes", {}, "thingTypes", "thingTypeName"),
        Listing("ListThingGroups", {}, "thingGroups", "groupName"),
        Listing("ListThingGroupsForThing", {"thingName": "t0"}, "thingGroups", "groupName"),
        Listing("ListThingsInThingGroup", {"thingGroupName": "g0"}, "things", None),
        Listing("ListBillingGroups", {}, "billingGroups", "groupName"),
        Listing("ListThingsInBillingGroup", {"billingGroupName": "b0"}, "things", None),
        Listing("ListThingPrincipals", {"thingName": "t0"}, "principals", None),
        Listing("ListThingPrincipalsV2", {"thingName": "t0"}, "thingPrincipalObjects", "principal"),
        Listing("ListPrincipalThings", principal, "things", None),
        Listing("ListPrincipalThingsV2", principal, "principalThingObjects", "thingName"),
        Listing("ListPolicies", {}, "policies", "policyName", newest_first),
        Listing(
            "ListAttachedPolicies", {"target": world.certificate_arn}, "policies", "policyName"
        ),
        Listing("ListPrincipalPolicies", principal, "policies", "policyName", newest_first),
        Listing("ListPolicyPrincipals", {"policyName": "p0"}, "principals", None, newest_first),
        Listing("ListTargetsForPolicy", {"policyName": "p0"}, "targets", None),
        Listing("ListCertificates", {}, "certificates", "certificateId", newest_first),
        Listing(
            "ListCertificatesByCA",
            {"caCertificateId": world.ca_id},
            "certificates",
            "certificateId",
            newest_first,
        ),
        Listing("ListCACertificates", {}, "certificates", "certificateId", newest_first),
        Listing("ListRoleAliases", {}, "roleAliases", None, newest_first),
        Listing("ListDomainConfigurations", {}, "domainConfigurations", "domainConfigurationName"),
        Listing("ListProvisioningTemplates", {}, "templates", "templateName"),
        Listing(
            "ListProvisioningTemplateVersions", {"templateName": "f0"}, "versions", "versionId"
        ),
        Listing("ListTopicRules", {}, "rules", "ruleName"),
        Listing("ListJobs", {}, "jobs", "jobId"),
        Listing("ListJobTemplates", {}, "jobTemplates", "jobTemplateId"),
        Listing("ListJobExecutionsForJob", {"jobId": "j0"}, "executionSummaries", "thingArn"),
        Listing("ListJobExecutionsForThing", {"thingName": "t0"}, "executionSummaries", "jobId"),
        Listing("ListV2LoggingLevels", {}, "logTargetConfigurations", "logTarget"),
        Listing("ListRetainedMessages", {}, "retainedTopics", "topic"),
        Listing("ListNamedShadowsForThing", {"thingName": "t0"}, "results", None),
    ]


OF_DATA = ("ListRetainedMessages", "ListNamedShadowsForThing")


class Cloud(NamedTuple):
    iot: Any
    data: Any
    world: World

    def method(self, operation: str) -> Any:
        client = self.data if operation in OF_DATA else self.iot
        methods = {api: name for name, api in client.meta.method_to_api_mapping.items()}
        return getattr(client, methods[operation])

    def page(self, listing: Listing, **page: Any) -> tuple[list[str], str | None]:
        answer = self.method(listing.operation)(**listing.given, **page)
        found = answer[listing.items]
        names = [str(item if listing.name is None else item[listing.name]) for item in found]
        return names, answer.get(tokens_of(listing.operation)[1])

    def walk(self, listing: Listing, size: int, **given: Any) -> list[list[str]]:
        """Return the names on each page."""
        pages, token = [], None
        token_in, _ = tokens_of(listing.operation)
        while True:
            more = {} if token is None else {token_in: token}
            names, token = self.page(listing, **{size_of(listing.operation): size}, **more, **given)
            pages.append(names)
            if token is None:
                return pages
            assert len(pages) < 20, "the listing does not end"


@functools.cache
def members(operation: str) -> set[str]:
    service = "iot-data" if operation in OF_DATA else "iot"
    model = botocore.session.get_session().get_service_model(service)
    return set(model.operation_model(operation).input_shape.members)


def tokens_of(operation: str) -> tuple[str, str]:
    return ("marker", "nextMarker") if "marker" in members(operation) else ("nextToken",) * 2


def size_of(operation: str) -> str:
    return "maxResults" if "maxResults" in members(operation) else "pageSize"


def cloud(session: boto3.Session, url: str | None = None) -> Cloud:
    iot = session.client("iot", endpoint_url=url)
    data = session.client("iot-data", endpoint_url=url)
    return Cloud(iot, data, fill(iot, data))


@pytest.fixture(scope="module")
def in_process() -> Iterator[Cloud]:
    with mock_jitp():
        yield cloud(boto3.Session("testing", "testing", region_name="us-east-1"))


@pytest.fixture(scope="module")
def at_server() -> Iterator[Cloud]:
    with serving() as server:
        session = boto3.Session("testing", "testing", region_name="us-east-1")
        yield cloud(session, server.endpoint_url)


OPERATIONS = [listing.operation for listing in listings(World("", ""))]


def listing_of(cloud: Cloud, operation: str) -> Listing:
    return next(listing for listing in listings(cloud.world) if listing.operation == operation)


def check_pages(cloud: Cloud, operation: str) -> None:
    listing = listing_of(cloud, operation)
    ((*all_names,),) = cloud.walk(listing, 100)
    assert len(all_names) >= 5
    assert len(set(all_names)) == len(all_names)
    pages = cloud.walk(listing, 2)
    assert [name for page in pages for name in page] == all_names
    assert {len(page) for page in pages[:-1]} == {2}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_pages_have_the_size_asked_for_and_hold_everything_once(
    in_process: Cloud, operation: str
) -> None:
    check_pages(in_process, operation)


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_server_gives_the_same_pages(at_server: Cloud, operation: str) -> None:
    check_pages(at_server, operation)


def test_every_operation_that_pages_is_looked_at(in_process: Cloud) -> None:
    model = botocore.session.get_session().get_service_model("iot")
    session = boto3.Session("testing", "testing", region_name="us-east-1")
    raw = session.client("iot", config=Config(parameter_validation=False))
    methods = {api: name for name, api in raw.meta.method_to_api_mapping.items()}
    left_out = set()
    for operation in model.operation_names:
        shape = model.operation_model(operation).input_shape
        if shape is None or not {"nextToken", "marker"} & set(shape.members):
            continue
        in_path = [n for n, m in shape.members.items() if m.serialization.get("location") == "uri"]
        if operation not in OPERATIONS:
            try:
                getattr(raw, methods[operation])(**dict.fromkeys(in_path, "a"))
                left_out.add(operation)
            except ClientError as error:
                if "is not emulated" not in str(error):
                    left_out.add(operation)
    assert left_out <= {
        "ListTagsForResource",  # has no size: 50 tags, which is all there can be, are one page
        "SearchIndex",  # tested with the index
        "ListIndices",  # there are two
        "ListOutgoingCertificates",  # tested with transfers
        "ListPackages",  # tested with software packages
        "ListPackageVersions",
        "ListThingRegistrationTasks",  # tested with bulk registration
        "ListThingRegistrationTaskReports",
    }


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_token_of_another_list_and_an_invented_one_are_refused(
    in_process: Cloud, operation: str
) -> None:
    listing = listing_of(in_process, operation)
    token_in, _ = tokens_of(operation)
    other = "ListThings" if operation != "ListThings" else "ListThingTypes"
    _, foreign = in_process.page(listing_of(in_process, other), maxResults=1)
    for token in (foreign, "MQ==", "eyJhIjogMX0=", "2"):
        with pytest.raises(ClientError) as caught:
            in_process.page(listing, **{token_in: token})
        error = caught.value.response
        assert error["Error"]["Code"] == "InvalidRequestException", token
        assert error["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_token_of_the_same_list_of_another_thing_is_refused(in_process: Cloud) -> None:
    listing = listing_of(in_process, "ListThingsInThingGroup")
    _, token = in_process.page(listing, maxResults=1)
    with pytest.raises(in_process.iot.exceptions.InvalidRequestException):
        in_process.iot.list_things_in_thing_group(thingGroupName="g1", nextToken=token)


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if o not in OF_DATA])
def test_paginators_of_botocore_find_everything(in_process: Cloud, operation: str) -> None:
    listing = listing_of(in_process, operation)
    methods = {api: name for name, api in in_process.iot.meta.method_to_api_mapping.items()}
    if not in_process.iot.can_paginate(methods[operation]):
        pytest.skip("botocore has no paginator for it")
    paginator = in_process.iot.get_paginator(methods[operation])
    pages = paginator.paginate(**listing.given, PaginationConfig={"PageSize": 3})
    found = [item for page in pages for item in page[listing.items]]
    ((*all_names,),) = in_process.walk(listing, 100)
    assert len(found) == len(all_names)


def with_order() -> list[str]:
    return [operation for operation in OPERATIONS if "ascendingOrder" in members(operation)]


@pytest.mark.parametrize("operation", with_order())
def test_the_order_of_creation_can_be_had_both_ways(in_process: Cloud, operation: str) -> None:
    listing = listing_of(in_process, operation)
    ((*newest,),) = in_process.walk(listing, 100)
    pages = in_process.walk(listing, 2, ascendingOrder=True)
    assert [name for page in pages for name in page] == newest[::-1]


@pytest.mark.parametrize("operation", ["ListThings", "ListThingTypes", "ListPolicies"])
def test_without_an_order_to_choose_the_oldest_or_as_aws_says_the_newest_comes_first(
    in_process: Cloud, operation: str
) -> None:
    listing = listing_of(in_process, operation)
    ((*names,),) = in_process.walk(listing, 100)
    assert names == sorted(names, reverse=listing.newest_first)
