"""Statements of IAM policies: does a statement apply to a call, and are its conditions met?

Matching is moto's own evaluation. It takes a pattern for a regular expression and knows neither
``NotResource`` nor services as principals, nor the keys of AWS IoT's calls; so it gets patterns
that it understands, and the rest is done here. Action names are matched regardless of case,
resources are case-sensitive; ``*`` and ``?`` are wildcards, and ``${...}`` is a variable in a
policy of version 2012-10-17. Conditions are those of IoT policies, which follow IAM's: if the call
does not have the key, a condition is not met, except that one that negates (``...Not...``) and one
with ``IfExists`` are.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from moto.iam.access_control import IAMPolicyStatement, PermissionResult

from moto_jitp.policies import AuthorizationContext
from moto_jitp.policies.conditions import Condition, compile_condition, is_operator
from moto_jitp.policies.matching import Pattern

_VERSION_WITH_VARIABLES = "2012-10-17"
_EVERYTHING = ["*"]
_NOTHING = "(?!)"
_WITH_DEFAULT = re.compile("(?P<key>[^,]+), *'(?P<default>[^']*)'")


class MalformedStatementsError(ValueError):
    """A document that IAM would not have stored; the text says what is wrong with it."""


class IamContext(AuthorizationContext):
    """The keys of a call, whose variables may have a default value, as in IAM.

    ``${aws:PrincipalTag/team, 'lights'}`` is ``lights`` for a call without that key.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """

    def variable(self, name: str) -> str | None:
        with_default = _WITH_DEFAULT.fullmatch(name)
        if with_default is None:
            return super().variable(name)
        value = super().variable(with_default["key"])
        return with_default["default"] if value is None else value


@dataclass(frozen=True)
class IamCall:
    """A call to evaluate statements for.

    Attributes:
        action: such as ``iot:CreateThing``.
        resource: the ARN, or ``*`` for an action without resources; ``None`` if statements have
            none, in a role's trust policy.
        context: the condition keys of the call, which are also its variables.
        service: the service that makes it, to which a trust policy's ``Principal`` refers.
    """

    action: str
    resource: str | None
    context: IamContext
    service: str | None = None


@dataclass(frozen=True)
class _Element:
    """An element that names something, such as ``Action``, or everything else, such as
    ``NotAction``.
    """

    patterns: tuple[Pattern, ...]
    negated: bool

    def for_moto(self, context: AuthorizationContext) -> list[str]:
        """The patterns in a form that moto's evaluation understands."""
        return [
            pattern.regular_expression(context.variable) or _NOTHING for pattern in self.patterns
        ]


@dataclass(frozen=True)
class IamStatement:
    """One statement.

    Attributes:
        allows: whether its ``Effect`` is ``Allow``; else it denies.
        conditions: all must be met.
    """

    allows: bool
    conditions: tuple[Condition, ...]
    _action: _Element
    _resource: _Element
    _services: tuple[str, ...]
    _not_services: bool

    def says(self, call: IamCall) -> PermissionResult:
        """Return what the statement says about a call, conditions aside."""
        if call.service is not None and self._names(call.service) == self._not_services:
            return PermissionResult.NEUTRAL
        action, resource = call.action.lower(), call.resource or "*"
        # For a statement without resources, as in a trust policy, moto also permits what it denies.
        resources = _EVERYTHING
        if call.resource is not None:
            resources = self._resource.for_moto(call.context) or [_NOTHING]
            if self._resource.negated:
                left_out = {"Effect": "Allow", "Action": _EVERYTHING, "Resource": resources}
                if _asked(left_out, action, resource) is PermissionResult.PERMITTED:
                    return PermissionResult.NEUTRAL
                resources = _EVERYTHING
        statement = {
            "Effect": "Allow" if self.allows else "Deny",
            "NotAction" if self._action.negated else "Action": self._action.for_moto(call.context),
            "Resource": resources,
        }
        return _asked(statement, action, resource)

    def unmet(self, context: AuthorizationContext) -> tuple[Condition, ...]:
        """Return the conditions that a call does not meet."""
        return tuple(
            condition for condition in self.conditions if not condition.holds(context, set())
        )

    def _names(self, service: str) -> bool:
        return service in self._services or "*" in self._services


