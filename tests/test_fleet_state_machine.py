"""Whatever happens to a fleet in whichever order, the account is what a page of rules says.

Hypothesis draws what a user and devices do; a model of a few plain fields, written from the table
of AWS's guide and not from the code, says what must have come of it.
https://docs.aws.amazon.com/iot/latest/developerguide/jit-provisioning.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import requests
from bodies import PLAIN_BODY, ROLE
from cloud import client
from freezegun import freeze_time
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from patience import HANG

from moto_jitp import (
    CertificateAuthority,
    ConnectionRefused,
    DeviceConnection,
    DeviceIdentity,
    connect_device,
    mock_jitp,
)

CAS = [CertificateAuthority(common_name=name) for name in ("Acme Root", "Other Root")]
NAMES = ("a-1", "a-2", "b-1")
DEVICES = [CAS[name[0] == "b"].issue(common_name=name) for name in NAMES]
TYPED_BODY = json.loads(PLAIN_BODY)
TYPED_BODY["Resources"]["thing"]["Properties"]["ThingTypeName"] = "bulb"
BODIES = {"plain": PLAIN_BODY, "typed": json.dumps(TYPED_BODY)}

some_ca = st.sampled_from(range(len(CAS)))
some_device = st.sampled_from(range(len(DEVICES)))


@dataclass
class Ca:
    """A registered CA: its two switches, and the kind of template that it has."""

    active: bool
    registers_devices: bool
    template: str | None


@dataclass
class Device:
    """What the account knows of a device, and the connection that it has."""

    ca: int
    status: str | None = None
    has_thing: bool = False
    thing_type: str | None = None
    is_attached: bool = False
    connection: DeviceConnection | None = None


@dataclass
class Account:
    """The model: all that AWS's rules need to know."""

    cas: dict[int, Ca] = field(default_factory=dict)
    devices: list[Device] = field(
        default_factory=lambda: [Device(int(name[0] == "b")) for name in NAMES]
    )
    has_type: bool = False
    runs: int = 0

    def connect(self, device: Device) -> str | None:
        """Let a device connect; return why it is refused, or None."""
        if device.status in ("INACTIVE", "REVOKED"):
            return f"DEVICE_CERTIFICATE_{device.status}"
        if device.status == "ACTIVE":
            return None
        ca = self.cas.get(device.ca)
        if ca is None:
            unknown = device.status is None
            return f"DEVICE_CERTIFICATE_{'NOT_REGISTERED' if unknown else 'PENDING_ACTIVATION'}"
        if not ca.active:
            return "CA_CERTIFICATE_INACTIVE"
        if not ca.registers_devices:
            return "AUTO_REGISTRATION_DISABLED"
        device.status = "PENDING_ACTIVATION"
        if ca.template is None:
            return "DEVICE_CERTIFICATE_PENDING_ACTIVATION"
        self.runs += 1
        if ca.template == "typed" and not self.has_type:
            return "PROVISIONING_FAILED"
        wanted = "bulb" if ca.template == "typed" else None
        if device.has_thing and wanted not in (None, device.thing_type):
            return "PROVISIONING_FAILED"
        device.thing_type = device.thing_type if device.has_thing else wanted
        device.has_thing = device.is_attached = True
        device.status = "ACTIVE"
        return None


