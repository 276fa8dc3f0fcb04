"""Decisions in words, composed only when they are read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from .documents import PolicyDocument, Statement
from .matching import Pattern
from .resource_hints import other_place, wrong_kind
from .variable_names import is_unknown, meant
from .variables import AuthorizationContext

Reference = tuple[str, int, "str | None"]

_MOST_NEAR_MISSES = 3
_VARIABLE = re.compile(r"\$\{([^}]{2,})\}")
THING_VARIABLES = ("iot:connection.thing.", "iot:thing.")


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
    """Why nothing allows a request: which statements come close, and what each of them lacks."""
    head = f"{action} on {resource} is not allowed"
    if not policies:
        return (
            f"{head}: no policy is attached to the certificate or to a thing group of its thing. "
            f"Attach a policy that allows {action} there."
        )
    lowered = action.lower()
    near = [
        f"{_reference((name, statement.index, statement.sid))} allows the action, but "
        f"{'; '.join(_obstacles(document, statement, lowered, resource, context))}"
        for name, document in policies
        for statement in document.statements
        if statement.effect == "Allow" and statement.covers_action(lowered)
    ]
    if not near:
        return f"{head}: {_granted(policies)}. Add a statement that allows {action} there."
    remainder = len(near) - _MOST_NEAR_MISSES
    tail = f"; and {remainder} more" if remainder > 0 else ""
    return f"{head}: {'; '.join(near[:_MOST_NEAR_MISSES])}{tail}."


def _obstacles(
    document: PolicyDocument,
    statement: Statement,
    action: str,
    resource: str,
    context: AuthorizationContext,
) -> Iterator[str]:
    if statement.covers_resource(resource, context, set()):
        failed = [c for c in statement.conditions if not c.holds(context, set())]
        yield "its condition does not hold: " + "; ".join(
            f"{c.operator} {c.key} {list(c.values)}, and the request has "
            + (_quoted(context.values(c.key)) if context.values(c.key) else _absent(c.key, context))
            for c in failed
        )
        yield from _variables(document, (value for c in failed for value in c.values), context)
        return
    word = "everything but " if statement.not_resource else ""
    texts = [pattern.text for pattern in statement.resources]
    yield f"on {word}{', '.join(texts)} only"
    yield from _variables(document, texts, context)
    if not statement.not_resource:
        yield from wrong_kind(action, statement.resources)
        yield from other_place(resource, statement.resources, context.variable)
        if _would_match_with_stars(document, texts, resource, context):
            yield "+ and # are ordinary characters in a policy; use * there"


def _would_match_with_stars(
    document: PolicyDocument, texts: Iterable[str], resource: str, context: AuthorizationContext
) -> bool:
    """Whether one of the resources has MQTT's wildcards where a policy needs its own."""
    variables = document.version == "2012-10-17"
    return any(
        Pattern(re.sub("[+#]", "*", text), variables=variables).matches(resource, context.variable)
        for text in texts
        if "+" in text or "#" in text
    )


def _variables(
    document: PolicyDocument, texts: Iterable[str], context: AuthorizationContext
) -> Iterator[str]:
    """Why variables in resources or values are not replaced."""
    names = dict.fromkeys(name for text in texts for name in _VARIABLE.findall(text))
    if names and document.version != "2012-10-17":
        yield (
            f"${{{next(iter(names))}}} is plain text there, as the document lacks "
            '"Version": "2012-10-17", which policy variables need'
        )
        return
    yield from (_no_value(name, context) for name in names if context.variable(name) is None)


def _no_value(name: str, context: AuthorizationContext) -> str:
    if is_unknown(name):
        near = meant(name)
        hint = f" (did you mean ${{{near}}}?)" if near is not None else ""
        return f"AWS IoT has no policy variable ${{{name}}}{hint}"
    return f"${{{name}}} has no value here" + _cause(name, context)


def _absent(key: str, context: AuthorizationContext) -> str:
    if is_unknown(key):
        near = meant(key)
        hint = f"; did you mean {near}?" if near is not None else ""
        return f"none (AWS IoT has no condition key {key}{hint})"
    return "none" + _cause(key, context)


def _cause(name: str, context: AuthorizationContext) -> str:
    lowered = name.lower()
    if lowered.startswith(THING_VARIABLES):
        return _thing_cause(context)
    if context.values(name) and lowered.startswith("iot:certificate."):
        if lowered.endswith((".list", ".availablekeys")):
            return " (a list of values is not a variable; use it as a condition key)"
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


def _granted(policies: Sequence[tuple[str, PolicyDocument]]) -> str:
    names = ", ".join(dict.fromkeys(repr(name) for name, _ in policies))
    allowing = [
        (name, statement)
        for name, document in policies
        for statement in document.statements
        if statement.effect == "Allow"
    ]
    actions = dict.fromkeys(
        action
        for _, statement in allowing
        if not statement.not_action
        for action in statement.actions
    )
    rests = [
        f"everything but {', '.join(statement.actions)} by NotAction of "
        f"{_reference((name, statement.index, statement.sid))}"
        for name, statement in allowing
        if statement.not_action
    ]
    other_actions = f" (only {', '.join((*actions, *rests))})" if allowing else ""
    return f"no statement of {names} allows this action{other_actions}"


def _references(references: Sequence[Reference]) -> str:
    return " and ".join(_reference(reference) for reference in references)


def _reference(reference: Reference) -> str:
    policy_name, index, sid = reference
    sid_note = f" ({sid})" if sid else ""
    return f"policy {policy_name!r}, Statement[{index}]{sid_note}"


def _quoted(values: Sequence[str] | None) -> str:
    return ", ".join(repr(value) for value in values or ())
