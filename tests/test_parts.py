"""Each part of the backend works on moto's own tables, with only the parts that it needs."""

from __future__ import annotations

import json

import pytest
from moto.iot.models import IoTBackend

from moto_jitp import CertificateAuthority, mock_jitp
from moto_jitp.iot.account.endpoints import Endpoints
from moto_jitp.iot.account.logging_options import LoggingOptions
from moto_jitp.iot.certificates.ca_certificate import issuers_of
from moto_jitp.iot.certificates.ca_certificates import CaCertificates
from moto_jitp.iot.certificates.device_certificates import DeviceCertificates
from moto_jitp.iot.exceptions import (
    CertificateState,
    InvalidRequest,
    IoTError,
    LimitExceeded,
    ResourceNotFound,
    ResourceRegistrationFailure,
)
from moto_jitp.iot.permissions.policies import IotPolicies
from moto_jitp.iot.permissions.provisioning_role import ProvisioningRoles
from moto_jitp.iot.provisioning.deferred_runs import DeferredRuns
from moto_jitp.iot.provisioning.provisioning_templates import ProvisioningTemplates
from moto_jitp.iot.provisioning.template_execution import RunParts
from moto_jitp.iot.provisioning.thing_registration import ThingRegistration
from moto_jitp.iot.provisioning.thing_steps import ThingParts
from moto_jitp.iot.registry.memberships import Memberships
from moto_jitp.iot.registry.registry import Registry
from moto_jitp.iot.registry.tags import Tags
from moto_jitp.iot.registry.thing_principals import EXCLUSIVE, ThingPrincipals
from moto_jitp.iot.registry.things import Things
from moto_jitp.iot.software.software_packages import SoftwarePackages
from moto_jitp.templates import TemplateSource

ROLE = "arn:aws:iam::123456789012:role/provisioning"
OTHER_ROLE = "arn:aws:iam::123456789012:role/other"
DOCUMENT = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}],
    }
)
BODY = json.dumps(
    {
        "Parameters": {"AWS::IoT::Certificate::Id": {"Type": "String"}},
        "Resources": {
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {
                    "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
                    "Status": "ACTIVE",
                },
            }
        },
    }
)


@pytest.fixture
def registry() -> Registry:
    """Indexes on the tables of a backend of plain moto."""
    return Registry(IoTBackend("us-east-1", "123456789012"))


@pytest.fixture
def tags(registry: Registry) -> Tags:
    return Tags(registry)


@pytest.fixture
def templates(registry: Registry, tags: Tags) -> ProvisioningTemplates:
    return ProvisioningTemplates(registry, tags, ProvisioningRoles(registry, tags))


@pytest.fixture
def acme() -> CertificateAuthority:
    return CertificateAuthority(common_name="Acme Root")


def test_the_registry_finds_what_moto_has_made(registry: Registry) -> None:
    registry.moto.create_thing("bulb", None, None)
    assert registry.describe_thing("bulb").arn == registry.arn("thing/bulb")
    assert registry.find_thing("lamp") is None


def test_endpoints_know_their_own_names(registry: Registry) -> None:
    endpoints = Endpoints(registry)
    assert endpoints.serves(endpoints.address())
    assert not endpoints.serves("elsewhere.example")


def test_tags_are_kept_for_kinds_that_have_been_added(registry: Registry, tags: Tags) -> None:
    tags.add_kind("cacert", {"one": object()}.get)
    tags.check_taggable(registry.arn("cacert/one"))
    with pytest.raises(ResourceNotFound):
        tags.check_taggable(registry.arn("cacert/two"))


def test_a_resource_with_too_many_tags_is_not_created(registry: Registry, tags: Tags) -> None:
    created: list[str] = []
    many = [{"Key": str(number)} for number in range(51)]
    with pytest.raises(LimitExceeded):
        tags.create_with(registry.arn("policy/p"), many, lambda: created.append("p"))
    assert not created


def test_policies_are_attached_and_found(registry: Registry, tags: Tags) -> None:
    policies = IotPolicies(registry, tags)
    _, arn, _ = registry.moto.create_thing_group("lamps", "", {})
    policies.create_policy("p", DOCUMENT)
    policies.attach_policy("p", arn)
    assert [policy.name for policy in policies.effective_policies(arn, None)] == ["p"]