class Fleet(RuleBasedStateMachine):
    """Does the same to the mock and to the model, and compares."""

    def __init__(self) -> None:
        super().__init__()
        self._clock = freeze_time(datetime.now(timezone.utc))
        self._frozen = self._clock.start()
        self._mock = mock_jitp()
        self._jitp = self._mock.__enter__()
        self._iot = client()
        self._account = Account()

    def teardown(self) -> None:
        self._mock.__exit__(None, None, None)
        self._clock.stop()

    # The user.

    @initialize()
    def begin(self) -> None:
        self.register_ca(0, "plain")

    @rule(at=some_ca, template=st.sampled_from([None, *BODIES]))
    def register_ca(self, at: int, template: str | None) -> None:
        if at in self._account.cas:
            return
        body = None if template is None else BODIES[template]
        CAS[at].register(self._iot, template_body=body, role_arn=ROLE)
        self._account.cas[at] = Ca(True, True, template)

    @rule(at=some_ca, active=st.booleans(), registers=st.booleans())
    def switch_ca(self, at: int, active: bool, registers: bool) -> None:
        ca = self._account.cas.get(at)
        if ca is None:
            return
        self._iot.update_ca_certificate(
            certificateId=CAS[at].certificate_id,
            newStatus="ACTIVE" if active else "INACTIVE",
            newAutoRegistrationStatus="ENABLE" if registers else "DISABLE",
        )
        ca.active, ca.registers_devices = active, registers

    @rule(at=some_ca, template=st.sampled_from([None, *BODIES]))
    def change_template(self, at: int, template: str | None) -> None:
        ca = self._account.cas.get(at)
        if ca is None:
            return
        change: dict[str, Any] = {"removeAutoRegistration": True}
        if template is not None:
            config = {"templateBody": BODIES[template], "roleArn": ROLE}
            change = {"registrationConfig": config}
        self._iot.update_ca_certificate(certificateId=CAS[at].certificate_id, **change)
        ca.template = template

    @rule(at=some_ca)
    def delete_ca(self, at: int) -> None:
        ca = self._account.cas.get(at)
        if ca is None:
            return
        if ca.active:
            with pytest.raises(self._iot.exceptions.CertificateStateException):
                self._iot.delete_ca_certificate(certificateId=CAS[at].certificate_id)
            return
        self._iot.delete_ca_certificate(certificateId=CAS[at].certificate_id)
        del self._account.cas[at]

    @rule(at=some_device, status=st.sampled_from(["ACTIVE", "INACTIVE", "REVOKED"]))
    def set_certificate(self, at: int, status: str) -> None:
        device = self._account.devices[at]
        if device.status is None:
            return
        self._iot.update_certificate(certificateId=DEVICES[at].certificate_id, newStatus=status)
        device.status = status
        if status != "ACTIVE":
            device.connection = None

    @rule(at=some_device)
    def delete_certificate(self, at: int) -> None:
        device, identity = self._account.devices[at], DEVICES[at]
        if device.status is None:
            return
        if device.is_attached:
            with pytest.raises(self._iot.exceptions.DeleteConflictException):
                self._delete_inactive(device, identity)
            return
        self._delete_inactive(device, identity)
        device.status, device.connection = None, None

    def _delete_inactive(self, device: Device, identity: DeviceIdentity) -> None:
        if device.status == "ACTIVE":
            self._iot.update_certificate(
                certificateId=identity.certificate_id, newStatus="INACTIVE"
            )
            device.status, device.connection = "INACTIVE", None
        self._iot.delete_certificate(certificateId=identity.certificate_id)

    @rule(at=some_device)
    def detach(self, at: int) -> None:
        device = self._account.devices[at]
        if not device.is_attached:
            return
        self._iot.detach_thing_principal(thingName=NAMES[at], principal=self._arn(at))
        device.is_attached = False

    @rule(at=some_device)
    def delete_thing(self, at: int) -> None:
        device = self._account.devices[at]
        if device.is_attached:
            with pytest.raises(self._iot.exceptions.InvalidRequestException):
                self._iot.delete_thing(thingName=NAMES[at])
            return
        self._iot.delete_thing(thingName=NAMES[at])
        device.has_thing, device.thing_type = False, None

    @precondition(lambda self: not self._account.has_type)
    @rule()
    def create_type(self) -> None:
        self._iot.create_thing_type(thingTypeName="bulb")
        self._account.has_type = True

    @rule(minutes=st.integers(1, 10))
    def move_time(self, minutes: int) -> None:
        self._frozen.tick(timedelta(minutes=minutes))

    @rule()
    def reset(self) -> None:
        requests.post("http://motoapi.amazonaws.com/moto-api/reset", timeout=HANG)
        self._account = Account()

    # The devices.

    @rule(at=some_device)
    def connect(self, at: int) -> None:
        device = self._account.devices[at]
        reason = self._account.connect(device)
        told = None
        try:
            device.connection = connect_device(DEVICES[at])
        except ConnectionRefused as refusal:
            told = refusal.reason.name
        assert told == reason

    @rule(at=some_device)
    def disconnect(self, at: int) -> None:
        device = self._account.devices[at]
        if device.connection is not None:
            device.connection.disconnect()
            device.connection = None

    @rule(sender=some_device, receiver=some_device)
    def tell(self, sender: int, receiver: int) -> None:
        source, target = (self._account.devices[at].connection for at in (sender, receiver))
        if source is None or target is None:
            return
        topic = f"to/{NAMES[receiver]}"
        target.subscribe(topic)
        source.publish(topic, NAMES[sender].encode())
        message = target.receive()
        assert (message.topic, message.payload) == (topic, NAMES[sender].encode())

    # What must hold after each step.

    @invariant()
    def certificates_are_those_of_the_model(self) -> None:
        found = {
            one["certificateId"]: one["status"]
            for one in self._iot.list_certificates()["certificates"]
        }
        assert found == {
            DEVICES[at].certificate_id: device.status
            for at, device in enumerate(self._account.devices)
            if device.status is not None
        }

    @invariant()
    def things_are_those_of_the_model(self) -> None:
        found = {
            one["thingName"]: one.get("thingTypeName") for one in self._iot.list_things()["things"]
        }
        assert found == {
            name: device.thing_type
            for name, device in zip(NAMES, self._account.devices, strict=True)
            if device.has_thing
        }

    @invariant()
    def each_attachment_has_both_ends(self) -> None:
        for at, device in enumerate(self._account.devices):
            if device.has_thing:
                principals = self._iot.list_thing_principals(thingName=NAMES[at])["principals"]
                assert principals == ([self._arn(at)] if device.is_attached else [])
            if device.status is not None:
                things = self._iot.list_principal_things(principal=self._arn(at))["things"]
                assert things == ([NAMES[at]] if device.is_attached else [])

    @invariant()
    def an_index_finds_what_the_table_has(self) -> None:
        typed = self._iot.list_things(thingTypeName="bulb")["things"]
        assert {one["thingName"] for one in typed} == {
            name
            for name, device in zip(NAMES, self._account.devices, strict=True)
            if device.thing_type == "bulb"
        }
        for at in self._account.cas:
            listed = self._iot.list_certificates_by_ca(caCertificateId=CAS[at].certificate_id)
            assert {one["certificateId"] for one in listed["certificates"]} == {
                DEVICES[number].certificate_id
                for number, device in enumerate(self._account.devices)
                if device.ca == at and device.status is not None
            }

    @invariant()
    def a_connection_lives_as_long_as_its_certificate_is_active(self) -> None:
        for device in self._account.devices:
            if device.connection is not None:
                assert device.connection.connected

    @invariant()
    def each_run_is_told_once(self) -> None:
        told = [one for one in self._jitp.connections if one.provisioning is not None]
        assert len(told) == self._account.runs

    def _arn(self, at: int) -> str:
        return f"arn:aws:iot:us-east-1:123456789012:cert/{DEVICES[at].certificate_id}"


def test_an_account_is_what_the_rules_say_whatever_happens_in_it(long: bool) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Fleet,
        settings=settings(max_examples=500 if long else 15, stateful_step_count=30),
    )
