"""Many threads at once do everything that a fleet and its users do, and the result is consistent.

A little in every run; for minutes with ``--long``.
"""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.iot.models import iot_backends
from support.bodies import PLAIN_BODY, ROLE
from support.fleet_doors import PLACES, InProcess
from support.races import ACCOUNT, POLICY, REGION, in_threads, loose_ends, switching_every

from moto_jitp import CertificateAuthority, ConnectionRefused, DeviceIdentity, NotAuthorized

THREADS = 64
ROUNDS = {"in process": 3, "at a server": 1, "at an endpoint": 1}
LONG_ROUNDS = 60
ARN = f"arn:aws:iot:{REGION}:{ACCOUNT}"
BODY = json.loads(PLAIN_BODY)
BODY["Resources"]["thing"]["Properties"].update({"ThingGroups": ["fleet"], "BillingGroup": "bills"})
BODY["Resources"]["policy"] = {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "shared"}}


@pytest.fixture(autouse=True)
def threads_that_change_often() -> Iterator[None]:
    with switching_every(1e-5):
        yield


class Fleet:
    """Devices that only touch themselves, others that come and go, and all actions."""

    def __init__(self, place: InProcess) -> None:
        self.place = place
        self.iot = place.client("iot")
        self.data = place.client("iot-data")
        self.trail = place.client("cloudtrail")
        self.iot.create_thing_group(thingGroupName="fleet")
        self.iot.create_billing_group(billingGroupName="bills")
        self.iot.create_policy(policyName="shared", policyDocument=POLICY)
        indexed = {"thingIndexingMode": "REGISTRY"}
        self.iot.update_indexing_configuration(thingIndexingConfiguration=indexed)
        self.rule = {
            "sql": "SELECT * FROM 'to/#'",
            "actions": [{"republish": {"topic": "copy", "roleArn": ROLE}}],
        }
        self.cas = [CertificateAuthority(common_name=f"CA {number}") for number in range(2)]
        for ca in self.cas:
            ca.register(self.iot, template_body=json.dumps(BODY), role_arn=ROLE)
        self.stable = [self.cas[0].issue(common_name=f"stable-{at}") for at in range(12)]
        self.passing = [self.cas[1].issue(common_name=f"passing-{at}") for at in range(8)]

    def works(self) -> list[Callable[[random.Random], object]]:
        """Return all actions, in random order."""
        return [
            self.connect_and_talk,
            self.connect_and_talk,
            self.connect_and_talk,
            self.pass_by,
            self.take_away,
            self.switch_ca,
            self.things,
            self.groups,
            self.policies,
            self.lists,
            self.messages,
        ]

    def connect_and_talk(self, chance: random.Random) -> None:
        self.place.talk(chance.choice(self.stable), f"to/{chance.randrange(4)}")

    def pass_by(self, chance: random.Random) -> None:
        self.place.talk(chance.choice(self.passing), "to/all")

    def take_away(self, chance: random.Random) -> None:
        device, iot = chance.choice(self.passing), self.iot
        arn = f"{ARN}:cert/{device.certificate_id}"
        for thing in iot.list_principal_things(principal=arn)["things"]:
            iot.detach_thing_principal(thingName=thing, principal=arn)
            iot.delete_thing(thingName=thing)
        iot.detach_policy(policyName="shared", target=arn)
        iot.update_certificate(certificateId=device.certificate_id, newStatus="INACTIVE")
        iot.delete_certificate(certificateId=device.certificate_id)

    def switch_ca(self, chance: random.Random) -> None:
        self.iot.update_ca_certificate(
            certificateId=self.cas[1].certificate_id,
            newStatus=chance.choice(["ACTIVE", "ACTIVE", "INACTIVE"]),
            newAutoRegistrationStatus=chance.choice(["ENABLE", "ENABLE", "DISABLE"]),
        )

    def things(self, chance: random.Random) -> None:
        name, group = f"thing-{chance.randrange(6)}", f"group-{chance.randrange(3)}"
        if chance.randrange(2):
            self.iot.delete_thing(thingName=name)
        else:
            self.iot.create_thing(thingName=name, billingGroupName="bills")
            self.iot.add_thing_to_thing_group(thingName=name, thingGroupName=group)

    def groups(self, chance: random.Random) -> None:
        act = self.iot.create_thing_group if chance.randrange(2) else self.iot.delete_thing_group
        act(thingGroupName=f"group-{chance.randrange(3)}")

    def policies(self, chance: random.Random) -> None:
        name = f"policy-{chance.randrange(3)}"
        target = f"{ARN}:cert/{chance.choice(self.stable).certificate_id}"
        kind = chance.randrange(4)
        if kind == 0:
            self.iot.create_policy(policyName=name, policyDocument=POLICY)
        elif kind == 1:
            self.iot.attach_policy(policyName=name, target=target)
        elif kind == 2:
            self.iot.detach_policy(policyName=name, target=target)
        else:
            self.iot.delete_policy(policyName=name)

    def lists(self, chance: random.Random) -> None:
        iot = self.iot
        iot.list_things(maxResults=5)
        iot.list_things_in_thing_group(thingGroupName="fleet")
        iot.list_certificates_by_ca(caCertificateId=self.cas[1].certificate_id)
        iot.search_index(queryString="thingName:stable*")
        iot.list_targets_for_policy(policyName="shared")
        self.trail.lookup_events(MaxResults=5)

    def messages(self, chance: random.Random) -> None:
        self.data.publish(topic="to/all", payload=b"{}", retain=True)
        thing = f"stable-{chance.randrange(3)}"
        self.data.update_thing_shadow(thingName=thing, payload='{"state": {"desired": {"a": 1}}}')
        if chance.randrange(2):
            self.iot.delete_topic_rule(ruleName="copy")
        else:
            self.iot.create_topic_rule(ruleName="copy", topicRulePayload=self.rule)

    def inconsistencies(self) -> list[str]:
        """Return violated invariants."""
        found = loose_ends()
        backend: Any = iot_backends[ACCOUNT][REGION]
        for table in (backend.principal_things, backend.principal_policies):
            pairs = set(table)
            by_first = {(one, two) for one, _ in pairs for two in table.seconds_of(one)}
            by_second = {(one, two) for _, two in pairs for one in table.firsts_of(two)}
            found += [f"an index differs by {pair}" for pair in (by_first ^ pairs)]
            found += [f"an index differs by {pair}" for pair in (by_second ^ pairs)]
        for ca in self.cas:
            indexed = {one.certificate_id for one in backend.certificates.of_ca(ca.certificate_id)}
            kept = {
                certificate.certificate_id
                for certificate in backend.certificates.values()
                if certificate.ca_certificate_id == ca.certificate_id
            }
            found += [f"the index of a CA differs by {one}" for one in indexed ^ kept]
        members = self.iot.list_things_in_thing_group(thingGroupName="fleet")["things"]
        billed = self.iot.list_things_in_billing_group(billingGroupName="bills")["things"]
        for device in self.stable:
            found += self._missing(device, members, billed)
        return found

    def _missing(
        self, device: DeviceIdentity, members: list[str], billed: list[str]
    ) -> Iterator[str]:
        """What an ACTIVE certificate lacks of what its template says."""
        name, arn = device.presented.common_name, f"{ARN}:cert/{device.certificate_id}"
        try:
            described = self.iot.describe_certificate(certificateId=device.certificate_id)
        except self.iot.exceptions.ResourceNotFoundException:
            return  # it has not come so far
        if described["certificateDescription"]["status"] != "ACTIVE":
            yield f"{name} is not ACTIVE"
        if self.iot.list_principal_things(principal=arn)["things"] != [name]:
            yield f"{name} is not attached"
        policies = self.iot.list_attached_policies(target=arn)["policies"]
        if "shared" not in [policy["policyName"] for policy in policies]:
            yield f"{name} has no policy"
        if name not in members or name not in billed:
            yield f"{name} is not in its groups"