@dataclass(frozen=True)
class IamDecision:
    """What statements say about a call.

    Attributes:
        denied: whether one denies it, which overrides all others.
        allowed: whether one allows it and none denies it.
        conditions: the conditions behind the decision, in words: those of the denying statement, or
            the unmet ones of statements that would allow it; empty if there are none.
    """

    denied: bool
    allowed: bool
    conditions: str


def decide(statements: Iterable[IamStatement], call: IamCall) -> IamDecision:
    """Decide about a call, which is not allowed unless a statement allows it."""
    allowed = False
    unmet: list[Condition] = []
    for statement in statements:
        if statement.says(call) is PermissionResult.NEUTRAL:
            continue
        missing = statement.unmet(call.context)
        if missing:
            unmet += missing if statement.allows else ()
        elif statement.allows:
            allowed = True
        else:
            return IamDecision(True, False, _in_words(statement.conditions, call.context))
    return IamDecision(False, allowed, "" if allowed else _in_words(unmet, call.context))


def _asked(statement: Mapping[str, Any], action: str, resource: str) -> PermissionResult:
    return IAMPolicyStatement(statement).is_action_permitted(action, resource)


def _in_words(conditions: Iterable[Condition], context: AuthorizationContext) -> str:
    return "; ".join(
        dict.fromkeys(_condition_in_words(condition, context) for condition in conditions)
    )


def _condition_in_words(condition: Condition, context: AuthorizationContext) -> str:
    found_values = context.values(condition.key)
    required_values = " or ".join(map(repr, condition.values))
    request_values = (
        "it is " + " and ".join(map(repr, found_values)) if found_values else "no value is known"
    )
    return f"{condition.operator} {condition.key} {required_values} ({request_values})"


def read_statements(document: str | Mapping[str, Any]) -> tuple[IamStatement, ...]:
    """Read the statements of a policy; equal texts are parsed once.

    Args:
        document: JSON text, or the value behind it.

    Raises:
        MalformedStatementsError: it is not a policy.
    """
    return _read(document if isinstance(document, str) else json.dumps(document))


@lru_cache(maxsize=256)
def _read(text: str) -> tuple[IamStatement, ...]:
    try:
        policy = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedStatementsError(f"it is not JSON ({error})") from None
    if not isinstance(policy, dict):
        raise MalformedStatementsError("it is not a JSON object")
    variables = policy.get("Version") == _VERSION_WITH_VARIABLES
    statements = policy.get("Statement", [])
    return tuple(_statement(item, variables) for item in _listed(statements))


def _statement(item: Any, variables: bool) -> IamStatement:
    if not isinstance(item, dict) or item.get("Effect") not in ("Allow", "Deny"):
        raise MalformedStatementsError("a statement is not an object with the Effect Allow or Deny")
    negated = "NotPrincipal" in item
    return IamStatement(
        allows=item["Effect"] == "Allow",
        conditions=tuple(_conditions(item.get("Condition", {}), variables)),
        _action=_element(item, "Action", variables=False, lower=True),
        _resource=_element(item, "Resource", variables=variables),
        _services=_services(item.get("NotPrincipal" if negated else "Principal", {})),
        _not_services=negated,
    )


def _element(
    item: Mapping[str, Any], name: str, *, variables: bool, lower: bool = False
) -> _Element:
    negated = f"Not{name}" in item
    texts = map(str, _listed(item.get(f"Not{name}" if negated else name, [])))
    patterns = (Pattern(text.lower() if lower else text, variables=variables) for text in texts)
    return _Element(tuple(patterns), negated)


def _services(principal: Any) -> tuple[str, ...]:
    """The services that a ``Principal`` names, ``*`` for everyone.

    ``{"AWS": ...}`` refers to accounts, users and roles, even with ``*`` (our own choice: IAM's
    page calls the two equivalent "for anonymous users").
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """
    if principal == "*":
        return ("*",)
    service_names = principal.get("Service", []) if isinstance(principal, dict) else []
    return tuple(name for name in _listed(service_names) if name != "*")


def _conditions(block: Any, variables: bool) -> Iterator[Condition]:
    if not isinstance(block, dict):
        raise MalformedStatementsError("a Condition is not an object")
    for operator, keys in block.items():
        if not isinstance(keys, dict):
            raise MalformedStatementsError(f"the condition {operator} is not an object of keys")
        if keys and not is_operator(operator):
            raise MalformedStatementsError(f"there is no condition operator {operator!r}")
        for key, values in keys.items():
            texts = tuple(map(_as_text, _listed(values)))
            yield compile_condition(operator, key, texts, variables=variables)


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
