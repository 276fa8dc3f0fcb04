"""Things and thing groups in their index: the searched fields, and the search results.

https://docs.aws.amazon.com/iot/latest/developerguide/managing-index.html#index-limitations
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from moto.iot.models import FakeThing, FakeThingGroup

from moto_jitp.iot.registry.registry import Registry, type_name
from moto_jitp.queries import Value, number_in

from .indexing import Indexing

_ONLY_BY_FIELD = ("connectivity", "registry", "thingType")
"""The fields that a term without a field name does not search; the last two also exist under other
names.
"""


class IndexedDocument:
    """The indexed data of a thing or a group, looked up only when it is needed.

    Args:
        sources: the first part of a field's name to the function that returns its value, or an
            object with the nested fields.
    """

    def __init__(self, sources: Mapping[str, Callable[[], Any]]) -> None:
        self._sources = sources
        self._found: dict[str, Any] = {}

    def values(self, field: str | None) -> Iterable[Value]:
        """Return the values of a field; see :class:`moto_jitp.queries.Document`."""
        if field is None:
            return self._all()
        first, _, rest = field.partition(".")
        if first not in self._sources:
            return ()
        return list(_values_at(self._of(first), rest))

    def _all(self) -> Iterator[Value]:
        for source in self._sources:
            if source not in _ONLY_BY_FIELD:
                yield from _all_values(self._of(source))

    def _of(self, source: str) -> Any:
        if source not in self._found:
            self._found[source] = self._sources[source]()
        return self._found[source]


def _values_at(tree: Any, path: str) -> Iterator[Value]:
    """Yield the values at a path of names joined by dots; a name may itself contain dots."""
    if not path:
        yield from _simple(tree)
        return
    if not isinstance(tree, Mapping):
        return
    for name, below in tree.items():
        if name == path:
            yield from _simple(below)
        elif path.startswith(f"{name}."):
            yield from _values_at(below, path[len(name) + 1 :])


def _all_values(tree: Any) -> Iterator[Value]:
    if isinstance(tree, Mapping):
        for below in tree.values():
            yield from _all_values(below)
    else:
        yield from _simple(tree)


def _simple(value: Any) -> Iterator[Value]:
    """Yield a value, or each element of an array; objects and null are not indexed."""
    values = value if isinstance(value, list) else [value]
    if all(isinstance(element, (str, int, float)) for element in values):
        yield from values


def thing_document(indexing: Indexing, thing: FakeThing) -> IndexedDocument:
    """Return the indexed data of a thing.

    Args:
        indexing: the configuration of the indexes.
        thing: the thing.
    """
    registry = indexing.registry

    def of_registry() -> dict[str, Any]:
        return {"thingTypeName": type_name(thing), "thingGroupNames": group_names(registry, thing)}

    sources: dict[str, Callable[[], Any]] = {
        "thingName": lambda: thing.thing_name,
        "thingId": lambda: thing.thing_id,
        "thingTypeName": lambda: type_name(thing),
        # The spelling of AWS's page on the query syntax.
        "thingType": lambda: type_name(thing),
        "thingGroupNames": lambda: group_names(registry, thing),
        "registry": of_registry,
        "attributes": lambda: _attributes(thing.attributes),
    }
    if indexing.has_shadows or indexing.named_shadows:
        sources["shadow"] = lambda: shadows_of(indexing, thing)
    if indexing.has_connectivity:
        sources["connectivity"] = lambda: indexing.connectivity_of(thing.thing_name).members()
    return IndexedDocument(sources)


def _attributes(attributes: Mapping[str, str]) -> dict[str, list[Value]]:
    """Attributes are text, which is also searched as a number if it is one."""
    values_by_field: dict[str, list[Value]] = {}
    for name, text in attributes.items():
        number = number_in(text)
        values_by_field[name] = [text] if number is None else [text, number]
    return values_by_field


def group_names(registry: Registry, thing: FakeThing) -> list[str]:
    """Return the names of a thing's groups, followed by that of its billing group."""
    names = [group.thing_group_name for group in registry.thing_groups.of_thing(thing.arn)]
    return [*names, thing.billing_group_name] if thing.billing_group_name else names


def shadows_of(indexing: Indexing, thing: FakeThing) -> dict[str, Any]:
    """Return a thing's shadows as indexed: the unnamed one, and the others in ``name``."""
    shadows = thing.thing_shadows
    unnamed = shadows.get(None)
    shadow_document = _shadow(unnamed) if indexing.has_shadows and unnamed else {}
    named_documents = {
        name: _shadow(shadows[name]) for name in indexing.named_shadows if shadows.get(name)
    }
    present = {name: shadow for name, shadow in named_documents.items() if shadow}
    return {**shadow_document, "name": present} if present else shadow_document


def _shadow(shadow: Any) -> dict[str, Any]:
    if shadow.deleted:
        return {}
    document = shadow.to_dict()
    return {
        **document["state"],
        "metadata": document["metadata"],
        "hasDelta": "delta" in document["state"],
        "version": document["version"],
        "timestamp": document["timestamp"],
    }


def thing_answer(indexing: Indexing, thing: FakeThing) -> dict[str, Any]:
    """Return a thing as in SearchIndex's answer.

    Args:
        indexing: the configuration of the indexes.
        thing: the thing.
    """
    answer: dict[str, Any] = {
        "thingName": thing.thing_name,
        "thingId": thing.thing_id,
        "thingTypeName": type_name(thing),
        "thingGroupNames": group_names(indexing.registry, thing),
        "attributes": thing.attributes,
    }
    shadows = shadows_of(indexing, thing)
    if shadows:
        answer["shadow"] = json.dumps(shadows, separators=(",", ":"))
    if indexing.has_connectivity:
        answer["connectivity"] = indexing.connectivity_of(thing.thing_name).members()
    return answer


def group_document(group: FakeThingGroup) -> IndexedDocument:
    """Return the indexed data of a thing group."""
    answer = group_answer(group)
    return IndexedDocument(
        {
            "thingGroupName": lambda: answer["thingGroupName"],
            "thingGroupId": lambda: answer["thingGroupId"],
            "description": lambda: answer["thingGroupDescription"],
            "parentGroupNames": lambda: answer["parentGroupNames"],
            "attributes": lambda: _attributes(answer["attributes"]),
        }
    )


def group_answer(group: FakeThingGroup) -> dict[str, Any]:
    """Return a thing group as in SearchIndex's answer."""
    properties: dict[str, Any] = group.thing_group_properties or {}
    above = group.metadata.get("rootToParentThingGroups", ())
    return {
        "thingGroupName": group.thing_group_name,
        "thingGroupId": group.thing_group_id,
        "thingGroupDescription": properties.get("thingGroupDescription"),
        "attributes": properties.get("attributePayload", {}).get("attributes", {}),
        "parentGroupNames": [group["groupName"] for group in above],
    }
