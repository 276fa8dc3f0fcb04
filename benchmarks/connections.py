"""Measures the cost of connecting a device, and how it depends on the size of the fleet.

    python benchmarks/connections.py                      # 100,000 devices: a minute or two
    python benchmarks/connections.py --devices 5000

Three processes take turns in measuring small batches, so that the machine's load affects all three:
one with the large fleet, one with a fleet of a thousand devices, and one that does *by hand*, with
boto3 calls on plain moto, what gives the same result.

Between two connections *the floor* is measured, the work that no just-in-time provisioning in
Python can avoid: parsing the device's certificate, its DER and SHA-256, its names and dates,
verifying its CA's signature with ``cryptography``, and the objects that moto keeps of a certificate
and a thing.

Times are CPU times of a process, medians of many batches. A full garbage collection is too rare to
show in a median, so it is timed wherever it happens and reported as a cost of connecting. The
collector has Python's default settings.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

import boto3
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from moto import mock_aws
from moto.iot.models import FakeCertificate, FakeThing

from moto_jitp import CertificateAuthority, connect_device, mock_jitp

GOAL_FLOORS = 2.0
GOAL_GROWTH = 1.15

SMALL = 1_000
ROUNDS = 20
BATCH = 100
BATCH_BY_HAND = 20
WARM_UP = 20

ACCOUNT, REGION = "123456789012", "us-east-1"
THING_TYPE = "lightBulb-versionA"
GROUPS = ("v1-lightbulbs", "US")
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["iot:Publish"], "Resource": ["*"]}],
}
ATTRIBUTES = {"version": "v1", "country": "US"}


def certificate(name: str) -> str:
    return f"AWS::IoT::Certificate::{name}"


#: A template of the usual size: type, two groups, attributes, a policy document.
TEMPLATE = {
    "Parameters": {
        certificate(name): {"Type": "String"}
        for name in ("CommonName", "SerialNumber", "Country", "Id")
    },
    "Resources": {
        "thing": {
            "Type": "AWS::IoT::Thing",
            "Properties": {
                "ThingName": {"Ref": certificate("CommonName")},
                "AttributePayload": {"version": "v1", "country": {"Ref": certificate("Country")}},
                "ThingTypeName": THING_TYPE,
                "ThingGroups": ["v1-lightbulbs", {"Ref": certificate("Country")}],
            },
        },
        "certificate": {
            "Type": "AWS::IoT::Certificate",
            "Properties": {"CertificateId": {"Ref": certificate("Id")}, "Status": "ACTIVE"},
        },
        "policy": {
            "Type": "AWS::IoT::Policy",
            "Properties": {"PolicyDocument": json.dumps(POLICY)},
        },
    },
}


class FullCollections:
    """Adds up the CPU time of the collector's full collections while it is on."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.count = 0
        self._began = 0.0

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        if info["generation"] != 2:
            return
        if phase == "start":
            self._began = time.process_time()
        else:
            self.seconds += time.process_time() - self._began
            self.count += 1


#: Seconds per device: connecting it, and the floor.
Batch = tuple[float, float]


@dataclass
class Figures:
    """The batches of one process, in seconds per device."""

    connecting: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)

    def add(self, batch: Batch) -> None:
        self.connecting.append(batch[0])
        self.floor.append(batch[1])

    @property
    def cost(self) -> float:
        return median(self.connecting)

    @property
    def multiple(self) -> float:
        """Connecting as a multiple of the floor, batch beside batch."""
        return median(c / f for c, f in zip(self.connecting, self.floor, strict=True))


