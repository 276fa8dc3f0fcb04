"""The configuration of both indexes, and their state.

An index is ready as soon as it is switched on; AWS takes half a minute to build it.
https://docs.aws.amazon.com/iot/latest/developerguide/managing-index.html
https://docs.aws.amazon.com/iot/latest/developerguide/thinggroup-index.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

from moto_jitp.iot.api.operations import Input, Output, operation, operation_if_strict
from moto_jitp.iot.api.paging import Page
from moto_jitp.iot.exceptions import InvalidRequest, ResourceNotFound
from moto_jitp.iot.registry.registry import Registry
from moto_jitp.names import did_you_mean

from .connectivity import Connectivity, connectivity_of, now

THINGS = "AWS_Things"
THING_GROUPS = "AWS_ThingGroups"
_CUSTOM_FIELDS = 5

_OF_MODE = {
    "thingIndexingMode": {
        "thingId": "String",
        "thingName": "String",
        "registry.version": "Number",
        "registry.thingTypeName": "String",
        "registry.thingGroupNames": "String",
    },
    "shadow": {"shadow.version": "Number", "shadow.hasDelta": "Boolean"},
    "namedShadowIndexingMode": {
        "shadow.name.*.version": "Number",
        "shadow.name.*.hasDelta": "Boolean",
    },
    "thingConnectivityIndexingMode": {
        "connectivity.timestamp": "Number",
        "connectivity.version": "Number",
        "connectivity.connected": "Boolean",
        "connectivity.disconnectReason": "String",
        "connectivity.clientId": "String",
        "connectivity.keepAliveDuration": "Number",
        "connectivity.cleanSession": "Boolean",
        "connectivity.sessionExpiry": "Number",
    },
}
_OF_GROUPS = {
    "thingGroupId": "String",
    "thingGroupName": "String",
    "description": "String",
    "parentGroupNames": "String",
    "version": "Number",
}


class Indexing:
    """The configuration of an account's and Region's indexes, kept where moto keeps it.

    Args:
        registry: the account's and Region's tables.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._connectivity_since: datetime | None = None
        self._read: dict[str, Any] = {}
        self._read_from: object = None

    @property
    def things(self) -> dict[str, Any]:
        """The configuration of the index of things."""
        return self._kept["thingIndexingConfiguration"]  # type: ignore[no-any-return]

    @property
    def groups(self) -> dict[str, Any]:
        """The configuration of the index of thing groups."""
        return self._kept["thingGroupIndexingConfiguration"]  # type: ignore[no-any-return]

    @property
    def _kept(self) -> dict[str, Any]:
        # moto makes a new one for each change. A search reads it for each thing.
        current = self.registry.moto.indexing_configuration.configuration
        if self._read_from is not current:
            self._read = self.registry.moto.indexing_configuration.to_dict()
            self._read_from = current
        return self._read

    @property
    def has_things(self) -> bool:
        """Whether things are indexed."""
        return bool(self.things["thingIndexingMode"] != "OFF")

    @property
    def has_shadows(self) -> bool:
        """Whether things' unnamed shadows are indexed."""
        return bool(self.things["thingIndexingMode"] == "REGISTRY_AND_SHADOW")

    @property
    def named_shadows(self) -> Sequence[str]:
        """The names of the shadows that are indexed."""
        configuration = self.things
        if configuration["namedShadowIndexingMode"] != "ON":
            return ()
        return configuration["filter"].get("namedShadowNames") or ()

    @property
    def has_connectivity(self) -> bool:
        """Whether the connectivity of things is indexed."""
        return bool(self.things["thingConnectivityIndexingMode"] == "STATUS")

    @property
    def has_groups(self) -> bool:
        """Whether thing groups are indexed."""
        return bool(self.groups["thingGroupIndexingMode"] == "ON")

    def require(self, index_name: str) -> None:
        """Refuse an index that is off, or that AWS IoT does not have (own wording).

        Raises:
            ResourceNotFound: it is.
        """
        if index_name not in (THINGS, THING_GROUPS):
            suggestion = did_you_mean(index_name, (THINGS, THING_GROUPS))
            raise ResourceNotFound(
                f"The index {index_name} does not exist. {suggestion}".rstrip()
                if suggestion
                else f"The index {index_name} does not exist. There are {THINGS} and "
                f"{THING_GROUPS}."
            )
        if not (self.has_things if index_name == THINGS else self.has_groups):
            required_mode = (
                "a thingIndexingMode of REGISTRY or REGISTRY_AND_SHADOW"
                if index_name == THINGS
                else "a thingGroupIndexingMode of ON"
            )
            raise ResourceNotFound(
                f"The index {index_name} does not exist: indexing is off. Switch it on with "
                f"UpdateIndexingConfiguration and {required_mode}."
            )

    def connectivity_of(self, thing_name: str) -> Connectivity:
        """Return the indexed data of a thing's connection.

        Args:
            thing_name: the thing.
        """
        since = self._connectivity_since or now()
        return connectivity_of(self.registry.moto, thing_name, since)

    def update(self, things: Mapping[str, Any] | None, groups: Mapping[str, Any] | None) -> None:
        """Change the configuration.

        Settings that a configuration does not mention are off, except the filter for connectivity.
        https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateIndexingConfiguration.html

        Args:
            things: the new configuration of things; ``None`` leaves it.
            groups: the new configuration of thing groups; ``None`` leaves it.

        Raises:
            InvalidRequest: a mode does not fit another, a custom field does not fit the modes, or
                something is not emulated.
        """
        with self.registry.lock:
            new_things = None if things is None else self._checked_things(things)
            if groups is not None:
                _check_custom_fields(groups, ("attributes.",), "thing groups")
                _check_managed_fields(groups, _fields(_OF_GROUPS))
            of_groups = None if groups is None else {**_GROUPS_OFF, **groups, "managedFields": []}
            self.registry.moto.indexing_configuration.update_configuration(
                new_things or {}, of_groups or {}
            )
            if not self.has_connectivity:
                self._connectivity_since = None
            elif self._connectivity_since is None:
                self._connectivity_since = now()

    def _checked_things(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        mode = arguments["thingIndexingMode"]
        for member, off in (
            ("thingConnectivityIndexingMode", "OFF"),
            ("namedShadowIndexingMode", "OFF"),
        ):
            if mode == "OFF" and arguments.get(member, off) != off:
                raise InvalidRequest(
                    f"{member} is {arguments[member]}, which requires a thingIndexingMode of "
                    "REGISTRY or REGISTRY_AND_SHADOW; found OFF."
                )
        if arguments.get("deviceDefenderIndexingMode", "OFF") != "OFF":
            raise InvalidRequest(
                "deviceDefenderIndexingMode VIOLATIONS is not emulated: AWS IoT Device Defender is "
                "not. Leave it out."
            )
        new_filter = dict(arguments.get("filter") or {})
        if new_filter.get("geoLocations"):
            raise InvalidRequest("geoLocations are not emulated. Leave them out of the filter.")
        if "includeSocketInformation" not in (new_filter.get("connectivity") or {}):
            new_filter.pop("connectivity", None)
            connectivity_filter = self.things["filter"].get("connectivity")
            if connectivity_filter is not None:
                new_filter["connectivity"] = connectivity_filter
        configuration = {**_THINGS_OFF, **arguments, "filter": new_filter}
        sources = ["attributes."]
        if mode == "REGISTRY_AND_SHADOW":
            sources += ["shadow.desired.", "shadow.reported."]
        if configuration["namedShadowIndexingMode"] == "ON":
            names = new_filter.get("namedShadowNames") or ()
            sources += [f"shadow.name.{name}." for name in names]
        _check_custom_fields(arguments, tuple(sources), "things with these modes")
        _check_managed_fields(arguments, _managed_fields(configuration))
        return {**configuration, "managedFields": []}


_THINGS_OFF: dict[str, Any] = {
    "thingConnectivityIndexingMode": "OFF",
    "deviceDefenderIndexingMode": "OFF",
    "namedShadowIndexingMode": "OFF",
    "customFields": [],
}
_GROUPS_OFF: dict[str, Any] = {"customFields": []}


def _managed_fields(things: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the fields that a configuration of things indexes by itself."""
    if things["thingIndexingMode"] == "OFF":
        return []
    fields = dict(_OF_MODE["thingIndexingMode"])
    if things["thingIndexingMode"] == "REGISTRY_AND_SHADOW":
        fields.update(_OF_MODE["shadow"])
    for member in ("namedShadowIndexingMode", "thingConnectivityIndexingMode"):
        if things[member] != "OFF":
            fields.update(_OF_MODE[member])
    return _fields(fields)


def _fields(types: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in types.items()]


def _check_managed_fields(arguments: Mapping[str, Any], has: Iterable[Mapping[str, str]]) -> None:
    names = {field["name"] for field in has}
    for field in arguments.get("managedFields", ()):
        if field.get("name") not in names:
            raise InvalidRequest(
                f"The managed field {field.get('name')} is not one of these modes: managed fields "
                "cannot be changed. Use customFields, or leave managedFields out."
            )


def _check_custom_fields(
    arguments: Mapping[str, Any], sources: tuple[str, ...], indexed: str
) -> None:
    fields = arguments.get("customFields", ())
    if len(fields) > _CUSTOM_FIELDS:
        raise InvalidRequest(
            f"An index can have {_CUSTOM_FIELDS} custom fields; found {len(fields)}."
        )
    for field in fields:
        if not str(field.get("name", "")).startswith(sources):
            _refuse_custom_field(str(field.get("name", "")), sources, indexed)


def _refuse_custom_field(name: str, sources: tuple[str, ...], indexed: str) -> NoReturn:
    begins = ", ".join(f"{source}…" for source in sources)
    raise InvalidRequest(
        f"The custom field {name!r} is not indexed for {indexed}: its name begins with one of "
        f"{begins}."
    )


@operation_if_strict("UpdateIndexingConfiguration", Indexing)
def update_indexing_configuration(indexing: Indexing, arguments: Input) -> Output:
    indexing.update(
        arguments.get("thingIndexingConfiguration"),
        arguments.get("thingGroupIndexingConfiguration"),
    )
    return {}


@operation_if_strict("GetIndexingConfiguration", Indexing)
def get_indexing_configuration(indexing: Indexing, arguments: Input) -> Output:
    things, groups = indexing.things, indexing.groups
    of_groups = _fields(_OF_GROUPS) if indexing.has_groups else []
    return {
        "thingIndexingConfiguration": {**things, "managedFields": _managed_fields(things)},
        "thingGroupIndexingConfiguration": {**groups, "managedFields": of_groups},
    }


@operation("DescribeIndex", Indexing)
def describe_index(indexing: Indexing, arguments: Input) -> Output:
    name = arguments["indexName"]
    indexing.require(name)
    schema = "THING_GROUPS" if name == THING_GROUPS else _schema(indexing)
    return {"indexName": name, "indexStatus": "ACTIVE", "schema": schema}


def _schema(indexing: Indexing) -> str:
    if indexing.things["namedShadowIndexingMode"] == "ON":
        return "MULTI_INDEXING_MODE"
    schema = "REGISTRY_AND_SHADOW" if indexing.has_shadows else "REGISTRY"
    return f"{schema}_AND_CONNECTIVITY_STATUS" if indexing.has_connectivity else schema


@operation("ListIndices", Indexing)
def list_indices(indexing: Indexing, arguments: Input) -> Output:
    names = [(THINGS, indexing.has_things), (THING_GROUPS, indexing.has_groups)]
    page = Page("ListIndices", arguments)
    on = page.cut_sorted([name for name, is_on in names if is_on], str)
    return page.output("indexNames", on)


@operation("GetThingConnectivityData", Indexing)
def get_thing_connectivity_data(indexing: Indexing, arguments: Input) -> Output:
    if not indexing.has_connectivity:
        raise ResourceNotFound(
            "Connectivity is not indexed. Switch it on with UpdateIndexingConfiguration and a "
            "thingConnectivityIndexingMode of STATUS."
        )
    thing = indexing.registry.describe_thing(arguments["thingName"])
    connectivity_filter = indexing.things["filter"].get("connectivity") or {}
    includes_socket = bool(connectivity_filter.get("includeSocketInformation"))
    data = indexing.connectivity_of(thing.thing_name).data(
        with_socket=includes_socket and arguments.get("includeSocketInformation", False)
    )
    return {"thingName": thing.thing_name, **data}
