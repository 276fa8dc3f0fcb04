"""Real templates from public repositories: they parse, or are refused for a reason given here.

The bodies are not part of the project. MOTO_JITP_CORPUS names the folder that holds them.
"""

import functools
import json
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from moto_jitp.templates import (
    CERTIFICATE_PARAMETERS,
    ProvisioningPlan,
    Template,
    TemplateError,
    lint,
    parse_template,
)

CORPUS = Path(
    os.environ.get("MOTO_JITP_CORPUS")
    or Path(__file__).resolve().parents[1].parent / "shared" / "corpus"
)
TEMPLATES = CORPUS / "templates"

pytestmark = pytest.mark.skipif(
    not TEMPLATES.is_dir(),
    reason=f"no corpus of real templates at {CORPUS}; set MOTO_JITP_CORPUS to its folder",
)

PREFIX = "AWS::IoT::Certificate::"
SERIAL_NUMBER = "4711"
CERTIFICATE_ID = "5d" * 32
VALUES = {
    PREFIX + "CommonName": "dev-001",
    PREFIX + "Country": "US",
    PREFIX + "Organization": "AcmeCo",
    PREFIX + "OrganizationalUnit": "Unit1",
    PREFIX + "StateName": "Texas",
    PREFIX + "DistinguishedNameQualifier": "DQ1",
    PREFIX + "SerialNumber": SERIAL_NUMBER,
    PREFIX + "Id": CERTIFICATE_ID,
}

NO_CERTIFICATE = "Template must have certificate resource."
NO_FORM = "CertificateId must contain a reference to AWS::IoT::Certificate::Id"
NO_POLICY = "Neither policyName nor policyDocument is present in the Template."
UNDECLARED = "Cannot resolve reference value: "

# What the corpus leaves open ("UNSURE"), and how AWS's documentation decides it.
DECIDED = {
    "010": ("REFUSED", "no certificate resource, which every provisioning template must have"),
    "026": ("ACTIVE", "AWS accepts AWS::IoT::Certificate::Id without a declaration"),
    "028": ("PENDING_ACTIVATION", "${…} outside Fn::Sub is text, and no possible type name"),
    "034": ("PENDING_ACTIVATION", "${…} outside Fn::Sub is text, and no possible policy name"),
    "035": ("INACTIVE", "the run succeeds and leaves the certificate as the template says"),
    "046": ("REFUSED", "the certificate id is not a reference to AWS::IoT::Certificate::Id"),
    "047": ("REFUSED", "no certificate resource: it is beside Resources"),
}

# Bodies for fleet provisioning and RegisterThing that are refused when they are registered.
REFUSED = {
    "049": "Fn::GetAtt is not a function of provisioning templates.",
    "059": NO_POLICY,  # its PolicyName is empty, to be filled in by a script
    "070": UNDECLARED + "{Ref=SerialNumber}",
    "071": UNDECLARED + "{Ref=SerialNumber}",
    "094": NO_POLICY,
    "095": NO_POLICY,
    "118": NO_CERTIFICATE,
    "121": UNDECLARED + "{Ref=ThingName}",  # an excerpt: the documentation leaves Parameters out
    "127": NO_FORM,  # a certificate with a Status and nothing else
    "128": NO_CERTIFICATE,
    "133": NO_CERTIFICATE,
    "134": NO_CERTIFICATE,
}


@functools.lru_cache(maxsize=1)
def expectations() -> dict[str, Any]:
    text = (TEMPLATES / "EXPECT_JITP.json").read_text(encoding="utf-8")
    templates: dict[str, Any] = json.loads(text)["templates"]
    return templates


def numbers(*kinds: str, without: Collection[str] = ()) -> list[str]:
    """The numbers of the bodies of some kinds, from the index's table."""
    if not TEMPLATES.is_dir():
        return ["absent"]  # one case, which is skipped with its reason
    index = (TEMPLATES / "INDEX.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d{3}) \| (\w+) \|", index, re.MULTILINE)
    return [
        number
        for number, kind in rows
        if kind in kinds and number not in without and body_file(number).is_file()
    ]


def body_file(number: str) -> Path:
    return TEMPLATES / f"{number}.json"


def body(number: str) -> str:
    """A body with its <placeholders> filled in, as the corpus says."""
    text = body_file(number).read_text(encoding="utf-8")

    def filled(match: re.Match[str]) -> str:
        word = match.group(1).removeprefix("EXPR:")
        return "ph-" + re.sub(r"[^A-Za-z0-9]+", "-", word).strip("-")

    return re.sub(r"<([^<>\s]+)>", filled, text)


def registered(number: str) -> Template:
    parsed = parse_template(body(number))
    parsed.check_for_jit()
    return parsed