class Fleet:
    """Devices of one CA, connected in one way. It only keeps their number."""

    def __init__(self, connect: Callable[[str], object]) -> None:
        self.ca = CertificateAuthority(common_name="Acme Root")
        self._key: Any = self.ca.certificate.public_key()
        self.size = 0
        self._connect = connect

    def issue(self, count: int) -> list[str]:
        """New devices' certificates, as PEM text."""
        numbers = range(self.size, self.size + count)
        self.size += count
        return [
            self.ca.issue(common_name=f"bulb-{number}", country="US").certificate_pem
            for number in numbers
        ]

    def grow(self, size: int) -> None:
        """Connect new devices, unmeasured, until the fleet has this size."""
        while self.size < size:
            for pem in self.issue(min(1_000, size - self.size)):
                self._connect(pem)

    def measure(self, count: int) -> Batch:
        """Connect this many new devices, and some before them that warm the processor's caches."""
        for pem in self.issue(WARM_UP):
            self._floor(pem)
            self._connect(pem)
        connecting, floor = [], []
        for pem in self.issue(count):
            began = time.process_time()
            self._floor(pem)
            between = time.process_time()
            self._connect(pem)
            connecting.append(time.process_time() - between)
            floor.append(between - began)
        return median(connecting), median(floor)

    def _floor(self, pem: str) -> object:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        name = hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
        attributes = {attribute.oid: attribute.value for attribute in certificate.subject}
        algorithm = certificate.signature_algorithm_parameters
        self._key.verify(certificate.signature, certificate.tbs_certificate_bytes, algorithm)
        kept = FakeCertificate(pem, "ACTIVE", ACCOUNT, REGION)
        thing = FakeThing(name, None, ATTRIBUTES, ACCOUNT, REGION)
        return (
            certificate.issuer.public_bytes(),
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
            attributes,
            {(kept.arn, name): (kept, thing)},
            {(kept.arn, "bulbs"): kept},
        )


@contextmanager
def jitp_fleet() -> Iterator[Fleet]:
    """Devices that connect and are provisioned just in time."""
    with mock_jitp():
        iot = boto3.client("iot", region_name="us-east-1")
        prepare(iot)
        fleet = Fleet(connect_device)
        fleet.ca.register(iot, template_body=TEMPLATE)
        yield fleet


@contextmanager
def fleet_by_hand() -> Iterator[Fleet]:
    """Devices for which boto3 calls on plain moto make what a template would make."""
    with mock_aws():
        iot = boto3.client("iot", region_name="us-east-1")
        prepare(iot)
        iot.create_policy(policyName="bulbs", policyDocument=json.dumps(POLICY))
        numbers = itertools.count()

        def provision(pem: str) -> None:
            thing = f"bulb-{next(numbers)}"
            # Plain moto checks no certificate; this is the shortest way to one that it knows.
            made = iot.register_certificate_without_ca(certificatePem=pem, status="INACTIVE")
            iot.create_thing(
                thingName=thing,
                thingTypeName=THING_TYPE,
                attributePayload={"attributes": ATTRIBUTES},
            )
            for group in GROUPS:
                iot.add_thing_to_thing_group(thingName=thing, thingGroupName=group)
            iot.attach_policy(policyName="bulbs", target=made["certificateArn"])
            iot.attach_thing_principal(thingName=thing, principal=made["certificateArn"])
            iot.update_certificate(certificateId=made["certificateId"], newStatus="ACTIVE")

        yield Fleet(provision)


def prepare(iot: Any) -> None:
    """Make the thing type and the groups, which neither way makes by itself."""
    iot.create_thing_type(thingTypeName=THING_TYPE)
    for group in GROUPS:
        iot.create_thing_group(thingGroupName=group)


Way = Callable[[], AbstractContextManager[Fleet]]


class Other:
    """A fleet in a separate process, which measures a batch on request."""

    def __init__(self, way: Way, size: int, batch: int) -> None:
        spawning = get_context("spawn")
        self._pipe, theirs = spawning.Pipe()
        self._process = spawning.Process(target=serve, args=(theirs, way, size, batch), daemon=True)
        self._process.start()
        theirs.close()
        self._pipe.recv()

    def measure(self) -> Batch:
        self._pipe.send(None)
        batch: Batch = self._pipe.recv()
        return batch


