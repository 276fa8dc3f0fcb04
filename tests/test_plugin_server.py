"""``jitp_server``: a server in a process of its own, clean for each test, gone with pytest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.patience import HANG, until
from support.plugin_runs import PLAIN, Run, needs, run, run_apart

pytestmark = pytest.mark.slow

pytest_plugins = ["pytester"]
__all__ = ["run", "run_apart"]

pytest.importorskip("flask", reason="the extra [server] is not installed")

PREPARED = """
    import boto3, os, pytest
    from moto_jitp import CertificateAuthority, ConnectionRefused, connect_device, mock_jitp

    @pytest.fixture
    def ca(jitp_server, jitp_template):
        ca = CertificateAuthority(common_name="Acme Root")
        ca.register(jitp_server.client("iot"), template_body=jitp_template)
        return ca
"""


def test_a_device_provisions_itself_at_the_server(run: Run) -> None:
    run(
        f"""{PREPARED}
    def test_it(jitp_server, ca):
        bulb = ca.issue(common_name="bulb-1")

        connection = jitp_server.connect(bulb)

        assert connection.thing_name == "bulb-1"
        assert connection.provisioning.thing_name == "bulb-1"
        assert [attempt.accepted for attempt in connection.attempts] == [False, True]
        assert jitp_server.connections == connection.attempts
        assert jitp_server.describe(bulb).status == "ACTIVE"
        assert jitp_server.endpoint_url.startswith("http://127.0.0.1:")
        assert jitp_server.client("sts").get_caller_identity()["Account"] == "123456789012"
        assert jitp_server.client("s3", region_name="eu-west-1").list_buckets()["Buckets"] == []

    def test_refusals_are_the_same_as_in_process(jitp_server, ca):
        stranger = CertificateAuthority(common_name="Stranger").issue("bulb-2")
        with pytest.raises(ConnectionRefused) as refused:
            jitp_server.connect(stranger)
        assert refused.value.reason == "DEVICE_CERTIFICATE_NOT_REGISTERED"
        with pytest.raises(ConnectionRefused) as refused:
            jitp_server.connect(ca.issue("bulb-3"), server_name=None)
        assert refused.value.reason == "SERVER_NAME_MISSING"
        with pytest.raises(ConnectionRefused) as refused:
            jitp_server.connect(ca.issue("bulb-4"), reconnect=False)
        assert refused.value.reason == "RECONNECT_REQUIRED"
        with pytest.raises(ValueError):
            jitp_server.connect("no certificate")
        with pytest.raises(TypeError):
            jitp_server.connect(42)

    def test_the_endpoint_and_the_client_id_can_be_named(jitp_server, ca):
        endpoint = jitp_server.client("iot").describe_endpoint(endpointType="iot:Data-ATS")
        address = endpoint["endpointAddress"]
        connection = jitp_server.connect(ca.issue("b"), endpoint=address, client_id="mine")
        assert connection.client_id == "mine"
        """
    ).assert_outcomes(passed=3)


def test_connections_at_the_server_can_be_disturbed(run: Run) -> None:
    run(
        f"""{PREPARED}
    def test_it(jitp_server, ca):
        bulb = ca.issue("bulb-1")
        jitp_server.connect(bulb)
        disturbance = jitp_server.disturb("throttle", "bulb-1")
        with pytest.raises(ConnectionRefused) as refused:
            jitp_server.connect(bulb)
        assert refused.value.reason == "CONNECT_THROTTLED"
        assert disturbance.calls == 1
        jitp_server.connect(bulb)
        with pytest.raises(ValueError, match="throttle"):
            jitp_server.disturb("thunder")
        """
    ).assert_outcomes(passed=1)


def test_it_is_clean_before_each_test_that_uses_it(run: Run) -> None:
    run(
        f"""{PREPARED}
    @pytest.mark.parametrize("number", range(3))
    def test_clean(jitp_server, ca, number):
        assert jitp_server.connections == ()
        jitp_server.connect(ca.issue("bulb-1"))
        assert len(jitp_server.client("iot").list_things()["things"]) == 1

    @pytest.mark.parametrize("number", range(2))
    def test_clean_when_asked_for_in_the_middle(request, number):
        server = request.getfixturevalue("jitp_server")
        assert server.client("iot").list_things()["things"] == []
        server.client("iot").create_thing(thingName="left")
        assert len(server.client("iot").list_things()["things"]) == 1
        """
    ).assert_outcomes(passed=5)


def test_a_mock_in_the_test_process_does_not_reset_it(run: Run) -> None:
    run(
        f"""{PREPARED}
    from moto import mock_aws

    @mock_aws
    def test_mock_aws(jitp_server, ca):
        body(jitp_server, ca)

    def test_mock_jitp(jitp_server, ca, jitp):
        body(jitp_server, ca)
        assert [thing["thingName"] for thing in jitp.iot.list_things()["things"]] == ["elsewhere"]
        assert jitp.connections == ()

    def body(jitp_server, ca):
        jitp_server.connect(ca.issue("bulb-1"))
        with mock_jitp():
            boto3.client("iot", region_name="us-east-1").create_thing(thingName="elsewhere")
        things = jitp_server.client("iot").list_things()["things"]
        assert [thing["thingName"] for thing in things] == ["bulb-1"]
        """
    ).assert_outcomes(passed=2)


def test_using_it_changes_nothing_in_the_test_process(run: Run) -> None:
    run(
        """
        import os, boto3

        def test_it(jitp_server):
            before = dict(os.environ), boto3.DEFAULT_SESSION
            jitp_server.client("iot").list_things()
            assert (dict(os.environ), boto3.DEFAULT_SESSION) == before
        """
    ).assert_outcomes(passed=1)


def test_a_proxy_for_the_world_outside_is_not_asked(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_PROFILE", "absent")
    run(
        f"""{PREPARED}
    @pytest.mark.parametrize("number", range(2))
    def test_it(jitp_server, ca, number):
        assert jitp_server.connect(ca.issue("bulb-1")).thing_name == "bulb-1"
        """
    ).assert_outcomes(passed=2)


@needs("xdist")
def test_each_worker_of_xdist_has_its_own(run_apart: Run) -> None:
    result = run_apart(
        f"""{PREPARED}
    import time, pathlib

    @pytest.mark.parametrize("number", range(6))
    def test_it(jitp_server, ca, number, worker_id):
        jitp_server.connect(ca.issue("bulb-1"))
        assert len(jitp_server.client("iot").list_things()["things"]) == 1
        pathlib.Path(f"{{worker_id}}.url").write_text(jitp_server.endpoint_url)

    """,
        *("-n", "2"),
    )
    result.assert_outcomes(passed=6)
    urls = [path.read_text() for path in Path.cwd().glob("*.url")]
    assert len(set(urls)) == len(urls) >= 1


def test_the_fixture_works_in_motos_server_mode(
    run_apart: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto_jitp.server import ThreadedJitpServer

    with ThreadedJitpServer() as server:
        monkeypatch.setenv("TEST_SERVER_MODE", "true")
        monkeypatch.setenv("TEST_SERVER_MODE_ENDPOINT", server.endpoint_url)
        result = run_apart(
            """
            import boto3

            def test_one(jitp):
                bulb = jitp.issue("bulb-1")
                assert jitp.connect(bulb).thing_name == "bulb-1"
                assert jitp.describe(bulb).status == "ACTIVE"
                assert len(jitp.connections) == 2

            def test_two(jitp):
                assert boto3.client("iot").list_things()["things"] == []
                jitp.connect(jitp.issue("bulb-2"), server_name=None)
            """
        )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E * moto_jitp.ConnectionRefused: SERVER_NAME_MISSING: *"])


def test_a_failure_tells_the_connections_at_the_server(run: Run) -> None:
    result = run(
        f"""{PREPARED}
    def test_it(jitp_server, ca):
        try:
            jitp_server.connect(ca.issue("bulb-1"), server_name=None)
        except ConnectionRefused:
            pass
        assert False

    def test_other(jitp_server):
        assert False
        """
    )
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "*- JITP connections -*",
            "At the server:",
            "1. CN=bulb-1: refused, SERVER_NAME_MISSING",
            "*fix: Configure the TLS client to send*",
            "*- JITP connections -*",
            "No device connected in this test.",
        ]
    )


def test_a_server_that_died_is_named_and_does_not_stop_the_session(run: Run) -> None:
    result = run(
        """
        import os, signal

        def test_it(jitp_server):
            os.kill(jitp_server.process_id, signal.SIGKILL)
            assert False

        def test_next(jitp_server): pass

        def test_without(jitp): jitp.connect(jitp.issue())
        """
    )
    result.assert_outcomes(passed=1, failed=1, errors=1)
    result.stdout.fnmatch_lines(["*- JITP connections -*"])
    result.stdout.fnmatch_lines(["*ConnectionError: jitp_server no longer answers at http*"])


def test_a_server_that_does_not_start_says_why(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(sitecustomize="import sys; sys.modules['moto'] = None")
    result = run(
        """
        import pathlib

        def test_it(request, monkeypatch):
            monkeypatch.setenv("PYTHONPATH", str(pathlib.Path(__file__).parent))
            request.getfixturevalue("jitp_server")
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*server of jitp_server ended with exit code 1 before it*"])


