"""Checks values against the types and constraints of botocore's service models.

boto3 itself checks types, required members and minima before it sends a request, but not patterns,
maxima or enums, and other SDKs check nothing. A shape is compiled once into a :class:`Check`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from botocore.model import Shape
from botocore.utils import parse_timestamp

from .patterns import matcher

_MISSING = "Member must not be null"

#: The template language explains better what is wrong with a body, including its length.
CHECKED_ELSEWHERE = frozenset({"TemplateBody"})

_SHOWN = 200  # characters of a value in an error text


class Violation(NamedTuple):
    """A constraint that a value violates.

    Attributes:
        path: the member's path, such as ``attributePayload.attributes`` or ``tags.1.member.Key``.
        value: the value; ``None`` if it is missing.
        constraint: what the model requires, in AWS's words.
    """

    path: str
    value: Any
    constraint: str

    @property
    def is_missing(self) -> bool:
        """Whether a required member is missing."""
        return self.constraint is _MISSING

    def __str__(self) -> str:
        shown_value = "null" if self.is_missing else f"'{_shown(self.value)}'"
        return (
            f"Value {shown_value} at '{self.path}' failed to satisfy constraint: {self.constraint}"
        )


class WrongTypeError(Exception):
    """A value does not have its member's type, so that its constraints do not apply."""


class Check(Protocol):
    """A compiled shape."""

    def __call__(self, value: Any, path: str, violations: list[Violation]) -> Any:
        """Check a value.

        Args:
            value: the value as parsed from JSON; for a member in a path, a query or a header, the
                text.
            path: the member's path.
            violations: receives the violations of the value.

        Returns:
            The value in Python's type; of structures, the members that the model knows.

        Raises:
            WrongTypeError: the value, or one within it, has another type.
        """


def sentence(violations: list[Violation]) -> str:
    """Return AWS's text about violations, with their number."""
    errors = (
        "1 validation error" if len(violations) == 1 else f"{len(violations)} validation errors"
    )
    return f"{errors} detected: {'; '.join(map(str, violations))}"


def compile_shape(shape: Shape, *, from_text: bool = False) -> Check:
    """Compile a shape.

    Args:
        shape: the shape of a member, or an operation's input.
        from_text: whether values come as text, as in a path, a query or a header.
    """
    kind = shape.type_name
    if kind == "structure":
        return _Structure(shape)
    if kind == "list":
        return _List(shape)
    if kind == "map":
        return _Map(shape)
    return _Scalar(shape, from_text=from_text)


class _Scalar:
    def __init__(self, shape: Shape, *, from_text: bool = False) -> None:
        readers = _FROM_TEXT if from_text else _FROM_JSON
        self.read = readers[shape.type_name]
        self.constraints = () if shape.name in CHECKED_ELSEWHERE else _constraints(shape)

    def __call__(self, value: Any, path: str, violations: list[Violation]) -> Any:
        value = self.read(value, path)
        for holds, constraint in self.constraints:
            if not holds(value):
                violations.append(Violation(path, value, constraint))
        return value

    def accepts(self, value: Any) -> bool:
        return all(holds(value) for holds, _ in self.constraints)

    def listed(self, holder: str) -> str:
        """The constraints as AWS lists them for the elements of a list or map."""
        return (
            f"{holder} must satisfy constraint: [{', '.join(text for _, text in self.constraints)}]"
        )


class _Structure:
    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._members: dict[str, tuple[str, Check]] | None = None

    def __call__(self, value: Any, path: str, violations: list[Violation]) -> dict[str, Any]:
        _require(value, dict, "structure", path)
        if self._members is None:  # compiled at first use, so that a shape may contain itself
            self._members = {
                member.serialization.get("name", name): (name, compile_shape(member))
                for name, member in self._shape.members.items()
            }
        members_read: dict[str, Any] = {}
        for wire_name, (name, check) in self._members.items():
            item = value.get(wire_name)
            if item is not None:
                members_read[name] = check(item, f"{path}.{name}", violations)
        for name in self._shape.required_members:
            if name not in members_read:
                violations.append(missing(f"{path}.{name}"))
        return members_read


class _List:
    def __init__(self, shape: Shape) -> None:
        self._sizes = _constraints(shape)
        self._item = compile_shape(shape.member)

    def __call__(self, value: Any, path: str, violations: list[Violation]) -> list[Any]:
        _require(value, list, "list", path)
        item = self._item
        if isinstance(item, _Scalar):
            items_read = [
                item.read(element, f"{path}.{at}.member") for at, element in enumerate(value, 1)
            ]
            if not all(map(item.accepts, items_read)):
                violations.append(Violation(path, items_read, item.listed("Member")))
        else:
            items_read = [
                item(element, f"{path}.{at}.member", violations)
                for at, element in enumerate(value, 1)
            ]
        _check_size(self._sizes, items_read, path, violations)
        return items_read


class _Map:
    def __init__(self, shape: Shape) -> None:
        self._sizes = _constraints(shape)
        self._key = _Scalar(shape.key)
        self._item = compile_shape(shape.value)

    def __call__(self, value: Any, path: str, violations: list[Violation]) -> dict[str, Any]:
        _require(value, dict, "map", path)
        key, item = self._key, self._item
        violated_constraints = []
        if not all(map(key.accepts, value)):
            violated_constraints.append(key.listed("Map keys"))
        if isinstance(item, _Scalar):
            values_read = {
                name: item.read(element, f"{path}.{name}") for name, element in value.items()
            }
            if not all(map(item.accepts, values_read.values())):
                violated_constraints.append(item.listed("Map value"))
        else:
            values_read = {
                name: item(element, f"{path}.{name}.member", violations)
                for name, element in value.items()
            }
        violations.extend(
            Violation(path, values_read, constraint) for constraint in violated_constraints
        )
        _check_size(self._sizes, values_read, path, violations)
        return values_read