def test_an_exclusive_thing_is_exclusive(registry: Registry, acme: CertificateAuthority) -> None:
    principals, certificates = ThingPrincipals(registry), DeviceCertificates(registry)
    for name in ("bulb", "lamp"):
        registry.moto.create_thing(name, None, None)
    pem = acme.issue(common_name="bulb").certificate_pem
    with mock_jitp():
        arn = certificates.register_certificate_without_ca(pem, "ACTIVE").arn
        principals.attach_thing_principal("bulb", arn, EXCLUSIVE)
        with pytest.raises(InvalidRequest, match="exclusively"):
            principals.attach_thing_principal("lamp", arn)
    assert principals.is_attached_as(EXCLUSIVE, "bulb", arn)


def test_a_ca_asks_whoever_it_was_given_whether_its_template_is_right(
    registry: Registry, tags: Tags, acme: CertificateAuthority
) -> None:
    asked: list[TemplateSource] = []
    cas = CaCertificates(registry, tags, ProvisioningRoles(registry, tags), asked.append)
    with mock_jitp():
        ca = cas.register_ca_certificate(
            acme.certificate_pem, True, {"templateName": "bulbs"}, certificate_mode="SNI_ONLY"
        )
    assert asked == [TemplateSource("bulbs")] == [ca.template_source]
    assert issuers_of(registry, acme.issue(common_name="bulb").presented) == [ca]


def test_a_source_is_resolved_to_the_stored_template_and_its_role(
    templates: ProvisioningTemplates,
) -> None:
    source = TemplateSource("bulbs")
    before = templates.resolve(source)
    assert isinstance(before.problem, IoTError)
    assert (before.body, before.role_arn) == (None, None)
    templates.create_provisioning_template("bulbs", BODY, ROLE, template_type="JITP")
    after = templates.resolve(source)
    assert (after.body, after.role_arn, after.problem) == (BODY, ROLE, None)
    assert after.resource == "provisioningtemplate/bulbs"
    # A role named by the CA certificate takes precedence over the template's own.
    assert templates.resolve(TemplateSource("bulbs", None, OTHER_ROLE)).role_arn == OTHER_ROLE


def test_a_source_with_a_body_needs_no_stored_template(templates: ProvisioningTemplates) -> None:
    resolved = templates.resolve(TemplateSource(None, BODY, ROLE))
    assert (resolved.body, resolved.role_arn, resolved.resource) == (BODY, ROLE, "templateBody")


def test_a_run_gives_no_certificate_a_status_that_the_operation_refuses(
    registry: Registry, tags: Tags, templates: ProvisioningTemplates, acme: CertificateAuthority
) -> None:
    certificates, roles = DeviceCertificates(registry), ProvisioningRoles(registry, tags)
    principals, policies = ThingPrincipals(registry), IotPolicies(registry, tags)
    on_things = ThingParts(
        Things(registry),
        Memberships(registry),
        SoftwarePackages(registry, tags),
    )
    run_parts = RunParts(registry, certificates, principals, policies, roles, on_things)
    registration = ThingRegistration(run_parts, templates, DeferredRuns(registry))
    with mock_jitp():
        pem = acme.issue(common_name="bulb").certificate_pem
        certificate = certificates.register_certificate_without_ca(pem, "INACTIVE")
        certificate.set_status("PENDING_TRANSFER")
        with pytest.raises(CertificateState) as by_operation:
            certificates.update_certificate(certificate.certificate_id, "ACTIVE")
        given = {"AWS::IoT::Certificate::Id": certificate.certificate_id}
        with pytest.raises(ResourceRegistrationFailure) as by_run:
            registration.register_thing(BODY, given)
    assert str(by_run.value.message).endswith(str(by_operation.value.message))


def test_logging_is_off_until_it_is_set(registry: Registry) -> None:
    logging = LoggingOptions(ThingPrincipals(registry))
    assert not logging.is_logging
    logging.set_logging_options(ROLE, "INFO")
    assert logging.is_logging
