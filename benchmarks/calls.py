"""What a boto3 call of AWS IoT costs with moto_jitp, against plain moto.

    python benchmarks/calls.py [--rounds N] [--at-most RATIO]

Two processes take turns in small batches, so that whatever else the machine does slows both alike.
Times are CPU times of a process; the ratio is the median of the ratios of the rounds.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

GOAL = 1.1

BATCH = 40
WARM_UP = 30

CALLS: dict[str, Callable[[Any], object]] = {
    "describe_thing": lambda iot: iot.describe_thing(thingName="bulb"),
    "update_thing": lambda iot: iot.update_thing(
        thingName="bulb", attributePayload={"attributes": {"colour": "red"}}
    ),
    "list_thing_principals": lambda iot: iot.list_thing_principals(thingName="bulb"),
    "list_things": lambda iot: iot.list_things(),
}
MOCKS = ("mock_aws", "mock_jitp")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit code: 1 where a ratio is above ``--at-most``."""
    parser = argparse.ArgumentParser(description="boto3 calls with moto_jitp and with plain moto.")
    parser.add_argument("--rounds", type=int, default=20, help="of each kind (default: 20)")
    parser.add_argument("--at-most", type=float, help="fail where a ratio is above this")
    options = parser.parse_args(argv)

    context = get_context("spawn")
    ends: dict[str, Any] = {}
    for mock in MOCKS:
        ends[mock], other = context.Pipe()
        context.Process(target=_serve, args=(mock, other), daemon=True).start()
    highest = 0.0
    for call in CALLS:
        rounds = [
            {mock: _ask(end, call) for mock, end in ends.items()} for _ in range(options.rounds)
        ]
        ratio = median(times["mock_jitp"] / times["mock_aws"] for times in rounds)
        plain, ours = (median(times[mock] for times in rounds) for mock in MOCKS)
        highest = max(highest, ratio)
        print(
            f"{call:22} moto {plain * 1e6:7.0f} us   moto_jitp {ours * 1e6:7.0f} us   "
            f"ratio {ratio:5.2f}   goal {GOAL:.2f}"
        )
    return 1 if options.at_most is not None and highest > options.at_most else 0


def _ask(end: Connection, call: str) -> float:
    end.send(call)
    return float(end.recv())


def _serve(mock: str, end: Connection) -> None:
    import boto3
    from moto import mock_aws

    from moto_jitp import mock_jitp

    block: AbstractContextManager[Any] = mock_aws() if mock == "mock_aws" else mock_jitp()
    with block:
        iot = boto3.client("iot", region_name="us-east-1")
        iot.create_thing(thingName="bulb")
        for call in CALLS.values():
            for _ in range(WARM_UP):
                call(iot)
        while True:
            try:
                call = CALLS[end.recv()]
            except EOFError:
                return
            times = []
            for _ in range(BATCH):
                start = time.process_time()
                call(iot)
                times.append(time.process_time() - start)
            end.send(median(times))


if __name__ == "__main__":
    sys.exit(main())
