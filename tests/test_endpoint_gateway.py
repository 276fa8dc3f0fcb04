"""Real devices meet the same gateway as simulated ones: which are accepted, refused, and why."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")

from support.cloud import client, client_of
from support.endpoint_stories import V3, V5, Place, running

from moto_jitp import CertificateAuthority, DeviceIdentity
from moto_jitp.mqtt.encoding import encode
from moto_jitp.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Pingreq,
    Pingresp,
    Version,
    Will,
)
from moto_jitp.mqtt.properties import Properties

VERSIONS = pytest.mark.parametrize("version", [V3, V5], ids=["3.1.1", "5"])


# -- the first connection ---------------------------------------------------------------------


@VERSIONS
def test_a_new_device_is_provisioned_on_its_connect_and_hung_up_on(version: Version) -> None:
    with running() as place:
        bulb = place.ca.issue(common_name="bulb-1")
        with place.open(bulb, version) as handshake_only:
            handshake_only.close()
        assert place.jitp.connections == ()

        first = place.is_refused(bulb, version)
        with place.connect(bulb, version):
            last = place.jitp.connections[-1]

        assert first.reason == "RECONNECT_REQUIRED"
        assert first.provisioning.succeeded
        assert last.accepted
        assert last.server_name == "localhost"
        assert last.transport.address == "127.0.0.1"
        assert last.transport.port > 0
        assert last.transport.version is version
        assert place.iot.describe_thing(thingName="bulb-1")["thingName"] == "bulb-1"


@VERSIONS
def test_an_unknown_certificate_completes_the_handshake_and_is_hung_up_on(
    version: Version,
) -> None:
    with running() as place:
        stranger = CertificateAuthority(common_name="Stranger").issue(common_name="x")

        assert place.is_refused(stranger, version).reason == "DEVICE_CERTIFICATE_NOT_REGISTERED"


def test_a_connect_that_no_policy_allows_is_answered_in_mqtt_5_alone() -> None:
    with running({"enforce_policies": True}) as place:
        bulb = place.device()
        _deny(place, bulb, "iot:Connect")
        with place.open(bulb, V5) as new:
            assert new.connect("bulb-1").reason_code == 0x87
            assert new.is_closed()

        assert place.is_refused(bulb, V3).reason == "NOT_AUTHORIZED"
        assert [attempt.reason for attempt in place.jitp.connections[-2:]] == [
            "NOT_AUTHORIZED",
            "NOT_AUTHORIZED",
        ]


def _deny(place: Place, device: DeviceIdentity, *actions: str, resource: str = "*") -> str:
    """Attach a policy that denies actions; return its name."""
    statement = {"Effect": "Deny", "Action": list(actions), "Resource": resource}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    place.iot.create_policy(policyName="denial", policyDocument=document)
    arn = place.iot.describe_certificate(certificateId=device.certificate_id)
    target = arn["certificateDescription"]["certificateArn"]
    place.iot.attach_policy(policyName="denial", target=target)
    return "denial"


def test_a_refused_device_can_be_told_why() -> None:
    with running(reason_in_connack=True) as place:
        stranger = CertificateAuthority(common_name="Stranger").issue(common_name="x")
        with place.open(stranger, V5) as new:
            connack = new.connect("x")
        with place.open(stranger, V3) as old:
            assert old.connect("x").reason_code == 5

        assert connack.reason_code == 0x87
        assert "DEVICE_CERTIFICATE_NOT_REGISTERED" in (connack.properties.reason_string or "")


def test_certificates_can_be_judged_inside_the_handshake() -> None:
    import ssl

    with running(judge_in_tls=True) as place:
        stranger = CertificateAuthority(common_name="Stranger").issue(common_name="x")
        with place.open(stranger) as there, pytest.raises(ssl.SSLError, match=r"(?i)alert"):
            there.socket.recv(1)
        place.device("bulb-1")

        assert [attempt.reason for attempt in place.jitp.connections] == ["RECONNECT_REQUIRED"]


# -- server names -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["localhost", "test-server.lan"])
def test_a_name_of_the_endpoints_own_certificate_means_the_accounts_endpoint(name: str) -> None:
    with running() as place:
        attempt = place.is_refused(place.ca.issue(common_name="bulb-1"), server_name=name)

        assert attempt.reason == "RECONNECT_REQUIRED"
        assert attempt.server_name == name


def test_an_address_in_the_place_of_a_server_name_counts_as_mbedtls_sends_it() -> None:
    from OpenSSL import SSL, crypto

    with running() as place:
        bulb = place.ca.issue(common_name="bulb-1")
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        files = place.endpoint.files(bulb)
        context.use_certificate_file(str(files / "cert.pem"), crypto.FILETYPE_PEM)
        context.use_privatekey_file(str(files / "key.pem"), crypto.FILETYPE_PEM)
        raw = socket.create_connection(("127.0.0.1", place.endpoint.port))
        raw.settimeout(None)
        there = SSL.Connection(context, raw)
        there.set_tlsext_host_name(b"127.0.0.1")
        there.set_connect_state()
        there.do_handshake()
        there.sendall(encode(Connect("bulb-1"), V5))
        attempt = place.endpoint.wait_for("refusal")
        raw.close()

        assert attempt.reason == "RECONNECT_REQUIRED"
        assert attempt.server_name == "127.0.0.1"


def test_an_endpoints_name_selects_account_and_region() -> None:
    with running(register=False) as place:
        elsewhere = client_of("111122223333", "eu-west-1")
        place.ca.register(elsewhere, template_body=_body())
        address = elsewhere.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
        here = client().describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
        bulb = place.ca.issue(common_name="bulb-1")

        there = place.is_refused(bulb, server_name=address)
        wrong = place.is_refused(bulb, server_name=here)

        assert there.reason == "RECONNECT_REQUIRED"
        assert (there.account_id, there.region_name) == ("111122223333", "eu-west-1")
        assert wrong.account_id == "123456789012"
        assert wrong.reason == "DEVICE_CERTIFICATE_NOT_REGISTERED"


def _body() -> str:
    from support.bodies import PLAIN_BODY as BODY

    return BODY


def test_a_server_name_of_nobody_is_misdirected() -> None:
    with running() as place:
        bulb = place.device()
        with place.open(bulb, server_name=None) as there:
            assert there.connect("bulb-1").reason_code == 0

        assert _refused_over(place, bulb, "somewhere.example.com").reason == "SNI_MISUSED"


def _refused_over(place: Place, device: DeviceIdentity, name: str) -> Any:
    """Connect with a server name that the endpoint's certificate does not have."""
    from support.endpoint_clients import RawClient, client_context

    context = client_context(place.endpoint.root_ca_pem, device)
    context.check_hostname = False
    with RawClient(place.endpoint.port, context, server_name=name) as there:
        there.send(Connect("bulb-1"))
        assert there.is_closed()
    return place.jitp.connections[-1]


