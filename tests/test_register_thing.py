"""RegisterThing executes a template with the parameters that the caller provides."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from support.bodies import GUIDE_BODY, PLAIN_BODY
from support.cloud import ACCOUNT, client_of, refused

from moto_jitp import CertificateAuthority, DeviceIdentity

ARN = f"arn:aws:iot:us-east-1:{ACCOUNT}:"
PREFIX = "AWS::IoT::Certificate::"
INVALID = "Invalid registration template. "
TERMINATED = "Register thing workflow execution terminates due to: "
DOCUMENT = (
    '{"Version":"2012-10-17",'
    '"Statement":[{"Effect":"Allow","Action":"iot:Publish","Resource":"*"}]}'
)


@pytest.fixture
def bulb(iot: Any) -> DeviceIdentity:
    """A device whose certificate is registered and INACTIVE."""
    ca = CertificateAuthority(common_name="Acme Root")
    ca.register(iot)
    bulb = ca.issue(common_name="bulb-1")
    iot.register_certificate(certificatePem=bulb.certificate_pem)
    return bulb


def template(
    thing: dict[str, Any] | None = None,
    *,
    overrides: dict[str, str] | None = None,
    certificate: dict[str, Any] | None = None,
    certificate_overrides: dict[str, str] | None = None,
    **policies: dict[str, Any],
) -> str:
    """A body with the thing bulb-1 and the certificate whose id is the parameter ``id``."""
    resources: dict[str, Any] = {
        "certificate": {
            "Type": "AWS::IoT::Certificate",
            "Properties": certificate or {"CertificateId": {"Ref": "id"}},
            "OverrideSettings": certificate_overrides,
        },
    }
    if thing is not None:
        resources["thing"] = {
            "Type": "AWS::IoT::Thing",
            "Properties": {"ThingName": "bulb-1", **thing},
            "OverrideSettings": overrides,
        }
    for name, properties in policies.items():
        resources[name] = {"Type": "AWS::IoT::Policy", "Properties": properties}
    declared = {name: {"Type": "String"} for name in ("id", "pem", "ca", "csr", "unused")}
    return json.dumps({"Parameters": declared, "Resources": resources})


def run(iot: Any, body: str, **parameters: str) -> dict[str, Any]:
    answer: dict[str, Any] = iot.register_thing(templateBody=body, parameters=parameters)
    answer.pop("ResponseMetadata")
    return answer


def status(iot: Any, certificate_id: str) -> str:
    answer = iot.describe_certificate(certificateId=certificate_id)
    return str(answer["certificateDescription"]["status"])


def groups_of(iot: Any, thing: str = "bulb-1") -> list[str]:
    answer = iot.list_thing_groups_for_thing(thingName=thing)
    return [group["groupName"] for group in answer["thingGroups"]]


def make_groups(iot: Any, *names: str) -> None:
    for name in names:
        iot.create_thing_group(thingGroupName=name)


class TestWhatItDoes:
    def test_thing_policy_and_certificate_are_created_and_attached(
        self, iot: Any, bulb: DeviceIdentity
    ) -> None:
        iot.create_thing_type(thingTypeName="lightbulb")
        make_groups(iot, "v1", "kr")
        iot.create_billing_group(billingGroupName="seoul")
        answer = run(
            iot,
            template(
                {
                    "AttributePayload": {"version": "v1"},
                    "ThingTypeName": "lightbulb",
                    "ThingGroups": ["v1", "kr"],
                    "BillingGroup": "seoul",
                },
                policy={"PolicyDocument": DOCUMENT},
            ),
            id=bulb.certificate_id,
        )
        policy = hashlib.sha1(DOCUMENT.encode()).hexdigest().upper()
        assert answer == {
            "certificatePem": bulb.certificate_pem,
            "resourceArns": {
                "certificate": f"{ARN}cert/{bulb.certificate_id}",
                "thing": f"{ARN}thing/bulb-1",
                "policy": f"{ARN}policy/{policy}",
            },
        }
        thing = iot.describe_thing(thingName="bulb-1")
        assert thing["attributes"] == {"version": "v1"}
        assert thing["thingTypeName"] == "lightbulb"
        assert thing["billingGroupName"] == "seoul"
        assert sorted(groups_of(iot)) == ["kr", "v1"]
        arn = answer["resourceArns"]["certificate"]
        assert iot.list_thing_principals(thingName="bulb-1")["principals"] == [arn]
        attached = iot.list_attached_policies(target=arn)["policies"]
        assert [p["policyName"] for p in attached] == [policy]
        assert iot.get_policy(policyName=policy)["policyDocument"] == DOCUMENT
        assert status(iot, bulb.certificate_id) == "ACTIVE"

    def test_the_template_of_awss_guide_runs(self, iot: Any, bulb: DeviceIdentity) -> None:
        iot.create_thing_type(thingTypeName="lightBulb-versionA")
        make_groups(iot, "v1-lightbulbs", "KR")
        prefix = "AWS::IoT::Certificate::"
        parameters = {
            prefix + "CommonName": "bulb-1",
            prefix + "SerialNumber": "42",
            prefix + "Country": "KR",
            prefix + "Id": bulb.certificate_id,
        }
        answer = run(iot, GUIDE_BODY, **parameters)
        assert set(answer["resourceArns"]) == {"thing", "certificate", "policy"}
        assert iot.describe_thing(thingName="bulb-1")["attributes"] == {
            "version": "v1",
            "serialNumber": "42",
        }
        assert run(iot, GUIDE_BODY, **parameters) == answer

    def test_a_thing_is_optional(self, iot: Any, bulb: DeviceIdentity) -> None:
        answer = run(iot, template(), id=bulb.certificate_id)
        assert set(answer["resourceArns"]) == {"certificate"}
        assert iot.list_things()["things"] == []
        assert status(iot, bulb.certificate_id) == "ACTIVE"

    def test_a_policy_that_is_only_named_has_no_arn_in_the_answer(
        self, iot: Any, bulb: DeviceIdentity
    ) -> None:
        iot.create_policy(policyName="mine", policyDocument=DOCUMENT)
        answer = run(iot, template(policy={"PolicyName": "mine"}), id=bulb.certificate_id)
        assert set(answer["resourceArns"]) == {"certificate"}
        assert iot.list_targets_for_policy(policyName="mine")["targets"] == [
            answer["resourceArns"]["certificate"]
        ]

    def test_several_policies_are_all_attached(self, iot: Any, bulb: DeviceIdentity) -> None:
        iot.create_policy(policyName="mine", policyDocument=DOCUMENT)
        answer = run(
            iot,
            template(one={"PolicyName": "mine"}, two={"PolicyDocument": json.loads(DOCUMENT)}),
            id=bulb.certificate_id,
        )
        target = answer["resourceArns"]["certificate"]
        attached = iot.list_attached_policies(target=target)["policies"]
        # The object, written without spaces, is the text above.
        digest = hashlib.sha1(DOCUMENT.encode()).hexdigest().upper()
        assert sorted(p["policyName"] for p in attached) == sorted(["mine", digest])

    def test_a_policy_document_becomes_one_policy_for_all_devices(self, iot: Any) -> None:
        ca = CertificateAuthority()
        ca.register(iot)
        for number in range(3):
            run(
                iot,
                template(
                    certificate={"CertificatePem": {"Ref": "pem"}},
                    policy={"PolicyDocument": DOCUMENT},
                ),
                pem=ca.issue(f"bulb-{number}").certificate_pem,
            )
        (policy,) = iot.list_policies()["policies"]
        targets = iot.list_targets_for_policy(policyName=policy["policyName"])["targets"]
        assert len(targets) == 3

    def test_a_declared_parameter_that_nothing_uses_may_be_missing(
        self, iot: Any, bulb: DeviceIdentity
    ) -> None:
        run(iot, template({}), id=bulb.certificate_id)

    def test_state_stays_in_its_account(self, iot: Any, bulb: DeviceIdentity) -> None:
        there = client_of("111111111111")
        with refused("ResourceRegistrationFailureException", 400, TERMINATED):
            run(there, template({}), id=bulb.certificate_id)
        assert there.list_things()["things"] == []


class TestCertificateForms:
    def test_an_unknown_id_fails_and_is_named(self, iot: Any) -> None:
        text = f"{TERMINATED}There is no certificate {'0' * 64}."
        with refused("ResourceRegistrationFailureException", 400, text):
            run(iot, template({}), id="0" * 64)
        assert iot.list_things()["things"] == []

    def test_pem_text_is_registered_under_its_ca(self, iot: Any) -> None:
        ca = CertificateAuthority()
        ca.register(iot)
        bulb = ca.issue()
        body = template(certificate={"CertificatePem": {"Ref": "pem"}})
        answer = run(iot, body, pem=bulb.certificate_pem)
        assert answer["certificatePem"] == bulb.certificate_pem
        found = iot.describe_certificate(certificateId=bulb.certificate_id)
        assert found["certificateDescription"]["caCertificateId"] == ca.certificate_id
        assert found["certificateDescription"]["status"] == "ACTIVE"
        assert run(iot, body, pem=bulb.certificate_pem) == answer

    def test_of_two_cas_of_one_subject_the_template_names_one(self, iot: Any) -> None:
        first, second = (CertificateAuthority(common_name="Acme Root") for _ in range(2))
        for ca in (first, second):
            ca.register(iot)
        bulb = second.issue()
        with refused("ResourceRegistrationFailureException", 400, TERMINATED + "2 registered CA "):
            run(
                iot,
                template(certificate={"CertificatePem": {"Ref": "pem"}}),
                pem=bulb.certificate_pem,
            )
        run(
            iot,
            template(
                certificate={"CertificatePem": {"Ref": "pem"}, "CACertificatePem": {"Ref": "ca"}}
            ),
            pem=bulb.certificate_pem,
            ca=second.certificate_pem,
        )
        found = iot.describe_certificate(certificateId=bulb.certificate_id)
        assert found["certificateDescription"]["caCertificateId"] == second.certificate_id

    def test_pem_text_of_an_unregistered_ca_fails(self, iot: Any) -> None:
        text = TERMINATED + "No CA certificate exists for the given certificate"
        with refused("ResourceRegistrationFailureException", 400, text):
            run(
                iot,
                template(certificate={"CertificatePem": {"Ref": "pem"}}),
                pem=CertificateAuthority().issue().certificate_pem,
            )

    def test_a_csr_gets_a_certificate_for_its_key(self, iot: Any) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bulb-1")])
        request = x509.CertificateSigningRequestBuilder().subject_name(subject)
        csr = request.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
        answer = run(
            iot, template({}, certificate={"CertificateSigningRequest": {"Ref": "csr"}}), csr=csr
        )
        certificate = x509.load_pem_x509_certificate(answer["certificatePem"].encode())
        form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert certificate.public_key().public_bytes(*form) == key.public_key().public_bytes(*form)
        certificate_id = certificate.fingerprint(hashes.SHA256()).hex()
        assert answer["resourceArns"]["certificate"] == f"{ARN}cert/{certificate_id}"
        assert status(iot, certificate_id) == "ACTIVE"

    def test_text_that_is_not_a_csr_fails(self, iot: Any) -> None:
        with refused("ResourceRegistrationFailureException", 400, TERMINATED):
            run(iot, template(certificate={"CertificateSigningRequest": {"Ref": "csr"}}), csr="x")

    @pytest.mark.parametrize(
        "certificate",
        [
            {"Status": "ACTIVE"},
            {"CertificateId": {"Ref": "id"}, "CertificatePem": {"Ref": "pem"}},
            {"CertificateId": {"Ref": "id"}, "CACertificatePem": {"Ref": "ca"}},
        ],
    )
    def test_there_is_exactly_one_form(
        self, iot: Any, bulb: DeviceIdentity, certificate: dict[str, Any]
    ) -> None:
        with refused("InvalidRequestException", 400, INVALID):
            run(iot, template({}, certificate=certificate), id=bulb.certificate_id)

    @pytest.mark.parametrize(
        ("written", "wanted"),
        [("ACTIVE", "ACTIVE"), ("Active", "ACTIVE"), ("Inactive", "INACTIVE")],
    )
    def test_the_status_may_be_written_in_any_case(
        self, iot: Any, bulb: DeviceIdentity, written: str, wanted: str
    ) -> None:
        certificate = {"CertificateId": {"Ref": "id"}, "Status": written}
        run(iot, template(certificate=certificate), id=bulb.certificate_id)
        assert status(iot, bulb.certificate_id) == wanted


class TestWhatIsMissing:
    @pytest.mark.parametrize(
        ("thing", "text"),
        [
            ({"ThingTypeName": "no-type"}, f"Thing Type {ACCOUNT}:no-type not found."),
            ({"ThingGroups": ["no-group"]}, f"ThingGroup {ACCOUNT}:no-group not found."),
            ({"BillingGroup": "no-bill"}, f"BillingGroup {ACCOUNT}:no-bill not found."),
        ],
    )
    def test_what_a_thing_names_must_exist(
        self, iot: Any, bulb: DeviceIdentity, thing: dict[str, Any], text: str
    ) -> None:
        with refused("ResourceRegistrationFailureException", 400, TERMINATED + text):
            run(iot, template(thing), id=bulb.certificate_id)

    def test_a_named_policy_must_exist(self, iot: Any, bulb: DeviceIdentity) -> None:
        text = TERMINATED + "Policy default version not found"
        with refused("ResourceRegistrationFailureException", 400, text):
            run(iot, template({}, policy={"PolicyName": "no-policy"}), id=bulb.certificate_id)

    def test_the_order_is_type_groups_billing_group_policies(
        self, iot: Any, bulb: DeviceIdentity
    ) -> None:
        body = template(
            {"ThingTypeName": "t", "ThingGroups": ["g"], "BillingGroup": "b"},
            policy={"PolicyName": "p"},
        )
        remedies: list[tuple[str, Callable[[], Any]]] = [
            ("Thing Type ", lambda: iot.create_thing_type(thingTypeName="t")),
            ("ThingGroup ", lambda: iot.create_thing_group(thingGroupName="g")),
            ("BillingGroup ", lambda: iot.create_billing_group(billingGroupName="b")),
            ("Policy ", lambda: iot.create_policy(policyName="p", policyDocument=DOCUMENT)),
        ]
        for text, remedy in remedies:
            with refused("ResourceRegistrationFailureException", 400, TERMINATED + text):
                run(iot, body, id=bulb.certificate_id)
            remedy()
        run(iot, body, id=bulb.certificate_id)

    def test_nothing_is_created_while_something_is_missing(self, iot: Any) -> None:
        ca = CertificateAuthority()
        ca.register(iot)
        body = template(
            {},
            certificate={"CertificatePem": {"Ref": "pem"}},
            one={"PolicyDocument": DOCUMENT},
            two={"PolicyName": "no-policy"},
        )
        with refused("ResourceRegistrationFailureException", 400, TERMINATED):
            run(iot, body, pem=ca.issue().certificate_pem)
        assert iot.list_things()["things"] == []
        assert iot.list_policies()["policies"] == []
        assert iot.list_certificates()["certificates"] == []


class TestWrongTemplates:
    @pytest.mark.parametrize(
        ("body", "text"),
        [
            ("{", "Template format error: JSON not well-formed with location of [Source: (String)"),
            (" " * 10241, "Template format error: "),
            ("{}", "Template must have certificate resource."),
            (
                template(policy={"PolicyName": ""}),
                "Neither policyName nor policyDocument is present in the Template.",
            ),
            (
                template({"AttributePayload": {"a": {"Ref": "undeclared"}}}),
                "Cannot resolve reference value: {Ref=undeclared}",
            ),
            (
                template({"AttributePayload": {"a": {"Ref": "AWS::Region"}}}),
                "Cannot resolve reference value: {Ref=AWS::Region}",
            ),
            (template({"AttributePayload": {"a": {"Ref": "unused"}}}), "Cannot resolve reference "),
            (template({"AttributePayload": {"a": "with space"}}), ""),
            (template({"AttributePayload": {"a": "1", "b": "2", "c": "3", "d": "4"}}), ""),
            (template({"ThingName": "no thing name!"}), ""),
            (template({}, overrides={"ThingTypeName": "MERGE"}), ""),
            (template({}, overrides={"BillingGroup": "REPLACE"}), ""),
        ],
    )
    def test_the_request_is_invalid_and_nothing_is_created(
        self, iot: Any, bulb: DeviceIdentity, body: str, text: str
    ) -> None:
        with refused("InvalidRequestException", 400, INVALID + text):
            run(iot, body, id=bulb.certificate_id)
        assert iot.list_things()["things"] == []
        assert status(iot, bulb.certificate_id) == "INACTIVE"

    def test_a_missing_package_version_is_named(self, iot: Any, bulb: DeviceIdentity) -> None:
        body = template({"PackageVersions": {"firmware": "1.0"}})
        with refused(
            "ResourceRegistrationFailureException",
            400,
            TERMINATED + "The software package firmware does not have",
        ):
            run(iot, body, id=bulb.certificate_id)
        assert iot.list_things()["things"] == []

    def test_a_missing_package_version_is_reported_before_anything_is_created(
        self, iot: Any
    ) -> None:
        ca = CertificateAuthority()
        ca.register(iot)
        body = template(
            {"PackageVersions": {"firmware": "1.0"}}, certificate={"CertificatePem": {"Ref": "pem"}}
        )
        with refused(
            "ResourceRegistrationFailureException",
            400,
            TERMINATED + "The software package firmware does not have",
        ):
            run(iot, body, pem=ca.issue().certificate_pem)
        assert iot.list_certificates()["certificates"] == []


class TestExistingThing:
    """A thing with attributes, a type and a group exists before the template comes."""

    @pytest.fixture(autouse=True)
    def existing(self, iot: Any) -> None:
        for name in ("old-type", "new-type"):
            iot.create_thing_type(thingTypeName=name)
        make_groups(iot, "old-group", "new-group")
        iot.create_thing(
            thingName="bulb-1",
            thingTypeName="old-type",
            attributePayload={"attributes": {"a": "1", "b": "2"}},
        )
        iot.add_thing_to_thing_group(thingGroupName="old-group", thingName="bulb-1")

    SAME: ClassVar[dict[str, Any]] = {
        "AttributePayload": {"a": "1", "b": "2"},
        "ThingTypeName": "old-type",
        "ThingGroups": ["old-group"],
    }
    CONFLICTS = pytest.mark.parametrize(
        ("thing", "text"),
        [
            (
                {"AttributePayload": {"a": "9"}},
                "Existing AttributePayload: {a=1, b=2} conflicts with AttributePayload: {a=9} in "
                "Template.",
            ),
            (
                {"ThingTypeName": "new-type"},
                "Existing ThingType: old-type conflicts with ThingType: new-type in Template.",
            ),
            (
                {"ThingGroups": ["new-group"]},
                f"Existing ThingGroups: [{{GroupName: old-group,GroupArn: {ARN}thinggroup/"
                "old-group}] conflict with ThingGroups: [new-group] in Template.",
            ),
        ],
    )

    def state(self, iot: Any) -> tuple[dict[str, str], str, list[str]]:
        thing = iot.describe_thing(thingName="bulb-1")
        return thing["attributes"], thing["thingTypeName"], sorted(groups_of(iot))

    @pytest.mark.parametrize("override", [None, "FAIL", "DO_NOTHING", "REPLACE"])
    def test_the_same_values_are_never_a_conflict(
        self, iot: Any, bulb: DeviceIdentity, override: str | None
    ) -> None:
        overrides = dict.fromkeys(self.SAME, override) if override else None
        before = self.state(iot)
        run(iot, template(self.SAME, overrides=overrides), id=bulb.certificate_id)
        assert self.state(iot) == before
        assert status(iot, bulb.certificate_id) == "ACTIVE"

    def test_a_template_without_properties_accepts_the_thing_as_it_is(
        self, iot: Any, bulb: DeviceIdentity
    ) -> None:
        before = self.state(iot)
        run(iot, template({}), id=bulb.certificate_id)
        assert self.state(iot) == before

    @CONFLICTS
    @pytest.mark.parametrize("override", [None, "FAIL"])
    def test_other_values_are_a_conflict_without_a_setting_and_with_fail(
        self,
        iot: Any,
        bulb: DeviceIdentity,
        thing: dict[str, Any],
        text: str,
        override: str | None,
    ) -> None:
        overrides = dict.fromkeys(thing, override) if override else None
        before = self.state(iot)
        with refused("ResourceRegistrationFailureException", 400, text):
            run(iot, template(thing, overrides=overrides), id=bulb.certificate_id)
        assert self.state(iot) == before
        assert status(iot, bulb.certificate_id) == "INACTIVE"

    @CONFLICTS
    def test_do_nothing_leaves_the_thing(
        self, iot: Any, bulb: DeviceIdentity, thing: dict[str, Any], text: str
    ) -> None:
        before = self.state(iot)
        run(
            iot,
            template(thing, overrides=dict.fromkeys(thing, "DO_NOTHING")),
            id=bulb.certificate_id,
        )
        assert self.state(iot) == before
        assert status(iot, bulb.certificate_id) == "ACTIVE"

    @pytest.mark.parametrize(
        ("thing", "override", "after"),
        [
            (
                {"AttributePayload": {"a": "9", "c": "3"}},
                "REPLACE",
                ({"a": "9", "c": "3"}, "old-type", ["old-group"]),
            ),
            (
                {"AttributePayload": {"a": "9", "c": "3"}},
                "MERGE",
                ({"a": "9", "b": "2", "c": "3"}, "old-type", ["old-group"]),
            ),
            (
                {"ThingTypeName": "new-type"},
                "REPLACE",
                ({"a": "1", "b": "2"}, "new-type", ["old-group"]),
            ),
            (
                {"ThingGroups": ["new-group"]},
                "REPLACE",
                ({"a": "1", "b": "2"}, "old-type", ["new-group"]),
            ),
            (
                {"ThingGroups": ["new-group"]},
                "MERGE",
                ({"a": "1", "b": "2"}, "old-type", ["new-group", "old-group"]),
            ),
        ],
    )
    def test_replace_and_merge_change_the_thing(
        self,
        iot: Any,
        bulb: DeviceIdentity,
        thing: dict[str, Any],
        override: str,
        after: tuple[dict[str, str], str, list[str]],
    ) -> None:
        body = template(thing, overrides=dict.fromkeys(thing, override))
        run(iot, body, id=bulb.certificate_id)
        assert self.state(iot) == after
        run(iot, body, id=bulb.certificate_id)
        assert self.state(iot) == after

    def test_settings_may_be_spelled_as_in_the_documentations_prose(
        self, iot: Any, bulb: DeviceIdentity
    ) -> None:
        body = template({"ThingTypeName": "new-type"}, overrides={"THING_TYPE_NAME": "REPLACE"})
        run(iot, body, id=bulb.certificate_id)
        assert self.state(iot)[1] == "new-type"

    def test_a_thing_without_a_type_conflicts_with_one(
        self, iot: Any, bulb: DeviceIdentity
    ) -> None:
        iot.create_thing(thingName="bare")
        text = "Existing ThingType: null conflicts with ThingType: new-type in Template."
        with refused("ResourceRegistrationFailureException", 400, text):
            run(
                iot,
                template({"ThingName": "bare", "ThingTypeName": "new-type"}),
                id=bulb.certificate_id,
            )

    def test_a_thing_is_in_one_billing_group(self, iot: Any, bulb: DeviceIdentity) -> None:
        for name in ("seoul", "busan"):
            iot.create_billing_group(billingGroupName=name)
        body = template({"BillingGroup": "seoul"})
        run(iot, body, id=bulb.certificate_id)
        run(iot, body, id=bulb.certificate_id)
        text = TERMINATED + "Existing BillingGroup: seoul conflicts with BillingGroup: busan"
        with refused("ResourceRegistrationFailureException", 400, text):
            run(iot, template({"BillingGroup": "busan"}), id=bulb.certificate_id)

    def test_a_thing_is_in_at_most_one_group_of_a_hierarchy(
        self, iot: Any, bulb: DeviceIdentity
    ) -> None:
        iot.create_thing_group(thingGroupName="child", parentGroupName="old-group")
        with refused("ResourceRegistrationFailureException", 400, TERMINATED):
            run(
                iot,
                template({"ThingGroups": ["child"]}, overrides={"ThingGroups": "MERGE"}),
                id=bulb.certificate_id,
            )
        assert groups_of(iot) == ["old-group"]


class TestExistingCertificate:
    @pytest.mark.parametrize(
        ("override", "after"), [(None, "ACTIVE"), ("REPLACE", "ACTIVE"), ("DO_NOTHING", "INACTIVE")]
    )
    def test_the_setting_decides_about_the_status(
        self, iot: Any, bulb: DeviceIdentity, override: str | None, after: str
    ) -> None:
        overrides = {"Status": override} if override else None
        run(iot, template(certificate_overrides=overrides), id=bulb.certificate_id)
        assert status(iot, bulb.certificate_id) == after

    def test_fail_refuses_another_status(self, iot: Any, bulb: DeviceIdentity) -> None:
        body = template(certificate_overrides={"Status": "FAIL"})
        with refused("ResourceRegistrationFailureException", 400, "") as caught:
            run(iot, body, id=bulb.certificate_id)
        assert "INACTIVE" in caught.response["Error"]["Message"]
        assert status(iot, bulb.certificate_id) == "INACTIVE"
        iot.update_certificate(certificateId=bulb.certificate_id, newStatus="ACTIVE")
        run(iot, body, id=bulb.certificate_id)

    def test_a_certificate_has_at_most_ten_policies(self, iot: Any, bulb: DeviceIdentity) -> None:
        target = f"{ARN}cert/{bulb.certificate_id}"
        for number in range(10):
            iot.create_policy(policyName=f"p{number}", policyDocument=DOCUMENT)
            iot.attach_policy(policyName=f"p{number}", target=target)
        run(iot, template(policy={"PolicyName": "p0"}), id=bulb.certificate_id)
        text = TERMINATED + "The certificate has 10 policies already"
        with refused("ResourceRegistrationFailureException", 400, text):
            run(iot, template(policy={"PolicyDocument": DOCUMENT}), id=bulb.certificate_id)


class TestExclusiveThing:
    EXCLUSIVE: ClassVar[dict[str, Any]] = {
        "CertificateId": {"Ref": "id"},
        "ThingPrincipalType": "EXCLUSIVE_THING",
    }

    def test_an_exclusive_certificate_belongs_to_one_thing(
        self, iot: Any, bulb: DeviceIdentity
    ) -> None:
        run(iot, template({}, certificate=self.EXCLUSIVE), id=bulb.certificate_id)
        run(iot, template({}, certificate=self.EXCLUSIVE), id=bulb.certificate_id)
        iot.create_thing(thingName="bulb-2")
        principal = f"{ARN}cert/{bulb.certificate_id}"
        with pytest.raises(ClientError) as caught:
            iot.attach_thing_principal(thingName="bulb-2", principal=principal)
        assert caught.value.response["Error"]["Code"] == "InvalidRequestException"
        iot.detach_thing_principal(thingName="bulb-1", principal=principal)
        iot.attach_thing_principal(thingName="bulb-2", principal=principal)

    def test_a_certificate_with_another_thing_cannot_become_exclusive(
        self, iot: Any, bulb: DeviceIdentity
    ) -> None:
        run(iot, template({"ThingName": "bulb-2"}), id=bulb.certificate_id)
        with refused("ResourceRegistrationFailureException", 400, TERMINATED):
            run(iot, template({}, certificate=self.EXCLUSIVE), id=bulb.certificate_id)

    def test_other_certificates_can_have_several_things(
        self, iot: Any, bulb: DeviceIdentity
    ) -> None:
        shared = {**self.EXCLUSIVE, "ThingPrincipalType": "NON_EXCLUSIVE_THING"}
        for name in ("bulb-1", "bulb-2"):
            run(iot, template({"ThingName": name}, certificate=shared), id=bulb.certificate_id)
        principal = f"{ARN}cert/{bulb.certificate_id}"
        found = iot.list_principal_things(principal=principal)["things"]
        assert sorted(found) == ["bulb-1", "bulb-2"]

    def test_another_type_is_refused(self, iot: Any, bulb: DeviceIdentity) -> None:
        wrong = {**self.EXCLUSIVE, "ThingPrincipalType": "ONLY_THING"}
        with refused("InvalidRequestException", 400, INVALID):
            run(iot, template({}, certificate=wrong), id=bulb.certificate_id)


def test_a_declared_parameter_without_a_value_must_be_provided(iot: Any) -> None:
    declared = {"SerialNumber": {"Type": "String"}, f"{PREFIX}Id": {"Type": "String"}}
    document = json.loads(PLAIN_BODY) | {"Parameters": declared}
    document["Resources"]["thing"]["Properties"]["ThingName"] = {"Ref": "SerialNumber"}
    with pytest.raises(ClientError) as info:
        run(iot, json.dumps(document), **{f"{PREFIX}Id": "0" * 64})
    text = info.value.response["Error"]["Message"]
    assert text.startswith(f"{INVALID}Cannot resolve reference value: {{Ref=SerialNumber}}")
    assert f"Pass the parameter, or give it a Default. Given: {PREFIX}Id." in text
    assert "did you mean" not in text


def test_a_body_is_required(iot: Any) -> None:
    with refused("InvalidRequestException", 400, INVALID):
        iot.register_thing(templateBody="")


def test_a_value_has_at_most_4096_characters(iot: Any) -> None:
    with refused("InvalidRequestException", 400, "1 validation error detected: "):
        iot.register_thing(templateBody=PLAIN_BODY, parameters={"p": "x" * 4097})
    with refused("InvalidRequestException", 400, "1 validation error detected: "):
        iot.register_thing(templateBody=PLAIN_BODY, parameters={"p" * 2049: "x"})
