"""The work for one device, one message or one page does not grow with the fleet.

Counted are the lines of Python that are executed and the calls of functions, and no times.
"""

from __future__ import annotations

import json
from functools import partial
from itertools import islice
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from support.bodies import plain_template
from support.servers import Api, client
from support.steps import calls_of, steps_of

from moto_jitp import CertificateAuthority, connect_device, mock_jitp
from moto_jitp.ordered_tables import ListedTable
from moto_jitp.server import ThreadedJitpServer

SEVERAL = 300
"""More than any of our caches ever held."""

TEMPLATE = plain_template(PolicyName="all")
ENFORCED = {"jitp": {"enforce_policies": True}}


def document(number: int) -> str:
    """A policy document that no other number has."""
    statement = {"Sid": f"n{number}", "Effect": "Allow", "Action": "iot:*", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def cloud() -> tuple[Any, CertificateAuthority]:
    iot = boto3.client("iot", region_name="us-east-1")
    iot.create_policy(policyName="all", policyDocument=document(0))
    ca = CertificateAuthority(common_name="Acme Root")
    ca.register(iot, template_body=TEMPLATE)
    return iot, ca


def test_of_ten_cas_with_one_subject_the_one_that_the_certificate_names_is_tried() -> None:
    with mock_jitp():
        iot, ca = cloud()
        for _ in range(9):
            newest = CertificateAuthority(common_name="Acme Root")
            newest.register(iot, template_body=TEMPLATE)
        for issuer in (ca, newest):
            pem = issuer.issue(common_name=issuer.certificate_id).certificate_pem

            calls = calls_of(lambda pem=pem: connect_device(pem))

            assert calls["verify"] == 1


def test_a_certificate_that_names_no_key_finds_its_ca_among_those_with_one_subject() -> None:
    with mock_jitp():
        iot, _ = cloud()
        for _ in range(2):
            newest = CertificateAuthority(common_name="Acme Root")
            newest.register(iot, template_body=TEMPLATE)
        pem = newest.issue(common_name="bulb", extensions=False).certificate_pem

        assert connect_device(pem).thing_name == "bulb"


@pytest.mark.slow
def test_a_device_publishes_as_cheaply_however_many_others_do() -> None:
    """Each has a certificate and a policy of its own, and they publish in turn."""
    with mock_jitp(config=ENFORCED):
        iot, ca = cloud()
        connections = []
        for number in range(SEVERAL):
            identity = ca.issue(common_name=f"bulb-{number}")
            connections.append(connect_device(identity))
            iot.create_policy(policyName=f"own-{number}", policyDocument=document(number + 1))
            [arn] = iot.list_thing_principals(thingName=f"bulb-{number}")["principals"]
            iot.attach_policy(policyName=f"own-{number}", target=arn)

        def publish() -> None:
            for connection in connections:
                connection.publish("state", b"on")

        publish()
        calls = calls_of(publish)

        assert calls["loads"] == calls["load_pem_x509_certificate"] == 0
        assert calls["publish"] >= SEVERAL


def test_what_happens_to_others_makes_no_message_of_a_device_dearer() -> None:
    """What its policies allow is remembered as long as nothing of its own has changed."""
    with mock_jitp(config=ENFORCED):
        iot, ca = cloud()
        certificates, connections = [], []
        for name in ("bulb", "other"):
            connections.append(connect_device(ca.issue(common_name=name)))
            certificates += iot.list_thing_principals(thingName=name)["principals"]
        registry = {"thingIndexingMode": "REGISTRY"}
        iot.update_indexing_configuration(thingIndexingConfiguration=registry)
        iot.create_thing_group(thingGroupName="group")
        iot.add_thing_to_thing_group(thingGroupName="group", thingName="bulb")
        iot.create_policy(policyName="new", policyDocument=document(1))
        publish = partial(connections[0].publish, "state", b"on")
        publish()
        quiet = steps_of(publish)

        connect_device(ca.issue(common_name="new"))
        iot.update_thing(thingName="other", attributePayload={"attributes": {"room": "hall"}})
        iot.attach_policy(policyName="new", target=certificates[1])
        iot.create_thing_group(thingGroupName="new")
        iot.add_thing_to_thing_group(thingGroupName="group", thingName="other")
        iot.search_index(queryString="thingName:bulb")

        assert steps_of(publish) == quiet


class Account:
    """An account and Region with several of everything that is listed."""

    def __init__(self, size: int) -> None:
        self.iot, ca = cloud()
        self.iot.create_thing_group(thingGroupName="group")
        self.iot.create_billing_group(billingGroupName="group")
        for number in range(size):
            name = f"bulb-{number}"
            connect_device(ca.issue(common_name=name))
            self.iot.add_thing_to_thing_group(thingGroupName="group", thingName=name)
            self.iot.add_thing_to_billing_group(billingGroupName="group", thingName=name)
            self.iot.create_thing_group(thingGroupName=name)
            self.iot.create_policy(policyName=name, policyDocument=document(number))
        found = self.iot.list_thing_principals(thingName="bulb-1")
        self.inputs = {
            "caCertificateId": ca.certificate_id,
            "principal": found["principals"][0],
            "thingName": "bulb-1",
            "policyName": "all",
            "thingGroupName": "group",
            "billingGroupName": "group",
        }

    def list(self, operation: str, *, size: int) -> Any:
        """Take a page of a list."""
        shape = self.iot.meta.service_model.operation_model(
            self.iot.meta.method_to_api_mapping[operation]
        ).input_shape
        given = {name: self.inputs[name] for name in shape.members if name in self.inputs}
        [of_page] = [name for name in shape.members if name in ("maxResults", "pageSize")]
        return getattr(self.iot, operation)(**given, **{of_page: size})


LISTS = (
    "list_things",
    "list_certificates",
    "list_certificates_by_ca",
    "list_policies",
    "list_targets_for_policy",
    "list_thing_groups",
    "list_things_in_thing_group",
    "list_things_in_billing_group",
    "list_thing_groups_for_thing",
    "list_thing_principals",
    "list_principal_things",
)
OURS = ("moto_jitp", "moto.iot")


@pytest.mark.slow
def test_a_page_of_a_list_costs_what_it_holds() -> None:
    def costs(size: int) -> dict[str, int]:
        with mock_jitp():
            account = Account(size)
            for operation in LISTS:
                account.list(operation, size=25)  # the first makes an index
            return {
                operation: steps_of(lambda name=operation: account.list(name, size=25), OURS)
                for operation in LISTS
            }

    assert costs(80) == costs(200)


@pytest.mark.parametrize("ascending", [True, False])
def test_emptying_a_table_page_by_page_costs_as_much_for_each_of_many(ascending: bool) -> None:
    def cost_of_each(size: int) -> float:
        table: ListedTable[int, int] = ListedTable({number: number for number in range(size)})

        def empty() -> None:
            while page := list(islice(table.after(ascending=ascending), 25)):
                for _, number in page:
                    del table[number]

        return steps_of(empty) / size

    assert cost_of_each(8_000) < 1.05 * cost_of_each(2_000)


SERVED = ("server.device_index", "server.routes", "server.shapes", "server.state")
BEHIND_ROUTES = tuple(
    f"moto_jitp.{part}"
    for part in ("broker", "devices", "history", "iot", "json_shapes", "ordered_tables", *SERVED)
)
"""Everything but HTTP itself, whose calls depend on the network."""

NEWEST = ("limit=2", "limit=2&order=asc")
ROUTES = [
    *(f"/events?{limit}" for limit in (*NEWEST, "limit=2&topicFilter=%24aws/%23")),
    *(f"/runs?{limit}" for limit in NEWEST),
    *(f"/connections?{limit}" for limit in NEWEST),
    *(f"/state?limit=2{wanted}" for wanted in ("", "&refused=true", "&cause=%s")),
    "/connections/%s",
    "/runs/%s",
]


@pytest.mark.slow
def test_a_control_route_costs_what_it_answers() -> None:
    """Including the state behind the page: nothing walks all devices for it."""

    def costs(size: int) -> dict[str, int]:
        with ThreadedJitpServer() as server:
            iot = client(server.endpoint_url)
            iot.create_policy(policyName="all", policyDocument=document(0))
            ca = CertificateAuthority(common_name="Acme Root")
            ca.register(iot, template_body=TEMPLATE)
            api = Api(server.endpoint_url)
            for number in range(size):
                api.connect(ca.issue(common_name=f"bulb-{number}"))
                api.connect(ca.issue(common_name=None))  # the template needs a name
                never = ca.issue(common_name=f"never-{number}").certificate_pem
                iot.register_certificate(certificatePem=never, status="ACTIVE")
            run = api.get("/runs?limit=1")["runs"][0]["id"]
            [cause] = api.get("/state?limit=1")["causes"]
            found = {}
            for route in ROUTES:
                value = quote(cause["causeId"], safe="") if "cause" in route else run
                path = route.replace("%s", str(value))
                api.get(path)  # what is new is read once
                ask = Api(server.endpoint_url)  # its connection is a new thread, which is watched
                calls = calls_of(lambda ask=ask, path=path: ask.get(path), BEHIND_ROUTES)
                found[route] = sum(calls.values())
            return found

    few, many = costs(20), costs(60)
    grown = {route: many[route] - few[route] for route in ROUTES}
    # One call for each of the additional devices would be forty.
    assert {route: calls for route, calls in grown.items() if calls > 20} == {}


@pytest.mark.slow
def test_a_search_renders_what_it_finds_alone() -> None:
    with ThreadedJitpServer() as server:
        iot = client(server.endpoint_url)
        iot.create_policy(policyName="all", policyDocument=document(0))
        ca = CertificateAuthority(common_name="Acme Root")
        ca.register(iot, template_body=TEMPLATE)
        api = Api(server.endpoint_url)
        for number in range(8):
            api.connect(ca.issue(common_name=f"bulb-{number}"))
        ask = Api(server.endpoint_url)
        calls = calls_of(lambda: ask.get("/state?limit=2&search=bulb-5"))
    assert calls["_device"] == 1
