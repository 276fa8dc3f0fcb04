"""Whatever happens to a fleet, in any order, the account matches a page of rules.

Hypothesis draws what a user and devices do; a model of a few plain fields, written from the table
of AWS's guide and not from the code, says what the result must be: in this process, behind a
server, and behind an endpoint of real devices.
https://docs.aws.amazon.com/iot/latest/developerguide/jit-provisioning.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar

import pytest
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
from support.bodies import PLAIN_BODY, ROLE
from support.fleet_doors import PLACES
from support.long_runs import portions

from moto_jitp import (
    CertificateAuthority,
    ConnectionRefused,
    DeviceConnection,
    DeviceIdentity,
    NotAuthorized,
)

CAS = [CertificateAuthority(common_name=name) for name in ("Acme Root", "Other Root")]
NAMES = ("a-1", "a-2", "b-1")
DEVICES = [CAS[name[0] == "b"].issue(common_name=name) for name in NAMES]
ACCOUNT = "arn:aws:iot:us-east-1:123456789012"
POLICY, GROUP = "all", "fleet"
ALL = {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}
PLAIN = json.loads(PLAIN_BODY)
PLAIN["Resources"]["policy"] = {
    "Type": "AWS::IoT::Policy",
    "Properties": {"PolicyName": POLICY},
}
TYPED = json.loads(json.dumps(PLAIN))
TYPED["Resources"]["thing"]["Properties"]["ThingTypeName"] = "bulb"
#: A device of the third kind is provisioned, and may do nothing until a policy is attached.
BODIES = {"plain": json.dumps(PLAIN), "typed": json.dumps(TYPED), "bare": PLAIN_BODY}
RULE = {
    "sql": "SELECT * FROM 'to/+'",
    "actions": [{"republish": {"topic": "copy/${topic(2)}", "roleArn": ROLE}}],
}

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
    has_policy: bool = False
    in_group: bool = False
    connection: DeviceConnection | None = None


@dataclass
class Account:
    """The model: all that AWS's rules need to know."""

    cas: dict[int, Ca] = field(default_factory=dict)
    devices: list[Device] = field(
        default_factory=lambda: [Device(int(name[0] == "b")) for name in NAMES]
    )
    has_type: bool = False
    has_group: bool = False
    group_has_policy: bool = False
    rule_is_on: bool | None = None
    runs: int = 0
    creations: int = 0
    rule_runs: int = 0

    def may(self, device: Device) -> bool:
        """Whether policies let a device do anything; those of its thing's group count, too."""
        return device.has_policy or (
            device.is_attached and device.in_group and self.group_has_policy
        )

    def connect(self, device: Device) -> str | None:
        """Let a device connect; return why it is refused, or None."""
        if device.status in ("INACTIVE", "REVOKED"):
            return f"DEVICE_CERTIFICATE_{device.status}"
        if device.status == "ACTIVE":
            return None if self.may(device) else "NOT_AUTHORIZED"
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
        # CreateThing also finds a thing that is as the template wants it, and changes nothing.
        self.creations += 1
        device.thing_type = device.thing_type if device.has_thing else wanted
        device.has_thing = device.is_attached = True
        device.has_policy |= ca.template != "bare"
        device.status = "ACTIVE"
        return None if self.may(device) else "NOT_AUTHORIZED"