def is_a_mistake(error: BaseException) -> bool:
    """Whether this is not one of AWS's errors for a caller that came second."""
    if isinstance(error, ClientError):
        return int(error.response["ResponseMetadata"]["HTTPStatusCode"]) >= 500
    # A newer connection of the same client ends the older one.
    return not isinstance(error, (ConnectionRefused, NotAuthorized, ConnectionError))


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_under_load_nothing_fails_and_nothing_is_left_half_done(place: str, long: bool) -> None:
    if place == "at an endpoint":
        pytest.importorskip("OpenSSL", reason="the device endpoint needs the extra [mqtt]")
    with contextlib.closing(PLACES[place]()) as there:
        fleet = Fleet(there)
        mistakes = run(fleet, LONG_ROUNDS if long else ROUNDS[place])
        assert mistakes == []
        assert fleet.inconsistencies() == []
        told = {attempt.certificate_id for attempt in there.attempts()}
        assert told
        runs = [one for one in there.attempts() if one.provisioning is not None]
        of_stable = [one.certificate_id for one in runs if one.client_id.startswith("stable")]
        assert len(of_stable) == len(set(of_stable))  # each was provisioned once


def run(fleet: Fleet, rounds: int) -> list[BaseException]:
    """Run many threads, and return the errors that none of them should have met."""
    mistakes: list[BaseException] = []
    works = fleet.works()

    def work(number: int) -> None:
        chance = random.Random(number)
        for turn in range(rounds):
            try:
                works[(number + turn * 5) % len(works)](chance)
            except BaseException as error:
                if is_a_mistake(error):
                    mistakes.append(error)

    in_threads(*(partial(work, number) for number in range(THREADS)))
    return mistakes
