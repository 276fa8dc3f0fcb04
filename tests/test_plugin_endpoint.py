"""``jitp_endpoint``: real devices in a user's tests, in layers that can be overridden."""

from __future__ import annotations

import pytest
from support.plugin_runs import Run, needs, run

pytest_plugins = ["pytester"]
__all__ = ["run"]

pytestmark = needs("OpenSSL")


def test_a_real_device_provisions_itself_in_a_users_test(run: Run) -> None:
    run(
        """
        import boto3
        from moto_jitp.endpoint.device_client import EndpointAddress, connect_over_mqtt

        def test_it(jitp, jitp_endpoint):
            bulb = jitp.issue(common_name="bulb-1")
            here = EndpointAddress(
                jitp_endpoint.host, jitp_endpoint.port, jitp_endpoint.root_ca_pem
            )
            assert connect_over_mqtt(here, bulb, "bulb-1")
            assert jitp_endpoint.wait_for("refusal").reason == "RECONNECT_REQUIRED"
            assert jitp_endpoint.wait_for("connection").client_id == "bulb-1"
            assert jitp.describe(bulb).status == "ACTIVE"
            assert jitp_endpoint.root_ca_path.read_text() == jitp_endpoint.root_ca_pem
            folder = jitp_endpoint.files(bulb)
            assert sorted(path.name for path in folder.iterdir()) == [
                "cert.pem", "key.pem", "root.pem"
            ]
            assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
        """
    ).assert_outcomes(passed=1)


def test_each_layer_can_be_overridden(run: Run) -> None:
    run(
        """
        import pytest
        from moto_jitp.endpoint.server_identity import ServerIdentity

        @pytest.fixture(scope="session")
        def jitp_endpoint_identity():
            return ServerIdentity(["bulbs.example"])

        @pytest.fixture
        def jitp_endpoint_address():
            return ("127.0.0.1", 0)

        def test_address_and_identity(jitp_endpoint, jitp_endpoint_identity):
            assert jitp_endpoint.host == "127.0.0.1"
            assert jitp_endpoint.root_ca_pem == jitp_endpoint_identity.root_pem

        def test_several_endpoints(jitp_endpoint_factory):
            first, second = jitp_endpoint_factory(), jitp_endpoint_factory(alpn_port=0)
            assert first.port != second.port
            assert second.alpn_port
            test_several_endpoints.first = first

        def test_one_with_a_name_of_its_own(jitp_endpoint_factory, jitp_endpoint_identity):
            named = jitp_endpoint_factory(names=["lamps.example"])
            assert named.root_ca_pem != jitp_endpoint_identity.root_pem

        def test_they_end_with_the_test():
            with pytest.raises(RuntimeError, match="not running"):
                test_several_endpoints.first.port
        """,
    ).assert_outcomes(passed=4)


def test_a_wait_in_vain_says_what_has_happened(run: Run) -> None:
    outcome = run(
        """
        def test_it(jitp, jitp_endpoint):
            jitp.connect(jitp.issue(common_name="bulb-1"))
            jitp_endpoint.wait_for("message", topic="never/said", timeout=0.01)
        """
    )
    outcome.assert_outcomes(failed=1)
    outcome.stdout.fnmatch_lines(
        ["*No message on 'never/said' within 0.01 seconds.", "*client 'bulb-1' connected*"]
    )


@pytest.mark.parametrize("kind", ["connexion", "event"])
def test_a_kind_that_does_not_exist_is_named(run: Run, kind: str) -> None:
    run(
        f"""
        import pytest

        def test_it(jitp_endpoint):
            with pytest.raises(ValueError, match="connection, refusal, disconnection, message"):
                jitp_endpoint.wait_for({kind!r})
        """
    ).assert_outcomes(passed=1)
