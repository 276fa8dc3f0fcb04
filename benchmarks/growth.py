"""Checks that the cost of work does not grow with a fleet.

    python benchmarks/growth.py                        # 1,000 and 10,000 of each: half an hour
    python benchmarks/growth.py --each                 # every ratio, and not the highest alone
    python benchmarks/growth.py --by time              # processor time, on a machine at rest
    python benchmarks/growth.py --small 100 --large 1000 --only groups

For each dimension two processes hold a small and a large number of it, and take turns in connecting
a device, publishing and calling boto3. Work is counted in executed lines of Python and calls of
functions in C, which do not depend on the machine's load; the duration of such a call does not
count. By time the processes' CPU times are compared, and each ratio is the median of the ratios of
the rounds. A page of a list has the same number of items in both.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

import boto3

from moto_jitp import CertificateAuthority, connect_device, mock_jitp

GOAL = 1.2

BATCH = 15
COUNTED_BATCH = 3
WARM_UP = 5
MESSAGES = 50

CERTIFICATE = "AWS::IoT::Certificate"
TEMPLATE = {
    "Parameters": {f"{CERTIFICATE}::{name}": {"Type": "String"} for name in ("CommonName", "Id")},
    "Resources": {
        "thing": {
            "Type": "AWS::IoT::Thing",
            "Properties": {"ThingName": {"Ref": f"{CERTIFICATE}::CommonName"}},
        },
        "certificate": {
            "Type": CERTIFICATE,
            "Properties": {"CertificateId": {"Ref": f"{CERTIFICATE}::Id"}, "Status": "ACTIVE"},
        },
        "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "all"}},
    },
}


def document(number: int) -> str:
    """A policy document that no other number has."""
    statement = {"Sid": f"n{number}", "Effect": "Allow", "Action": "iot:*", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class Fleet:
    """The account of one process, with one measured device."""

    def __init__(self) -> None:
        self.iot = boto3.client("iot", region_name="us-east-1")
        self.iot.create_policy(policyName="all", policyDocument=document(0))
        self.ca = CertificateAuthority()
        self.ca.register(self.iot, template_body=TEMPLATE)
        self.device = connect_device(self.ca.issue(common_name="measured"))
        self.arn = self.iot.list_thing_principals(thingName="measured")["principals"][0]
        self.certificate_id = self.arn.rpartition("/")[2]
        self.iot.update_indexing_configuration(
            thingIndexingConfiguration={"thingIndexingMode": "REGISTRY"}
        )
        self.iot.create_thing_group(thingGroupName="group")
        self.iot.add_thing_to_thing_group(thingGroupName="group", thingName="measured")
        self.kept: list[Any] = []
        self.next = 0
        self.new = 0

    def in_turn(self) -> Iterator[Any]:
        """Cycle through the connections."""
        connections = self.kept or [self.device]
        while True:
            self.next = (self.next + 1) % len(connections)
            yield connections[self.next]

    def new_name(self) -> str:
        self.new += 1
        return f"new-{self.new}"

    def issue(self) -> Any:
        return self.ca.issue(common_name=self.new_name())


def _devices(fleet: Fleet, count: int) -> None:
    for _ in range(count):
        connect_device(fleet.issue()).disconnect()


def _connected(fleet: Fleet, count: int) -> None:
    fleet.kept += [connect_device(fleet.issue()) for _ in range(count)]


def _subscribed(fleet: Fleet, count: int) -> None:
    _connected(fleet, count)
    for number, connection in enumerate(fleet.kept):
        connection.subscribe(f"lamps/{number}/orders")


def _policies(fleet: Fleet, count: int) -> None:
    _connected(fleet, count)
    for number, connection in enumerate(fleet.kept):
        name = f"own-{number}"
        fleet.iot.create_policy(policyName=name, policyDocument=document(number + 1))
        found = fleet.iot.list_thing_principals(thingName=connection.thing_name)
        fleet.iot.attach_policy(policyName=name, target=found["principals"][0])


def _groups(fleet: Fleet, count: int) -> None:
    for number in range(count):
        fleet.iot.create_thing_group(thingGroupName=f"group-{number}")


def _things(fleet: Fleet, count: int) -> None:
    for number in range(count):
        fleet.iot.create_thing(thingName=f"thing-{number}")


def _cas(fleet: Fleet, count: int) -> None:
    for _ in range(count - 1):
        fleet.ca = CertificateAuthority()
        fleet.ca.register(fleet.iot, template_body=TEMPLATE)


def _kept(fleet: Fleet, count: int) -> None:
    identity = fleet.issue()
    for _ in range(count):
        connect_device(identity).disconnect()


def _messages(fleet: Fleet, count: int) -> None:
    for _ in range(count):
        fleet.device.publish("kept", b"on")


def _rules(fleet: Fleet, count: int) -> None:
    for number in range(count):
        payload = {"sql": f"SELECT * FROM 'rules/{number}'", "actions": []}
        fleet.iot.create_topic_rule(ruleName=f"rule_{number}", topicRulePayload=payload)


DIMENSIONS: dict[str, Callable[[Fleet, int], None]] = {
    "devices": _devices,
    "connected": _connected,
    "subscribed": _subscribed,
    "policies": _policies,
    "groups": _groups,
    "things": _things,
    "cas": _cas,
    "kept": _kept,
    "messages": _messages,
    "rules": _rules,
}
"""The dimensions. ``cas`` are CAs of one subject, ``kept`` are ended connections of one device,
``messages`` are published ones.
"""

MOST = {"cas": 10, "rules": 1_000}
"""AWS's limits of these; the small number is a tenth."""


