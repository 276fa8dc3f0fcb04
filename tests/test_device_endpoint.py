"""``DeviceEndpoint``: it starts, says where it is, and ends without a trace."""

from __future__ import annotations

import ssl
import stat
import sys
import threading

import pytest
from cryptography import x509

pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")

from support.cloud import client
from support.endpoint_stories import identity, running

from moto_jitp import DeviceEndpoint
from moto_jitp.broker.message_broker import listeners
from moto_jitp.devices.attempts import observers
from moto_jitp.endpoint.server_identity import ServerIdentity
from moto_jitp.iot.account.endpoints import local_endpoints

IN_VAIN = 0.0
"""Seconds to wait for what does not come, however long one waits."""


def test_nothing_is_left_of_it() -> None:
    with running():
        pass  # what is registered once per process stays
    before = (len(observers), len(listeners), len(local_endpoints), set(threading.enumerate()))
    with running() as place:
        place.connect(place.device()).close()
        root, files = place.endpoint.root_ca_path, place.endpoint.files(place.ca.issue("x"))
        assert root.exists()
        assert files.is_dir()
        endpoint = place.endpoint
    after = (len(observers), len(listeners), len(local_endpoints), set(threading.enumerate()))

    assert after == before
    assert not root.exists()
    assert not files.exists()
    with pytest.raises(RuntimeError, match="not running"):
        print(endpoint.port)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_devices_files_are_readable_by_their_owner_only() -> None:
    with running() as place:
        folder = place.endpoint.files(place.ca.issue(common_name="bulb-1"))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}

        assert modes == {"cert.pem": 0o600, "key.pem": 0o600, "root.pem": 0o600}
        for above in (folder, folder.parent):
            assert stat.S_IMODE(above.stat().st_mode) == 0o700


def test_a_wait_in_vain_tells_refusals_and_where_nothing_happened_at_all() -> None:
    with running() as place:
        with pytest.raises(TimeoutError) as in_vain:
            place.endpoint.wait_for("connection", client_id="bulb-1", timeout=IN_VAIN)
        assert str(in_vain.value).splitlines() == [
            "No connection of client 'bulb-1' within 0 seconds.",
            "Nothing has happened at all: does the client use the right host and port?",
        ]

        place.is_refused(place.ca.issue(common_name="bulb-1"))
        with pytest.raises(TimeoutError) as in_vain:
            place.endpoint.wait_for("connection", timeout=IN_VAIN)
        first, *told = str(in_vain.value).splitlines()
        assert first == "No connection within 0 seconds."
        assert any(line.endswith("was refused: RECONNECT_REQUIRED") for line in told)


def test_it_can_be_started_again_but_not_twice_at_once() -> None:
    endpoint = DeviceEndpoint(identity=identity())
    with endpoint:
        with pytest.raises(RuntimeError, match="running already"):
            endpoint.start()
        first = endpoint.port
    with endpoint:
        assert endpoint.port
        assert "localhost" in repr(endpoint)
    endpoint.stop()
    assert first


def test_a_taken_port_leaves_nothing_behind() -> None:
    before = set(threading.enumerate())
    with DeviceEndpoint(identity=identity()) as endpoint:
        taken = endpoint.port
        during = set(threading.enumerate())
        with pytest.raises(OSError, match=r"(?i)in use|address"):
            DeviceEndpoint(port=taken, identity=identity()).start()
        with pytest.raises(OSError, match=r"(?i)in use|address"):
            DeviceEndpoint(alpn_port=taken, identity=identity()).start()
        assert set(threading.enumerate()) == during
    assert set(threading.enumerate()) == before


def test_describe_endpoint_answers_with_the_local_address_where_that_is_wanted() -> None:
    with running({"local_endpoint": True}) as place:
        where = f"localhost:{place.endpoint.port}"
        described = client().describe_endpoint(endpointType="iot:Data-ATS")
        assert described["endpointAddress"] == where
        credentials = client().describe_endpoint(endpointType="iot:CredentialProvider")
        assert "credentials" in credentials["endpointAddress"]
    with running() as place:
        described = client().describe_endpoint(endpointType="iot:Data-ATS")
        assert described["endpointAddress"].endswith(".iot.us-east-1.amazonaws.com")


def test_its_certificate_has_the_names_that_it_is_given() -> None:
    identity = ServerIdentity(["bulbs.example", "10.0.0.7", "*.lan"])

    for name in ("localhost", "LOCALHOST", "127.0.0.1", "::1", "bulbs.example", "a.lan"):
        assert identity.serves(name), name
    for name in ("10.0.0.8", "x.bulbs.example", "lan", "a.b.lan", ""):
        assert not identity.serves(name), name
    assert ssl.PEM_cert_to_DER_cert(identity.root_pem)


def test_a_name_that_a_certificate_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be put in the endpoint's certificate"):
        _ = ServerIdentity(["a" * 70 + ".lan"]).server_certificates


def test_names_beside_an_identity_are_refused_and_not_ignored() -> None:
    with pytest.raises(ValueError, match="give ServerIdentity the names"):
        DeviceEndpoint(names=["lamps.example"], identity=identity())


def test_an_identity_has_the_names_of_all_account_endpoints() -> None:
    (certificate, _), _ = ServerIdentity(["lamps.example"]).server_certificates
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    served = names.get_values_for_type(x509.DNSName)
    assert {"*.iot.eu-west-1.amazonaws.com", "*.credentials.iot.us-east-1.amazonaws.com"} <= set(
        served
    )
