"""Programs and SDKs that people use with AWS IoT connect to the endpoint unchanged."""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from support.cloud import client
from support.endpoint_stories import Place, running
from support.fleet import make_template
from support.patience import HANG

from moto_jitp import DeviceIdentity

pytestmark = pytest.mark.slow


def needs_program(name: str) -> pytest.MarkDecorator:
    """Skip where a program is not installed."""
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed")


def needs_module(name: str) -> pytest.MarkDecorator:
    """Skip where a Python package is not installed."""
    absent = importlib.util.find_spec(name) is None
    return pytest.mark.skipif(absent, reason=f"the Python package {name} is not installed")


@pytest.fixture
def place() -> Iterator[Place]:
    with running() as one:
        yield one


# -- mosquitto --------------------------------------------------------------------------------

VERSIONS = pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])


def mosquitto(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of mosquitto's clients to its end."""
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, timeout=HANG, check=False
    )


@needs_program("mosquitto_pub")
@VERSIONS
def test_mosquitto_connects_twice_and_publishes(place: Place, version: str) -> None:
    """The commands of AWS's walk-through to just-in-time provisioning."""
    bulb = place.ca.issue(common_name="bulb-1")
    command = [
        *place.endpoint.mosquitto_args(bulb),
        *("-q", "1", "-t", "foo/bar", "-i", "bulb-1", "-m", "Hello", "-V", version),
    ]

    first = mosquitto("mosquitto_pub", *command)
    second = mosquitto("mosquitto_pub", *command)

    assert first.returncode != 0
    assert "connection was lost" in first.stderr
    assert (second.returncode, second.stderr) == (0, "")
    assert [attempt.reason for attempt in place.jitp.connections] == ["RECONNECT_REQUIRED", None]
    assert place.endpoint.wait_for("message", topic="foo/bar").payload == b"Hello"


