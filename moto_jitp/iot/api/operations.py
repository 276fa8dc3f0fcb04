"""The table of operations: which are carried out here, which by moto, and which are refused.

Each operation that is emulated here is one function beside its rules. A decorator adds it to the
table, which dispatches requests and yields the documentation's list.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

from moto.core.utils import camelcase_to_underscores
from moto.iot.responses import IoTResponse
from moto.iotdata.responses import IoTDataPlaneResponse

from moto_jitp import settings

Input = Mapping[str, Any]
"""An operation's checked input: member name to value, for the members that were sent."""

Output = Mapping[str, Any]
"""An operation's output: member name to value; ``None`` for an operation without output."""

CallMoto = Callable[[], dict[str, Any]]
"""Makes moto carry the operation out, and returns moto's output."""

CallParameter = Callable[[str], Any]
"""Returns a parameter of a call by name."""

PartT = TypeVar("PartT")
_FunctionT = TypeVar("_FunctionT", bound=Callable[..., Any])

# moto has no response class for iot-jobs-data.
_MOTOS: Mapping[str, type] = {"iot": IoTResponse, "iot-data": IoTDataPlaneResponse}


class HasParts(Protocol):
    """A backend that finds its parts by their class."""

    def note_call(self, operation: str, parameter: CallParameter) -> None:
        """Carry out due work before an API call."""
        ...

    def part(self, kind: type[PartT]) -> PartT:
        """Return the part of this class."""
        ...


class Emulation(enum.Enum):
    """Who carries out an operation."""

    HERE = "moto_jitp"
    BOTH = "moto, and more by moto_jitp"
    MOTO = "moto"
    REFUSED = "refused"


class Operation(NamedTuple):
    """An operation that is emulated here.

    Attributes:
        service: the service by boto3's name: ``iot``, ``iot-data`` or ``iot-jobs-data``.
        name: its name in AWS's model, such as ``CreateThing``.
        part: the class of its first argument: a part of the backend, or a request to ``iot-data``.
        function: carries it out.
        calls_moto: whether the function calls moto's own operation.
        locks_itself: whether the function takes its locks itself, only while it needs them;
            otherwise the caller holds that of the account and Region.
    """

    service: str
    name: str
    part: type[Any]
    function: Callable[..., Output | None]
    calls_moto: bool
    locks_itself: bool = False

    def carry_out(self, backend: HasParts, arguments: Input, moto: CallMoto) -> Output | None:
        """Carry the operation out.

        Args:
            backend: the account and Region.
            arguments: the checked input.
            moto: makes moto carry out the same operation.

        Returns:
            The output; ``None`` if the operation has none.

        Raises:
            IoTError: as the operation itself does.
        """
        part = backend.part(self.part)
        return (
            self.function(part, arguments, moto)
            if self.calls_moto
            else self.function(part, arguments)
        )


OPERATIONS: dict[tuple[str, str], Operation] = {}
"""The operations that are emulated here, by service and name; importing modules fills it."""


def operation(
    name: str, part: type[PartT], *, service: str = "iot", locks_itself: bool = False
) -> Callable[[Callable[[PartT, Input], Output | None]], Callable[[PartT, Input], Output | None]]:
    """Add the decorated function to the table of operations.

    Args:
        name: the operation's name in AWS's model.
        part: the class of the part of the backend that the function takes, before the input.
        service: the service by boto3's name.
        locks_itself: whether the function needs the locks of several accounts or Regions, which
            must be taken in one order, or works for long before it needs any; see
            :class:`Operation`.

    Example::

        @operation("GetRegistrationCode", CaCertificates)
        def get_registration_code(cas: CaCertificates, given: Input) -> Output:
            return {"registrationCode": cas.get_registration_code()}
    """
    return _entered(name, part, service=service, calls_moto=False, locks_itself=locks_itself)


def operation_over_moto(
    name: str, part: type[PartT]
) -> Callable[
    [Callable[[PartT, Input, CallMoto], Output | None]],
    Callable[[PartT, Input, CallMoto], Output | None],
]:
    """Add a function that calls moto's own operation, which is its third argument."""
    return _entered(name, part, calls_moto=True)


def operation_if_strict(
    name: str, part: type[PartT]
) -> Callable[[Callable[[PartT, Input], Output | None]], Callable[[PartT, Input], Output | None]]:
    """Add a function that carries out an operation by AWS's rules if ``strict`` is on.

    With it off, moto carries the operation out.
    """

    def enter(
        function: Callable[[PartT, Input], Output | None],
    ) -> Callable[[PartT, Input], Output | None]:
        def carry_out(part: PartT, arguments: Input, moto: CallMoto) -> Output | None:
            return function(part, arguments) if settings.current().strict else moto()

        _entered(name, part, calls_moto=True)(carry_out)
        return function

    return enter


def _entered(
    name: str,
    part: type[Any],
    *,
    calls_moto: bool,
    service: str = "iot",
    locks_itself: bool = False,
) -> Callable[[_FunctionT], _FunctionT]:
    # Not compared with botocore's model: an older botocore does not know every operation, and a
    # misspelt name is found by the test of docs/operations.md.
    if (service, name) in OPERATIONS:
        raise ValueError(f"The operation {name} has a function already.")

    def enter(function: _FunctionT) -> _FunctionT:
        OPERATIONS[service, name] = Operation(
            service, name, part, function, calls_moto, locks_itself
        )
        return function

    return enter


def operations_of(service: str) -> list[Operation]:
    """Return the operations of a service that are emulated here."""
    return [known for known in OPERATIONS.values() if known.service == service]


def emulation_of(name: str, service: str = "iot") -> Emulation:
    """Return who carries out an operation.

    Args:
        name: its name in AWS's model.
        service: the service by boto3's name.
    """
    operation = OPERATIONS.get((service, name))
    if operation is not None:
        return Emulation.BOTH if operation.calls_moto else Emulation.HERE
    return Emulation.MOTO if _moto_has(service, name) else Emulation.REFUSED


@functools.cache
def method_name(name: str) -> str:
    """Return the name of the method that moto looks for in its response class."""
    return str(camelcase_to_underscores(name))


def _moto_has(service: str, name: str) -> bool:
    return hasattr(_MOTOS.get(service), method_name(name))
