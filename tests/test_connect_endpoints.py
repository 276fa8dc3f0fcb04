"""The account and Region that a device reaches, and their names."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from types import FrameType
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from support.bodies import PLAIN_BODY, ROLE
from support.cloud import ACCOUNT, client, client_of
from support.devices import refused_for, status_of

from moto_jitp import (
    AmbiguousEndpoint,
    CertificateAuthority,
    CertificateError,
    DeviceConnection,
    DeviceIdentity,
    JitpHandle,
    connect_device,
    mock_jitp,
)

OTHER_ACCOUNT = "111122223333"
CA = CertificateAuthority(common_name="Acme Root")


def register(iot: Any, ca: CertificateAuthority = CA, **options: Any) -> str:
    options.setdefault("template_body", PLAIN_BODY)
    return ca.register(iot, role_arn=ROLE, **options)


RETIRED = {"iot:Data": ".iot.", "iot:Jobs": ".jobs.iot."}


def endpoint_of(iot: Any, endpoint_type: str = "iot:Data-ATS") -> str:
    """An endpoint's address; of a type that is no longer described, by that of iot:Data-ATS."""
    asked = "iot:Data-ATS" if endpoint_type in RETIRED else endpoint_type
    found = str(iot.describe_endpoint(endpointType=asked)["endpointAddress"])
    return found.replace("-ats.iot.", RETIRED.get(endpoint_type, "-ats.iot."))


def region_of(connection: DeviceConnection) -> tuple[str, str]:
    last = connection.attempts[-1]
    return last.account_id, last.region_name


# Without an endpoint.


def test_a_device_finds_the_region_that_knows_its_ca(mocked: JitpHandle) -> None:
    register(client("eu-west-1"))
    connection = connect_device(CA.issue())
    assert region_of(connection) == (ACCOUNT, "eu-west-1")
    assert connection.attempts[-1].server_name == endpoint_of(client("eu-west-1"))
    assert connection.certificate_arn.startswith(f"arn:aws:iot:eu-west-1:{ACCOUNT}:cert/")


def test_a_device_finds_the_region_that_knows_its_certificate(mocked: JitpHandle) -> None:
    device = CA.issue()
    client("eu-west-1").register_certificate_without_ca(
        certificatePem=device.certificate_pem, status="ACTIVE"
    )
    assert region_of(connect_device(device)) == (ACCOUNT, "eu-west-1")


def test_a_device_finds_the_account_that_knows_its_ca(mocked: JitpHandle) -> None:
    register(client_of(OTHER_ACCOUNT))
    assert region_of(connect_device(CA.issue())) == (OTHER_ACCOUNT, "us-east-1")


