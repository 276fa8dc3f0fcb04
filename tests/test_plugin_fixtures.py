"""The fixtures: what each gives, and that each can be overridden alone."""

from __future__ import annotations

import pytest
from support.plugin_runs import Run, run

pytest_plugins = ["pytester"]
__all__ = ["run"]

FIXTURES = (
    "jitp_config",
    "jitp_region",
    "jitp_template",
    "jitp_mock",
    "jitp_ca",
    "jitp",
    "jitp_device",
    "jitp_server",
)


def test_a_device_provisions_itself_with_the_defaults(run: Run) -> None:
    result = run(
        """
        def test_bulb(jitp):
            bulb = jitp.issue(common_name="bulb-1", country="KR", serial_number="42")

            connection = jitp.connect(bulb)

            assert connection.thing_name == "bulb-1"
            described = jitp.iot.describe_certificate(certificateId=bulb.certificate_id)
            assert described["certificateDescription"]["status"] == "ACTIVE"
            assert [attempt.accepted for attempt in jitp.connections] == [False, True]
            assert "registered" in jitp.events[0].topic
        """
    )
    result.assert_outcomes(passed=1)


def test_a_device_needs_no_country_with_the_default_template(run: Run) -> None:
    run(
        """
        def test_bulb(jitp, jitp_device):
            assert jitp.connect(jitp_device(common_name="bulb-1")).thing_name == "bulb-1"
        """
    ).assert_outcomes(passed=1)


def test_the_default_template_lets_a_device_do_its_work(run: Run) -> None:
    run(
        """
        import pytest

        @pytest.mark.jitp(config={"jitp": {"enforce_policies": True}})
        def test_bulb(jitp):
            connection = jitp.connect(jitp.issue(common_name="bulb-1"))
            connection.publish("bulbs/1/state", b"on")
            assert jitp.events[-1].payload == b"on"
        """
    ).assert_outcomes(passed=1)


def test_the_ca_is_registered_active_and_auto_registering_before_the_test_starts(run: Run) -> None:
    run(
        """
        import boto3, json

        def test_ca(jitp_ca, jitp_template):
            iot = boto3.client("iot")
            known = iot.describe_ca_certificate(certificateId=jitp_ca.certificate_id)
            assert known["certificateDescription"]["status"] == "ACTIVE"
            assert known["certificateDescription"]["autoRegistrationStatus"] == "ENABLE"
            assert json.loads(known["registrationConfig"]["templateBody"]) == jitp_template
        """
    ).assert_outcomes(passed=1)


def test_the_mock_alone_has_no_ca(run: Run) -> None:
    run(
        """
        import boto3

        def test_mock(jitp_mock):
            assert boto3.client("iot").list_ca_certificates()["certificates"] == []
            assert jitp_mock.connections == ()
        """
    ).assert_outcomes(passed=1)


def test_pytest_lists_each_fixture_with_its_docstring(run: Run) -> None:
    listed = run("", "--fixtures").stdout.lines
    for name in FIXTURES:
        at = next(i for i, line in enumerate(listed) if line.split(" ")[0] == name)
        assert listed[at + 1].startswith("    "), listed[at : at + 2]
        assert "no docstring" not in listed[at + 1]
    scope = next(line for line in listed if line.startswith("jitp_server "))
    assert "[session scope]" in scope