def serve(pipe: Connection, way: Way, size: int, batch: int) -> None:
    with way() as fleet:
        fleet.grow(size)
        pipe.send(None)
        # Until the requesting process has gone.
        with suppress(EOFError, OSError):
            while True:
                pipe.recv()
                pipe.send(fleet.measure(batch))


def peak_memory() -> str:
    try:
        import resource
    except ImportError:  # Windows
        return "?"
    unit = 1 if sys.platform == "darwin" else 1024
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20:,.0f}"


def verdict(value: float, goal: float) -> str:
    return f"goal: at most {goal:g}: {'met' if value <= goal else 'MISSED'}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure what connecting a device costs.")
    parser.add_argument(
        "--devices", type=int, default=100_000, help="size of the fleet (default: %(default)s)"
    )
    parser.add_argument("--check", action="store_true", help="exit with 1 when a goal is missed")
    arguments = parser.parse_args()
    if arguments.devices < 4 * SMALL:
        parser.error(f"--devices must be at least {4 * SMALL:,}, to differ from a small fleet")

    large, small, hand = Figures(), Figures(), Figures()
    small_fleet = Other(jitp_fleet, SMALL, BATCH)
    hand_fleet = Other(fleet_by_hand, BATCH_BY_HAND, BATCH_BY_HAND)
    collections = FullCollections()
    with jitp_fleet() as fleet:
        # The last quarter: the collector waits for that much growth before a full collection.
        fleet.grow(arguments.devices * 3 // 4)
        quarter = fleet.size
        gc.callbacks.append(collections)
        try:
            fleet.grow(arguments.devices - ROUNDS * (WARM_UP + BATCH))
            for _ in range(ROUNDS):
                large.add(fleet.measure(BATCH))
                small.add(small_fleet.measure())
                hand.add(hand_fleet.measure())
        finally:
            gc.callbacks.remove(collections)
        collections.seconds /= fleet.size - quarter
    return report(arguments, large, small, hand, collections)


def report(
    arguments: argparse.Namespace,
    large: Figures,
    small: Figures,
    hand: Figures,
    collections: FullCollections,
) -> int:
    collected = (large.cost + collections.seconds) / large.cost
    growth = median(a / b for a, b in zip(large.connecting, small.connecting, strict=True))
    faster = median(a / b for a, b in zip(hand.connecting, large.connecting, strict=True))
    goals = (
        (large.multiple, GOAL_FLOORS),
        (growth, GOAL_GROWTH),
    )
    verdicts = [verdict(value, goal) for value, goal in goals]
    size = f"{arguments.devices:,}"
    python = ".".join(map(str, sys.version_info[:3]))
    print(f"Python {python}, {size} devices, {ROUNDS} batches of {BATCH}, CPU time: median")
    print()
    for name, figures in (
        (f"connecting, {size} devices", large),
        (f"connecting, {SMALL:,} devices", small),
        ("by hand with boto3 on moto", hand),
    ):
        floors = f"{figures.multiple:5.2f} floors of {median(figures.floor) * 1e6:.0f} µs"
        print(f"{name:<30} {figures.cost * 1e6:7,.0f} µs  {floors}")
    print()
    print(f"connections per second         {1 / large.cost:7,.0f}")
    print(f"multiple of the floor          {large.multiple:7.2f}     {verdicts[0]}")
    print(f"times as fast as by hand       {faster:7.1f}")
    print(
        f"growth from {SMALL:,} devices      {growth:7.2f}     {verdicts[1]} "
        f"(in floors {large.multiple / small.multiple:.2f})"
    )
    print(
        f"full garbage collections       {collections.seconds * 1e6:7.0f} µs  per connection "
        f"({collections.count} in the last quarter); with them {large.multiple * collected:.2f} "
        f"floors, growth {growth * collected:.2f}"
    )
    print(f"peak memory                    {peak_memory():>7} MiB")
    return int(arguments.check and any(line.endswith("MISSED") for line in verdicts))


if __name__ == "__main__":
    sys.exit(main())
