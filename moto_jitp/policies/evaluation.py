"""Evaluates policies for one request, as AWS IoT does.

A ``Deny`` that applies overrides every ``Allow``; without either, the request is implicitly denied
(API reference, AuthResult). The order of policies and statements does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from moto_jitp.locks import cached_property

from . import explanation
from .documents import PolicyDocument
from .variables import AuthorizationContext

DecisionKind = Literal["ALLOWED", "EXPLICIT_DENY", "IMPLICIT_DENY"]


@dataclass(frozen=True)
class Request:
    """A principal's request.

    Attributes:
        action: such as ``iot:Connect``; case does not matter.
        resource: the ARN, as the functions of :mod:`moto_jitp.policies.arns` make it, or ``*``
            for an action that has no resource (``iot:ListRetainedMessages``).
        context: what is known of the connection.

    Raises:
        ValueError: the resource is neither an ARN nor ``*``.
    """

    action: str
    resource: str
    context: AuthorizationContext = field(default_factory=AuthorizationContext)

    def __post_init__(self) -> None:
        if self.resource != "*" and not self.resource.startswith("arn:"):
            raise ValueError(
                f"the resource of a request must be an ARN or '*', not {self.resource!r}; "
                "client_arn(), topic_arn(), topic_filter_arn() and thing_arn() make it"
            )


class StatementReference(NamedTuple):
    """A statement of a policy.

    Attributes:
        policy_name: the policy's name.
        statement_index: the statement's place, counted from 0.
        sid: its ``Sid``, or ``None``.
    """

    policy_name: str
    statement_index: int
    sid: str | None


@dataclass(frozen=True)
class Decision:
    """The outcome of an evaluation.

    Attributes:
        kind: ``ALLOWED``, ``EXPLICIT_DENY`` or ``IMPLICIT_DENY``, as in TestAuthorization.
        allowing: every statement that allows the request, even if another one denies it.
        denying: every statement that denies it.
        missing_context: variables and condition keys that statements about this action use but the
            request lacks, in alphabetical order.
        policy_names: the policies that were evaluated, in the given order.
    """

    kind: DecisionKind
    allowing: tuple[StatementReference, ...]
    denying: tuple[StatementReference, ...]
    missing_context: tuple[str, ...]
    policy_names: tuple[str, ...]
    _request: Request = field(repr=False, compare=False)
    _policies: tuple[tuple[str, PolicyDocument], ...] = field(repr=False, compare=False)

    @property
    def thing_to_attach(self) -> str | None:
        """The thing to which the certificate would have to be attached for a variable to have a
        value.

        ``None`` if no statement about the action uses a variable of the device's thing.
        """
        context = self._request.context
        if context.client_id is None or context.connected_thing is not None:
            return None
        uses_thing = any(
            name.lower().startswith(explanation.THING_VARIABLES) for name in self.missing_context
        )
        return context.client_id if uses_thing else None

    @property
    def allowed(self) -> bool:
        """Whether the request is allowed."""
        return self.kind == "ALLOWED"

    @property
    def explicit_deny(self) -> bool:
        """Whether a ``Deny`` statement refused it."""
        return self.kind == "EXPLICIT_DENY"

    @property
    def deciding(self) -> tuple[StatementReference, ...]:
        """The statements that decided: those that deny, else those that allow, else none."""
        return self.denying or self.allowing

    @cached_property
    def reason(self) -> str:
        """The decision in words, with what to change if it is a refusal."""
        request = self._request
        if self.denying:
            return explanation.denied(request.action, request.resource, self.denying)
        if self.allowing:
            return explanation.allowed(request.action, request.resource, self.allowing)
        return explanation.not_allowed(
            request.action, request.resource, request.context, self._policies
        )


def evaluate(policies: Iterable[tuple[str, PolicyDocument]], request: Request) -> Decision:
    """Decide on a request.

    Args:
        policies: the names and documents of all policies in effect: the certificate's, and those
            of its thing groups and their parents, each in its default version.
        request: the request.
    """
    policies_given = tuple(policies)
    context, resource = request.context, request.resource
    action = request.action.lower()
    missing: set[str] = set()
    allowing: list[StatementReference] = []
    denying: list[StatementReference] = []
    for name, document in policies_given:
        for statement in document.statements:
            if (
                statement.covers_action(action)
                and statement.covers_resource(resource, context, missing)
                and statement.conditions_hold(context, missing)
            ):
                matching_statements = allowing if statement.effect == "Allow" else denying
                matching_statements.append(StatementReference(name, statement.index, statement.sid))
    kind: DecisionKind = "IMPLICIT_DENY"
    if denying:
        kind = "EXPLICIT_DENY"
    elif allowing:
        kind = "ALLOWED"
    return Decision(
        kind=kind,
        allowing=tuple(allowing),
        denying=tuple(denying),
        missing_context=tuple(sorted(missing)),
        policy_names=tuple(name for name, _ in policies_given),
        _request=request,
        _policies=policies_given,
    )
