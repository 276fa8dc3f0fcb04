"""The fixtures. Each builds on those before it and can be overridden alone.

``jitp_config``, ``jitp_region`` → ``jitp_mock`` → ``jitp_ca`` (with ``jitp_template``) → ``jitp``
→ ``jitp_device``; ``jitp_endpoint_address``, ``jitp_endpoint_identity`` →
``jitp_endpoint_factory`` → ``jitp_endpoint``, on ``jitp_mock``; and ``jitp_server`` beside them.

PYTEST_DONT_REWRITE: every session loads this module, and it has no ``assert``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from moto_jitp import CertificateAuthority, DeviceEndpoint, DeviceIdentity, JitpHandle
    from moto_jitp.endpoint.server_identity import ServerIdentity

    from .handle import Jitp
    from .server import JitpServer


@pytest.fixture
def jitp_config(request: pytest.FixtureRequest) -> Any:
    """Configuration of the mock, as mock_jitp(config=...) takes it; empty by default.

    Override it to change it for many tests, or use @pytest.mark.jitp(config=...) for some.
    """
    from .marker import take

    return take(request, "config", {})


@pytest.fixture
def jitp_region(request: pytest.FixtureRequest) -> Any:
    """The Region of a test, "us-east-1" by default; also AWS_DEFAULT_REGION while it runs."""
    from .marker import take

    return take(request, "region", "us-east-1")


@pytest.fixture
def jitp_template(request: pytest.FixtureRequest) -> Any:
    """The provisioning template of the test's CA. Override it to test your own.

    A dict, JSON text, the path of a JSON file, or None for a CA without a template. Text that does
    not begin with a brace is a path, relative to where pytest was started. The default names the
    thing by the certificate's CommonName, activates the certificate, and attaches a policy that
    allows iot:Connect, Publish, Subscribe and Receive on everything.
    """
    from .making import default_template
    from .marker import take

    return take(request, "template", default_template())


@pytest.fixture
def jitp_mock(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    jitp_config: Any,
    jitp_region: Any,
) -> Iterator[JitpHandle]:
    """The mock alone, without a CA: mock_jitp, dummy credentials and the Region.

    Gives the handle of the mock_jitp block. It is for tests that register their own CA, and a base
    for an own jitp_ca.
    """
    from .making import mock

    with mock(request, monkeypatch, jitp_config, jitp_region) as handle:
        yield handle


@pytest.fixture
def _jitp_iot(request: pytest.FixtureRequest, jitp_mock: JitpHandle, jitp_region: Any) -> Any:
    from .making import client

    return client(request, jitp_region)


@pytest.fixture
def jitp_ca(
    request: pytest.FixtureRequest, _jitp_iot: Any, jitp_template: Any
) -> CertificateAuthority:
    """A CA that is registered, active and auto-registering, with the test's template.

    An override may register its CA itself (build it on jitp_mock), or leave that to jitp.
    """
    from .making import registered_ca

    return registered_ca(request, _jitp_iot, jitp_template)


@pytest.fixture
def jitp(
    request: pytest.FixtureRequest,
    jitp_mock: JitpHandle,
    _jitp_iot: Any,
    jitp_ca: CertificateAuthority,
    jitp_template: Any,
) -> Jitp:
    """AWS IoT with just-in-time provisioning and a registered CA, for one test.

    The mock is on and the credentials are dummies. jitp.iot is the boto3 client, jitp.ca the CA;
    jitp.issue(common_name=...) makes a device, jitp.connect(device) connects it,
    jitp.describe(device) returns its thing, policies, groups and status; jitp.connections and
    jitp.events say what happened.
    """
    from .handle import Jitp
    from .making import ensure_registered

    ensure_registered(request, _jitp_iot, jitp_ca, jitp_template)
    return Jitp(jitp_mock, _jitp_iot, jitp_ca)


@pytest.fixture
def jitp_device(jitp: Jitp) -> Callable[..., DeviceIdentity]:
    """A factory: jitp_device(common_name=..., serial_number=..., country=...) issues a device."""
    return jitp.issue


@pytest.fixture
def jitp_endpoint_address() -> tuple[str, int]:
    """Where jitp_endpoint listens: host and port, ("localhost", 0) for a free port.

    Override it for clients with a fixed port, or for a LAN.
    """
    return ("localhost", 0)


@pytest.fixture(scope="session")
def jitp_endpoint_identity() -> ServerIdentity:
    """The certificates of the endpoint, including a root; made once for all tests.

    Override it to add names to them: ServerIdentity(["test-server.lan"]).
    """
    from moto_jitp.endpoint.server_identity import ServerIdentity

    return ServerIdentity()


@pytest.fixture
def jitp_endpoint_factory(
    jitp_mock: JitpHandle, jitp_endpoint_identity: ServerIdentity
) -> Iterator[Callable[..., DeviceEndpoint]]:
    """A factory of running endpoints: DeviceEndpoint's arguments. They end with the test."""
    from .making import endpoint_factory

    with endpoint_factory(jitp_endpoint_identity) as start:
        yield start


@pytest.fixture
def jitp_endpoint(
    jitp_endpoint_factory: Callable[..., DeviceEndpoint], jitp_endpoint_address: tuple[str, int]
) -> DeviceEndpoint:
    """Where real devices connect: MQTT over mutual TLS, and HTTPS, on ports of this machine.

    It uses the state of the test's mock, so that boto3 and jitp see what devices do.
    jitp_endpoint.host, .port and .root_ca_path are for the client, jitp_endpoint.mosquitto_args(
    device) and similar methods are for well-known ones; wait_for(...) waits for what a device does.
    For HTTPS there are .https_url and .curl_args(device).
    """
    host, port = jitp_endpoint_address
    return jitp_endpoint_factory(host, port, https_port=0)


@pytest.fixture(scope="session")
def jitp_server(pytestconfig: pytest.Config) -> Iterator[JitpServer]:
    """moto's server with just-in-time provisioning, in a process of its own on 127.0.0.1.

    For clients that are not boto3 in this process: aiobotocore, the AWS CLI, other languages.
    jitp_server.endpoint_url is where it listens, jitp_server.client(service) a boto3 client of it,
    jitp_server.connect(device) connects a device. Its state is cleared before each test that uses
    it, and the section jitp of the marker's config= applies to it. Each pytest-xdist worker has its
    own; it ends with pytest.
    """
    from .hooks import options_key, server_key
    from .server import running_server

    with running_server() as server:
        pytestconfig.stash[server_key] = server
        server.begin_test(is_used=False, options=pytestconfig.stash.get(options_key, {}))
        yield server
        del pytestconfig.stash[server_key]