@needs_program("mosquitto_sub")
@VERSIONS
def test_mosquitto_subscribes(place: Place, version: str) -> None:
    bulb = place.device()
    listening = subprocess.Popen(
        [
            *("mosquitto_sub", *place.endpoint.mosquitto_args(bulb)),
            *("-t", "state/#", "-t", "answers", "-q", "1", "-i", "bulb-1", "-C", "2", "-v"),
            *("-V", version),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    for _ in range(2):
        place.endpoint.wait_for("message", topic="$aws/events/subscriptions/subscribed/bulb-1")
    client(service="iot-data").publish(topic="state/kitchen", payload=b"on", qos=1)
    client(service="iot-data").publish(topic="answers", payload=b"yes", qos=0)

    out, _ = listening.communicate(timeout=HANG)

    assert out.splitlines() == ["state/kitchen on", "answers yes"]
    assert listening.returncode == 0


@needs_program("mosquitto_pub")
def test_mosquitto_is_told_by_an_alert_what_is_wrong_with_its_handshake(place: Place) -> None:
    bulb = place.device()
    arguments = place.endpoint.mosquitto_args(bulb)
    without_certificate = [*arguments[:2], *arguments[6:]]

    ended = mosquitto("mosquitto_pub", *without_certificate, "-t", "a", "-n")

    assert ended.returncode != 0
    place.until_logged("certificate")


# -- paho -------------------------------------------------------------------------------------


class Paho:
    """A paho client with the events it reported."""

    def __init__(self, place: Place, device: DeviceIdentity, name: str, version: int) -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

        self.told: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.client = Client(
            CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTProtocolVersion(version)
        )
        self.client.tls_set(**place.endpoint.paho(device))
        self.client.on_connect = lambda *args: self.told.put(("connect", str(args[3])))
        self.client.on_disconnect = lambda *args: self.told.put(("disconnect", str(args[3])))
        self.client.on_subscribe = lambda *args: self.told.put(
            ("subscribe", [str(code) for code in args[3]])
        )
        self.client.on_publish = lambda *args: self.told.put(("publish", str(args[3])))
        self.client.on_message = lambda *args: self.told.put(
            ("message", args[2].topic, args[2].payload)
        )
        self.client.reconnect_delay_set(1, 1)
        self.client.connect(place.endpoint.host, place.endpoint.port)
        self.client.loop_start()

    def next(self) -> Any:
        """Return its next event."""
        return self.told.get(timeout=HANG)

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@needs_module("paho")
@pytest.mark.parametrize("version", [4, 5])
def test_paho_provisions_itself_publishes_and_hears(place: Place, version: int) -> None:
    bulb = place.ca.issue(common_name="bulb-1")
    paho = Paho(place, bulb, "bulb-1", version)

    assert paho.next()[0] == "disconnect"  # provisioned; paho connects again by itself
    assert paho.next() == ("connect", "Success")
    paho.client.subscribe("a/+", 1)
    assert paho.next() == ("subscribe", ["Granted QoS 1"])
    paho.client.publish("a/b", b"hello", 1)
    assert {paho.next(), paho.next()} == {("publish", "Success"), ("message", "a/b", b"hello")}
    paho.stop()
    event = place.endpoint.wait_for("disconnection", client_id="bulb-1")
    assert event.payload["disconnectReason"] == "CLIENT_INITIATED_DISCONNECT"


@needs_module("paho")
def test_paho_of_mqtt_5_hears_reason_codes() -> None:
    with running({"enforce_policies": True}) as place:
        bulb = place.device()
        statement = {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        place.iot.create_policy(policyName="connect", policyDocument=document)
        found = place.iot.describe_certificate(certificateId=bulb.certificate_id)
        target = found["certificateDescription"]["certificateArn"]
        place.iot.attach_policy(policyName="connect", target=target)
        paho = Paho(place, bulb, "bulb-1", 5)
        assert paho.next() == ("connect", "Success")
        paho.client.publish("a", b"x", 1)
        assert paho.next() == ("publish", "Not authorized")
        paho.client.subscribe("a")
        assert paho.next() == ("subscribe", ["Not authorized"])
        place.iot.update_certificate(certificateId=bulb.certificate_id, newStatus="INACTIVE")
        assert paho.next() == ("disconnect", "Not authorized")
        paho.stop()


# -- awsiotsdk --------------------------------------------------------------------------------


@needs_module("awsiot")
def test_awsiotsdk_of_mqtt_3_1_1_connects_publishes_and_hears(place: Place) -> None:
    from awscrt import mqtt
    from awsiot import mqtt_connection_builder

    bulb = place.device()
    connection = mqtt_connection_builder.mtls_from_path(
        **place.endpoint.awsiot(bulb), client_id="bulb-1", clean_session=True, keep_alive_secs=60
    )
    heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    connection.connect().result(HANG)
    done, _ = connection.subscribe(
        "a/+", mqtt.QoS.AT_LEAST_ONCE, lambda topic, payload, **_: heard.put(payload)
    )
    assert done.result(HANG)["qos"] == mqtt.QoS.AT_LEAST_ONCE
    done, _ = connection.publish("a/b", b"hello", mqtt.QoS.AT_LEAST_ONCE)
    done.result(HANG)

    assert heard.get(timeout=HANG) == b"hello"
    connection.disconnect().result(HANG)


@needs_module("awsiot")
def test_awsiotsdk_of_mqtt_5_provisions_itself_and_hears_what_aws_offers(place: Place) -> None:
    from awscrt import mqtt5
    from awsiot import mqtt5_client_builder

    bulb = place.ca.issue(common_name="bulb-1")
    connected: Future[Any] = Future()
    stopped: Future[Any] = Future()
    failures: list[Any] = []
    there = mqtt5_client_builder.mtls_from_path(
        **place.endpoint.awsiot(bulb),
        client_id="bulb-1",
        on_lifecycle_connection_success=connected.set_result,
        on_lifecycle_connection_failure=failures.append,
        on_lifecycle_stopped=stopped.set_result,
    )
    there.start()

    connack = connected.result(HANG).connack_packet

    assert len(failures) == 1  # the connection on which it was provisioned
    assert connack.maximum_qos is mqtt5.QoS.AT_LEAST_ONCE
    assert connack.maximum_packet_size == 149_504
    assert connack.topic_alias_maximum == 8
    assert connack.shared_subscription_available
    packet = mqtt5.PublishPacket(topic="a", payload=b"x", qos=mqtt5.QoS.AT_LEAST_ONCE)
    assert there.publish(packet).result(HANG).puback.reason_code == mqtt5.PubackReasonCode.SUCCESS
    there.stop()
    stopped.result(HANG)


class FleetProvisioner:
    """awsiotsdk's fleet provisioning, over a connection with a claim certificate.

    Args:
        place: the mock with its endpoint.
        version: of MQTT: 3 or 5.
    """

    def __init__(self, place: Place, version: int) -> None:
        from awsiot import mqtt5_client_builder, mqtt_connection_builder

        claim = client().create_keys_and_certificate(setAsActive=True)
        device = DeviceIdentity.from_pem(claim["certificatePem"], claim["keyPair"]["PrivateKey"])
        arguments = {**place.endpoint.awsiot(device), "client_id": "claim"}
        make_template("bulbs")
        self.version = version
        if version == 3:
            self.connection = mqtt_connection_builder.mtls_from_path(**arguments)
            self.connection.connect().result(HANG)
            return
        connected: Future[Any] = Future()
        self.stopped: Future[Any] = Future()
        self.connection = mqtt5_client_builder.mtls_from_path(
            **arguments,
            on_lifecycle_connection_success=connected.set_result,
            on_lifecycle_stopped=self.stopped.set_result,
        )
        self.connection.start()
        connected.result(HANG)

    def stop(self) -> None:
        if self.version == 3:
            self.connection.disconnect().result(HANG)
        else:
            self.connection.stop()
            self.stopped.result(HANG)


@pytest.fixture(params=[3, 5], ids=["3.1.1", "5"])
def provisioner(place: Place, request: pytest.FixtureRequest) -> Iterator[FleetProvisioner]:
    pytest.importorskip("awsiot", reason="the Python package awsiotsdk is not installed")
    provisioner = FleetProvisioner(place, request.param)
    yield provisioner
    provisioner.stop()


@pytest.mark.parametrize("with_csr", [False, True], ids=["keys", "CSR"])
def test_awsiotsdks_fleet_provisioning_works(
    provisioner: FleetProvisioner, place: Place, with_csr: bool
) -> None:
    from awscrt.mqtt import QoS
    from awsiot import iotidentity

    identity = iotidentity.IotIdentityClient(provisioner.connection)
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    requests: Any = iotidentity
    kind = "create_certificate_from_csr" if with_csr else "create_keys_and_certificate"
    subscription = {
        "create_certificate_from_csr": requests.CreateCertificateFromCsrSubscriptionRequest,
        "create_keys_and_certificate": requests.CreateKeysAndCertificateSubscriptionRequest,
    }[kind]
    at_least_once = QoS.AT_LEAST_ONCE
    for outcome in ("accepted", "rejected"):
        subscribe = getattr(identity, f"subscribe_to_{kind}_{outcome}")
        done, _ = subscribe(subscription(), at_least_once, answers.put)
        done.result(HANG)
    request = requests.CreateKeysAndCertificateRequest()
    if with_csr:
        request = requests.CreateCertificateFromCsrRequest(certificate_signing_request=_csr())
    getattr(identity, f"publish_{kind}")(request, at_least_once).result(HANG)
    keys = answers.get(timeout=HANG)

    registration = requests.RegisterThingSubscriptionRequest(template_name="bulbs")
    for outcome in ("accepted", "rejected"):
        subscribe = getattr(identity, f"subscribe_to_register_thing_{outcome}")
        done, _ = subscribe(registration, at_least_once, answers.put)
        done.result(HANG)
    identity.publish_register_thing(
        requests.RegisterThingRequest(
            template_name="bulbs",
            certificate_ownership_token=keys.certificate_ownership_token,
            parameters={"SerialNumber": "7"},
        ),
        at_least_once,
    ).result(HANG)

    assert answers.get(timeout=HANG).thing_name == "bulb-7"
    assert place.iot.describe_thing(thingName="bulb-7")
    assert place.iot.describe_certificate(certificateId=keys.certificate_id)


@pytest.mark.parametrize("with_csr", [False, True], ids=["keys", "CSR"])
def test_awsiotsdks_newer_fleet_provisioning_works(
    provisioner: FleetProvisioner, place: Place, with_csr: bool
) -> None:
    from awsiot import V2ServiceException, iotidentity

    requests: Any = iotidentity
    rr = pytest.importorskip("awscrt.mqtt_request_response", reason="awscrt is too old for it")
    options = rr.ClientOptions(max_request_response_subscriptions=4, max_streaming_subscriptions=2)
    options.operation_timeout_in_seconds = 600
    identity = requests.IotIdentityClientV2(provisioner.connection, options)

    if with_csr:
        csr = requests.CreateCertificateFromCsrRequest(certificate_signing_request=_csr())
        keys = identity.create_certificate_from_csr(csr).result(HANG)
    else:
        request = requests.CreateKeysAndCertificateRequest()
        keys = identity.create_keys_and_certificate(request).result(HANG)

    def register() -> Any:
        request = requests.RegisterThingRequest(
            template_name="bulbs",
            certificate_ownership_token=keys.certificate_ownership_token,
            parameters={"SerialNumber": "7"},
        )
        return identity.register_thing(request).result(HANG)

    assert register().thing_name == "bulb-7"
    with pytest.raises(V2ServiceException) as refused:
        register()  # a token is good for one thing
    assert refused.value.modeled_error.error_code


def _csr() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bulb-7")])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return csr.public_bytes(serialization.Encoding.PEM).decode()


# -- Node -------------------------------------------------------------------------------------

NODE = Path(__file__).parent / "javascript"


@needs_program("node")
@pytest.mark.parametrize(
    ("script", "package"),
    [("mqtt_js.mjs", "mqtt"), ("aws_iot_device_sdk_v2.mjs", "aws-iot-device-sdk-v2")],
)
def test_javascript_clients_publish_and_hear(place: Place, script: str, package: str) -> None:
    modules = Path(os.environ.get("MOTO_JITP_NODE_MODULES", NODE / "node_modules"))
    if not (modules / package).exists():
        pytest.skip(f"the npm package {package} is not installed in {modules.name}")
    bulb = place.device()
    folder = place.endpoint.files(bulb)
    ended = subprocess.run(
        ["node", NODE / script, folder, place.endpoint.host, str(place.endpoint.port), modules],
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == ["3.1.1:hello", "5:hello"]
