"""The shape of a value as a JSON object, described once for writing, reading and the schema.

BULB = Shape("Bulb", "A bulb.", (string("serialNumber", "Its number."), boolean("lit", "On?")))
BULB.to_json(bulb)         # {"serialNumber": bulb.serial_number, "lit": bulb.lit}
BULB.arguments({...})      # {"serial_number": ..., "lit": ...}, to make a bulb of
BULB.schema                # its JSON schema
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

Json = dict[str, Any]
Schema = dict[str, Any]


class Field(NamedTuple):
    """One member of a JSON object.

    Attributes:
        name: its name in JSON, in camel case.
        schema: its JSON schema.
        get: returns the member's value from the object's owner; by default the attribute of that
            name in snake case.
        write: turns that value into JSON.
        read: reads it back; ``None`` for a member that is written and never read.
        attribute: the attribute that it is read back into; by default its name in snake case.
        left_out: whether the object lacks the member where its value is ``None``.
    """

    name: str
    schema: Schema
    get: Callable[[Any], Any] | None = None
    write: Callable[[Any], Any] | None = None
    read: Callable[[Any], Any] | None = lambda value: value
    attribute: str | None = None
    left_out: bool = False

    @property
    def target(self) -> str:
        """The attribute that the member is read back into."""
        return self.attribute or re.sub(r"[A-Z]", lambda match: f"_{match[0].lower()}", self.name)

    def value_of(self, owner: Any) -> Any:
        """Return this member of a value as JSON."""
        value = getattr(owner, self.target) if self.get is None else self.get(owner)
        return value if self.write is None or value is None else self.write(value)


class Shape:
    """The JSON form of one kind of value.

    Args:
        name: the name of the schema in a document.
        description: what the object is.
        fields: its members, in the order in which they are written.
        alternatives: the names of members of which each object has exactly one: the first that has
            a value.
    """

    def __init__(
        self,
        name: str,
        description: str,
        fields: tuple[Field, ...],
        alternatives: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.description = description
        self.fields = fields
        self._alternatives = alternatives

    def to_json(self, value: Any) -> Json:
        """Return a value as a JSON object."""
        document: Json = {}
        for field in self.fields:
            if field.name in self._alternatives and not document.keys().isdisjoint(
                self._alternatives
            ):
                continue
            member = field.value_of(value)
            if member is not None or not field.left_out:
                document[field.name] = member
        return document

    def arguments(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return the members of a JSON object by the names of the value's attributes.

        Args:
            document: an object that :meth:`to_json` returned; members that it lacks are left out,
                as an older server may not know them.
        """
        arguments = {}
        for field in self.fields:
            if field.read is not None and field.name in document:
                value = document[field.name]
                arguments[field.target] = value if value is None else field.read(value)
        return arguments

    def of_part(self, attribute: str) -> tuple[Field, ...]:
        """Return the fields for a larger value that has a value of this shape as an attribute.

        The members of both are then in one object.

        Args:
            attribute: the name of the attribute.
        """
        return tuple(field._replace(get=_through(attribute, field)) for field in self.fields)

    @property
    def schema(self) -> Schema:
        """The JSON schema: members that are never left out are required, others not allowed."""
        schema = object_schema(
            self.description, {field.name: field.schema for field in self.fields}
        )
        schema["required"] = [field.name for field in self.fields if not field.left_out]
        if self._alternatives:
            schema["oneOf"] = [{"required": [name]} for name in self._alternatives]
        return schema


def _through(attribute: str, field: Field) -> Callable[[Any], Any]:
    get = field.get or attrgetter(field.target)
    return lambda owner: get(getattr(owner, attribute))


def object_schema(description: str, properties: Mapping[str, Schema], **keywords: Any) -> Schema:
    """Return the schema of an object that has all these properties and no others."""
    return {
        "type": "object",
        "description": description,
        "required": list(properties),
        "additionalProperties": False,
        "properties": dict(properties),
        **keywords,
    }


def ref(name: str) -> Schema:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def of(kind: str, description: str, **keywords: Any) -> Schema:
    """Return the schema of a JSON type."""
    return {"type": kind, "description": description, **keywords}


def or_null(kind: str, description: str, **keywords: Any) -> Schema:
    """Return the schema of a JSON type or null."""
    return {"type": [kind, "null"], "description": description, **keywords}


def list_of(name: str, **keywords: Any) -> Schema:
    """Return the schema of a list of the document's objects of that name."""
    return {"type": "array", "items": ref(name), **keywords}


def string(name: str, description: str, get: Callable[[Any], Any] | None = None) -> Field:
    """Return a text."""
    return Field(name, of("string", description), get)


def optional_string(name: str, description: str, get: Callable[[Any], Any] | None = None) -> Field:
    """Return a text that may be absent, which is null in JSON."""
    return Field(name, or_null("string", description), get)


def boolean(name: str, description: str, get: Callable[[Any], Any] | None = None) -> Field:
    """Return a truth value."""
    return Field(name, of("boolean", description), get)


def integer(
    name: str,
    description: str,
    get: Callable[[Any], Any] | None = None,
    attribute: str | None = None,
) -> Field:
    """Return a whole number."""
    return Field(name, of("integer", description), get, attribute=attribute)


def moment(name: str, description: str) -> Field:
    """Return a point in time, a ``datetime`` in UTC."""
    schema = of("string", description, format="date-time")
    return Field(name, schema, write=datetime.isoformat, read=datetime.fromisoformat)


def one_of(
    name: str,
    description: str | None,
    kind: type[enum.Enum],
    *,
    optional: bool = False,
    get: Callable[[Any], Any] | None = None,
) -> Field:
    """Return a member of an enumeration, written as its value."""
    schema: Schema = {"enum": [member.value for member in kind] + [None] * optional}
    if description is not None:
        schema["description"] = description
    return Field(name, schema, get, write=lambda member: member.value, read=kind)


def strings(name: str, description: str | None = None) -> Field:
    """Return a tuple of texts."""
    schema: Schema = {"type": "array", "items": {"type": "string"}}
    if description is not None:
        schema["description"] = description
    return Field(name, schema, write=list, read=tuple)


def string_map(name: str, description: str) -> Field:
    """Return a mapping of texts to texts."""
    schema = of("object", description, additionalProperties={"type": "string"})
    return Field(name, schema, write=dict)


def optional_object(
    name: str,
    shape: Shape,
    read: Callable[[Any], Any],
    get: Callable[[Any], Any] | None = None,
) -> Field:
    """Return an object of another shape, or null."""
    schema = {"anyOf": [ref(shape.name), {"type": "null"}]}
    return Field(name, schema, get, write=shape.to_json, read=read)


def objects(
    name: str, shape: Shape, get: Callable[[Any], Any] | None = None, **keywords: Any
) -> Field:
    """Return a list of objects of another shape, which is written but never read."""

    def write(values: Any) -> list[Json]:
        return [shape.to_json(value) for value in values]

    return Field(name, list_of(shape.name, **keywords), get, write, read=None)
