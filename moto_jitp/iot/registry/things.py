"""Things: creation, change and deletion, by boto3 and by the steps of a run.

https://docs.aws.amazon.com/iot/latest/developerguide/thing-registry.html
"""

from __future__ import annotations

from typing import Any

from moto.iot.exceptions import ThingStillAttached
from moto.iot.models import FakeThing, IoTBackend

from moto_jitp import settings
from moto_jitp.iot.api.operations import Input, Output, operation_if_strict
from moto_jitp.iot.exceptions import InvalidRequest, ResourceAlreadyExists

from .attributes import attributes_of, check_thing_attributes, updated
from .billing_memberships import join_billing_group
from .registry import Registry, type_name
from .registry_events import tell_of_association, tell_of_thing
from .versions import check_version


class Things:
    """Makes, changes and deletes things; with ``strict`` off, like moto.

    Args:
        registry: the account's and Region's tables.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry

    def create_thing(
        self,
        thing_name: str,
        thing_type_name: str | None,
        attribute_payload: dict[str, Any] | None,
        billing_group_name: str | None = None,
    ) -> FakeThing:
        """Create a thing, or return the one that exists with the same configuration.

        https://docs.aws.amazon.com/iot/latest/apireference/API_CreateThing.html

        Args:
            thing_name: its name.
            thing_type_name: its type, if it has one.
            attribute_payload: its attributes, as ``{"attributes": {...}}``.
            billing_group_name: the billing group that it joins, if any.

        Raises:
            InvalidRequest: it has too many attributes, or the type is deprecated.
            ResourceAlreadyExists: a thing of this name has another configuration.
            ResourceNotFoundException: the type or the billing group does not exist.
        """
        registry = self.registry
        if not settings.current().strict:
            created_thing = IoTBackend.create_thing(
                registry.moto,
                thing_name,
                thing_type_name or "",
                attribute_payload,
                billing_group_name,
            )
            return self._created(created_thing)
        with registry.lock:
            kind = registry.describe_thing_type(thing_type_name) if thing_type_name else None
            group = (
                registry.describe_billing_group(billing_group_name) if billing_group_name else None
            )
            attributes = attributes_of(attribute_payload)
            existing = registry.find_thing(thing_name)
            if existing is not None:
                configuration = (thing_type_name or None, attributes, billing_group_name or None)
                has = (type_name(existing), existing.attributes, existing.billing_group_name)
                if configuration != has:
                    raise _exists(existing, configuration, has)
                return existing
            if kind is not None and kind.metadata["deprecated"]:
                # The spelling is AWS's.
                raise InvalidRequest(
                    f"Can not create new thing with depreated thing type:{thing_type_name}"
                )
            check_thing_attributes(attributes, has_type=kind is not None)
            # What moto's own create_thing checks has been checked.
            thing = FakeThing(  # type: ignore[abstract]
                thing_name, kind, attributes, registry.account_id, registry.region_name
            )
            registry.things[thing.arn] = thing
            if group is not None:
                join_billing_group(group, thing)
            return self._created(thing)

    def _created(self, thing: FakeThing) -> FakeThing:
        if self.registry.events.on:
            tell_of_thing(self.registry, "CREATED", thing)
            tell_of_association(self.registry, thing, None, thing.thing_type)
        return thing

    def update_thing(
        self,
        thing_name: str,
        thing_type_name: str | None,
        attribute_payload: dict[str, Any] | None,
        remove_thing_type: bool,
        expected_version: int | None = None,
    ) -> None:
        """Change a thing and increase its version.

        https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateThing.html

        Args:
            thing_name: the thing.
            thing_type_name: its new type; ``None`` to keep its own.
            attribute_payload: see :func:`.attributes.updated`.
            remove_thing_type: whether it loses its type.
            expected_version: the version that it must have.

        Raises:
            InvalidRequest: it would have too many attributes, the type is deprecated, or a type is
                both set and removed.
            ResourceNotFoundException: the thing or the type does not exist.
            VersionConflict: it has another version.
        """
        registry = self.registry
        with registry.lock:
            thing = registry.describe_thing(thing_name)
            previous_type = thing.thing_type
            if settings.current().strict:
                check_version("thing", thing_name, thing.version, expected_version)
                self._update(thing, thing_type_name, attribute_payload, remove_thing_type)
            else:
                IoTBackend.update_thing(
                    registry.moto,
                    thing_name,
                    thing_type_name or "",
                    attribute_payload,
                    remove_thing_type,
                )
            registry.things.note(thing)
            tell_of_thing(registry, "UPDATED", thing)
            tell_of_association(registry, thing, previous_type, thing.thing_type)

    def _update(
        self,
        thing: FakeThing,
        thing_type_name: str | None,
        attribute_payload: dict[str, Any] | None,
        remove_thing_type: bool,
    ) -> None:
        if remove_thing_type and thing_type_name:
            raise InvalidRequest(
                f"The thing type {thing_type_name} cannot be set on {thing.thing_name} while "
                "removeThingType is true. Leave one of them out."
            )
        kind = None if remove_thing_type else thing.thing_type
        if thing_type_name:
            kind = self.registry.describe_thing_type(thing_type_name)
            if kind.metadata["deprecated"] and type_name(thing) != thing_type_name:
                raise InvalidRequest(
                    f"Can not update a thing to use deprecated thing type: {thing_type_name}"
                )
        attributes = updated(thing.attributes, attribute_payload)
        check_thing_attributes(attributes, has_type=kind is not None)
        thing.thing_type = kind
        thing.attributes = attributes
        thing.version += 1

    def delete_thing(self, thing_name: str, expected_version: int | None = None) -> None:
        """Delete a thing and remove it from its groups; a missing thing is not an error.

        https://docs.aws.amazon.com/iot/latest/apireference/API_DeleteThing.html

        Args:
            thing_name: the thing.
            expected_version: the version that it must have.

        Raises:
            InvalidRequest: principals are attached to it.
            ResourceNotFoundException: it does not exist, with ``strict`` off.
            VersionConflict: it has another version.
        """
        registry = self.registry
        with registry.lock:
            thing = registry.find_thing(thing_name)
            if settings.current().strict:
                if thing is None:
                    return
                check_version("thing", thing_name, thing.version, expected_version)
                if any(registry.principal_things.firsts_of(thing_name)):
                    raise InvalidRequest(
                        f"Cannot delete. Thing {thing_name} is still attached to one or more "
                        "principals"
                    )
            else:
                thing = registry.describe_thing(thing_name)
                if any(registry.principal_things.firsts_of(thing_name)):
                    raise ThingStillAttached(thing_name)
            registry.remove_thing(thing)
            tell_of_association(registry, thing, thing.thing_type, None)
            tell_of_thing(registry, "DELETED", thing)


_Configuration = tuple["str | None", "dict[str, str]", "str | None"]


def _exists(
    thing: FakeThing, configuration: _Configuration, has: _Configuration
) -> ResourceAlreadyExists:
    names = ("thing type", "attributes", "billing group")
    differs = [
        name
        for name, required, other in zip(names, configuration, has, strict=True)
        if required != other
    ]
    return ResourceAlreadyExists(
        f"Thing {thing.thing_name} already exists in current account with different "
        f"{' and '.join(differs)}",
        thing.thing_id,
        thing.arn,
    )


@operation_if_strict("CreateThing", Things)
def create_thing(things: Things, arguments: Input) -> Output:
    thing = things.create_thing(
        arguments["thingName"],
        arguments.get("thingTypeName"),
        arguments.get("attributePayload"),
        arguments.get("billingGroupName"),
    )
    return {"thingName": thing.thing_name, "thingArn": thing.arn, "thingId": thing.thing_id}


@operation_if_strict("UpdateThing", Things)
def update_thing(things: Things, arguments: Input) -> None:
    things.update_thing(
        arguments["thingName"],
        arguments.get("thingTypeName"),
        arguments.get("attributePayload"),
        arguments.get("removeThingType", False),
        arguments.get("expectedVersion"),
    )


@operation_if_strict("DeleteThing", Things)
def delete_thing(things: Things, arguments: Input) -> None:
    things.delete_thing(arguments["thingName"], arguments.get("expectedVersion"))
