"""An operation has the tables to itself: other operations wait until it has ended.

This does not depend on chance: others are released at each line of the operation's code.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.iot.models import iot_backends
from support.interleaving import Crossing, Meanwhile, TellingLock, account_with
from support.races import EXPECTED, POLICY, REGION, in_threads, loose_ends

from moto_jitp import CertificateAuthority, connect_device, mock_jitp
from moto_jitp.history.state import locks_held


@pytest.fixture(autouse=True)
def block() -> Iterator[None]:
    with mock_jitp(config={"jitp": {"enforce_policies": True}}):
        yield


def is_expected(error: BaseException) -> bool:
    return isinstance(error, ClientError) and error.response["Error"]["Code"] in EXPECTED


class Account:
    """An account and Region with a lock of the test's, and a client of it."""

    def __init__(self, lock: TellingLock, region: str = REGION, account: str | None = None) -> None:
        self.iot: Any = None
        self.region = region
        self.account = account_with(lock, self._first_call, account)

    def _first_call(self, account: str) -> None:
        session = boto3.Session("testing", "testing", region_name=self.region)
        self.iot = session.client("iot", config=Config(retries={"total_max_attempts": 1}))
        self.iot.meta.events.register(
            "before-sign.iot",
            lambda request, **_: request.headers.add_header("x-moto-account-id", account),
        )
        self.iot.list_things()


class Scene(Account):
    """An account with a thing, its groups, a policy of a certificate, and a connected device."""

    def __init__(self, lock: TellingLock) -> None:
        super().__init__(lock)
        iot, ca = self.iot, CertificateAuthority()
        for number in range(3):
            iot.create_thing(thingName=f"thing-{number}")
            iot.create_thing_group(thingGroupName=f"group-{number}")
            iot.create_policy(policyName=f"policy-{number}", policyDocument=POLICY)
        iot.create_billing_group(billingGroupName="billing")
        indexed = {"thingIndexingMode": "REGISTRY"}
        iot.update_indexing_configuration(thingIndexingConfiguration=indexed)
        ca.register(iot)
        device = ca.issue(common_name="thing-0")
        made = iot.register_certificate(
            certificatePem=device.certificate_pem,
            caCertificatePem=ca.certificate_pem,
            status="ACTIVE",
        )
        self.certificate = made["certificateArn"]
        iot.attach_policy(policyName="policy-0", target=self.certificate)
        iot.attach_thing_principal(thingName="thing-0", principal=self.certificate)
        iot.add_thing_to_thing_group(thingName="thing-0", thingGroupName="group-0")
        self.connection = connect_device(device)


Works = tuple[Callable[[Scene], Callable[[], object]], ...]


def call(operation: str, **given: str) -> Callable[[Scene], Callable[[], object]]:
    """A call of an operation, with the certificate as target or principal."""

    def of(scene: Scene) -> Callable[[], object]:
        known = {key: scene.certificate if value == "C" else value for key, value in given.items()}
        return lambda: getattr(scene.iot, operation)(**known)

    return of


def publish(scene: Scene) -> Callable[[], object]:
    return lambda: scene.connection.publish("state", b"on")