def test_a_stranger_is_refused_by_the_default_account_and_region(
    mocked: JitpHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-2")
    register(client("eu-west-1"))
    stranger = CertificateAuthority(common_name="Other").issue()
    (attempt,) = refused_for("DEVICE_CERTIFICATE_NOT_REGISTERED", stranger).attempts
    assert (attempt.account_id, attempt.region_name) == (ACCOUNT, "ap-northeast-2")


def test_two_regions_that_know_the_ca_are_ambiguous(mocked: JitpHandle) -> None:
    regions = ("us-east-1", "eu-west-1")
    for region in regions:
        register(client(region))
    device = CA.issue()
    with pytest.raises(AmbiguousEndpoint) as info:
        connect_device(device)
    assert isinstance(info.value, ValueError)
    for region in regions:
        assert region in str(info.value)
        assert endpoint_of(client(region)) in str(info.value)
    assert not mocked.connections
    for region in regions:
        connection = connect_device(device, endpoint=endpoint_of(client(region)))
        assert region_of(connection) == (ACCOUNT, region)


def test_the_same_ca_in_two_accounts_provisions_in_the_one_that_is_named(
    mocked: JitpHandle,
) -> None:
    ours, theirs = client(), client_of(OTHER_ACCOUNT)
    for iot in (ours, theirs):
        register(iot, certificate_mode="SNI_ONLY")
    device = CA.issue()
    with pytest.raises(AmbiguousEndpoint, match=OTHER_ACCOUNT):
        connect_device(device)
    connection = connect_device(device, endpoint=endpoint_of(theirs))
    assert region_of(connection) == (OTHER_ACCOUNT, "us-east-1")
    assert status_of(theirs, device) == "ACTIVE"
    assert status_of(ours, device) is None


# With one.


def test_the_whole_answer_of_describe_endpoint_will_do(iot: Any) -> None:
    register(iot)
    answer = iot.describe_endpoint(endpointType="iot:Data-ATS")
    connection = connect_device(CA.issue(), endpoint=answer)
    assert connection.attempts[-1].server_name == answer["endpointAddress"]


@pytest.mark.parametrize("kind", ["iot:Data-ATS", "iot:Data"])
def test_both_data_endpoints_are_for_devices(iot: Any, kind: str) -> None:
    register(iot)
    assert connect_device(CA.issue(), endpoint=endpoint_of(iot, kind)).connected


@pytest.mark.parametrize("kind", ["iot:CredentialProvider", "iot:Jobs"])
def test_endpoints_that_speak_no_mqtt_are_not(iot: Any, kind: str) -> None:
    register(iot)
    refused_for("SNI_MISUSED", CA.issue(), endpoint=endpoint_of(iot, kind))


def test_at_the_endpoint_of_another_region_nobody_knows_the_device(iot: Any) -> None:
    register(iot)
    device = CA.issue()
    connect_device(device)
    refusal = refused_for(
        "DEVICE_CERTIFICATE_NOT_REGISTERED", device, endpoint=endpoint_of(client("eu-west-1"))
    )
    assert "eu-west-1" in str(refusal)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "bulb-1",
        "broker.example.com",
        "a1b2c3d4e5f6g7-ats.iot.us-east-1.amazonaws.com",
    ],
)
def test_what_is_not_an_endpoint_is_a_value_error(iot: Any, wrong: str) -> None:
    register(iot)
    with pytest.raises(ValueError, match=r"is not an endpoint: pass what describe_endpoint"):
        connect_device(CA.issue(), endpoint=wrong)


# The server name (SNI).


@pytest.mark.parametrize(
    "elsewhere", [lambda: client("eu-west-1"), lambda: client_of(OTHER_ACCOUNT)]
)
def test_the_server_name_of_another_account_or_region_is_misused(
    iot: Any, elsewhere: Callable[[], Any]
) -> None:
    register(iot)
    address = endpoint_of(elsewhere())
    device = CA.issue()
    refusal = refused_for("SNI_MISUSED", device, endpoint=endpoint_of(iot), server_name=address)
    assert address in str(refusal)
    assert endpoint_of(iot) in str(refusal)
    assert status_of(iot, device) is None


def test_a_server_name_is_read_without_regard_to_case(iot: Any) -> None:
    register(iot)
    assert connect_device(CA.issue(), server_name=endpoint_of(iot).upper()).connected


def test_the_domain_name_of_a_domain_configuration_is_an_endpoint(iot: Any) -> None:
    register(iot)
    name = "devices.example.com"
    refused_for("SNI_MISUSED", CA.issue(), server_name=name)
    iot.create_domain_configuration(
        domainConfigurationName="devices", domainName=name, serviceType="DATA"
    )
    assert connect_device(CA.issue(), server_name=name).connected
    assert connect_device(CA.issue(), endpoint=name).attempts[-1].server_name == name
    iot.update_domain_configuration(
        domainConfigurationName="devices", domainConfigurationStatus="DISABLED"
    )
    refused_for("SNI_MISUSED", CA.issue(), server_name=name)


# Several CAs, chains.


def test_of_two_regions_whose_cas_have_one_subject_the_one_whose_ca_signed_counts(
    mocked: JitpHandle,
) -> None:
    twin = CertificateAuthority(subject=CA.certificate.subject)
    register(client("us-east-1"), twin)
    register(client("eu-west-1"))
    assert region_of(connect_device(CA.issue())) == (ACCOUNT, "eu-west-1")
    assert region_of(connect_device(twin.issue())) == (ACCOUNT, "us-east-1")