def as_written(plan: ProvisioningPlan) -> dict[str, Any]:
    """A plan in the corpus's form: resources with their properties filled in."""
    certificate = plan.certificate
    result: dict[str, Any] = {
        certificate.logical_name: {
            "CertificateId": certificate.certificate_id,
            "Status": certificate.status,
        }
    }
    if plan.thing is not None:
        thing = plan.thing
        properties = {
            "ThingName": thing.name,
            "AttributePayload": thing.attributes,
            "ThingTypeName": thing.thing_type,
            "ThingGroups": list(thing.groups),
            "BillingGroup": thing.billing_group,
        }
        result[thing.logical_name] = {key: value for key, value in properties.items() if value}
    for policy in plan.policies:
        result[policy.logical_name] = (
            {"PolicyName": policy.name} if policy.name else {"PolicyDocument": policy.document}
        )
    return result


def as_expected(resources: dict[str, Any]) -> dict[str, Any]:
    """The corpus's resources in the same form."""
    text = json.dumps(resources)
    text = text.replace("{{CERT_ID}}", CERTIFICATE_ID).replace("{{X509_SERIAL}}", SERIAL_NUMBER)
    result: dict[str, Any] = {}
    for name, resource in json.loads(text).items():
        properties = {key: value for key, value in resource["Properties"].items() if value}
        if isinstance(properties.get("ThingGroups"), str):
            # One name as a plain string: real templates have it, and it is accepted.
            properties["ThingGroups"] = [properties["ThingGroups"]]
        if resource["Type"] == "AWS::IoT::Certificate":
            properties["Status"] = properties.get("Status", "ACTIVE").upper()
        result[name] = properties
    return result


@pytest.mark.parametrize("number", numbers("JITP"))
def test_a_real_jitp_template_does_what_the_corpus_expects(number: str) -> None:
    expected = expectations()[number]
    outcome, reason = DECIDED.get(number, (expected["outcome"], ""))

    if outcome == "REFUSED":
        with pytest.raises(TemplateError):
            registered(number)
        return
    parsed = registered(number)
    wanted = set(parsed.wanted) & set(CERTIFICATE_PARAMETERS) - {PREFIX + "Id"}
    assert wanted == set(expected["required"])
    if outcome == "PENDING_ACTIVATION":
        if not parsed.missing(VALUES):
            with pytest.raises(TemplateError):
                parsed.resolve(VALUES)
        return
    assert not parsed.missing(VALUES)
    plan = parsed.resolve(VALUES)
    assert plan.certificate.status == outcome, reason
    assert as_written(plan) == as_expected(expected["resources"])


@pytest.mark.parametrize("number", numbers("JITP", without=DECIDED))
def test_a_device_without_a_declared_field_does_not_pass(number: str) -> None:
    parsed = registered(number)

    for name in expectations()[number]["required"]:
        values = {key: value for key, value in VALUES.items() if key != name}
        # The corpus also lists what has a Default, which then takes the field's place.
        default = parsed.parameters[name].default
        assert (name in parsed.missing(values)) is (default is None)


@pytest.mark.parametrize("number", numbers("FLEET", "REGISTER_THING"))
def test_a_real_template_of_another_kind_parses_or_is_refused_for_its_reason(number: str) -> None:
    if number in REFUSED:
        with pytest.raises(TemplateError) as caught:
            parse_template(body(number))
        assert caught.value.reason == REFUSED[number]
    else:
        parse_template(body(number))


@pytest.mark.parametrize("number", numbers("FLEET", without=REFUSED))
def test_a_real_fleet_template_can_be_created(number: str) -> None:
    parsed = registered(number)

    parsed.check_certificate_status()


@pytest.mark.parametrize("number", numbers("FLEET", "REGISTER_THING", without=REFUSED))
def test_a_real_template_resolves_with_a_value_for_every_parameter(number: str) -> None:
    parsed = parse_template(body(number))
    # The one name that selects a row in all of their Mappings.
    values = dict.fromkeys(parsed.wanted, "Seattle")
    findings = lint(parsed.body)
    # Placeholders that no device can replace: the linter says so beforehand.
    hopeless = {finding.place for finding in findings if finding.severity == "error"}

    if hopeless:
        with pytest.raises(TemplateError) as caught:
            parsed.resolve(values)
        assert caught.value.place in hopeless
    else:
        thing = parsed.resolve(values).thing
        assert thing is None or "Seattle" in thing.name


@pytest.mark.parametrize("number", numbers("JITP", "FLEET", "REGISTER_THING"))
def test_the_linter_finds_what_the_parser_refuses_in_real_templates(number: str) -> None:
    try:
        parse_template(body(number))
    except TemplateError:
        assert any(finding.severity == "error" for finding in lint(body(number)))
    else:
        assert all(finding.rule != "template-structure" for finding in lint(body(number)))
