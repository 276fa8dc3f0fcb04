"""The report of a failed test explains each connection, whatever happened to its exception."""

from __future__ import annotations

import pytest
from support.plugin_runs import Run, needs, run, run_apart

pytest_plugins = ["pytester"]
__all__ = ["run", "run_apart"]

TITLE = "*- JITP connections -*"

#: A template that requires a Country, and a device without one whose refusal is swallowed.
SWALLOWED = """
    import pytest
    from moto_jitp import ConnectionRefused

    @pytest.fixture
    def jitp_template(jitp_template):
        jitp_template["Parameters"]["AWS::IoT::Certificate::Country"] = {"Type": "String"}
        return jitp_template

    def firmware(jitp, device):
        try:
            jitp.connect(device)
        except ConnectionRefused:
            pass

    def test_swallowed(jitp):
        bulb = jitp.issue(common_name="bulb-1")
        firmware(jitp, bulb)
        assert jitp.describe(bulb).thing == "bulb-1"
"""

TOLD = [
    TITLE,
    "1. CN=bulb-1: refused, PROVISIONING_FAILED",
    "*Cannot resolve reference value: {Ref=AWS::IoT::Certificate::Country}*",
    "*certificate ????????????????????????????????????????????????????????????????, account*",
    "*requires AWS::IoT::Certificate::Country: missing",
    "*1. RegisterCertificate cert/*: ok",
    "*2. RegisterThing *: FAILED (InvalidRequestException:*",
    "*fix: *no country (C): issue the certificate with it*",
]


def test_a_failure_tells_device_decision_reason_steps_and_what_to_change(run: Run) -> None:
    result = run(SWALLOWED)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(TOLD)


@needs("xdist")
def test_it_is_reported_under_xdist_too(run_apart: Run) -> None:
    result = run_apart(SWALLOWED, "-n", "2")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(TOLD)


@pytest.mark.parametrize("shown", ["no", "stdout", "all"])
def test_it_is_reported_once_whatever_captured_output_is_shown(run: Run, shown: str) -> None:
    result = run(SWALLOWED, f"--show-capture={shown}")
    lines = [line for line in result.stdout.lines if "- JITP connections -" in line]
    assert len(lines) == 1
    result.stdout.fnmatch_lines(TOLD)