THINGS: Works = tuple(
    call(f"{verb}_thing", thingName=f"new-{number}")
    for number in range(2)
    for verb in ("create", "delete")
)
GROUPS: Works = (
    call("create_thing_group", thingGroupName="new"),
    call("add_thing_to_thing_group", thingName="thing-0", thingGroupName="new"),
    call("delete_thing_group", thingGroupName="new"),
)
POLICIES: Works = (
    call("create_policy", policyName="new", policyDocument=POLICY),
    call("attach_policy", policyName="new", target="C"),
    call("detach_policy", policyName="new", target="C"),
    call("delete_policy", policyName="new"),
)
BILLS: Works = tuple(
    call("add_thing_to_billing_group", thingName=f"thing-{number}", billingGroupName="billing")
    for number in (1, 2)
)
#: Operations, and operations in the middle of them.
RACES: dict[str, tuple[Works, Works]] = {
    "delete_thing and groups": ((call("delete_thing", thingName="thing-2"),), GROUPS),
    "delete_thing and billing groups": ((call("delete_thing", thingName="thing-1"),), BILLS),
    "list_attached_policies": ((call("list_attached_policies", target="C"),), POLICIES),
    "get_effective_policies": ((call("get_effective_policies", principal="C"),), POLICIES),
    "a device's publish and groups": ((publish,), GROUPS),
    "a device's publish and policies": ((publish,), POLICIES),
    "search_index": ((call("search_index", queryString="thingName:*"),), THINGS),
    "list_things": (
        (call("list_things", attributeName="colour", attributeValue="red"),),
        THINGS,
    ),
    "list_thing_groups": ((call("list_thing_groups", namePrefixFilter="g"),), GROUPS),
    "list_things_in_thing_group": (
        (call("list_things_in_thing_group", thingGroupName="group-0"),),
        (
            call("remove_thing_from_thing_group", thingName="thing-0", thingGroupName="group-0"),
            call("add_thing_to_thing_group", thingName="thing-0", thingGroupName="group-0"),
        ),
    ),
    "delete_thing_group": ((call("delete_thing_group", thingGroupName="group-1"),), GROUPS),
    "delete_policy": ((call("delete_policy", policyName="policy-1"),), POLICIES),
    "detach_policy": (
        (call("detach_policy", policyName="policy-0", target="C"),),
        (
            call("detach_policy", policyName="policy-0", target="C"),
            call("attach_policy", policyName="policy-0", target="C"),
        ),
    ),
}


#: Those that every run tries; the others are slow.
QUICK = ("delete_policy", "delete_thing_group")
#: Where an interruption does harm; elsewhere each table happens to be read in one go.
HARMFUL = ("delete_thing and billing groups", "delete_policy")


def interleaved(race: str, lock: TellingLock) -> tuple[Meanwhile, list[str]]:
    """Do something with something else in its middle; return the latter, and loose ends."""
    works, others = RACES[race]
    scene = Scene(lock)
    meanwhile = Meanwhile(itertools.cycle([other(scene) for other in others]), is_expected)
    try:
        for work in works:
            meanwhile.during(work(scene))
    finally:
        meanwhile.end()
    return meanwhile, loose_ends(scene.account)


@pytest.mark.parametrize(
    "race", [pytest.param(race, marks=() if race in QUICK else pytest.mark.slow) for race in RACES]
)
def test_nothing_happens_in_the_middle_of_an_operation(race: str) -> None:
    meanwhile, ends = interleaved(race, TellingLock())
    assert meanwhile.raised == []
    assert ends == []
    assert meanwhile.intrusions == set()
    assert meanwhile.turns


@pytest.mark.parametrize("race", HARMFUL)
def test_without_the_lock_something_would(race: str) -> None:
    """So the test above fails without the lock."""
    meanwhile, ends = interleaved(race, TellingLock(keeps_out=False))
    assert meanwhile.intrusions
    assert meanwhile.raised or ends


class NotingLock(TellingLock):
    """A lock that notes when it is taken.

    Args:
        order: the locks that are held, the first that was taken first.
        seen: every pair of locks that was held, in the order in which they were taken.
    """

    def __init__(self, order: list[NotingLock], seen: set[tuple[NotingLock, ...]]) -> None:
        super().__init__()
        self._order, self._seen = order, seen

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        taken = super().acquire(blocking, timeout)
        if taken:
            self._order.append(self)
            held = tuple(dict.fromkeys(self._order))
            if len(held) > 1:
                self._seen.add(held)
        return taken

    def release(self) -> None:
        del self._order[len(self._order) - 1 - self._order[::-1].index(self)]
        super().release()