def test_a_new_device_without_a_server_name_is_told_to_connect_to_localhost() -> None:
    with running() as place:
        attempt = place.is_refused(place.ca.issue(common_name="bulb-1"), server_name=None)

        assert attempt.reason == "SERVER_NAME_MISSING"
        assert "localhost" in attempt.advice


def test_an_endpoint_may_take_devices_without_a_server_name() -> None:
    with running(takes_unnamed=True) as place:
        attempt = place.is_refused(place.ca.issue(common_name="bulb-1"), server_name=None)

        assert attempt.reason == "RECONNECT_REQUIRED"
        assert attempt.server_name is None


# -- trust is the account's, at each handshake ------------------------------------------------


def test_what_becomes_of_a_ca_counts_at_once() -> None:
    with running(register=False) as place:
        bulb = place.ca.issue(common_name="bulb-1")
        assert place.is_refused(bulb).reason == "DEVICE_CERTIFICATE_NOT_REGISTERED"

        place.ca.register(place.iot, template_body=_body())
        [ca] = place.iot.list_ca_certificates()["certificates"]
        place.iot.update_ca_certificate(certificateId=ca["certificateId"], newStatus="INACTIVE")
        assert place.is_refused(bulb).reason == "CA_CERTIFICATE_INACTIVE"

        place.iot.update_ca_certificate(certificateId=ca["certificateId"], newStatus="ACTIVE")
        assert place.is_refused(bulb).reason == "RECONNECT_REQUIRED"

        place.iot.update_ca_certificate(certificateId=ca["certificateId"], newStatus="INACTIVE")
        place.iot.delete_ca_certificate(certificateId=ca["certificateId"])
        place.connect(bulb).close()  # its own certificate is registered
        other = place.ca.issue(common_name="bulb-2")
        assert place.is_refused(other).reason == "DEVICE_CERTIFICATE_NOT_REGISTERED"


