"""Why a statement does not apply to a resource that it was perhaps meant for.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-action-resources.html
"""

from __future__ import annotations

from collections.abc import Iterator

from .matching import Lookup, Pattern

# The action as AWS writes it, and its kind of resource.
_NEEDED = {
    action.lower(): (action, kind)
    for kind, actions in {
        "client": ("iot:Connect",),
        "topic": ("iot:Publish", "iot:Receive", "iot:RetainPublish"),
        "topicfilter": ("iot:Subscribe",),
        "thing": ("iot:GetThingShadow", "iot:UpdateThingShadow", "iot:DeleteThingShadow"),
    }.items()
    for action in actions
}
_PLACES = ((1, "partition"), (3, "Region"), (4, "account"))


def wrong_kind(action: str, patterns: tuple[Pattern, ...]) -> Iterator[str]:
    """Say that none of the resources is of the action's kind.

    Args:
        action: the action in lower case.
        patterns: a statement's ``Resource``.
    """
    if action not in _NEEDED:
        return
    name, needed = _NEEDED[action]
    kinds = dict.fromkeys(_kind(pattern.text) for pattern in patterns)
    if needed not in kinds and None not in kinds:
        found_kinds = ", ".join(f"…:{kind}/…" for kind in kinds)
        yield f"{name} needs a resource …:{needed}/…, not {found_kinds}"


def other_place(resource: str, patterns: tuple[Pattern, ...], lookup: Lookup) -> Iterator[str]:
    """Say that one of the resources would match but for its Region or account.

    Args:
        resource: the requested resource.
        patterns: a statement's ``Resource``.
        lookup: gives the values of variables.
    """
    requested_parts = resource.split(":", 5)
    for pattern in patterns:
        pattern_parts = pattern.text.split(":", 5)
        if len(pattern_parts) != len(requested_parts) or not pattern.matches(
            ":".join([*pattern_parts[:5], *requested_parts[5:]]), lookup
        ):
            continue
        for at, part_name in _PLACES:
            if not Pattern(pattern_parts[at], variables=False).matches(requested_parts[at], lookup):
                place = requested_parts[at]
                yield f"it is for {part_name} {pattern_parts[at]}, and the request goes to {place}"


def _kind(text: str) -> str | None:
    """The kind of an ARN's resource; ``None`` if it is a wildcard or variable."""
    parts = text.split(":", 5)
    kind = parts[5].partition("/")[0] if len(parts) == 6 else "*"
    return None if any(character in kind for character in "*?$") else kind
