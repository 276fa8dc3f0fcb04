"""Measures the cost of a message that matches one of a thousand topic rules.

    python benchmarks/rules.py                 # ten seconds or so
    python benchmarks/rules.py --messages 100

Two accounts take turns: one with a single rule, one with a thousand of which the same one matches.
Times are CPU times of the process; the result is the median of many batches.
"""

from __future__ import annotations

import argparse
import sys
import time
from statistics import median
from typing import Any

import boto3

from moto_jitp import mock_jitp

GOAL = 1.3
RULES = 1_000
BATCHES = 20
REGIONS = ("us-east-1", "eu-west-1")
ACCOUNT = "123456789012"


def make_rules(region: str, count: int) -> Any:
    """Make rules, of which the first matches the topic devices/7/data."""
    iot = boto3.client("iot", region_name=region)
    function = f"arn:aws:lambda:{region}:{ACCOUNT}:function:take"
    for number in range(count):
        topic = "devices/+/data" if number == 0 else f"plants/{number}/+/state"
        iot.create_topic_rule(
            ruleName=f"rule_{number}",
            topicRulePayload={
                "sql": f"SELECT *, topic(2) AS device FROM '{topic}' WHERE temperature > 50",
                "actions": [{"lambda": {"functionArn": function}}],
            },
        )
    return boto3.client("iot-data", region_name=region)


def batch(data: Any, messages: int) -> float:
    """Publish messages and return the CPU time of one, in milliseconds."""
    began = time.process_time()
    for _ in range(messages):
        data.publish(topic="devices/7/data", payload=b'{"temperature": 60}')
    return (time.process_time() - began) * 1000 / messages


def main(argv: list[str] | None = None) -> int:
    """Measure, print, and return whether the goal is met as exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=1_000, help="in all, for each account")
    parser.add_argument("--rules", type=int, default=RULES)
    arguments = parser.parse_args(argv)
    size = max(1, arguments.messages // BATCHES)
    taken: list[Any] = []
    with mock_jitp() as jitp:
        jitp.lambda_handler("take", taken.append)
        one, many = make_rules(REGIONS[0], 1), make_rules(REGIONS[1], arguments.rules)
        batch(one, 5), batch(many, 5)  # parses the rules, and imports what is imported late
        times = [(batch(one, size), batch(many, size)) for _ in range(BATCHES)]
    alone, among = median(pair[0] for pair in times), median(pair[1] for pair in times)
    ratio = among / alone
    print(f"one rule:    {alone:6.3f} ms a message")
    print(f"{arguments.rules} rules: {among:6.3f} ms a message, of which one matches")
    print(f"{ratio:.2f} times one rule; the goal is {GOAL} at most")
    assert len(taken) == 2 * (5 + size * BATCHES)
    return int(ratio > GOAL)


if __name__ == "__main__":
    sys.exit(main())
