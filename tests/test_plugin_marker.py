"""The marker ``jitp``: settings for one test, a class or a module."""

from __future__ import annotations

import json

import pytest
from support.plugin_runs import Run, run

pytest_plugins = ["pytester"]
__all__ = ["run"]

KEYS = (
    "template",
    "template_name",
    "role_arn",
    "config",
    "region",
    "certificate_mode",
    "active",
    "auto_registration",
)


def test_the_marker_is_documented(run: Run) -> None:
    text = run("", "--markers", "--strict-markers").stdout.str()
    (line,) = (line for line in text.splitlines() if line.startswith("@pytest.mark.jitp("))
    assert all(f"{key}=" in line for key in KEYS)


def test_the_nearest_marker_wins_per_key(run: Run) -> None:
    run(
        """
        import pytest

        pytestmark = pytest.mark.jitp(region="eu-west-1", certificate_mode="SNI_ONLY")

        def mode(jitp):
            known = jitp.iot.describe_ca_certificate(certificateId=jitp.ca.certificate_id)
            return known["certificateDescription"]["certificateMode"]

        def test_module(jitp):
            assert (jitp.region, mode(jitp)) == ("eu-west-1", "SNI_ONLY")

        @pytest.mark.jitp(region="eu-west-2")
        class TestClass:
            def test_class(self, jitp):
                assert (jitp.region, mode(jitp)) == ("eu-west-2", "SNI_ONLY")

            @pytest.mark.jitp(certificate_mode="DEFAULT")
            def test_function(self, jitp):
                assert (jitp.region, mode(jitp)) == ("eu-west-2", "DEFAULT")

            @pytest.mark.jitp(region="eu-west-3")
            @pytest.mark.jitp(region="eu-north-1", certificate_mode="DEFAULT")
            def test_two(self, jitp):
                assert (jitp.region, mode(jitp)) == ("eu-north-1", "DEFAULT")
        """
    ).assert_outcomes(passed=4)


def test_configurations_are_merged_key_by_key(run: Run) -> None:
    run(
        """
        import pytest

        def is_strict(jitp):
            try:
                jitp.iot.create_policy(policyName="p", policyDocument="no policy")
            except jitp.iot.exceptions.MalformedPolicyException:
                return True
            return False

        @pytest.mark.jitp(config={"jitp": {"strict": False}})
        class TestLenient:
            def test_class(self, jitp):
                assert not is_strict(jitp)

            @pytest.mark.jitp(config={"jitp": {"metrics": False}})
            def test_other_key(self, jitp):
                assert not is_strict(jitp)

            @pytest.mark.jitp(config={"jitp": {"strict": True}})
            def test_same_key(self, jitp):
                assert is_strict(jitp)
        """
    ).assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("marker", "check"),
    [
        ("template=None", "'registrationConfig' not in known"),
        ("template=str(BODY)", "known['registrationConfig']['templateBody'] == str(BODY)"),
        ("template_name='bulbs'", "known['registrationConfig'] == {'templateName': 'bulbs'}"),
        ("role_arn=ROLE", "known['registrationConfig']['roleArn'] == ROLE"),
        ("active=False", "known['certificateDescription']['status'] == 'INACTIVE'"),
        (
            "auto_registration=False",
            "known['certificateDescription']['autoRegistrationStatus'] == 'DISABLE'",
        ),
        (
            "certificate_mode='SNI_ONLY'",
            "known['certificateDescription']['certificateMode'] == 'SNI_ONLY'",
        ),
        ("region='eu-west-1'", "jitp.iot.meta.region_name == 'eu-west-1'"),
    ],
)
def test_each_keyword_takes_effect(run: Run, marker: str, check: str) -> None:
    run(
        f"""
        import pytest

        ROLE = "arn:aws:iam::123456789012:role/Mine"
        BODY = '''{{"Resources": {{"certificate": {{"Type": "AWS::IoT::Certificate",
            "Properties": {{"CertificateId": {{"Ref": "AWS::IoT::Certificate::Id"}}}}}}}}}}'''

        @pytest.mark.jitp({marker})
        def test_it(jitp):
            known = jitp.iot.describe_ca_certificate(certificateId=jitp.ca.certificate_id)
            assert {check}
        """
    ).assert_outcomes(passed=1)


