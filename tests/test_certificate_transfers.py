"""A certificate moves from one account to another, and no device connects with it on the way."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from support.cloud import ACCOUNT, client_of, refused
from support.devices import described
from support.races import in_threads

from moto_jitp import CertificateAuthority, ConnectionRefused, DeviceIdentity, connect_device

OTHER = "210987654321"


@pytest.fixture
def theirs(iot: Any) -> Any:
    """A client of the other account."""
    return client_of(OTHER)


@pytest.fixture
def device(iot: Any, acme: CertificateAuthority) -> DeviceIdentity:
    """A device whose certificate is registered without a CA, INACTIVE."""
    made = acme.issue(common_name="bulb-1")
    iot.register_certificate_without_ca(certificatePem=made.certificate_pem, status="INACTIVE")
    return made


@pytest.fixture
def pending(iot: Any, theirs: Any, device: DeviceIdentity) -> str:
    """The id of a certificate that the other account may accept."""
    iot.transfer_certificate(
        certificateId=device.certificate_id, targetAwsAccount=OTHER, transferMessage="for you"
    )
    return device.certificate_id


def test_both_accounts_see_a_certificate_that_is_on_its_way(
    clock: FrozenDateTimeFactory, iot: Any, theirs: Any, device: DeviceIdentity
) -> None:
    certificate_id = device.certificate_id
    arn = described(iot, certificate_id)["certificateArn"]
    clock.tick(timedelta(minutes=1))
    answer = iot.transfer_certificate(
        certificateId=certificate_id, targetAwsAccount=OTHER, transferMessage="for you"
    )
    assert answer["transferredCertificateArn"] == arn.replace(ACCOUNT, OTHER)
    for one, owner in ((iot, ACCOUNT), (theirs, OTHER)):
        certificate = described(one, certificate_id)
        assert (certificate["status"], certificate["ownedBy"]) == ("PENDING_TRANSFER", owner)
        data = certificate["transferData"]
        assert data.pop("transferDate").timestamp() == clock().timestamp()
        assert data == {"transferMessage": "for you"}
        assert [c["status"] for c in one.list_certificates()["certificates"]] == [
            "PENDING_TRANSFER"
        ]
    (outgoing,) = iot.list_outgoing_certificates()["outgoingCertificates"]
    assert (outgoing["certificateId"], outgoing["certificateArn"]) == (certificate_id, arn)
    assert (outgoing["transferredTo"], outgoing["transferMessage"]) == (OTHER, "for you")
    assert outgoing["creationDate"] < outgoing["transferDate"]
    assert theirs.list_outgoing_certificates()["outgoingCertificates"] == []


@pytest.mark.parametrize(("active", "status"), [(True, "ACTIVE"), (False, "INACTIVE")])
def test_an_accepted_certificate_is_the_other_accounts_alone(
    iot: Any, theirs: Any, pending: str, active: bool, status: str
) -> None:
    theirs.accept_certificate_transfer(certificateId=pending, setAsActive=active)
    certificate = described(theirs, pending)
    assert (certificate["status"], certificate["previousOwnedBy"]) == (status, ACCOUNT)
    assert certificate["ownedBy"] == OTHER
    assert certificate["transferData"]["acceptDate"] >= certificate["transferData"]["transferDate"]
    with refused("ResourceNotFoundException", 404, "CertificateId"):
        iot.describe_certificate(certificateId=pending)
    assert iot.list_outgoing_certificates()["outgoingCertificates"] == []
    with refused("TransferAlreadyCompletedException", 410, "The transfer of the certificate"):
        iot.cancel_certificate_transfer(certificateId=pending)
    with refused("TransferAlreadyCompletedException", 410, "The transfer of the certificate"):
        theirs.accept_certificate_transfer(certificateId=pending)


def test_a_rejected_certificate_goes_back_with_the_reason(
    iot: Any, theirs: Any, pending: str
) -> None:
    theirs.reject_certificate_transfer(certificateId=pending, rejectReason="not mine")
    certificate = described(iot, pending)
    data = certificate["transferData"]
    assert (certificate["status"], data["rejectReason"]) == ("INACTIVE", "not mine")
    assert data["rejectDate"] >= data["transferDate"]
    with refused("ResourceNotFoundException", 404, "CertificateId"):
        theirs.accept_certificate_transfer(certificateId=pending)
    with refused("TransferAlreadyCompletedException", 410, "The transfer of the certificate"):
        iot.cancel_certificate_transfer(certificateId=pending)
    iot.transfer_certificate(certificateId=pending, targetAwsAccount=OTHER)
    assert "rejectReason" not in described(iot, pending)["transferData"]


def test_a_transfer_is_taken_back_before_it_is_accepted(
    iot: Any, theirs: Any, pending: str
) -> None:
    iot.cancel_certificate_transfer(certificateId=pending)
    assert described(iot, pending)["status"] == "INACTIVE"
    assert theirs.list_certificates()["certificates"] == []
    iot.update_certificate(certificateId=pending, newStatus="ACTIVE")


def test_each_account_ends_a_transfer_in_its_own_way_alone(
    iot: Any, theirs: Any, pending: str
) -> None:
    with refused("InvalidRequestException", 400, f"The certificate {pending} is not being"):
        theirs.cancel_certificate_transfer(certificateId=pending)
    for call in (iot.accept_certificate_transfer, iot.reject_certificate_transfer):
        with refused("InvalidRequestException", 400, f"The certificate {pending} is not being"):
            call(certificateId=pending)
    for account_client in (iot, theirs):
        with refused("CertificateStateException", 406, "Not allowed to update a certificate"):
            account_client.update_certificate(certificateId=pending, newStatus="ACTIVE")
        with refused("CertificateStateException", 406, f"The certificate {pending} is PENDING"):
            account_client.delete_certificate(certificateId=pending, forceDelete=True)
    assert described(theirs, pending)["status"] == "PENDING_TRANSFER"


def test_what_is_in_use_is_not_transferred(iot: Any, theirs: Any, device: DeviceIdentity) -> None:
    certificate_id = device.certificate_id
    arn = described(iot, certificate_id)["certificateArn"]
    give = {"certificateId": certificate_id, "targetAwsAccount": OTHER}
    iot.create_thing(thingName="a")
    iot.attach_thing_principal(thingName="a", principal=arn)
    with refused(
        "TransferConflictException", 409, f"Can't transfer the certificate {device.certificate_id}"
    ):
        iot.transfer_certificate(**give)
    iot.detach_thing_principal(thingName="a", principal=arn)
    statement = {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}
    allow = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iot.create_policy(policyName="p", policyDocument=allow)
    iot.attach_policy(policyName="p", target=arn)
    with refused("TransferConflictException", 409, "Can't transfer") as caught:
        iot.transfer_certificate(**give)
    assert "authorization policies are still attached to it: p" in caught.response["message"]
    iot.detach_policy(policyName="p", target=arn)
    iot.update_certificate(certificateId=certificate_id, newStatus="ACTIVE")
    with refused("CertificateStateException", 406, f"The certificate {certificate_id} is ACTIVE"):
        iot.transfer_certificate(**give)
    iot.update_certificate(certificateId=certificate_id, newStatus="INACTIVE")
    with refused("InvalidRequestException", 400, "The certificate"):
        iot.transfer_certificate(certificateId=certificate_id, targetAwsAccount=ACCOUNT)
    theirs.register_certificate_without_ca(certificatePem=device.certificate_pem)
    with refused(
        "TransferConflictException", 409, f"The account {OTHER} already has the certificate"
    ):
        iot.transfer_certificate(**give)
    with refused("ResourceNotFoundException", 404, "CertificateId"):
        iot.transfer_certificate(certificateId="0" * 64, targetAwsAccount=OTHER)
    assert described(iot, certificate_id)["status"] == "INACTIVE"


def test_a_device_connects_in_the_account_that_has_accepted(
    iot: Any, theirs: Any, device: DeviceIdentity
) -> None:
    certificate_id = device.certificate_id
    mine, others = (
        account_client.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
        for account_client in (iot, theirs)
    )
    iot.update_certificate(certificateId=certificate_id, newStatus="ACTIVE")
    connection = connect_device(device)
    iot.update_certificate(certificateId=certificate_id, newStatus="INACTIVE")
    assert not connection.connected
    iot.transfer_certificate(certificateId=certificate_id, targetAwsAccount=OTHER)
    with pytest.raises(ConnectionRefused, match="PENDING_TRANSFER") as here:
        connect_device(device, endpoint=mine)
    assert "cancel_certificate_transfer" in str(here.value)
    with pytest.raises(ConnectionRefused, match="PENDING_TRANSFER") as there:
        connect_device(device, endpoint=others)
    assert f"in the account {OTHER}" in str(there.value)
    theirs.accept_certificate_transfer(certificateId=certificate_id, setAsActive=True)
    assert connect_device(device, endpoint=others).connected
    with pytest.raises(ConnectionRefused) as gone:
        connect_device(device, endpoint=mine)
    assert gone.value.reason == "DEVICE_CERTIFICATE_NOT_REGISTERED"


def test_accounts_that_transfer_to_each_other_do_not_wait_for_each_other(
    iot: Any, theirs: Any, acme: CertificateAuthority
) -> None:
    accounts = {ACCOUNT: iot, OTHER: theirs}
    for account in accounts.values():
        account.list_certificates()  # moto makes its router with the first request, for one thread

    def swap(source: str, target: str) -> None:
        for at in range(10):
            made = acme.issue(common_name=f"{source}-{at}")
            mine = accounts[source]
            mine.register_certificate_without_ca(certificatePem=made.certificate_pem)
            mine.transfer_certificate(certificateId=made.certificate_id, targetAwsAccount=target)
            accounts[target].accept_certificate_transfer(certificateId=made.certificate_id)

    in_threads(partial(swap, ACCOUNT, OTHER), partial(swap, OTHER, ACCOUNT))
    assert [len(account.list_certificates()["certificates"]) for account in accounts.values()] == [
        10,
        10,
    ]


def test_outgoing_certificates_come_in_pages_the_newest_first(
    iot: Any, theirs: Any, acme: CertificateAuthority
) -> None:
    ids = []
    for at in range(5):
        made = acme.issue(common_name=f"bulb-{at}")
        iot.register_certificate_without_ca(certificatePem=made.certificate_pem)
        iot.transfer_certificate(certificateId=made.certificate_id, targetAwsAccount=OTHER)
        ids.append(made.certificate_id)
    found: list[str] = []
    marker: dict[str, str] = {}
    while True:
        page = iot.list_outgoing_certificates(pageSize=2, **marker)
        found += [certificate["certificateId"] for certificate in page["outgoingCertificates"]]
        if "nextMarker" not in page:
            break
        marker = {"marker": page["nextMarker"]}
    assert found == ids[::-1]
    page = iot.list_outgoing_certificates(ascendingOrder=True)
    assert [certificate["certificateId"] for certificate in page["outgoingCertificates"]] == ids
