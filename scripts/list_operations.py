"""Writes ``docs/operations.md``: who carries out each operation of AWS IoT.

    python scripts/list_operations.py

It looks up every operation of the installed botocore in the table of operations.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from moto.core.utils import get_service_model

from moto_jitp.iot import models as models  # these three fill the table of operations
from moto_jitp.iot import urls as urls
from moto_jitp.iot.api.operations import Emulation, emulation_of
from moto_jitp.iot.data_plane.urls import DataEndpoint as DataEndpoint

TARGET = Path(__file__).resolve().parents[1] / "docs" / "operations.md"

SERVICES = {
    "iot": 'The control plane: `boto3.client("iot")`',
    "iot-data": 'The data plane: `boto3.client("iot-data")`',
    "iot-jobs-data": 'Jobs of devices: `boto3.client("iot-jobs-data")`',
}

WORDS = {
    Emulation.HERE: "here",
    Emulation.BOTH: "here, over moto",
    Emulation.MOTO: "moto",
    Emulation.REFUSED: "refused",
}

INTRODUCTION = """\
<!-- Written by scripts/list_operations.py from the code: do not edit. -->

# Operations

Who carries out each operation of AWS IoT:

- **here**: moto_jitp, by AWS's rules.
- **here, over moto**: moto keeps the resource, and moto_jitp adds the rules and members that moto
  lacks. With `strict` off it is moto alone where moto can.
- **moto**: moto. With `strict` on, its input is checked against AWS's service model first, as that
  of every operation.
- **refused**: nobody. The call ends with an error of its service that names the operation, and
  nothing is done.
"""


def emulations(service: str) -> dict[str, Emulation]:
    """Return who carries out each operation of a service, by the operation's name."""
    names = get_service_model(service).operation_names
    return {name: emulation_of(name, service) for name in names}


def page() -> str:
    """Return the page's text."""
    parts = [INTRODUCTION]
    for service, title in SERVICES.items():
        found = emulations(service)
        counts = Counter(found.values())
        numbers = ", ".join(f"{counts[one]} {WORDS[one]}" for one in Emulation if counts[one])
        parts.append(f"## {title}\n\n{len(found)} operations: {numbers}.\n")
        rows = [f"| {name} | {WORDS[who]} |" for name, who in sorted(found.items())]
        parts.append("\n".join(["| Operation | Carried out |", "|---|---|", *rows]) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(page(), encoding="utf-8")