def test_where_no_ca_of_the_right_subject_has_signed_a_region_that_has_one_refuses(
    mocked: JitpHandle,
) -> None:
    for region in ("eu-west-1", "eu-central-1"):
        twin = CertificateAuthority(subject=CA.certificate.subject)
        register(client(region), twin)
    (attempt,) = refused_for("DEVICE_CERTIFICATE_NOT_REGISTERED", CA.issue()).attempts
    assert (attempt.account_id, attempt.region_name) == (ACCOUNT, "eu-west-1")


def test_the_signature_of_a_device_is_verified_once_and_never_for_a_known_device(iot: Any) -> None:
    register(iot)
    device = CA.issue().certificate_pem
    verified = []

    def look(frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and getattr(called, "__name__", "") == "verify":
            verified.append(called)

    for times in (1, 0):
        verified.clear()
        sys.setprofile(look)
        try:
            connect_device(device)
        finally:
            sys.setprofile(None)
        assert len(verified) == times


def test_of_two_cas_with_one_subject_the_one_that_signed_counts(iot: Any) -> None:
    twin = CertificateAuthority(subject=CA.certificate.subject)
    ids = {}
    for ca, name in ((CA, "first"), (twin, "second")):
        iot.create_provisioning_template(
            templateName=name, templateBody=PLAIN_BODY, provisioningRoleArn=ROLE, type="JITP"
        )
        ids[name] = register(iot, ca, template_body=None, template_name=name)
    for ca, name in ((CA, "first"), (twin, "second")):
        device = ca.issue()
        run = connect_device(device.certificate_pem).provisioning
        assert run is not None
        assert run.template_name == name
        found = iot.describe_certificate(certificateId=device.certificate_id)
        assert found["certificateDescription"]["caCertificateId"] == ids[name]


def test_an_inactive_twin_does_not_stand_in_the_way(iot: Any) -> None:
    twin = CertificateAuthority(subject=CA.certificate.subject)
    register(iot, twin, active=False)
    register(iot)
    assert connect_device(CA.issue()).connected
    refused_for("CA_CERTIFICATE_INACTIVE", twin.issue())


def test_a_ca_that_was_renewed_with_its_old_key_registers_devices(iot: Any) -> None:
    renewed = CertificateAuthority.from_pem(renewal_of(CA), CA.private_key_pem)
    register(iot, active=False)
    register(iot, renewed)
    assert connect_device(CA.issue()).connected


def renewal_of(ca: CertificateAuthority) -> str:
    key: Any = load_pem_private_key(ca.private_key_pem.encode(), None)
    now, name = datetime.now(timezone.utc), ca.certificate.subject
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 7, now - timedelta(1), now + timedelta(99)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize("form", ["identity", "leaf", "chain", "bytes"])
def test_leaf_alone_and_leaf_with_chain_connect(iot: Any, form: str) -> None:
    register(iot)
    device = CA.issue(common_name="bulb-1")
    presented: Any = {
        "identity": device,
        "leaf": device.certificate_pem,
        "chain": device.chain_pem,
        "bytes": device.chain_pem.encode(),
    }[form]
    connection = connect_device(presented)
    assert connection.thing_name == "bulb-1"
    assert connection.certificate_id == device.certificate_id


def test_the_ca_that_signs_the_devices_is_the_one_to_register(iot: Any) -> None:
    root = CertificateAuthority(common_name="Acme Top")
    line = CertificateAuthority(common_name="Line 4", parent=root)
    device = line.issue()
    register(iot, root)
    for presented in (device, device.chain_pem):
        refusal = refused_for("DEVICE_CERTIFICATE_NOT_REGISTERED", presented)
        assert "'CN=Line 4', which is not registered" in str(refusal)
        assert "'CN=Acme Top' above it is" in str(refusal)
    refused_for("DEVICE_CERTIFICATE_NOT_REGISTERED", device.certificate_pem)
    register(iot, line)
    for presented in (device, line.issue().certificate_pem, line.issue().chain_pem):
        assert connect_device(presented).connected


def test_the_root_of_a_registered_intermediate_need_not_be_registered(iot: Any) -> None:
    line = CertificateAuthority(common_name="Line 4", parent=CertificateAuthority())
    register(iot, line)
    assert connect_device(line.issue()).connected


# What connect_device accepts and refuses.


def test_text_without_a_certificate_is_a_value_error(iot: Any) -> None:
    register(iot)
    device = CA.issue()
    for text in ("", b"", "bulb-1.pem", device.private_key_pem, device.certificate_pem[:99]):
        with pytest.raises(ValueError, match="Expected a PEM certificate") as info:
            connect_device(text)
        assert isinstance(info.value, CertificateError)


def test_a_chain_that_begins_with_the_ca_is_a_value_error(iot: Any) -> None:
    register(iot)
    device = CA.issue(common_name="bulb-1")
    upside_down = CA.certificate_pem + device.certificate_pem
    with pytest.raises(
        ValueError, match=r"'CN=Acme Root' .* 'CN=bulb-1'.*device's certificate first"
    ):
        connect_device(upside_down)


def test_a_path_is_a_type_error(iot: Any) -> None:
    with pytest.raises(TypeError, match="PEM text or bytes, not int"):
        connect_device(5)  # type: ignore[arg-type]


def test_an_unreadable_private_key_is_a_value_error(iot: Any) -> None:
    register(iot)
    device = DeviceIdentity(CA.issue().certificate_pem, "lost")
    with pytest.raises(ValueError, match="Expected an unencrypted private key"):
        connect_device(device)


def test_without_a_mock_connecting_is_a_runtime_error() -> None:
    device = CA.issue()
    with pytest.raises(RuntimeError, match="use it inside mock_jitp"):
        connect_device(device)
    with mock_jitp():
        register(client())
        connect_device(device)
    with pytest.raises(RuntimeError, match="needs an active mock"):
        connect_device(device)


# The client id.


def test_the_client_id_is_the_things_name_else_the_common_name_else_what_is_given(
    iot: Any,
) -> None:
    register(iot)
    device = CA.issue(common_name="bulb-1")
    first, second = connect_device(device).attempts
    assert (first.client_id, second.client_id) == ("bulb-1", "bulb-1")
    assert connect_device(device, client_id="me").client_id == "me"
    iot.create_thing(thingName="another")
    arn = connect_device(device).certificate_arn
    iot.detach_thing_principal(thingName="bulb-1", principal=arn)
    assert connect_device(device).client_id == "bulb-1"
    iot.attach_thing_principal(thingName="another", principal=arn)
    connection = connect_device(device)
    assert (connection.client_id, connection.thing_name) == ("another", "another")


# What cannot be an endpoint or a client ID.


@pytest.mark.parametrize("endpoint", [3, {}, {"endpointAddress": None}, ["a"]])
def test_an_endpoint_of_another_type_is_refused_by_name(mocked: JitpHandle, endpoint: Any) -> None:
    with pytest.raises(TypeError, match="describe_endpoint"):
        connect_device(CA.issue(), endpoint=endpoint)


def test_a_url_as_endpoint_gives_its_host_as_server_name(iot: Any) -> None:
    register(iot)
    address = endpoint_of(iot)
    connection = connect_device(CA.issue(), endpoint=f"https://{address}:8443/")
    assert connection.attempts[-1].server_name == address


def test_a_client_id_has_at_most_128_bytes(iot: Any) -> None:
    register(iot)
    assert connect_device(CA.issue(), client_id="x" * 128).client_id == "x" * 128
    with pytest.raises(ValueError, match="130 bytes"):
        connect_device(CA.issue(), client_id="é" * 65)
    with pytest.raises(TypeError, match="int"):
        connect_device(CA.issue(), client_id=7)  # type: ignore[arg-type]
