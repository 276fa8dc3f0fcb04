"""Decisions in words. Made only when somebody reads them."""

from __future__ import annotations

from collections.abc import Sequence

from .documents import PolicyDocument, Statement
from .variables import AuthorizationContext

Reference = tuple[str, int, "str | None"]

_MOST_NEAR_MISSES = 3
_THING_VARIABLES = ("iot:connection.thing.", "iot:thing.")


def allowed(action: str, resource: str, by: Sequence[Reference]) -> str:
    return f"{action} on {resource} is allowed by {_references(by)}."


def denied(action: str, resource: str, by: Sequence[Reference]) -> str:
    return (
        f"{action} on {resource} is denied by {_references(by)}. "
        "A Deny wins over every Allow: change the statement or detach its policy."
    )


def not_allowed(
    action: str,
    resource: str,
    context: AuthorizationContext,
    policies: Sequence[tuple[str, PolicyDocument]],
) -> str:
    """Why nothing allows a request: which statements come near, and what each of them lacks."""
    head = f"{action} on {resource} is not allowed"
    if not policies:
        return (
            f"{head}: no policy is attached to the certificate or to a thing group of its thing. "
            f"Attach a policy that allows {action} there."
        )
    lowered = action.lower()
    near = [
        f"{_reference((name, statement.index, statement.sid))} allows the action, but "
        f"{_obstacle(statement, lowered, resource, context)}"
        for name, document in policies
        for statement in document.statements
        if statement.effect == "Allow" and statement.covers_action(lowered)
    ]
    if not near:
        return f"{head}: {_granted(policies)}. Add a statement that allows {action} there."
    more = len(near) - _MOST_NEAR_MISSES
    tail = f"; and {more} more" if more > 0 else ""
    return f"{head}: {'; '.join(near[:_MOST_NEAR_MISSES])}{tail}."


def _obstacle(
    statement: Statement, action: str, resource: str, context: AuthorizationContext
) -> str:
    if statement.covers_resource(resource, context, set()):
        return _failed_conditions(statement, context)
    word = "everything but " if statement.not_resource else ""
    patterns = ", ".join(pattern.text for pattern in statement.resources)
    hints = [f"on {word}{patterns} only"]
    names = dict.fromkeys(name for p in statement.resources for name in p.variable_names)
    hints += [_no_value(name, context) for name in names if context.variable(name) is None]
    hints += _confusions(action, patterns)
    return "; ".join(hints)


def _failed_conditions(statement: Statement, context: AuthorizationContext) -> str:
    failed = [c for c in statement.conditions if not c.holds(context, set())]
    return "its condition does not hold: " + "; ".join(
        f"{c.operator} {c.key} {list(c.values)}, and the request has "
        + (_quoted(context.values(c.key)) if context.values(c.key) else _absent(c.key, context))
        for c in failed
    )


def _no_value(name: str, context: AuthorizationContext) -> str:
    return f"${{{name}}} has no value here" + _cause(name, context)


def _absent(key: str, context: AuthorizationContext) -> str:
    return "none" + _cause(key, context)


def _cause(name: str, context: AuthorizationContext) -> str:
    lowered = name.lower()
    if lowered.startswith(_THING_VARIABLES):
        return _thing_cause(context)
    if context.values(name) and lowered.startswith("iot:certificate."):
        if lowered.endswith((".list", ".availablekeys")):
            return " (a list of values is no variable; use it as a condition key)"
        return (
            f" (the certificate's value {_quoted(context.values(name))} has a wildcard character, "
            "*, $, +, ? or #, or more than 1024 characters)"
        )
    if lowered.startswith("iot:certificate."):
        return " (the certificate does not have it)"
    return ""


def _thing_cause(context: AuthorizationContext) -> str:
    if context.client_id is None:
        return " (thing variables need an MQTT connection)"
    if context.connected_thing is not None:
        return f" (the thing {context.connected_thing.name!r} does not have it)"
    thing = context.thing
    if thing is not None and thing.name == context.client_id:
        return f" (the certificate is not attached to the thing {thing.name!r})"
    return (
        f" (the client ID {context.client_id!r} is not the name of a thing that the certificate "
        "is attached to)"
    )


def _confusions(action: str, patterns: str) -> list[str]:
    hints = []
    if action == "iot:subscribe" and ":topic/" in patterns:
        hints.append("iot:Subscribe needs a resource …:topicfilter/…, not …:topic/…")
    if action in ("iot:publish", "iot:receive") and ":topicfilter/" in patterns:
        hints.append("this action needs a resource …:topic/…, not …:topicfilter/…")
    if "+" in patterns or "#" in patterns:
        hints.append("+ and # are ordinary characters in a policy; use * there")
    return hints


def _granted(policies: Sequence[tuple[str, PolicyDocument]]) -> str:
    names = ", ".join(dict.fromkeys(repr(name) for name, _ in policies))
    actions = dict.fromkeys(
        action
        for _, document in policies
        for statement in document.statements
        if statement.effect == "Allow" and not statement.not_action
        for action in statement.actions
    )
    others = f" (only {', '.join(actions)})" if actions else ""
    return f"no statement of {names} allows this action{others}"


def _references(references: Sequence[Reference]) -> str:
    return " and ".join(_reference(reference) for reference in references)


def _reference(reference: Reference) -> str:
    policy_name, index, sid = reference
    named = f" ({sid})" if sid else ""
    return f"policy {policy_name!r}, Statement[{index}]{named}"


def _quoted(values: Sequence[str] | None) -> str:
    return ", ".join(repr(value) for value in values or ())
