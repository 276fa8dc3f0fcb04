"""Why a statement does not cover a resource that it was perhaps meant to cover.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-action-resources.html
"""

from __future__ import annotations

from collections.abc import Iterator

from .matching import Lookup, Pattern

# The action as AWS writes it, and the kind of resource that it goes with.
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
    """Say that none of the resources is of the kind that an action goes with.

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
    """Say that one of the resources would do if it were not for its Region or account.

    Args:
        resource: what was asked for.
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
        for at, what in _PLACES:
            if not Pattern(pattern_parts[at], variables=False).matches(requested_parts[at], lookup):
                place = requested_parts[at]
                yield f"it is for {what} {pattern_parts[at]}, and the request goes to {place}"


def _kind(text: str) -> str | None:
    """The kind of an ARN's resource; ``None`` where a wildcard or variable stands for it."""
    parts = text.split(":", 5)
    kind = parts[5].partition("/")[0] if len(parts) == 6 else "*"
    return None if any(character in kind for character in "*?$") else kind
