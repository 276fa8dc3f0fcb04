"""The targets that policies can be attached to, and errors about missing ones.

AWS IoT's answers name neither what was looked for nor where. The sentence on an ARN of something
else is AWS's; the rest is our own wording.
https://docs.aws.amazon.com/iot/latest/apireference/API_AttachPolicy.html
"""

from __future__ import annotations

import re

from moto_jitp.iot.exceptions import InvalidRequest, ResourceNotFound
from moto_jitp.iot.registry.registry import Registry

_ARN = re.compile(r"arn:[^:]*:iot:(?P<region>[^:]*):(?P<account>[^:]*):(?P<kind>\w+)/(?P<name>.+)")
_CERTIFICATE_ID = re.compile(r"[0-9a-f]{64}")
_KINDS = {"cert": "certificate", "thinggroup": "thing group"}
_WANTED = (
    "Give the ARN of a certificate (…:cert/<certificate id>) or of a thing group "
    "(…:thinggroup/<name>), or the id of a Cognito identity."
)


def not_a_target(target: str) -> InvalidRequest | None:
    """Return the error for the ARN of something that cannot have policies; ``None`` for others."""
    if not target.startswith("arn:"):
        return None
    match = _ARN.fullmatch(target)
    if match is not None and match["kind"] in _KINDS:
        return None
    bare = f"The given ARN does not represent a cert: {target}"
    return InvalidRequest(f"{bare}. {_WANTED}", bare=bare)


def missing_principal(registry: Registry, principal: str) -> ResourceNotFound:
    """Return the error for a principal that does not exist.

    Args:
        registry: the account and Region in question.
        principal: what was passed as an ARN or as a Cognito identity's id.
    """
    match = _ARN.fullmatch(principal)
    if match is not None and match["kind"] in _KINDS:
        return ResourceNotFound(
            f"The {_KINDS[match['kind']]} {principal} does not exist {_here(registry)}."
        )
    if match is not None and match["kind"] == "thing":
        attached = registry.principal_things.firsts_of(match["name"])
        attached_note = f" Attached to it is {', '.join(attached)}." if attached else ""
        return ResourceNotFound(
            f"{principal} is a thing, and policies cannot be attached to things. "
            f"{_WANTED}{attached_note}"
        )
    if principal.startswith("arn:"):
        return ResourceNotFound(
            f"No resource that can have policies has the ARN {principal}. {_WANTED}"
        )
    if _CERTIFICATE_ID.fullmatch(principal):
        arn = registry.arn(f"cert/{principal}")
        return ResourceNotFound(f"{principal} is a certificate's id. Give its ARN, {arn}.")
    return ResourceNotFound(
        f"There is no Cognito identity with the id {principal} {_here(registry)}. {_WANTED}"
    )


def missing_thing(registry: Registry, thing_name: str) -> ResourceNotFound:
    """Return the error for a thing that does not exist."""
    return ResourceNotFound(f"The thing {thing_name} does not exist {_here(registry)}.")


def _here(registry: Registry) -> str:
    return f"in account {registry.account_id}, Region {registry.region_name}"
