"""Things and their certificates: attachments, including exclusive ones.

https://docs.aws.amazon.com/iot/latest/developerguide/exclusive-thing.html
"""

from __future__ import annotations

from moto.iot.models import IoTBackend

from moto_jitp import settings
from moto_jitp.iot.api.operations import Input, Output, operation
from moto_jitp.iot.api.paging import Page
from moto_jitp.iot.exceptions import InvalidRequest

from .registry import Registry

EXCLUSIVE, SHARED = "EXCLUSIVE_THING", "NON_EXCLUSIVE_THING"


def check_principal(principal: str) -> None:
    """Refuse an ARN that cannot be a thing's principal (own wording).

    https://docs.aws.amazon.com/iot/latest/apireference/API_AttachThingPrincipal.html

    Args:
        principal: a certificate's ARN, or a Cognito identity's id.

    Raises:
        InvalidRequest: it is the ARN of something else, and ``strict`` is on.
    """
    if not settings.current().strict or not principal.startswith("arn:"):
        return
    fields = principal.split(":", 5)
    if len(fields) < 6 or fields[2] != "iot" or not fields[5].startswith("cert/"):
        raise InvalidRequest(
            f"{principal} is not a valid principal. Give the ARN of a certificate "
            "(…:cert/<certificate id>), or the id of a Cognito identity."
        )


