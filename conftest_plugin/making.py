"""What the fixtures do; loaded with the first test that uses one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from moto_jitp import CertificateAuthority, mock_jitp
from moto_jitp.names import did_you_mean

from .environment import safe_values, unsafe_names
from .marker import body_text, options_of, settle

if TYPE_CHECKING:
    from moto_jitp import DeviceEndpoint, JitpHandle
    from moto_jitp.endpoint.server_identity import ServerIdentity

_ROLE = "arn:aws:iam::123456789012:role/JITPRole"
#: The CA that this plugin itself has registered for a test.
_registered = pytest.StashKey[CertificateAuthority]()


@contextmanager
def mock(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, config: Any, region: Any
) -> Iterator[JitpHandle]:
    """Run a test's mock, in an environment without a way to a real account.

    Args:
        request: of a function-scoped fixture.
        monkeypatch: the test's own, so that its changes and ours are undone together in order.
        config: the value of ``jitp_config``.
        region: the value of ``jitp_region``.

    Raises:
        pytest.fail.Exception: the configuration cannot be used.
    """
    from .hooks import attempt_log_of

    region = settle(request, "region", region)
    try:
        block = mock_jitp(config=settle(request, "config", config))
    except ValueError as error:
        raise pytest.fail.Exception(f"jitp_config: {error}", pytrace=False) from None
    for name in list(unsafe_names(os.environ)):
        monkeypatch.delenv(name)
    for name, value in safe_values(region).items():
        monkeypatch.setenv(name, value)
    attempt_log_of(request.config).listen()
    with block as handle:
        _check_region(region)
        yield handle


def client(request: pytest.FixtureRequest, region: Any) -> Any:
    """Make the test's client for ``iot``."""
    import boto3

    return boto3.client("iot", region_name=settle(request, "region", region))


def registered_ca(request: pytest.FixtureRequest, iot: Any, template: Any) -> CertificateAuthority:
    """Make a CA and register it according to the marker and the template."""
    ca = CertificateAuthority(common_name="JITP test CA")
    _register(request, iot, ca, template)
    request.node.stash[_registered] = ca
    return ca


@contextmanager
def endpoint_factory(identity: ServerIdentity) -> Iterator[Callable[..., DeviceEndpoint]]:
    """Return a function that starts endpoints, which all end with the block.

    Args:
        identity: their certificates, unless a call passes others or its own names.
    """
    from moto_jitp import DeviceEndpoint

    with ExitStack() as running:

        def start(*arguments: Any, **options: Any) -> DeviceEndpoint:
            if not options.get("names"):
                options = {"identity": identity, **options}
            endpoint = DeviceEndpoint(*arguments, **options)
            return running.enter_context(endpoint)

        yield start


def ensure_registered(
    request: pytest.FixtureRequest, iot: Any, ca: CertificateAuthority, template: Any
) -> None:
    """Register the CA that an override of ``jitp_ca`` has only made.

    Raises:
        pytest.fail.Exception: an override of ``jitp_ca`` returned something else.
    """
    if not isinstance(ca, CertificateAuthority):
        raise pytest.fail.Exception(
            f"jitp_ca gave {ca!r}. An override returns a moto_jitp.CertificateAuthority, "
            "registered or not.",
            pytrace=False,
        )
    if request.node.stash.get(_registered, None) is ca:
        return
    try:
        iot.describe_ca_certificate(certificateId=ca.certificate_id)
    except iot.exceptions.ResourceNotFoundException:
        _register(request, iot, ca, template)


def _register(
    request: pytest.FixtureRequest, iot: Any, ca: CertificateAuthority, template: Any
) -> None:
    options = options_of(request.node)
    try:
        body = body_text(settle(request, "template", template))
    except ValueError as error:
        raise pytest.fail.Exception(f"jitp_template: {error}", pytrace=False) from None
    role, name = options.get("role_arn"), options.get("template_name")
    if name is not None and body is not None:
        iot.create_provisioning_template(
            templateName=name,
            templateBody=body,
            type="JITP",
            provisioningRoleArn=role or _ROLE,
        )
        body = role = None
    ca.register(
        iot,
        template_body=body,
        template_name=name,
        role_arn=role,
        certificate_mode=options.get("certificate_mode", "DEFAULT"),
        active=options.get("active", True),
        auto_registration=options.get("auto_registration", True),
    )


def _check_region(region: Any) -> None:
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.iot.models import iot_backends

    regions = iot_backends[DEFAULT_ACCOUNT_ID].regions
    if region not in regions:
        unknown = f"jitp_region: {region!r} is not a Region where AWS IoT is available."
        unknown = did_you_mean(str(region), regions, after=unknown, shown=repr)
        raise pytest.fail.Exception(unknown, pytrace=False)


def default_template() -> dict[str, Any]:
    """The default of ``jitp_template``."""
    certificate, string = "AWS::IoT::Certificate", {"Type": "String"}
    return {
        "Parameters": {f"{certificate}::CommonName": dict(string), f"{certificate}::Id": string},
        "Resources": {
            "thing": {
                "Type": "AWS::IoT::Thing",
                "Properties": {"ThingName": {"Ref": f"{certificate}::CommonName"}},
            },
            "certificate": {
                "Type": certificate,
                "Properties": {
                    "CertificateId": {"Ref": f"{certificate}::Id"},
                    "Status": "ACTIVE",
                },
            },
            "policy": {
                "Type": "AWS::IoT::Policy",
                "Properties": {"PolicyDocument": _allowing_all()},
            },
        },
    }


def _allowing_all() -> dict[str, Any]:
    actions = ["iot:Connect", "iot:Publish", "iot:Subscribe", "iot:Receive"]
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}],
    }
