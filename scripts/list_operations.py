"""Writes ``docs/operations.md``: who carries out each operation of AWS IoT.

    python scripts/list_operations.py

It asks the table of operations and moto's response classes, for every operation that the installed
botocore knows.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from moto.core.responses import BaseResponse
from moto.core.utils import get_service_model
from moto.iotdata.responses import IoTDataPlaneResponse

from moto_jitp.iot import urls as urls  # fills the table of operations
from moto_jitp.iot.api.operations import Emulation, emulation_of, method_name
from moto_jitp.iot.data_plane.responses import JitpIoTDataResponse
from moto_jitp.iot.jobs.responses import JitpIoTJobsDataResponse

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
    if service == "iot":
        return {name: emulation_of(name) for name in names}
    ours, motos = {
        "iot-data": (JitpIoTDataResponse, IoTDataPlaneResponse),
        "iot-jobs-data": (JitpIoTJobsDataResponse, BaseResponse),
    }[service]
    return {name: _emulation(method_name(name), ours, motos) for name in names}


def _emulation(method: str, ours: type, motos: type) -> Emulation:
    if not hasattr(ours, method):
        return Emulation.REFUSED
    is_motos = getattr(ours, method) is getattr(motos, method, None)
    return Emulation.MOTO if is_motos else Emulation.HERE


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