def test_no_real_account_can_be_touched(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_IOT", "http://127.0.0.1:9")
    run(
        """
        import os, boto3

        def test_safe(jitp):
            assert boto3.Session().get_credentials().access_key != "AKIAREAL"
            assert "real" not in os.environ.values()
            assert "AWS_PROFILE" not in os.environ
            client = boto3.client("iot")
            assert client.meta.region_name == "us-east-1"
            assert client.list_things()["things"] == []
            assert jitp.client("sts").get_caller_identity()["Account"] == "123456789012"

        def test_as_before():
            assert os.environ["AWS_ACCESS_KEY_ID"] == "AKIAREAL"
            assert os.environ["AWS_PROFILE"] == "production"
            assert os.environ["AWS_DEFAULT_REGION"] == "eu-west-3"
            assert os.environ["AWS_ENDPOINT_URL_IOT"] == "http://127.0.0.1:9"
            assert "AWS_REGION" not in os.environ
        """
    ).assert_outcomes(passed=2)


def test_a_test_that_patches_the_environment_itself_leaves_nothing_behind(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    run(
        """
        import os

        def test_patches(monkeypatch, jitp):
            monkeypatch.setenv("AWS_REGION", "eu-north-1")
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")

        def test_as_before():
            assert os.environ["AWS_REGION"] == "eu-west-3"
            assert os.environ.get("AWS_ACCESS_KEY_ID") != "other"
        """
    ).assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("override", "check"),
    [
        ("def jitp_region(): return 'eu-central-1'", "jitp.region == 'eu-central-1'"),
        (
            "def jitp_region(): return 'eu-central-1'",
            "'.eu-central-1.' in jitp.iot.describe_endpoint(endpointType='iot:Data-ATS')"
            "['endpointAddress']",
        ),
        (
            "def jitp_config(): return {'jitp': {'strict': False}}",
            "jitp.iot.create_policy(policyName='p', policyDocument='no policy')",
        ),
        ("def jitp_template(): return TEMPLATE", "jitp.connect(DEVICE).thing_name == 'KR'"),
        ("def jitp_template(): return str(TEXT)", "jitp.connect(DEVICE).thing_name == 'KR'"),
        ("def jitp_template(tmp_path): return FILE", "jitp.connect(DEVICE).thing_name == 'KR'"),
        ("def jitp_ca(): return OWN_CA", "jitp.connect(OWN_CA.issue('b')).thing_name == 'b'"),
        (
            "def jitp_ca(jitp_mock): OWN_CA.register(boto3.client('iot')); return OWN_CA",
            "jitp.ca is OWN_CA and jitp.describe(OWN_CA.issue('b')).status is None",
        ),
        (
            "def jitp_device(jitp): return lambda name: jitp.issue(name, organization='Acme')",
            "jitp_device('b').certificate.subject.rfc4514_string() == 'CN=b,O=Acme'",
        ),
    ],
)
def test_each_fixture_can_be_overridden_alone(run: Run, override: str, check: str) -> None:
    result = run(
        f"""
        import copy, json, pathlib, boto3, pytest
        from moto_jitp import CertificateAuthority

        OWN_CA = CertificateAuthority(common_name="My own")
        NAME = "AWS::IoT::Certificate::Country"
        TEMPLATE = {{
            "Parameters": {{NAME: {{"Type": "String"}}}},
            "Resources": {{
                "thing": {{
                    "Type": "AWS::IoT::Thing", "Properties": {{"ThingName": {{"Ref": NAME}}}},
                }},
                "certificate": {{
                    "Type": "AWS::IoT::Certificate",
                    "Properties": {{"CertificateId": {{"Ref": "AWS::IoT::Certificate::Id"}}}},
                }},
            }},
        }}
        TEXT = json.dumps(TEMPLATE)
        FILE = pathlib.Path(__file__).with_name("template.json")
        FILE.write_text(TEXT)

        @pytest.fixture
        {override}

        def test_it(jitp, jitp_device):
            DEVICE = jitp.issue(common_name="bulb", country="KR")
            assert {check}
        """
    )
    result.assert_outcomes(passed=1)


def test_an_override_can_build_on_the_plugins_template(run: Run) -> None:
    run(
        """
        import pytest

        @pytest.fixture
        def jitp_template(jitp_template):
            properties = jitp_template["Resources"]["thing"]["Properties"]
            properties["AttributePayload"] = {"made": "here"}
            return jitp_template

        def test_it(jitp):
            bulb = jitp.issue(common_name="bulb-1")
            jitp.connect(bulb)
            assert jitp.describe(bulb).attributes == {"made": "here"}
        """
    ).assert_outcomes(passed=1)


def test_an_override_may_have_a_wider_scope(run: Run) -> None:
    run(
        """
        import pytest
        from moto_jitp import CertificateAuthority

        @pytest.fixture(scope="session")
        def jitp_ca():
            return CertificateAuthority(common_name="One for all", key="rsa")

        seen = set()

        @pytest.mark.parametrize("number", range(3))
        def test_it(jitp, number):
            assert jitp.connect(jitp.issue(common_name=f"bulb-{number}")).thing_name
            seen.add(jitp.ca.certificate_id)
            assert len(seen) == 1
        """
    ).assert_outcomes(passed=3)


def test_an_override_that_gives_no_ca_is_named(run: Run) -> None:
    result = run(
        """
        import pytest

        @pytest.fixture
        def jitp_ca(): return "pem"

        def test_it(jitp): pass
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["jitp_ca gave 'pem'. An override returns a *CertificateAuthority*"]
    )


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("def jitp_config(): return {'jitp': {'strit': True}}", "*'strit'*mean 'strict'*"),
        ("def jitp_region(): return 'us-esat-1'", "*'us-esat-1' is not a Region*mean 'us-*-1'*"),
    ],
)
def test_a_misspelt_override_says_what_is_nearest(run: Run, override: str, said: str) -> None:
    result = run(f"import pytest\n@pytest.fixture\n{override}\ndef test_it(jitp): pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([said])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_describe_gives_thing_policies_groups_and_status_as_one_value(run: Run) -> None:
    run(
        """
        import pytest

        @pytest.fixture
        def jitp_template(jitp_template):
            resources = jitp_template["Resources"]
            resources["thing"]["Properties"] |= {
                "AttributePayload": {"serial": {"Ref": "AWS::IoT::Certificate::SerialNumber"}},
                "ThingGroups": ["lamps", "all"],
                "ThingTypeName": "bulb",
                "BillingGroup": "acme",
            }
            resources["second"] = {
                "Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "named"},
            }
            return jitp_template

        def test_it(jitp):
            document = '{"Version": "2012-10-17", "Statement": []}'
            jitp.iot.create_thing_type(thingTypeName="bulb")
            jitp.iot.create_billing_group(billingGroupName="acme")
            jitp.iot.create_policy(policyName="named", policyDocument=DOCUMENT)
            for group in ("lamps", "all"):
                jitp.iot.create_thing_group(thingGroupName=group)
            bulb = jitp.issue(common_name="bulb-1", serial_number="42")
            connection = jitp.connect(bulb)

            found = jitp.describe(bulb)

            assert found.status == "ACTIVE"
            assert found.thing == "bulb-1"
            assert found.attributes == {"serial": "42"}
            assert found.thing_type == "bulb"
            assert found.billing_group == "acme"
            assert found.groups == ("all", "lamps")
            assert "named" in found.policies
            assert len(found.policies) == 2
            (other,) = set(found.policies) - {"named"}
            assert "iot:Connect" in found.policy_documents[other]["Statement"][0]["Action"]
            assert found.certificate_id == bulb.certificate_id
            for way in (connection, bulb.certificate_pem, bulb.certificate_pem.encode(),
                        bulb.certificate_id):
                assert jitp.describe(way) == found

        DOCUMENT = (
            '{"Version": "2012-10-17", "Statement": '
            '[{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}]}'
        )
        """
    ).assert_outcomes(passed=1)


def test_describe_tells_that_a_device_is_unknown_or_only_pending(run: Run) -> None:
    run(
        """
        import pytest
        from moto_jitp import ConnectionRefused

        @pytest.mark.jitp(template=None)
        def test_it(jitp):
            bulb = jitp.issue(common_name="bulb-1")
            assert jitp.describe(bulb).status is None
            with pytest.raises(ConnectionRefused):
                jitp.connect(bulb)
            found = jitp.describe(bulb)
            assert (found.status, found.thing) == ("PENDING_ACTIVATION", None)
            assert (found.policies, found.groups) == ((), ())
            with pytest.raises(ValueError):
                jitp.describe("bulb-1")
            with pytest.raises(TypeError):
                jitp.describe(42)
        """
    ).assert_outcomes(passed=1)


def test_events_failures_and_subscriptions_reach_the_test(run: Run) -> None:
    run(
        """
        import pytest
        from moto_jitp import ConnectionRefused

        def test_it(jitp):
            heard = []
            jitp.subscribe("$aws/events/certificates/registered/+", heard.append)
            jitp.fail("CreateThing", "ThrottlingException")
            with pytest.raises(ConnectionRefused):
                jitp.connect(jitp.issue(common_name="bulb-1"))
            assert [event.topic for event in heard] == [event.topic for event in jitp.events][:1]
        """
    ).assert_outcomes(passed=1)


def test_it_shares_its_state_with_a_test_that_uses_mock_aws(run: Run) -> None:
    run(
        """
        import boto3
        from moto import mock_aws

        @mock_aws
        def test_it(jitp):
            bulb = jitp.issue(common_name="bulb-1")
            assert jitp.connect(bulb).thing_name == "bulb-1"
            assert boto3.client("iot").list_things()["things"][0]["thingName"] == "bulb-1"
        """
    ).assert_outcomes(passed=1)
