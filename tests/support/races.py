"""Helpers of tests with many threads: starting them, and what they must not leave behind."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.iot.models import iot_backends

from support.patience import HANG

ACCOUNT, REGION = "123456789012", "us-east-1"
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}],
    }
)
#: AWS's errors for a caller that came second.
EXPECTED = {
    "DeleteConflictException",
    "InvalidRequestException",
    "ResourceAlreadyExistsException",
    "ResourceNotFoundException",
    "VersionConflictException",
}


@contextmanager
def switching_every(seconds: float) -> Iterator[None]:
    """Make threads take turns more often than usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def in_threads(*works: Callable[[], object]) -> None:
    """Do each of these in its own thread, all at once, and wait until they are done."""
    # The test reports a deadlock; the process ends all the same.
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG)
        assert not thread.is_alive(), "A thread hangs."


def loose_ends(account: str = ACCOUNT) -> list[str]:
    """Every attachment and membership whose other end is gone."""
    backend: Any = iot_backends[account][REGION]
    things = {thing.thing_name for thing in backend.things.values()}
    arns = set(backend.things)
    found = [f"{who} has {thing}" for who, thing in backend.principal_things if thing not in things]
    found += [
        f"{target} has {policy}"
        for target, policy in backend.principal_policies
        if policy not in backend.policies
        or (":cert/" in target and target.rpartition("/")[2] not in backend.certificates)
    ]
    for groups in (backend.thing_groups, backend.billing_groups):
        for group in groups.values():
            found += [f"{group.arn} has {arn}" for arn in group.things if arn not in arns]
    return found