def test_two_cas_of_one_subject_are_told_apart() -> None:
    with running(register=False) as place:
        twins = [CertificateAuthority(common_name="Test CA") for _ in range(3)]
        for twin in twins[:2]:
            twin.register(place.iot, template_body=_body())

        reasons = [
            place.is_refused(twin.issue(common_name=f"bulb-{number}"), chain=chain).reason
            for number, twin in enumerate(twins)
            for chain in (False, True)
        ]

        assert reasons[0] == reasons[2] == "RECONNECT_REQUIRED"
        assert reasons[4:] == ["DEVICE_CERTIFICATE_NOT_REGISTERED"] * 2


@pytest.mark.parametrize("chain", [False, True])
def test_the_issuing_ca_is_the_one_that_is_to_be_registered(chain: bool) -> None:
    with running(register=False) as place:
        root = CertificateAuthority(common_name="Root")
        intermediate = CertificateAuthority(common_name="Intermediate", parent=root)
        root.register(place.iot, template_body=_body())
        bulb = intermediate.issue(common_name="bulb-1")
        before = place.is_refused(bulb, chain=chain).reason

        intermediate.register(place.iot, template_body=_body())
        after = place.is_refused(bulb, chain=chain).reason

        assert (before, after) == ("DEVICE_CERTIFICATE_NOT_REGISTERED", "RECONNECT_REQUIRED")


def test_a_certificate_of_aws_own_connects_as_in_aws() -> None:
    with running() as place:
        answer = place.iot.create_keys_and_certificate(setAsActive=True)
        device = DeviceIdentity.from_pem(answer["certificatePem"], answer["keyPair"]["PrivateKey"])
        place.connect(device, client_id="x").close()


# -- live sessions ----------------------------------------------------------------------------


def _ways_to_lose_a_certificate() -> dict[str, Any]:
    def update(status: str) -> Any:
        return lambda place, device: place.iot.update_certificate(
            certificateId=device.certificate_id, newStatus=status
        )

    return {"INACTIVE": update("INACTIVE"), "REVOKED": update("REVOKED")}


@VERSIONS
@pytest.mark.parametrize("how", sorted(_ways_to_lose_a_certificate()))
def test_a_live_session_ends_with_its_certificate(how: str, version: Version) -> None:
    with running() as place:
        bulb = place.device()
        there = place.connect(bulb, version)

        _ways_to_lose_a_certificate()[how](place, bulb)

        if version is V5:
            assert there.receive(Disconnect).reason_code == 0x87
        assert there.is_closed()
        event = place.endpoint.wait_for("disconnection", client_id="bulb-1")
        assert event.payload["disconnectReason"] == "AUTH_ERROR"
        assert event.payload["clientInitiatedDisconnect"] is False


@VERSIONS
def test_a_live_session_ends_when_its_client_id_is_taken(version: Version) -> None:
    with running() as place:
        bulb = place.device()
        older = place.connect(bulb, version)

        newer = place.connect(bulb, version)

        if version is V5:
            assert older.receive(Disconnect).reason_code == 0x8E
        assert older.is_closed()
        newer.send(Pingreq())
        newer.receive(Pingresp)
        event = place.endpoint.wait_for("disconnection", client_id="bulb-1")
        assert event.payload["disconnectReason"] == "DUPLICATE_CLIENTID"


def test_a_simulated_device_takes_the_client_id_of_a_real_one_and_the_other_way_round() -> None:
    from moto_jitp import connect_device

    with running() as place:
        bulb = place.device()
        real = place.connect(bulb)
        simulated = connect_device(bulb, client_id="bulb-1")
        assert real.receive(Disconnect).reason_code == 0x8E

        place.connect(bulb)

        assert not simulated.connected


def test_a_refused_newcomer_evicts_nobody() -> None:
    with running() as place:
        bulb = place.device()
        there = place.connect(bulb)
        stranger = CertificateAuthority(common_name="Stranger").issue(common_name="bulb-1")
        assert place.is_refused(stranger).client_id == "bulb-1"

        there.send(Pingreq())
        there.receive(Pingresp)