def test_a_stored_template_provisions(run: Run) -> None:
    run(
        """
        import pytest

        @pytest.mark.jitp(template_name="bulbs")
        def test_it(jitp):
            assert jitp.connect(jitp.issue(common_name="bulb-1")).thing_name == "bulb-1"
            assert jitp.connections[0].provisioning.template_name == "bulbs"
        """
    ).assert_outcomes(passed=1)


def test_a_template_may_be_the_path_of_a_file_given_as_text(
    run: Run, pytester: pytest.Pytester
) -> None:
    body = {
        "Resources": {
            "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": "of the file"}}
        }
    }
    (pytester.path / "bulbs.json").write_text(json.dumps(body))
    run(
        """
        import pytest

        pytestmark = pytest.mark.jitp(config={"jitp": {"strict": False}})

        @pytest.mark.jitp(template="bulbs.json")
        def test_marker(jitp):
            assert "of the file" in body_of(jitp)

        @pytest.mark.jitp(template=' {"Resources": {}}')
        def test_text(jitp):
            assert body_of(jitp) == ' {"Resources": {}}'

        def body_of(jitp):
            ca = jitp.iot.describe_ca_certificate(certificateId=jitp.ca.certificate_id)
            return ca["registrationConfig"]["templateBody"]
        """
    ).assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("colour=1", "*no keyword 'colour'. It takes template, *"),
        ("template='bulbs.json'", "*'bulbs.json' is neither JSON text*nor an existing file*"),
        ("tmplate={}", "*no keyword 'tmplate'. Did you mean 'template'?*"),
        ("certificatemode='DEFAULT'", "*Did you mean 'certificate_mode'?*"),
        ("template=42", "*template= of the marker jitp must be a dict, JSON text, a path*not 42*"),
        ("region=None", "*region= of the marker jitp must be a Region's name*"),
        ("config='strict'", "*config= of the marker jitp must be a mapping*"),
        ("certificate_mode='SNI'", "*DEFAULT*SNI_ONLY*not 'SNI'*"),
        ("active='yes'", "*active= of the marker jitp must be True or False*"),
        ("{'a': 1}", "*accepts keywords only*"),
        ("config={'jitp': {'enforce_policy': True}}", "*Did you mean 'enforce_policies'?*"),
        ("config={'jipt': {}}", "*Did you mean 'jitp'?*"),
        ("region='us-esat-1'", "*is not a Region where AWS IoT is available*"),
    ],
)
def test_a_wrong_marker_says_what_is_right(run: Run, arguments: str, said: str) -> None:
    result = run(
        f"""
        import pytest

        @pytest.mark.jitp({arguments})
        def test_it(jitp): pass
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([said])


def test_a_wrong_marker_is_reported_on_a_test_without_the_fixtures_too(run: Run) -> None:
    result = run("import pytest\n@pytest.mark.jitp(tmplate=1)\ndef test_it(): pass")
    result.assert_outcomes(errors=1)


def test_the_marker_wins_over_an_overridden_fixture(run: Run) -> None:
    run(
        """
        import pytest

        @pytest.fixture
        def jitp_region():
            return "eu-west-1"

        @pytest.fixture
        def jitp_config():
            return {"jitp": {"strict": False}}

        def test_fixture(jitp):
            assert jitp.region == "eu-west-1"

        @pytest.mark.jitp(region="eu-west-2", config={"jitp": {"metrics": False}})
        def test_marker(jitp):
            assert jitp.region == "eu-west-2"
            jitp.iot.create_policy(policyName="lenient", policyDocument="still")
        """
    ).assert_outcomes(passed=2)


def test_an_override_that_builds_on_the_plugins_fixture_has_the_last_word(run: Run) -> None:
    run(
        """
        import pytest

        @pytest.fixture
        def jitp_region(jitp_region):
            return jitp_region.replace("west", "central")

        @pytest.mark.jitp(region="eu-west-1")
        def test_it(jitp, jitp_region):
            assert jitp.region == jitp_region == "eu-central-1"
        """
    ).assert_outcomes(passed=1)