def transfer(here: Account, there: Account) -> Callable[[], object]:
    """A transfer of a new certificate, which is yet to begin."""
    device = CertificateAuthority().issue()
    here.iot.register_certificate_without_ca(certificatePem=device.certificate_pem)
    return lambda: here.iot.transfer_certificate(
        certificateId=device.certificate_id, targetAwsAccount=there.account
    )


def test_an_operation_on_two_accounts_takes_their_locks_in_one_order() -> None:
    """Otherwise two accounts that transfer to each other could deadlock."""
    order: list[NotingLock] = []
    seen: set[tuple[NotingLock, ...]] = set()
    locks = [NotingLock(order, seen) for _ in range(2)]
    accounts = [Account(lock) for lock in locks]
    for here, there in (accounts, accounts[::-1]):
        made = [CertificateAuthority().issue() for _ in range(3)]
        for device in made:
            here.iot.register_certificate_without_ca(certificatePem=device.certificate_pem)
            here.iot.transfer_certificate(
                certificateId=device.certificate_id, targetAwsAccount=there.account
            )
        there.iot.accept_certificate_transfer(certificateId=made[0].certificate_id)
        there.iot.reject_certificate_transfer(certificateId=made[1].certificate_id)
        here.iot.cancel_certificate_transfer(certificateId=made[2].certificate_id)
    assert accounts[0].account < accounts[1].account
    assert seen == {tuple(locks)}


def test_locks_are_taken_in_the_order_of_account_and_region() -> None:
    """Regardless of the order of the arguments."""
    order: list[NotingLock] = []
    seen: set[tuple[NotingLock, ...]] = set()
    locks = [NotingLock(order, seen) for _ in range(4)]
    first = Account(locks[0], "eu-west-1")
    accounts = [first, Account(locks[1], "us-west-2", first.account)]
    second = Account(locks[2], "eu-west-1")
    accounts += [second, Account(locks[3], "us-west-2", second.account)]
    for named in itertools.permutations(backend_of(account) for account in accounts):
        with locks_held(*named):
            pass
    assert seen == {tuple(locks[:most]) for most in (2, 3, 4)}


def backend_of(account: Account) -> Any:
    return iot_backends[account.account][account.region]


def raised_in_threads(*works: Callable[[], object]) -> list[BaseException]:
    """Do each of these in its own thread, and return their exceptions."""
    raised: list[BaseException] = []

    def do(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    in_threads(*(partial(do, work) for work in works))
    return raised


def test_two_accounts_that_transfer_to_each_other_at_once_do_not_wait_for_ever() -> None:
    crossing = Crossing()
    locks = [crossing.lock() for _ in range(2)]
    here, there = (Account(lock) for lock in locks)
    works = [transfer(here, there), transfer(there, here)]
    for lock in locks:
        lock.is_met_at = True
    assert raised_in_threads(*works) == []
    for account in (here, there):
        assert len(account.iot.list_outgoing_certificates()["outgoingCertificates"]) == 1


def test_two_regions_whose_locks_are_wanted_at_once_do_not_wait_for_ever() -> None:
    crossing = Crossing()
    locks = [crossing.lock() for _ in range(2)]
    east = Account(locks[0], "us-east-1")
    regions = [backend_of(east), backend_of(Account(locks[1], "us-west-2", east.account))]
    for lock in locks:
        lock.is_met_at = True

    def hold(backends: list[Any]) -> None:
        with locks_held(*backends):
            pass

    assert raised_in_threads(lambda: hold(regions), lambda: hold(regions[::-1])) == []


def test_locks_that_are_taken_in_two_orders_are_found_to_be_a_deadlock() -> None:
    """So the tests above fail without the order."""
    crossing = Crossing()
    locks = [crossing.lock() for _ in range(2)]
    for lock in locks:
        lock.is_met_at = True

    def hold(first: TellingLock, second: TellingLock) -> None:
        with first, second:
            pass

    [found] = raised_in_threads(lambda: hold(*locks), lambda: hold(*locks[::-1]))
    assert isinstance(found, AssertionError)
