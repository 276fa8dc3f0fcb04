"""``render`` previews a template for a device without any mock."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from support.bodies import GUIDE_BODY, PLAIN_BODY, body

from moto_jitp import CertificateAuthority, CertificateError, TemplateError, render

CA = CertificateAuthority(common_name="Acme Root")
PREFIX = "AWS::IoT::Certificate::"
BULB = CA.issue(common_name="bulb-1", country="KR", serial_number="42")


@pytest.mark.parametrize("presented", [BULB, BULB.certificate_pem, BULB.chain_pem.encode()])
def test_a_device_is_rendered_from_its_certificate(presented: object) -> None:
    plan = render(GUIDE_BODY, presented)  # type: ignore[arg-type]
    assert plan.thing is not None
    assert plan.thing.name == "bulb-1"
    assert plan.thing.attributes == {"version": "v1", "serialNumber": "42"}
    assert plan.thing.thing_type == "lightBulb-versionA"
    assert list(plan.thing.groups) == ["v1-lightbulbs", "KR"]
    assert plan.certificate.certificate_id == BULB.certificate_id
    assert plan.certificate.status == "ACTIVE"
    (policy,) = plan.policies
    assert policy.document is not None
    assert "iot:Publish" in policy.document


def test_parameters_alone_are_enough() -> None:
    parameters = {PREFIX + "CommonName": "bulb-9", PREFIX + "Id": "0" * 64}
    plan = render(PLAIN_BODY, parameters)
    assert plan.thing is not None
    assert plan.thing.name == "bulb-9"
    assert plan.certificate.certificate_id == "0" * 64


def test_parameters_render_what_just_in_time_provisioning_does_not_take() -> None:
    csr = {
        "Type": "AWS::IoT::Certificate",
        "Properties": {"CertificateSigningRequest": {"Ref": "CSR"}, "Status": "ACTIVE"},
    }
    template = json.loads(body(certificate=csr)) | {"Parameters": {"CSR": {"Type": "String"}}}
    assert render(json.dumps(template), {"CSR": "text"}).certificate.certificate_id is None
    with pytest.raises(TemplateError, match=r"AWS::IoT::Certificate::Id"):
        render(json.dumps(template), BULB)


def test_what_a_certificate_lacks_is_named_with_what_it_provides() -> None:
    device = CA.issue(common_name="bulb-1")
    with pytest.raises(TemplateError) as info:
        render(GUIDE_BODY, device)
    text = str(info.value)
    assert "Cannot resolve reference value: {Ref=AWS::IoT::Certificate::Country}" in text
    assert "at: Parameters.AWS::IoT::Certificate::Country" in text
    assert PREFIX + "CommonName" in text


def test_what_the_parameters_lack_is_named() -> None:
    with pytest.raises(TemplateError, match=r"\{Ref=AWS::IoT::Certificate::CommonName\}"):
        render(PLAIN_BODY, {PREFIX + "Id": "0" * 64})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("CommonName", f"CommonName does not mean {PREFIX}CommonName here"),
        ("CN", f"CN does not mean {PREFIX}CommonName here"),
        ("ComonName", "ComonName is near it."),
        ("Colour", "Pass the parameter, or give it a Default. Given: Colour, "),
    ],
)
def test_parameters_that_are_not_enough_are_told_apart_from_a_certificate(
    given: str, words: str
) -> None:
    with pytest.raises(TemplateError) as info:
        render(PLAIN_BODY, {given: "bulb-9", PREFIX + "Id": "0" * 64})
    text = str(info.value)
    assert f"{{Ref={PREFIX}CommonName}}" in text
    assert words in text
    assert "The certificate gives" not in text


def test_a_parameter_of_nearly_the_right_name_is_pointed_out() -> None:
    template = json.loads(PLAIN_BODY) | {"Parameters": {"Room": {"Type": "String"}}}
    template["Resources"]["thing"]["Properties"]["ThingName"] = {"Ref": "Room"}
    with pytest.raises(TemplateError, match="Rooms is near it"):
        render(template, {"Rooms": "kitchen", PREFIX + "Id": "0" * 64})


def test_a_template_can_be_rendered_from_an_object_too() -> None:
    assert render(json.loads(GUIDE_BODY), BULB) == render(GUIDE_BODY, BULB)
    with pytest.raises(TemplateError, match="must have certificate resource"):
        render({"Resources": {}}, BULB)


def test_a_value_that_is_not_text_is_refused_by_name() -> None:
    parameters = {PREFIX + "CommonName": 9, PREFIX + "Id": "0" * 64}
    with pytest.raises(TypeError, match="CommonName is int: 9"):
        render(PLAIN_BODY, parameters)  # type: ignore[arg-type]


def test_without_a_device_the_id_is_a_parameter_like_the_others() -> None:
    with pytest.raises(TemplateError, match="deliver it among the parameters"):
        render(PLAIN_BODY, {PREFIX + "CommonName": "bulb-9"})


@pytest.mark.parametrize("wrong", ["", "[]", "{", "{}", '{"Resources": []}'])
def test_a_body_that_is_not_a_template_is_refused(wrong: str) -> None:
    with pytest.raises(TemplateError):
        render(wrong, BULB)


def test_text_that_is_not_a_certificate_is_refused() -> None:
    with pytest.raises(CertificateError, match="Expected a PEM certificate"):
        render(PLAIN_BODY, "bulb-1")


def test_rendering_imports_no_moto() -> None:
    program = (
        "import sys, moto_jitp, moto_jitp.templates\n"
        "device = moto_jitp.CertificateAuthority().issue(common_name='bulb-1')\n"
        f"plan = moto_jitp.render({PLAIN_BODY!r}, device)\n"
        "assert plan.thing.name == 'bulb-1'\n"
        "assert not {'moto', 'boto3', 'botocore'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