def test_it_is_a_section_of_the_report(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makeconftest(
        """
        def pytest_runtest_logreport(report):
            if report.failed:
                (title,) = (title for title, _ in report.sections if "Captured" not in title)
                print("title:", title)
        """
    )
    result = run(SWALLOWED, "-s")
    result.stdout.fnmatch_lines(["*title: JITP connections"])


def test_a_success_story_is_short(run: Run) -> None:
    result = run(
        """
        def test_it(jitp):
            jitp.connect(jitp.issue(common_name="bulb-1", country="KR"))
            assert False
        """
    )
    result.stdout.fnmatch_lines(
        [
            TITLE,
            "1. C=KR,CN=bulb-1: provisioned, AWS drops this connection",
            "*The device was provisioned as the thing 'bulb-1'.*",
            "*provisioned: RegisterCertificate, RegisterThing, CreateThing, *UpdateCertificate",
            "2. C=KR,CN=bulb-1: accepted as client 'bulb-1'",
        ]
    )
    result.stdout.no_fnmatch_line("*fix:*")


def test_a_device_that_does_not_reconnect_is_told_to(run: Run) -> None:
    result = run(
        """
        import pytest
        from moto_jitp import ConnectionRefused

        def test_it(jitp):
            with pytest.raises(ConnectionRefused):
                jitp.connect(jitp.issue(common_name="bulb-1"), reconnect=False)
            assert False
        """
    )
    result.stdout.fnmatch_lines(
        [TITLE, "*provisioned, AWS drops this connection", "*fix: *onnect the device again*"]
    )


def test_only_failed_tests_are_reported_each_with_its_own_connections(run: Run) -> None:
    result = run(
        """
        import pytest

        def test_passes(jitp): jitp.connect(jitp.issue("quiet"))
        def test_first(jitp): jitp.connect(jitp.issue("one")); assert False
        def test_second(jitp): jitp.connect(jitp.issue("two")); assert False
        @pytest.mark.xfail
        def test_expected(jitp): jitp.connect(jitp.issue("expected")); assert False
        def test_third(): assert False
        """
    )
    result.assert_outcomes(passed=1, failed=3, xfailed=1)
    text = result.stdout.str()
    assert text.count("- JITP connections -") == 2
    assert "CN=quiet" not in text
    assert "CN=expected" not in text
    first, second = text.split("test_second __")
    assert "CN=one" in first
    assert "CN=two" not in first
    assert "CN=two" in second
    assert "CN=one" not in second


def test_no_connection_at_all_is_reported_too(run: Run) -> None:
    result = run("def test_it(jitp): assert jitp.connections")
    result.stdout.fnmatch_lines([TITLE, "No device connected in this test."])


def test_of_many_connections_the_last_ten_are_shown_and_all_are_counted(run: Run) -> None:
    result = run(
        """
        def test_it(jitp):
            for number in range(20):
                jitp.connect(jitp.issue(f"bulb-{number}"))
            assert False
        """
    )
    result.stdout.fnmatch_lines(
        [
            TITLE,
            "40 connections: 20 RECONNECT_REQUIRED, 20 ACCEPTED. The last 10 of them:",
            "31. CN=bulb-15: provisioned, AWS drops this connection",
            "40. CN=bulb-19: accepted as client 'bulb-19'",
        ]
    )
    result.stdout.no_fnmatch_line("*CN=bulb-14*")


def test_a_connection_in_a_fixture_is_reported_when_the_fixture_fails(run: Run) -> None:
    result = run(
        """
        import pytest

        @pytest.fixture
        def online(jitp):
            return jitp.connect(jitp.issue("bulb-1"), server_name="elsewhere.example.com")

        def test_it(online): pass
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E *ConnectionRefused: SNI_MISUSED: *", "E *fix: *"])


def test_a_failure_while_tearing_down_tells_the_connections_once(run: Run) -> None:
    result = run(
        """
        import pytest

        @pytest.fixture
        def fails_late(jitp):
            yield
            raise OSError("late")

        def test_it(jitp, fails_late): jitp.connect(jitp.issue("bulb-1"))
        def test_both(jitp, fails_late): jitp.connect(jitp.issue("bulb-2")); assert False
        """
    )
    result.assert_outcomes(passed=1, failed=1, errors=2)
    text = result.stdout.str()
    assert text.count("1. CN=bulb-1") == 1
    assert text.count("1. CN=bulb-2") == 1


@pytest.mark.parametrize("kind", ["decorator", "block", "activated"])
def test_tests_without_fixtures_are_explained_too(run: Run, kind: str) -> None:
    opening = {
        "decorator": "@mock_jitp\ndef test_it(): body()",
        "block": "def test_it():\n    with mock_jitp(): body()",
        "activated": (
            "def test_it():\n    activate()\n    try:\n        with mock_aws(): body()\n"
            "    finally: deactivate()"
        ),
    }[kind]
    result = run(
        "import boto3\nfrom moto import mock_aws\n"
        "from moto_jitp import *\nfrom moto_jitp import activate, deactivate, mock_jitp\n"
        "from moto_jitp import CertificateAuthority, ConnectionRefused, connect_device\n"
        "def body():\n"
        "    ca = CertificateAuthority()\n"
        "    ca.register(boto3.client('iot', region_name='us-east-1'), auto_registration=False)\n"
        "    try: connect_device(ca.issue('bulb-1'))\n"
        "    except ConnectionRefused: pass\n"
        "    assert False\n" + opening
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([TITLE, "1. CN=bulb-1: refused, AUTO_REGISTRATION_DISABLED"])


def test_unittest_classes_are_explained_too(run: Run) -> None:
    result = run(
        """
        import unittest, boto3
        from moto_jitp import CertificateAuthority, connect_device, mock_jitp

        @mock_jitp
        class TestBulb(unittest.TestCase):
            def test_it(self):
                connect_device(CertificateAuthority().issue("bulb-1"))
        """
    )
    result.stdout.fnmatch_lines(["E *ConnectionRefused: *NOT_REGISTERED: *", "E *fix: *"])


def test_connections_before_a_reset_are_reported(run: Run) -> None:
    result = run(
        """
        def test_it(jitp):
            jitp.connect(jitp.issue("bulb-1"))
            jitp.mock.reset()
            assert jitp.connections
        """
    )
    result.stdout.fnmatch_lines([TITLE, "2. CN=bulb-1: accepted*"])


def test_a_run_that_is_not_finished_yet_does_not_stop_the_report(run: Run) -> None:
    result = run(
        """
        from moto.moto_api import state_manager
        from moto_jitp import ConnectionRefused

        def test_it(jitp):
            state_manager.set_transition("iot::jitp", {"progression": "manual", "times": 5})
            try: jitp.connect(jitp.issue("bulb-1"))
            except ConnectionRefused: pass
            assert False
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([TITLE, "1. CN=bulb-1: refused,*"])


def test_a_fleet_provisioning_that_failed_is_reported_with_its_connection(
    run: Run,
) -> None:
    result = run(
        """
        import json

        TEMPLATE = {
            "Parameters": {"SerialNumber": {"Type": "String"}},
            "Resources": {
                "thing": {
                    "Type": "AWS::IoT::Thing",
                    "Properties": {"ThingName": {"Ref": "SerialNumber"}, "ThingGroups": ["bulbs"]},
                },
                "certificate": {
                    "Type": "AWS::IoT::Certificate",
                    "Properties": {
                        "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
                        "Status": "ACTIVE",
                    },
                },
            },
        }

        def test_it(jitp):
            jitp.iot.create_provisioning_template(
                templateName="fleet",
                templateBody=json.dumps(TEMPLATE),
                provisioningRoleArn="arn:aws:iam::123456789012:role/JITPRole",
                enabled=True,
            )
            claim = jitp.iot.create_keys_and_certificate(setAsActive=True)
            connection = jitp.connect(claim["certificatePem"])
            tokens = []
            jitp.subscribe(
                "$aws/certificates/create/json/accepted",
                lambda event: tokens.append(event.payload["certificateOwnershipToken"]),
            )
            connection.publish("$aws/certificates/create/json", b"")
            request = {"certificateOwnershipToken": tokens[0], "parameters": {"SerialNumber": "7"}}
            topic = "$aws/provisioning-templates/fleet/provision/json"
            connection.publish(topic, json.dumps(request))
            assert connection.provisioning.succeeded
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            TITLE,
            "1. CN=AWS IoT Certificate: accepted as client *",
            "*template: template fleet; provisioning FAILED",
            "*requires SerialNumber: '7'",
            "*DescribeThingGroup thinggroup/bulbs: FAILED *",
            "*fix: Create the thing group 'bulbs' *",
        ]
    )


REFUSED = """
    import pytest

    @pytest.mark.jitp(active=False)
    def test_refused(jitp):
        jitp.connect(jitp.issue(common_name="bulb-1"))
"""


@pytest.mark.parametrize("ci", ["", "true"], ids=["at a desk", "in CI"])
def test_a_refused_connection_is_explained_once_below_the_line_that_made_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, ci: str
) -> None:
    monkeypatch.setenv("CI", ci)  # there pytest's summary shows messages whole
    monkeypatch.setenv("COLUMNS", "200")
    result = run(REFUSED)

    result.stdout.fnmatch_lines(
        [
            ">       jitp.connect(jitp.issue(common_name=*bulb-1*))",
            "E       moto_jitp.ConnectionRefused: CA_CERTIFICATE_INACTIVE: The CA certificate *",
            "test_*.py:*: ConnectionRefused",
            "FAILED *::test_refused - CA_CERTIFICATE_INACTIVE: *",
        ]
    )
    text = result.stdout.str()
    assert text.count("Call update_ca_certificate(") == 1
    assert len(result.stdout.lines) <= 45


@pytest.mark.parametrize("ci", ["", "true"], ids=["at a desk", "in CI"])
def test_a_run_that_failed_is_explained_within_a_screen(
    run: Run, monkeypatch: pytest.MonkeyPatch, ci: str
) -> None:
    monkeypatch.setenv("CI", ci)  # there pytest's summary shows messages whole
    monkeypatch.setenv("COLUMNS", "200")
    result = run(SWALLOWED.replace("except ConnectionRefused:", "finally:"))

    assert result.stdout.str().count("no country (C): issue the certificate with it") == 1
    assert len(result.stdout.lines) <= 45
    result.stdout.fnmatch_lines(["FAILED *::test_swallowed - PROVISIONING_FAILED: *"])


@pytest.mark.parametrize("style", ["line", "no"])
def test_the_summary_tells_it_all_in_ci_where_tracebacks_are_off(
    run: Run, monkeypatch: pytest.MonkeyPatch, style: str
) -> None:
    monkeypatch.setenv("CI", "true")
    result = run(REFUSED, f"--tb={style}")

    result.stdout.fnmatch_lines(
        [
            "FAILED *::test_refused - CA_CERTIFICATE_INACTIVE: *",
            "*fix: *Call update_ca_certificate(*",
        ]
    )


def test_connections_that_the_error_does_not_cover_are_reported_beside_it(run: Run) -> None:
    result = run(
        """
        def test_two(jitp):
            jitp.connect(jitp.issue(common_name="good"))
            jitp.iot.update_ca_certificate(
                certificateId=jitp.ca.certificate_id, newStatus="INACTIVE"
            )
            jitp.connect(jitp.issue(common_name="bad"))
        """
    )

    result.stdout.fnmatch_lines(
        [
            TITLE,
            "1. CN=good: provisioned, AWS drops this connection",
            "2. CN=good: accepted as client 'good'",
            "3. CN=bad: refused, CA_CERTIFICATE_INACTIVE, as shown above",
        ]
    )


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ('connect_device("c.pem")', "moto_jitp.CertificateError: "),
        ('render("{}", {})', "moto_jitp.TemplateError: "),
        ('jitp.subscribe("a/#/b", print)', "ValueError: "),
        ("jitp.ca.register(jitp.iot, template_body='{}', role_arn='r')", "botocore.*Error: "),
    ],
)
def test_the_last_frame_is_the_line_of_the_user(run: Run, call: str, error: str) -> None:
    result = run(
        f"""
        from moto_jitp import connect_device, render

        def test_it(jitp):
            {call}
        """
    )

    result.stdout.fnmatch_lines([f"*{call}", f"E *{error}*"])
    result.stdout.no_fnmatch_line("*moto_jitp/*.py:*")
    result.stdout.no_fnmatch_line("*conftest_plugin/*.py:*")


def test_what_breaks_in_a_handler_of_the_user_is_shown_where_it_broke(run: Run) -> None:
    result = run(
        """
        import unittest

        from moto_jitp import connect_device

        def test_it(jitp):
            jitp.lambda_handler("hook", lambda event: 1)
            device = jitp.connect(jitp.issue(common_name="a"))
            device.subscribe("a", None, 7, 8, 9)

        class TestCase(unittest.TestCase):
            def test_in_a_class(self):
                connect_device("c.pem")
        """
    )

    result.stdout.fnmatch_lines(["*device.subscribe(*a*", "E *TypeError*"])
    result.stdout.fnmatch_lines(["*connect_device(*c.pem*", "E *", "", "*: *Error*"])


def test_the_whole_traceback_is_there_for_those_who_ask(run: Run) -> None:
    result = run(REFUSED, "--full-trace")

    result.stdout.fnmatch_lines(["*moto_jitp*connecting.py:*: ConnectionRefused"])
