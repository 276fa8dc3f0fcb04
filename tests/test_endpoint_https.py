"""Devices publish over HTTPS with nothing but curl: which may, and what arrives."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator

import pytest

pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")
pytest.importorskip("h11", reason="HTTPS needs the extra [mqtt]")

from support.cloud import client
from support.endpoint_clients import client_context
from support.endpoint_requests import curl, publish
from support.endpoint_stories import Place, running
from support.monitoring import log_entries, metric_sum
from support.patience import HANG, until

from moto_jitp import CertificateAuthority, DeviceIdentity, connect_device
from moto_jitp.mqtt.encoding import encode
from moto_jitp.mqtt.packets import (
    Connect,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Version,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
]


@pytest.fixture
def place() -> Iterator[Place]:
    with running(https_port=0) as one:
        yield one


# -- what arrives -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/topics/lamps/1", "/topics/lamps%2F1"])
def test_curl_publishes_to_subscribers_with_the_topic_encoded_or_not(
    place: Place, path: str
) -> None:
    device = place.device("lamp-1")
    screen = connect_device(place.ca.issue(common_name="screen"))
    screen.subscribe("lamps/+")

    answer = publish(place, device, f"{path}?qos=1")

    assert answer.status == 200
    assert answer.body["message"] == "OK"
    assert screen.receive().payload == b"on"
    message = place.endpoint.wait_for("message", topic="lamps/1")
    assert message.payload == b"on"


def test_the_properties_of_mqtt_5_reach_a_subscriber(place: Place) -> None:
    device = place.device("lamp-1")
    with place.connect(place.device("screen")) as screen:
        screen.send(Subscribe(1, (Subscription("lamps/1", 1),)))
        pairs = base64.b64encode(json.dumps([{"room": "hall"}, {"room": "attic"}]).encode())
        publish(
            place,
            device,
            "/topics/lamps/1?qos=0&contentType=text%2Fplain&responseTopic=back&messageExpiry=60",
            *("-H", f"x-amz-mqtt5-user-properties: {pairs.decode()}"),
            *("-H", "x-amz-mqtt5-payload-format-indicator: UTF8_DATA"),
            *("-H", f"x-amz-mqtt5-correlation-data: {base64.b64encode(b'7').decode()}"),
        )
        screen.receive(Suback)
        properties = screen.receive(Publish).properties

    assert properties.content_type == "text/plain"
    assert properties.response_topic == "back"
    assert properties.correlation_data == b"7"
    assert properties.payload_format_indicator == 1
    assert properties.message_expiry_interval in range(1, 61)
    assert properties.user_properties == (("room", "hall"), ("room", "attic"))


def test_boto3_publishes_with_the_same_properties(place: Place) -> None:
    with place.connect(place.device("screen")) as screen:
        screen.send(Subscribe(1, (Subscription("lamps/1", 1),)))
        screen.receive(Suback)
        client(service="iot-data").publish(
            topic="lamps/1",
            payload=b"on",
            contentType="text/plain",
            correlationData=base64.b64encode(b"7").decode(),
            userProperties=json.dumps([{"room": "hall"}]),
        )
        properties = screen.receive(Publish).properties

    assert properties.content_type == "text/plain"
    assert properties.correlation_data == b"7"
    assert properties.user_properties == (("room", "hall"),)


def test_a_retained_message_a_shadow_and_a_rule_know_no_difference(place: Place) -> None:
    device = place.device("lamp-1")
    place.iot.create_topic_rule(
        ruleName="copy",
        topicRulePayload={
            "sql": "SELECT state, principal() AS who, clientid() AS client FROM 'lamps/#'",
            "actions": [
                {"republish": {"roleArn": "arn:aws:iam::123456789012:role/r", "topic": "copies"}}
            ],
        },
    )
    data = client(service="iot-data")

    curl(place, device, "/topics/lamps/1?retain=true", "-d", '{"state": "on"}')
    shadow = json.dumps({"state": {"reported": {"on": True}}})
    curl(place, device, "/topics/$aws/things/lamp-1/shadow/update", "-d", shadow)

    assert json.loads(data.get_retained_message(topic="lamps/1")["payload"]) == {"state": "on"}
    copy = json.loads(place.endpoint.wait_for("message", topic="copies").payload)
    assert copy == {"state": "on", "who": device.certificate_id, "client": "n/a"}
    kept = json.loads(data.get_thing_shadow(thingName="lamp-1")["payload"].read())
    assert kept["state"]["reported"] == {"on": True}


def test_one_connection_carries_many_requests(place: Place) -> None:
    device = place.device("lamp-1")
    urls = [f"{place.endpoint.https_url}/topics/{number}" for number in range(3)]
    command = ["curl", *place.endpoint.curl_args(device), "-v", "-d", "x", *urls]

    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG, check=True)

    assert done.stdout.count('"OK"') == 3
    assert "Re-using existing connection" in done.stderr
    topics = [place.endpoint.wait_for("message", topic="+").topic for _ in urls]
    assert topics == ["0", "1", "2"]


def test_metrics_and_log_entries_name_the_protocol(place: Place) -> None:
    device = place.device("lamp-1")
    place.iot.set_v2_logging_options(
        roleArn="arn:aws:iam::123456789012:role/logs", defaultLogLevel="INFO"
    )

    publish(place, device, "/topics/lamps/1")
    publish(place, device, "/topics/lamps/+")

    assert metric_sum("PublishIn.Success", by_protocol="HTTP") == 1
    assert metric_sum("PublishIn.ClientError", by_protocol="HTTP") == 1
    [entry] = log_entries()
    assert (entry["eventType"], entry["protocol"]) == ("Publish-In", "HTTP")
    assert entry["principalId"] == device.certificate_id
    assert "clientId" not in entry


# -- who may ----------------------------------------------------------------------------------


def test_a_new_device_is_not_registered_by_a_request_and_is_told_to_connect(place: Place) -> None:
    new = place.ca.issue(common_name="lamp-1")

    answer = publish(place, new, "/topics/a")

    assert answer[:2] == (403, "ForbiddenException:")
    assert answer.body["message"] == "Forbidden"
    refused = place.endpoint.wait_for("refusal")
    assert refused.reason == "DEVICE_CERTIFICATE_NOT_REGISTERED"
    assert "MQTT first" in refused.advice
    assert refused.transport.protocol == "HTTP"
    assert place.jitp.connections == (refused,)
    assert place.iot.list_certificates()["certificates"] == []


@pytest.mark.parametrize(
    ("status", "reason"),
    [("INACTIVE", "DEVICE_CERTIFICATE_INACTIVE"), ("REVOKED", "DEVICE_CERTIFICATE_REVOKED")],
)
def test_a_certificate_that_is_not_active_may_not_publish(
    place: Place, status: str, reason: str
) -> None:
    device = place.device("lamp-1")
    place.iot.update_certificate(certificateId=device.certificate_id, newStatus=status)

    assert publish(place, device, "/topics/a").status == 403
    assert place.jitp.connections[-1].reason == reason
    assert metric_sum("Connection.AuthNError", by_protocol="HTTP") == 1


def test_unknown_devices_and_clients_without_a_certificate_cannot_publish(place: Place) -> None:
    stranger = CertificateAuthority(common_name="Stranger").issue(common_name="x")

    assert publish(place, stranger, "/topics/a").status == 403
    assert curl(place, None, "/topics/a", "-d", "on")[:2] == (403, "ForbiddenException:")
    place.until_logged("presented no certificate")


def test_policies_decide_where_they_are_enforced() -> None:
    with running({"enforce_policies": True}, https_port=0) as place:
        device = place.device("lamp-1")
        statement = {"Effect": "Allow", "Action": "iot:Publish", "Resource": "*"}
        place.iot.create_policy(
            policyName="no-retain",
            policyDocument=json.dumps({"Version": "2012-10-17", "Statement": statement}),
        )
        arn = place.iot.describe_certificate(certificateId=device.certificate_id)
        place.iot.attach_policy(
            policyName="no-retain", target=arn["certificateDescription"]["certificateArn"]
        )

        may = publish(place, device, "/topics/lamps/1")
        may_not = publish(place, device, "/topics/lamps/1?retain=true")

        assert may.status == 200
        assert may_not[:2] == (403, "ForbiddenException:")
        refused = place.endpoint.wait_for("refusal", client_id="")
        assert refused.reason == "NOT_AUTHORIZED"
        assert "iot:RetainPublish" in refused.message
        assert metric_sum("Connect.AuthError", by_protocol="HTTP") == 0


# -- what is wrong with a request -------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "options", "expected", "says"),
    [
        ("/topics/a?qos=2", (), (400, "InvalidRequestException:"), "qos is 0 or 1"),
        ("/topics/a?retain=yes", (), (400, "InvalidRequestException:"), "retain is true or"),
        ("/topics/a%2F%23", (), (400, "InvalidRequestException:"), "wildcard"),
        ("/topics/", (), (400, "InvalidRequestException:"), "empty"),
        ("/topics/a%ff", (), (400, "InvalidRequestException:"), "utf-8"),
        ("/topics/a?messageExpiry=soon", (), (400, "InvalidRequestException:"), "number of sec"),
        (
            "/topics/a",
            ("-H", "x-amz-mqtt5-user-properties: room"),
            (400, "InvalidRequestException:"),
            "base64",
        ),
        ("/topics/a", ("-X", "PUT"), (405, "MethodNotAllowedException:"), "POST /topics/"),
        ("/things/a/shadow", (), (404, "ResourceNotFoundException:"), "not emulated"),
        (
            "/mqtt",
            ("-X", "GET", "-H", "Upgrade: websocket", "-H", "Connection: Upgrade"),
            (501, "NotImplementedException:"),
            "MQTT over WebSocket is not emulated",
        ),
        (
            "/topics/a",
            ("-H", "x-amz-customauthorizer-name: mine"),
            (501, "NotImplementedException:"),
            "Custom authorizers",
        ),
        (
            "/topics/a?x-amz-customauthorizer-name=mine",
            (),
            (501, "NotImplementedException:"),
            "Custom authorizers",
        ),
    ],
)
def test_the_response_says_what_is_wrong(
    place: Place, path: str, options: tuple[str, ...], expected: tuple[int, str], says: str
) -> None:
    answer = publish(place, place.device("lamp-1"), path, *options)

    assert answer[:2] == expected
    assert says in answer.body["message"]
    place.until_logged(says)


def test_a_client_without_a_certificate_is_told_what_is_not_emulated(place: Place) -> None:
    upgrade = ("-H", "Upgrade: websocket", "-H", "Connection: Upgrade")

    assert curl(place, None, "/mqtt", *upgrade).status == 501
    place.until_logged(str(place.endpoint.port))


def test_a_payload_may_have_128_kib(place: Place) -> None:
    device = place.device("lamp-1")

    def size(count: int) -> int:
        body = ["--data-binary", "@-", "-H", "Expect: 100-continue"]
        arguments = [*place.endpoint.curl_args(device), *body, "-w", "\n%{http_code}"]
        done = subprocess.run(
            ["curl", *arguments, f"{place.endpoint.https_url}/topics/a"],
            input=b"x" * count,
            capture_output=True,
            timeout=HANG,
            check=True,
        )
        return int(done.stdout.rpartition(b"\n")[2])

    assert [size(131_072), size(131_073), size(3_000_000)] == [200, 413, 413]


def test_a_request_in_pieces_and_nonsense_are_answered(place: Place) -> None:
    device = place.device("lamp-1")
    context = client_context(place.endpoint.root_ca_pem, device)

    def say(*pieces: bytes) -> bytes:
        port = place.endpoint.https_port
        with (
            socket.create_connection(("localhost", port), HANG) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as there,
        ):
            for piece in pieces:
                there.sendall(piece)
            answer = b""
            try:
                while more := there.recv(65536):
                    answer += more
            except ssl.SSLEOFError:
                pass
            return answer

    head = b"POST /topics/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    chunked = say(head, b"Transfer-Encoding: chunked\r\n", b"\r\n2\r\no", b"n\r\n0\r\n\r\n")
    nonsense = say(b"\x10\x0c\x00\x04MQTT\x05\r\n\r\n")
    old = say(b"POST /topics/b HTTP/1.0\r\nContent-Length: 2\r\n\r\non")

    assert chunked.startswith(b"HTTP/1.1 200")
    assert place.endpoint.wait_for("message", topic="a").payload == b"on"
    assert nonsense.startswith(b"HTTP/1.1 400")
    assert old.startswith(b"HTTP/1.1 200")


def test_a_client_of_a_custom_authorizer_finds_why_in_the_log(place: Place) -> None:
    context = ssl.create_default_context(cadata=place.endpoint.root_ca_pem)
    with (
        socket.create_connection(("localhost", place.endpoint.port), HANG) as raw,
        pytest.raises(ssl.SSLError),
        context.wrap_socket(raw, server_hostname="localhost") as there,
    ):
        there.recv(1)

    place.until_logged("custom authorizers")


# -- on the port for ALPN -----------------------------------------------------------------------


def _named(place: Place, device: DeviceIdentity, protocol: str) -> ssl.SSLSocket:
    context = client_context(place.endpoint.root_ca_pem, device, alpn=protocol)
    address = ("127.0.0.1", place.endpoint.alpn_port)
    return context.wrap_socket(
        socket.create_connection(address, timeout=HANG), server_hostname="localhost"
    )


def test_the_port_for_alpn_speaks_https_to_devices_that_name_it() -> None:
    with running(alpn_port=0) as place:
        device = place.device("lamp-1")
        request = b"POST /topics/lamps/1?qos=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\non"
        with _named(place, device, "x-amzn-http-ca") as connection:
            for _ in range(2):
                connection.sendall(request)
                assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        assert place.endpoint.wait_for("message", topic="lamps/1").payload == b"on"
        assert not place.endpoint.log


def test_a_client_that_speaks_another_protocol_than_it_named_is_told_so() -> None:
    with running(alpn_port=0) as place:
        device = place.device("lamp-1")
        with _named(place, device, "x-amzn-http-ca") as connection:
            connection.sendall(encode(Connect("lamp-1", Version.MQTT_5), Version.MQTT_5))
            assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")
        with _named(place, device, "x-amzn-mqtt-ca") as connection:
            connection.sendall(b"POST /topics/a HTTP/1.1\r\n\r\n")
            assert not connection.recv(4096)
        with pytest.raises(ssl.SSLError, match=r"(?i)no.application.protocol"):
            _named(place, device, "http/1.1")
        until(lambda: len(place.endpoint.log) == 3)

    told_http, told_mqtt, told_name = place.endpoint.log
    assert "not HTTP/1.1" in told_http
    assert "is not a CONNECT" in told_mqtt
    assert "'http/1.1', and this port speaks x-amzn-mqtt-ca, mqtt, x-amzn-http-ca" in told_name


def test_an_endpoint_that_stops_ends_connections_over_https_on_the_port_for_alpn() -> None:
    with running(alpn_port=0) as place:
        connection = _named(place, place.device("lamp-1"), "x-amzn-http-ca")
        connection.sendall(b"GET ")
    with connection:
        assert not connection.recv(1)