WAITING = """
    import os, pathlib, signal

    def test_it(jitp_server):
        text = f"{os.getpid()} {jitp_server.process_id}"
        pathlib.Path("waiting.new").write_text(text)
        os.rename("waiting.new", "waiting")
        signal.pause()
"""

# A script's background job, and what it starts, ignores SIGINT.
HEARING_SIGINT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""


def alive(process_id: int) -> bool:
    """Whether a process runs; a zombie, which nobody has waited for, does not."""
    try:
        status = Path(f"/proc/{process_id}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("way", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_it_is_gone_when_pytest_dies(pytester: pytest.Pytester, way: str) -> None:
    pytester.makepyfile(WAITING)
    session = subprocess.Popen(
        [sys.executable, "-c", HEARING_SIGINT, *PLAIN], stdout=subprocess.DEVNULL
    )
    try:
        waiting = pytester.path / "waiting"
        until(waiting.exists)
        server = int(waiting.read_text().split()[1])
        assert alive(server)
        session.send_signal(getattr(signal, way))
        session.wait(HANG)
        until(lambda: not alive(server))
    finally:
        session.kill()
        session.wait()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_it_is_gone_after_the_session(pytester: pytest.Pytester, run_apart: Run) -> None:
    run_apart(WAITING.replace("signal.pause()", "pass")).assert_outcomes(passed=1)
    assert not alive(int((pytester.path / "waiting").read_text().split()[1]))


def test_its_clients_wait_for_a_slow_machine(run: Run) -> None:
    run(
        """
        from botocore.config import Config

        def test_it(jitp_server):
            assert jitp_server.client("iot").meta.config.read_timeout >= 600
            own = jitp_server.client("iot", config=Config(read_timeout=1))
            assert own.meta.config.read_timeout == 1
        """
    ).assert_outcomes(passed=1)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_it_is_ready_after_about_a_second_of_work(run: Run, pytester: pytest.Pytester) -> None:
    run(
        """
        import pathlib

        def test_it(jitp_server):
            jitp_server.client("iot").list_things()
            stat = pathlib.Path(f"/proc/{jitp_server.process_id}/stat").read_text()
            pathlib.Path("stat").write_text(stat)
        """
    ).assert_outcomes(passed=1)
    # Of the processor, as the machine may do much else at this moment; and generous.
    user, system = (pytester.path / "stat").read_text().rpartition(")")[2].split()[11:13]
    assert (int(user) + int(system)) / os.sysconf("SC_CLK_TCK") < 10


def test_a_failure_report_includes_fleet_provisioning_at_the_server(run: Run) -> None:
    result = run(
        """
        import json

        CERTIFICATE = {
            "Type": "AWS::IoT::Certificate",
            "Properties": {
                "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
                "Status": "ACTIVE",
            },
        }
        THING = {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": "Serial"}}}
        TEMPLATE = {
            "Parameters": {"Serial": {"Type": "String"}},
            "Resources": {"certificate": CERTIFICATE, "thing": THING},
        }

        def test_it(jitp_server):
            iot = jitp_server.client("iot")
            iot.create_provisioning_template(
                templateName="fleet",
                templateBody=json.dumps(TEMPLATE),
                provisioningRoleArn="arn:aws:iam::123456789012:role/JITPRole",
                enabled=True,
            )
            claim = iot.create_keys_and_certificate(setAsActive=True)
            connection = jitp_server.connect(claim["certificatePem"])
            connection.subscribe("$aws/certificates/create/json/+")
            connection.publish("$aws/certificates/create/json", b"")
            token = json.loads(connection.receive().payload)["certificateOwnershipToken"]
            connection.publish(
                "$aws/provisioning-templates/fleet/provision/json",
                json.dumps({"certificateOwnershipToken": token}),
            )
            assert connection.provisioning.succeeded
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "At the server:",
            "1. *: accepted as client *",
            "*template: template fleet; provisioning FAILED",
            "*fix: Send 'Serial' *",
        ]
    )


def test_the_marker_configures_the_server_for_its_test_alone(run: Run) -> None:
    result = run(
        """
        import pytest
        from moto_jitp import CertificateAuthority

        def reason(server):
            ca = CertificateAuthority()
            ca.register(server.client("iot"))
            iot = server.client("iot")
            device = ca.issue()
            iot.register_certificate(certificatePem=device.certificate_pem, status="ACTIVE")
            try:
                server.connect(device)
            except Exception as error:
                return error.reason

        @pytest.mark.jitp(config={"jitp": {"enforce_policies": True}})
        def test_first(jitp_server):
            assert reason(jitp_server) == "NOT_AUTHORIZED"

        def test_second(jitp_server):
            assert reason(jitp_server) is None

        @pytest.mark.jitp(config={"jitp": {"enforce_policies": True}})
        def test_third(jitp_server):
            assert reason(jitp_server) == "NOT_AUTHORIZED"

        @pytest.mark.jitp(config={"jitp": {"enforce_polices": True}})
        def test_misspelt(jitp_server):
            reason(jitp_server)
        """
    )
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*enforce_polices*enforce_policies*"])