MEASURES = {
    "count": "lines of Python and calls of functions in C",
    "time": "processor time",
}


def _publish(fleet: Fleet) -> None:
    # A single one is so short that the clock would dominate. All take turns.
    for connection in itertools.islice(fleet.in_turn(), MESSAGES):
        connection.publish("state/measured", b"on")


WORK: dict[str, Callable[[Fleet], object]] = {
    "publish": _publish,
    "describe_thing": lambda fleet: fleet.iot.describe_thing(thingName="measured"),
    "update_thing": lambda fleet: fleet.iot.update_thing(thingName="measured"),
    "create_thing": lambda fleet: fleet.iot.create_thing(thingName=fleet.new_name()),
    "describe_certificate": lambda fleet: fleet.iot.describe_certificate(
        certificateId=fleet.certificate_id
    ),
    "update_certificate": lambda fleet: fleet.iot.update_certificate(
        certificateId=fleet.certificate_id, newStatus="ACTIVE"
    ),
    "attach_policy": lambda fleet: fleet.iot.attach_policy(policyName="all", target=fleet.arn),
    "list_things": lambda fleet: fleet.iot.list_things(maxResults=25),
    "list_certificates": lambda fleet: fleet.iot.list_certificates(pageSize=25),
    "list_certificates_by_ca": lambda fleet: fleet.iot.list_certificates_by_ca(
        caCertificateId=fleet.ca.certificate_id, pageSize=25
    ),
    "list_policies": lambda fleet: fleet.iot.list_policies(pageSize=25),
    "list_targets_for_policy": lambda fleet: fleet.iot.list_targets_for_policy(
        policyName="all", pageSize=25
    ),
    "list_thing_groups": lambda fleet: fleet.iot.list_thing_groups(maxResults=25),
    "list_things_in_thing_group": lambda fleet: fleet.iot.list_things_in_thing_group(
        thingGroupName="group", maxResults=25
    ),
    "list_attached_policies": lambda fleet: fleet.iot.list_attached_policies(target=fleet.arn),
    "get_effective_policies": lambda fleet: fleet.iot.get_effective_policies(principal=fleet.arn),
    "list_thing_groups_for_thing": lambda fleet: fleet.iot.list_thing_groups_for_thing(
        thingName="measured"
    ),
    "list_thing_principals": lambda fleet: fleet.iot.list_thing_principals(thingName="measured"),
    "list_principal_things": lambda fleet: fleet.iot.list_principal_things(principal=fleet.arn),
    "list_ca_certificates": lambda fleet: fleet.iot.list_ca_certificates(pageSize=1),
    "search_index": lambda fleet: fleet.iot.search_index(queryString="thingName:measured"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit code: 1 if a ratio is above ``--at-most``."""
    parser = argparse.ArgumentParser(description="What becomes dearer as a fleet grows.")
    parser.add_argument("--small", type=int, default=1_000)
    parser.add_argument("--large", type=int, default=10_000)
    parser.add_argument("--by", choices=MEASURES, default="count", help="default: count")
    parser.add_argument("--rounds", type=int, default=9, help="of each, by time (default: 9)")
    parser.add_argument("--only", action="append", choices=DIMENSIONS, help="a dimension")
    parser.add_argument("--each", action="store_true", help="print every ratio")
    parser.add_argument("--at-most", type=float, help="fail where a ratio is above this")
    options = parser.parse_args(argv)

    highest = 0.0
    print(f"by {MEASURES[options.by]}; the goal is {GOAL:.2f} at most")
    for dimension in options.only or DIMENSIONS:
        most = MOST.get(dimension, options.large)
        small, large = min(options.small, max(1, most // 10)), min(options.large, most)
        rounds = options.rounds if options.by == "time" else 1
        ratios = _measure(dimension, (small, large), rounds, options.by)
        highest = max(highest, *ratios.values())
        if options.each:
            for work, ratio in ratios.items():
                print(f"{dimension:10} {small:>5} to {large:>6}  {work:27} {ratio:6.2f}")
        print(in_one_line(dimension, small, large, ratios), flush=True)
    return 1 if options.at_most is not None and highest > options.at_most else 0


def in_one_line(dimension: str, small: int, large: int, ratios: dict[str, float]) -> str:
    """Return a dimension's line for the documentation."""
    calls = [ratio for work, ratio in ratios.items() if work not in ("connect", "publish")]
    dearest = max(ratios, key=ratios.__getitem__)
    return (
        f"{dimension:10} {small:>5} to {large:>6}   connect {ratios['connect']:4.2f}   "
        f"publish {ratios['publish']:4.2f}   calls {median(calls):4.2f}, "
        f"the highest {ratios[dearest]:4.2f} {dearest}"
    )


def _measure(
    dimension: str, counts: tuple[int, int], rounds: int, measure: str
) -> dict[str, float]:
    """Return how much more each kind of work costs with the large number."""
    context = get_context("spawn")
    ends = []
    for count in counts:
        end, other = context.Pipe()
        context.Process(target=_serve, args=(dimension, count, other, measure), daemon=True).start()
        ends.append(end)
    for end in ends:
        end.recv()
    pairs = []
    for _ in range(rounds):
        pair = []
        for end in ends:
            end.send(True)
            pair.append(end.recv())
        pairs.append(pair)
    for end in ends:
        end.close()
    return {
        work: median(large[work] / small[work] for small, large in pairs) for work in pairs[0][0]
    }


def _serve(dimension: str, count: int, end: Connection, measure: str) -> None:
    with mock_jitp(config={"jitp": {"enforce_policies": True}}):
        fleet = Fleet()
        DIMENSIONS[dimension](fleet, count)
        for connection in fleet.kept:
            connection.publish("state/measured", b"on")  # one-time reading happens now
        _batch(fleet, WARM_UP, _seconds)
        end.send("ready")
        while True:
            try:
                end.recv()
            except EOFError:
                return
            if measure == "time":
                end.send(_batch(fleet, BATCH, _seconds))
            else:
                end.send(_batch(fleet, COUNTED_BATCH, _steps))


def _batch(
    fleet: Fleet, size: int, measure: Callable[[Callable[[], object]], float]
) -> dict[str, float]:
    devices = iter([fleet.issue() for _ in range(size)])
    works = {"connect": lambda fleet: connect_device(next(devices)), **WORK}
    medians = {}
    for name, work in works.items():
        medians[name] = median([measure(lambda work=work: work(fleet)) for _ in range(size)])
    return medians


def _seconds(work: Callable[[], object]) -> float:
    """Return how much CPU time a piece of work takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def _steps(work: Callable[[], object]) -> float:
    """Count the lines of Python that it executes and the functions in C that it calls."""
    steps = 0

    def trace(*_: Any) -> Any:
        nonlocal steps
        steps += 1
        return trace

    def profile(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal steps
        steps += event == "c_call"

    # What the garbage collector calls belongs to earlier work.
    collects = gc.isenabled()
    gc.disable()
    sys.settrace(trace)
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.settrace(None)
        sys.setprofile(None)
        if collects:
            gc.enable()
    return steps


if __name__ == "__main__":
    sys.exit(main())