class ThingPrincipals:
    """Attaches certificates to things.

    Args:
        registry: the account's and Region's tables.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        # Certificate ARN to the one thing that it may be attached to (EXCLUSIVE_THING).
        self.exclusive_things: dict[str, str] = {}

    def attach_thing_principal(
        self, thing_name: str, principal_arn: str, kind: str | None = None
    ) -> None:
        """Attach a principal to a thing.

        Args:
            thing_name: the thing.
            principal_arn: the ARN of a certificate, or a Cognito identity's id.
            kind: ``EXCLUSIVE_THING`` or ``NON_EXCLUSIVE_THING``, even if it is already attached;
                ``None`` leaves an attachment unchanged, and means the latter for a new one.

        Raises:
            InvalidRequest: it is attached to another thing, and one of the attachments is exclusive
                (own wording: AWS documents the rule but no text); or it is the ARN of something
                else.
            ResourceNotFoundException: the thing or the principal does not exist.
        """
        check_principal(principal_arn)
        if kind is None and not self.exclusive_things:
            self._attach(thing_name, principal_arn)
            return
        with self.registry.lock:
            if settings.current().strict:
                self._require_unshared(thing_name, principal_arn, kind)
            self._attach(thing_name, principal_arn)
            if kind == EXCLUSIVE:
                self.exclusive_things[principal_arn] = thing_name
            elif kind == SHARED and self.exclusive_things.get(principal_arn) == thing_name:
                del self.exclusive_things[principal_arn]

    def _attach(self, thing_name: str, principal_arn: str) -> None:
        principal = self.registry.principal(principal_arn)
        thing = self.registry.describe_thing(thing_name)
        attachment = (principal_arn, thing_name)
        if attachment not in self.registry.principal_things:
            self.registry.principal_things[attachment] = (principal, thing)

    def _require_unshared(self, thing_name: str, principal_arn: str, kind: str | None) -> None:
        other_things = [
            n for n in self.registry.list_principal_things(principal_arn) if n != thing_name
        ]
        only = self.exclusive_thing_of(principal_arn)
        if only is not None and only in other_things:
            raise InvalidRequest(
                f"The principal {principal_arn} is attached to the thing {only} exclusively; "
                f"detach it there before you attach it to {thing_name}.",
                f"Detach the certificate from {only} first.",
            )
        if kind == EXCLUSIVE and other_things:
            raise InvalidRequest(
                f"The principal {principal_arn} is attached to the thing {other_things[0]}; detach "
                f"it there before you attach it to {thing_name} exclusively.",
                f"Detach the certificate from {other_things[0]}, or leave ThingPrincipalType out.",
            )

    def detach_thing_principal(self, thing_name: str, principal_arn: str) -> None:
        """Detach a principal from a thing, which ends exclusivity.

        Nothing happens if both exist but are not attached (our own choice).
        https://docs.aws.amazon.com/iot/latest/apireference/API_DetachThingPrincipal.html

        Raises:
            InvalidRequest: it is the ARN of something else.
            ResourceNotFoundException: the thing or the principal does not exist.
        """
        check_principal(principal_arn)
        registry = self.registry
        with registry.lock:
            if settings.current().strict:
                registry.principal(principal_arn)
                registry.describe_thing(thing_name)
                if (principal_arn, thing_name) not in registry.principal_things:
                    return
            IoTBackend.detach_thing_principal(registry.moto, thing_name, principal_arn)
            if self.exclusive_things.get(principal_arn) == thing_name:
                del self.exclusive_things[principal_arn]

    def exclusive_thing_of(self, principal_arn: str) -> str | None:
        """Return the thing that a principal is exclusively attached to, if any."""
        thing_name = self.exclusive_things.get(principal_arn)
        if thing_name is None or (principal_arn, thing_name) not in self.registry.principal_things:
            return None
        return thing_name

    def is_attached_as(self, kind: str | None, thing_name: str, principal_arn: str) -> bool:
        """Whether attaching would change nothing.

        Args:
            kind: as for :meth:`attach_thing_principal`.
            thing_name: the thing.
            principal_arn: the principal.
        """
        attached = (principal_arn, thing_name) in self.registry.principal_things
        return attached and kind in (None, self.kind_of_attachment(thing_name, principal_arn))

    def kind_of_attachment(self, thing_name: str, principal_arn: str) -> str:
        """Return ``EXCLUSIVE_THING`` or ``NON_EXCLUSIVE_THING`` for an attachment."""
        return EXCLUSIVE if self.exclusive_thing_of(principal_arn) == thing_name else SHARED


@operation("AttachThingPrincipal", ThingPrincipals)
def attach_thing_principal(principals: ThingPrincipals, arguments: Input) -> None:
    principals.attach_thing_principal(
        arguments["thingName"], arguments["principal"], arguments.get("thingPrincipalType")
    )


@operation("ListThingPrincipalsV2", ThingPrincipals)
def list_thing_principals_v2(principals: ThingPrincipals, arguments: Input) -> Output:
    thing_name, kind = arguments["thingName"], arguments.get("thingPrincipalType")
    page = Page("ListThingPrincipalsV2", arguments)
    principals.registry.require_listed(thing_name)

    def kind_of(principal: str) -> str:
        return principals.kind_of_attachment(thing_name, principal)

    items_of_page = page.cut(
        principals.registry.principal_things.firsts_after(thing_name, page.number),
        lambda principal: kind in (None, kind_of(principal)),
    )
    attachments = [
        {"principal": principal, "thingPrincipalType": kind_of(principal)}
        for principal in items_of_page
    ]
    return page.output("thingPrincipalObjects", attachments)


@operation("ListPrincipalThingsV2", ThingPrincipals)
def list_principal_things_v2(principals: ThingPrincipals, arguments: Input) -> Output:
    principal, kind = arguments["principal"], arguments.get("thingPrincipalType")
    check_principal(principal)
    page = Page("ListPrincipalThingsV2", arguments)

    def kind_of(thing_name: str) -> str:
        return principals.kind_of_attachment(thing_name, principal)

    items_of_page = page.cut(
        principals.registry.principal_things.seconds_after(principal, page.number),
        lambda thing_name: kind in (None, kind_of(thing_name)),
    )
    attachments = [
        {"thingName": thing_name, "thingPrincipalType": kind_of(thing_name)}
        for thing_name in items_of_page
    ]
    return page.output("principalThingObjects", attachments)