class Fleet(RuleBasedStateMachine):
    """Applies the same actions to the emulation and the model, and compares."""

    place: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self._clock = freeze_time(datetime.now(timezone.utc))
        self._frozen = self._clock.start()
        self._place = PLACES[self.place]()
        self._iot = self._place.client("iot")
        self._account = Account()

    def teardown(self) -> None:
        try:
            self.the_trail_has_what_the_runs_have_made()
        finally:
            self._place.close()
            self._clock.stop()

    # The user.

    @initialize()
    def begin(self) -> None:
        self.make_policy()
        self.register_ca(0, "plain")

    def make_policy(self) -> None:
        document = {"Version": "2012-10-17", "Statement": [ALL]}
        self._iot.create_policy(policyName=POLICY, policyDocument=json.dumps(document))

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
        if device.is_attached or device.has_policy:
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
        device.has_thing, device.thing_type, device.in_group = False, None, False

    @precondition(lambda self: not self._account.has_type)
    @rule()
    def create_type(self) -> None:
        self._iot.create_thing_type(thingTypeName="bulb")
        self._account.has_type = True

    @rule(at=some_device, attach=st.booleans())
    def change_policy(self, at: int, attach: bool) -> None:
        device = self._account.devices[at]
        if device.status is None:
            return
        change = self._iot.attach_policy if attach else self._iot.detach_policy
        change(policyName=POLICY, target=self._arn(at))
        device.has_policy = attach

    @rule()
    def create_group(self) -> None:
        if not self._account.has_group:
            self._iot.create_thing_group(thingGroupName=GROUP)
            self._account.has_group = True

    @precondition(lambda self: self._account.has_group)
    @rule()
    def delete_group(self) -> None:
        if self._account.group_has_policy:
            self.change_group_policy(False)
        self._iot.delete_thing_group(thingGroupName=GROUP)
        self._account.has_group = False
        for device in self._account.devices:
            device.in_group = False

    @precondition(lambda self: self._account.has_group)
    @rule(attach=st.booleans())
    def change_group_policy(self, attach: bool) -> None:
        change = self._iot.attach_policy if attach else self._iot.detach_policy
        change(policyName=POLICY, target=f"{ACCOUNT}:thinggroup/{GROUP}")
        self._account.group_has_policy = attach

    @precondition(lambda self: self._account.has_group)
    @rule(at=some_device, join=st.booleans())
    def change_membership(self, at: int, join: bool) -> None:
        device = self._account.devices[at]
        if not device.has_thing:
            return
        iot = self._iot
        change = iot.add_thing_to_thing_group if join else iot.remove_thing_from_thing_group
        change(thingName=NAMES[at], thingGroupName=GROUP)
        device.in_group = join

    @rule(at=some_device)
    def rely_on_the_group(self, at: int) -> None:
        """A combination that chance would rarely produce: only the group's policy admits it."""
        self.create_group()
        self.change_group_policy(True)
        self.change_membership(at, True)
        self.change_policy(at, False)
        self.connect(at)

    @rule(on=st.none() | st.booleans())
    def change_topic_rule(self, on: bool | None) -> None:
        if self._account.rule_is_on is not None:
            self._iot.delete_topic_rule(ruleName="copy")
        if on is not None:
            payload = {**RULE, "ruleDisabled": not on}
            self._iot.create_topic_rule(ruleName="copy", topicRulePayload=payload)
        self._account.rule_is_on = on

    @rule(minutes=st.integers(1, 10))
    def move_time(self, minutes: int) -> None:
        self._frozen.tick(timedelta(minutes=minutes))

    @rule()
    def reset(self) -> None:
        self.the_trail_has_what_the_runs_have_made()
        self._place.reset()
        self._account = Account()
        self.make_policy()

    # The devices.

    @rule(at=some_device)
    def connect(self, at: int) -> None:
        device = self._account.devices[at]
        reason = self._account.connect(device)
        told = None
        try:
            device.connection = self._place.connect(DEVICES[at])
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
        source, target = (self._account.devices[at] for at in (sender, receiver))
        if source.connection is None or target.connection is None:
            return
        name, topics = NAMES[receiver], {f"to/{NAMES[receiver]}"}
        if self._account.rule_is_on:
            topics.add(f"copy/{name}")
        for topic in sorted(topics):
            if not self._account.may(target):
                with pytest.raises(NotAuthorized):
                    target.connection.subscribe(topic)
                return
            target.connection.subscribe(topic)
        payload = json.dumps({"from": NAMES[sender]}).encode()
        if not self._account.may(source):
            with pytest.raises(NotAuthorized):
                source.connection.publish(f"to/{name}", payload)
            return
        source.connection.publish(f"to/{name}", payload)
        self._account.rule_runs += bool(self._account.rule_is_on)
        messages = [target.connection.receive() for _ in topics]
        assert {message.topic for message in messages} == topics
        assert all(json.loads(message.payload) == json.loads(payload) for message in messages)
        for subscription in target.connection.subscriptions:
            subscription.cancel()

    # What must hold after each step.

    @invariant()
    def certificates_are_those_of_the_model(self) -> None:
        found = {
            certificate["certificateId"]: certificate["status"]
            for certificate in self._iot.list_certificates()["certificates"]
        }
        assert found == {
            DEVICES[at].certificate_id: device.status
            for at, device in enumerate(self._account.devices)
            if device.status is not None
        }

    @invariant()
    def things_are_those_of_the_model(self) -> None:
        found = {
            thing["thingName"]: thing.get("thingTypeName")
            for thing in self._iot.list_things()["things"]
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
    def policies_and_groups_are_those_of_the_model(self) -> None:
        devices = list(enumerate(self._account.devices))
        targets = {self._arn(at) for at, device in devices if device.has_policy}
        if self._account.group_has_policy:
            targets.add(f"{ACCOUNT}:thinggroup/{GROUP}")
        found = self._iot.list_targets_for_policy(policyName=POLICY)["targets"]
        assert set(found) == targets
        for at, device in devices:
            if device.status is not None:
                attached = self._iot.list_attached_policies(target=self._arn(at))["policies"]
                assert len(attached) == device.has_policy
            if device.has_thing:
                groups = self._iot.list_thing_groups_for_thing(thingName=NAMES[at])["thingGroups"]
                assert [group["groupName"] for group in groups] == [GROUP] * device.in_group
        if self._account.has_group:
            members = self._iot.list_things_in_thing_group(thingGroupName=GROUP)["things"]
            assert set(members) == {NAMES[at] for at, device in devices if device.in_group}

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
            assert {certificate["certificateId"] for certificate in listed["certificates"]} == {
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
        told = [attempt for attempt in self._place.attempts() if attempt.provisioning is not None]
        assert len(told) == self._account.runs
        copied = [rule_run for rule_run in self._place.rule_runs() if rule_run.matched]
        assert len(copied) == self._account.rule_runs
        assert all(action.succeeded for one in copied for action in one.actions)

    def the_trail_has_what_the_runs_have_made(self) -> None:
        events = self._place.client("cloudtrail").get_paginator("lookup_events")
        wanted = [{"AttributeKey": "EventName", "AttributeValue": "CreateThing"}]
        pages = events.paginate(LookupAttributes=wanted)
        told = [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]
        made = [event for event in told if "errorCode" not in event]
        assert len(made) == self._account.creations

    def _arn(self, at: int) -> str:
        return f"{ACCOUNT}:cert/{DEVICES[at].certificate_id}"


EXAMPLES = {"in process": 6, "at a server": 2, "at an endpoint": 2}
STEPS = {"in process": 30, "at a server": 20, "at an endpoint": 20}


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_an_account_is_what_the_rules_say_whatever_happens_in_it(place: str, long: bool) -> None:
    if place == "at an endpoint":
        pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")
    for count in portions(EXAMPLES[place], 300, long, size=10):
        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            type("Fleet", (Fleet,), {"place": place}),
            settings=settings(max_examples=count, stateful_step_count=STEPS[place]),
        )