def missing(path: str) -> Violation:
    """Return the violation for a missing required member."""
    return Violation(path, None, _MISSING)


_Constraint = tuple[Callable[[Any], object], str]


def _constraints(shape: Shape) -> tuple[_Constraint, ...]:
    """Return a shape's constraints in the order in which AWS lists them."""
    metadata = shape.metadata
    kind = shape.type_name
    constraints: list[_Constraint] = []
    is_number = kind in _NUMBERS
    size: Callable[[Any], Any] = _itself if is_number else len
    measure = "value" if is_number else "length"
    if "max" in metadata:
        constraints.append(_at_most(size, metadata["max"], measure))
    if "min" in metadata or (kind == "string" and "max" in metadata):
        constraints.append(
            _at_least(size, metadata.get("min", 0), measure)
        )  # AWS lists a minimum of 0, too
    if kind == "string":
        if "enum" in metadata:
            allowed = metadata["enum"]
            text = f"Member must satisfy enum value set: [{', '.join(allowed)}]"
            constraints.append((frozenset(allowed).__contains__, text))
        matches = matcher(metadata["pattern"]) if "pattern" in metadata else None
        if matches is not None:
            text = f"Member must satisfy regular expression pattern: {metadata['pattern']}"
            constraints.append((matches, text))
    return tuple(constraints)


def _itself(value: Any) -> Any:
    return value


def _at_most(size: Callable[[Any], Any], most: float, measure: str) -> _Constraint:
    return (
        lambda value: size(value) <= most,
        f"Member must have {measure} less than or equal to {most}",
    )


def _at_least(size: Callable[[Any], Any], least: float, measure: str) -> _Constraint:
    return (
        lambda value: size(value) >= least,
        f"Member must have {measure} greater than or equal to {least}",
    )


def _check_size(
    sizes: tuple[_Constraint, ...], value: Any, path: str, violations: list[Violation]
) -> None:
    for holds, constraint in sizes:
        if not holds(value):
            violations.append(Violation(path, value, constraint))


# Types: conversions from JSON or text, and values of wrong types.

_LARGEST = sys.float_info.max
_NUMBERS = {
    "integer": (-(2**31), 2**31 - 1),
    "long": (-(2**63), 2**63 - 1),
    "float": (-_LARGEST, _LARGEST),
    "double": (-_LARGEST, _LARGEST),
}


def _wrong(path: str, kind: str, value: Any) -> WrongTypeError:
    found_value = (
        repr(value[:_SHOWN]) if isinstance(value, str) else _JSON_TYPES.get(type(value), "null")
    )
    return WrongTypeError(f"The member {path} must be of type {kind}; found {found_value}.")


_JSON_TYPES = {
    bool: "a boolean",
    int: "a number out of range or of another type",
    float: "a number out of range or of another type",
    list: "a list",
    dict: "an object",
    bytes: "bytes",
}


def _require(value: Any, expected: type, kind: str, path: str) -> None:
    if not isinstance(value, expected):
        raise _wrong(path, kind, value)


def _string(value: Any, path: str) -> Any:
    if not isinstance(value, str):
        raise _wrong(path, "string", value)
    return value


def _boolean(value: Any, path: str) -> Any:
    if not isinstance(value, bool):
        raise _wrong(path, "boolean", value)
    return value


def _number_reader(kind: str) -> Callable[[Any, str], Any]:
    lowest, highest = _NUMBERS[kind]
    types = (int,) if kind in ("integer", "long") else (int, float)

    def read(value: Any, path: str) -> Any:
        # In Python a boolean is an integer, too; JSON's 1e999 becomes infinite, and an integer may
        # have more digits than a float can represent.
        if (
            not isinstance(value, types)
            or isinstance(value, bool)
            or not lowest <= value <= highest
        ):
            raise _wrong(path, kind, value)
        return value

    return read


def _timestamp(value: Any, path: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise _wrong(path, "timestamp", value)
    try:
        return parse_timestamp(value)
    except (ValueError, OverflowError, OSError, RuntimeError):
        raise _wrong(path, "timestamp", value) from None


def _blob(value: Any, path: str) -> Any:
    if not isinstance(value, (str, bytes)):
        raise _wrong(path, "blob", value)
    return value


_FROM_JSON: Mapping[str, Callable[[Any, str], Any]] = {
    "string": _string,
    "boolean": _boolean,
    **{kind: _number_reader(kind) for kind in _NUMBERS},
    "timestamp": _timestamp,
    "blob": _blob,
}


def _boolean_of_text(value: Any, path: str) -> bool:
    text = str(value).lower()
    if text not in ("true", "false"):
        raise _wrong(path, "boolean", value)
    return text == "true"


def _number_of_text(kind: str) -> Callable[[Any, str], Any]:
    read = _FROM_JSON[kind]
    parse = int if kind in ("integer", "long") else float

    def read_text(value: Any, path: str) -> Any:
        text = str(value)
        # int() would also accept blanks, underscores and the digits of other scripts.
        if not text.isascii() or not text.removeprefix("-")[:1].isdigit() or "_" in text:
            raise _wrong(path, kind, value)
        try:
            number = parse(text)
        except ValueError:
            raise _wrong(path, kind, value) from None
        return read(number, path)

    return read_text


_FROM_TEXT: Mapping[str, Callable[[Any, str], Any]] = {
    **_FROM_JSON,
    "boolean": _boolean_of_text,
    **{kind: _number_of_text(kind) for kind in _NUMBERS},
}


def _shown(value: Any) -> str:
    """Return a value as Java prints it, not too long."""
    text = _in_java(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _in_java(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}={_in_java(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_in_java, value))}]"
    return str(value)
