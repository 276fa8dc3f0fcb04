"""Many threads at once: no operation sees the tables half changed by another."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import rsa
from moto.core.responses import BaseResponse
from moto.iot.models import iot_backends
from support.fleet import CREATE_KEYS, ClaimDevice, claim_certificate, make_template
from support.races import ACCOUNT, EXPECTED, POLICY, REGION, in_threads, loose_ends, switching_every

from moto_jitp import CertificateAuthority, ConnectionRefused, connect_device, mock_jitp

THREADS = 48
ROUNDS = 2
NAMES = 6
MANY = 40


@pytest.fixture(autouse=True)
def threads_that_change_often() -> Iterator[None]:
    with switching_every(1e-6):
        yield


@pytest.fixture
def iot() -> Iterator[Any]:
    with mock_jitp(config={"jitp": {"enforce_policies": True}}):
        config = Config(retries={"total_max_attempts": 1})
        yield boto3.client("iot", REGION, config=config)


def all_at_once(*works: Callable[[random.Random], object]) -> list[BaseException]:
    """Do each of these in many threads, and return their exceptions, except AWS's own errors."""
    raised: list[BaseException] = []

    def work(number: int) -> None:
        chance = random.Random(number)
        for _ in range(ROUNDS):
            try:
                works[number % len(works)](chance)
            except ClientError as error:
                if error.response["Error"]["Code"] not in EXPECTED:
                    raised.append(error)
            except Exception as error:
                raised.append(error)

    in_threads(*(partial(work, number) for number in range(THREADS)))
    return raised


def name(kind: str, chance: random.Random) -> str:
    return f"{kind}-{chance.randrange(NAMES)}"


def test_things_come_and_go_while_groups_do(iot: Any) -> None:
    for number in range(NAMES):
        iot.create_thing_group(thingGroupName=f"group-{number}")
        iot.create_billing_group(billingGroupName=f"billing-{number}")

    def create(chance: random.Random) -> None:
        thing = name("thing", chance)
        iot.create_thing(thingName=thing, billingGroupName=name("billing", chance))
        iot.add_thing_to_thing_group(thingName=thing, thingGroupName=name("group", chance))

    def join(chance: random.Random) -> None:
        iot.add_thing_to_billing_group(
            thingName=name("thing", chance), billingGroupName=name("billing", chance)
        )

    def delete(chance: random.Random) -> None:
        iot.delete_thing(thingName=name("thing", chance))

    def groups(chance: random.Random) -> None:
        group = name("group", chance)
        iot.delete_thing_group(thingGroupName=group)
        iot.create_thing_group(thingGroupName=group)

    def lists(chance: random.Random) -> None:
        iot.list_things()
        iot.list_things_in_thing_group(thingGroupName=name("group", chance))

    assert all_at_once(create, join, delete, groups, lists) == []
    assert loose_ends() == []


@pytest.mark.slow
def test_what_a_list_iterates_over_does_not_change_meanwhile(iot: Any) -> None:
    for number in range(MANY):
        iot.create_thing(thingName=f"kept-{number}")
        iot.create_thing_group(thingGroupName=f"kept-{number}")
        iot.create_thing_type(thingTypeName=f"kept-{number}")
        iot.create_billing_group(billingGroupName=f"kept-{number}")
    iot.update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "REGISTRY"})

    def change(chance: random.Random) -> None:
        for kind in ("thing", "thing_group", "billing_group"):
            member = "".join(part.title() for part in kind.split("_"))
            named = {f"{member[0].lower()}{member[1:]}Name": name("new", chance)}
            getattr(iot, f"create_{kind}")(**named)
            getattr(iot, f"delete_{kind}")(**named)

    def lists(_: random.Random) -> None:
        iot.list_things(attributeName="colour", attributeValue="red")
        iot.list_thing_groups(namePrefixFilter="kept")
        iot.list_thing_groups(parentGroup="kept-1", recursive=True)
        iot.list_thing_types(thingTypeName="kept-1")
        iot.list_billing_groups(namePrefixFilter="kept")
        iot.search_index(queryString="thingName:kept*")

    assert all_at_once(change, lists) == []
    assert len(iot.search_index(queryString="thingName:kept*", maxResults=250)["things"]) == MANY


@pytest.mark.slow
def test_policies_come_and_go_while_they_are_attached_and_listed(iot: Any) -> None:
    certificates = [iot.create_keys_and_certificate(setAsActive=False) for _ in range(2)]
    arns = [certificate["certificateArn"] for certificate in certificates]

    def create(chance: random.Random) -> None:
        iot.create_policy(policyName=name("policy", chance), policyDocument=POLICY)

    def attach(chance: random.Random) -> None:
        iot.attach_policy(policyName=name("policy", chance), target=chance.choice(arns))

    def detach(chance: random.Random) -> None:
        iot.detach_policy(policyName=name("policy", chance), target=chance.choice(arns))

    def delete(chance: random.Random) -> None:
        iot.delete_policy(policyName=name("policy", chance))

    def lists(chance: random.Random) -> None:
        iot.list_attached_policies(target=chance.choice(arns))
        iot.get_effective_policies(principal=chance.choice(arns))
        iot.list_targets_for_policy(policyName=name("policy", chance))

    assert all_at_once(create, attach, detach, delete, lists) == []
    assert loose_ends() == []


