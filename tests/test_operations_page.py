"""The page that lists who carries out each operation agrees with the code."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.cloud import client
from support.scripts import load_script

from moto_jitp.iot.api.operations import OPERATIONS

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "python scripts/list_operations.py"


@pytest.fixture(scope="module")
def listing() -> ModuleType:
    return load_script("scripts/list_operations.py")


def rows(page: str) -> dict[tuple[str, str], str]:
    """Who carries out what, by service and operation."""
    found: dict[tuple[str, str], str] = {}
    for section in page.split("\n## ")[1:]:
        service = re.findall(r'boto3.client\("(.*?)"\)', section)[0]
        for operation, who in re.findall(r"^\| (\w+) \| ([\w ,]+) \|$", section, re.MULTILINE):
            if operation != "Operation":
                found[service, operation] = who
    return found


def test_the_page_says_what_the_code_does(listing: ModuleType) -> None:
    written = rows(listing.TARGET.read_text(encoding="utf-8"))
    found = rows(listing.page())
    assert len(written) > 280
    # Another botocore may know more operations, and an older moto carry out fewer.
    differing = {
        operation: (written.get(operation), who)
        for operation, who in found.items()
        if written.get(operation) != who
        and not (who == "refused" and written.get(operation) in (None, "moto"))
    }
    assert differing == {}, f"The page is out of date. Run: {COMMAND}"


def test_no_operation_is_misspelt_in_the_code(listing: ModuleType) -> None:
    # The page is written from the newest model, the test runs with any.
    written = rows(listing.TARGET.read_text(encoding="utf-8"))
    unknown = {name: known.function.__module__ for name, known in OPERATIONS.items()}
    for name in written:
        unknown.pop(name, None)
    assert unknown == {}, f"Misspelt? Or new: install the newest botocore and run {COMMAND}"


def test_what_the_page_calls_refused_is_refused(listing: ModuleType, iot: Any) -> None:
    written = rows(listing.TARGET.read_text(encoding="utf-8"))
    methods = {api: name for name, api in client().meta.method_to_api_mapping.items()}
    for operation in ("ListStreams", "ListFleetMetrics", "DescribeAccountAuditConfiguration"):
        if written["iot", operation] == "refused":
            with pytest.raises(ClientError, match=f"{operation} of AWS IoT is not emulated"):
                getattr(client(), methods[operation])()