def test_a_session_is_resumed_by_the_certificate_that_it_belongs_to_alone() -> None:
    with running() as place:
        bulb, other = place.device("bulb-1"), place.device("bulb-2")
        kept = Properties(session_expiry_interval=600)
        place.connect(bulb, clean_start=False, properties=kept).close()
        place.endpoint.wait_for("disconnection", client_id="bulb-1")

        connect = Connect("bulb-1", clean_start=False, properties=kept)
        answers = []
        for device in (bulb, other, other):
            with place.open(device) as there:
                there.send(connect)
                answers.append(there.receive(Connack).session_present)

        assert answers == [True, False, True]


@VERSIONS
def test_a_reset_ends_live_sessions(version: Version) -> None:
    with running() as place:
        there = place.connect(place.device(), version)

        place.jitp.reset()

        if version is V5:
            there.receive(Disconnect)
        assert there.is_closed()


@VERSIONS
def test_the_end_of_the_mock_ends_live_sessions(version: Version) -> None:
    from support.endpoint_stories import identity

    from moto_jitp import DeviceEndpoint, mock_jitp

    with DeviceEndpoint(identity=identity()) as endpoint:
        with mock_jitp() as jitp:
            ca = CertificateAuthority(common_name="Acme Root")
            ca.register(client(), template_body=_body())
            place = Place(endpoint, jitp, ca)
            bulb = place.device()
            there = place.connect(bulb, version)
        if version is V5:
            there.receive(Disconnect)
        assert there.is_closed()

        with place.open(bulb, version) as again:
            again.send(Connect("bulb-1", version))
            assert again.is_closed()
        place.until_logged("There is no AWS IoT to connect to")


@VERSIONS
@pytest.mark.parametrize("prevented", [False, True])
def test_delete_connection_ends_a_live_session(version: Version, prevented: bool) -> None:
    with running() as place:
        data = client(service="iot-data")
        there = place.connect(place.device(), version, will=Will("will", b"gone"))

        data.delete_connection(clientId="bulb-1", preventWillMessage=prevented)

        if version is V5:
            assert there.receive(Disconnect).reason_code == 0x98
        assert there.is_closed()
        event = place.endpoint.wait_for("disconnection", client_id="bulb-1")
        assert event.payload["disconnectReason"] == "API_INITIATED_DISCONNECT"
        if not prevented:
            assert place.endpoint.wait_for("message", topic="will").payload == b"gone"
        with pytest.raises(data.exceptions.ResourceNotFoundException):
            data.delete_connection(clientId="bulb-1")


@pytest.mark.parametrize("is_clean", [False, True])
def test_delete_connection_may_forget_the_session_that_is_kept(is_clean: bool) -> None:
    with running() as place:
        bulb = place.device()
        kept = Properties(session_expiry_interval=600)
        there = place.connect(bulb, clean_start=False, properties=kept)

        client(service="iot-data").delete_connection(clientId="bulb-1", cleanSession=is_clean)

        there.receive(Disconnect)
        assert there.is_closed()
        with place.open(bulb) as again:
            again.send(Connect("bulb-1", clean_start=False, properties=kept))
            assert again.receive(Connack).session_present is not is_clean


def test_presence_tells_the_devices_own_address_and_log_entries_its_port() -> None:
    with running() as place:
        bulb = place.device()
        place.connect(bulb).close()
        [connected] = [event for event in place.jitp.events if "presence/connected" in event.topic]

        assert connected.payload["ipAddress"] == "127.0.0.1"
        attempt = place.jitp.connections[-1]
        assert attempt.transport.target_port == place.endpoint.port


# -- what is not emulated ---------------------------------------------------------------------


@VERSIONS
def test_a_client_that_asks_for_a_custom_authorizer_learns_that_there_is_none(
    version: Version,
) -> None:
    with running() as place:
        name = "me?x-amz-customauthorizer-name=mine"
        with place.open(place.device("bulb-1"), version) as there:
            connack = there.connect("bulb-1", user_name=name, password=b"secret")
            assert there.is_closed()

        assert connack.reason_code == (0x86 if version is V5 else 4)
        if version is V5:
            assert "not emulated" in (connack.properties.reason_string or "")
        place.until_logged("not emulated")