def test_a_device_publishes_while_groups_and_policies_come_and_go(iot: Any) -> None:
    ca = CertificateAuthority()
    ca.register(iot)
    device = ca.issue(common_name="bulb")
    iot.register_certificate(
        certificatePem=device.certificate_pem, caCertificatePem=ca.certificate_pem, status="ACTIVE"
    )
    arn = iot.describe_certificate(certificateId=device.certificate_id)["certificateDescription"][
        "certificateArn"
    ]
    iot.create_policy(policyName="all", policyDocument=POLICY)
    iot.attach_policy(policyName="all", target=arn)
    iot.create_thing(thingName="bulb")
    iot.attach_thing_principal(thingName="bulb", principal=arn)
    connection = connect_device(device)

    def publish(_: random.Random) -> None:
        connection.publish("state", b"on")

    def groups(chance: random.Random) -> None:
        group = name("group", chance)
        iot.create_thing_group(thingGroupName=group)
        iot.add_thing_to_thing_group(thingName="bulb", thingGroupName=group)
        iot.delete_thing_group(thingGroupName=group)

    def policies(chance: random.Random) -> None:
        policy = name("policy", chance)
        iot.create_policy(policyName=policy, policyDocument=POLICY)
        iot.attach_policy(policyName=policy, target=arn)
        iot.detach_policy(policyName=policy, target=arn)

    assert all_at_once(publish, groups, policies) == []
    connection.publish("state", b"still on")


OPERATIONS: dict[str, dict[str, Any]] = {
    "create_thing": {"thingName": "bulb"},
    "describe_thing": {"thingName": "bulb"},
    "list_things": {},
    "list_thing_groups": {"recursive": True},
    "list_attached_policies": {"target": "us-east-1:11111111-2222-3333-4444-555555555555"},
    "list_topic_rules": {},
    "list_certificates": {},
}


def is_free(lock: Any) -> bool:
    """Whether another thread could take a lock now."""
    answers: list[bool] = []

    def look() -> None:
        answers.append(lock.acquire(blocking=False))
        if answers[0]:
            lock.release()

    in_threads(look)
    return answers == [True]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_one_operation_at_a_time_works_on_the_tables(
    iot: Any, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours and moto's alike: moto's walk tables that others change."""
    iot.create_thing(thingName="bulb")
    backend: Any = iot_backends[ACCOUNT][REGION]
    free: list[bool] = []
    carry_out = BaseResponse.call_action

    def look(response: Any) -> Any:
        free.append(is_free(backend.lock))
        return carry_out(response)

    monkeypatch.setattr(BaseResponse, "call_action", look)
    getattr(iot, operation)(**OPERATIONS[operation])
    assert free == [False]
    assert is_free(backend.lock)


def by_boto3(iot: Any) -> None:
    iot.create_keys_and_certificate(setAsActive=True)


def by_claim(iot: Any) -> None:
    iot.create_provisioning_claim(templateName=make_template())


def by_mqtt(iot: Any) -> None:
    claim = claim_certificate()
    iot.create_policy(policyName="all", policyDocument=POLICY)
    iot.attach_policy(policyName="all", target=claim["certificateArn"])
    ClaimDevice(claim).accepted(CREATE_KEYS)


@pytest.mark.parametrize("make_keys", [by_boto3, by_claim, by_mqtt])
def test_nobody_waits_while_a_key_is_made(
    iot: Any, make_keys: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    iot.create_thing(thingName="bulb")
    lock = iot_backends[ACCOUNT][REGION].lock  # type: ignore[attr-defined]
    free: list[bool] = []
    generate = rsa.generate_private_key

    def look(**arguments: Any) -> Any:
        free.append(is_free(lock))
        return generate(**arguments)

    monkeypatch.setattr(rsa, "generate_private_key", look)
    make_keys(iot)
    assert free
    assert all(free)


def test_what_listens_runs_without_the_lock(iot: Any) -> None:
    backend: Any = iot_backends[ACCOUNT][REGION]
    free: list[bool] = []
    with mock_jitp() as jitp:
        ca = CertificateAuthority()
        ca.register(iot)
        jitp.subscribe("#", lambda _: free.append(is_free(backend.lock)))
        jitp.subscribe("$aws/#", lambda _: free.append(is_free(backend.lock)))
        iot.update_event_configurations(eventConfigurations={"THING": {"Enabled": True}})
        iot.create_thing(thingName="bulb")
        with pytest.raises(ConnectionRefused):
            connect_device(ca.issue())
    assert len(free) == 2
    assert all(free)


@pytest.mark.slow
def test_two_accounts_do_not_wait_for_each_other_in_a_circle(iot: Any) -> None:
    """Registering one CA looks into the other accounts of the Region."""
    ca = CertificateAuthority()

    def register(account: str) -> Callable[[random.Random], None]:
        def there(_: random.Random) -> None:
            ca_id = ca.register(client)
            client.update_ca_certificate(certificateId=ca_id, newStatus="INACTIVE")
            client.delete_ca_certificate(certificateId=ca_id)

        client = boto3.client("iot", REGION, config=Config(retries={"total_max_attempts": 1}))
        client.meta.events.register(
            "before-sign.iot",
            lambda request, **_: request.headers.add_header("x-moto-account-id", account),
        )
        return there

    assert all_at_once(register("111111111111"), register("222222222222")) == []
