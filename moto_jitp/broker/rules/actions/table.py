"""The kinds of actions, the form of their definitions, and how one is run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from moto.iot.models import IoTBackend

from moto_jitp import settings
from moto_jitp.aws.clients import client_of
from moto_jitp.aws.role_checks import (
    RoleRefused,
    check_allowed,
    check_assumable,
    service_call,
)
from moto_jitp.locks import cached_property
from moto_jitp.sql import Evaluation, Message, Scope, Template, Version

Fields = Mapping[str, Any]


class ActionFailed(Exception):  # noqa: N818 - AWS speaks of failed actions
    """An action could not be carried out.

    Args:
        reason: why, as a sentence.
        advice: what to change.
    """

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice


class ActionKind(NamedTuple):
    """A kind of action that is emulated.

    Attributes:
        name: its name in the API, such as ``dynamoDBv2``.
        failed_name: its name in documents for error actions, such as ``S3Action``.
        doing: what failed, after "Failed to", such as ``put S3 object``.
        target: returns, from the filled fields, what the action acts on.
        service: the service's name in AWS's texts, such as ``Amazon S3``.
        place: says, from the filled fields, where it was to happen, for the text of a failure.
        run: carries it out.
        plain: the fields that cannot have substitution templates.
    """

    name: str
    failed_name: str
    doing: str
    target: Callable[[Fields], str]
    run: Callable[[ActionCall], str | None]
    plain: frozenset[str]
    service: str
    place: Callable[[Fields], str]


KINDS: dict[str, ActionKind] = {}
"""The kinds of actions that are emulated, by their names in the API."""

NOT_CARRIED_OUT = {
    "elasticsearch": "moto's OpenSearch does not accept documents",
    "http": "it sends to a server that is not in this process",
    "iotAnalytics": "moto has no AWS IoT Analytics",
    "iotEvents": "moto has no AWS IoT Events",
    "iotSiteWise": "moto has no AWS IoT SiteWise",
    "influxDB": "moto's InfluxDB does not accept points",
    "kafka": "moto's Kafka does not accept records",
    "location": "moto has no Amazon Location Service",
    "openSearch": "moto's OpenSearch does not accept documents",
    "salesforce": "it sends to a server that is not in this process",
}
"""The kinds of actions of the API that are refused, and why."""

_NEVER_TEMPLATES = frozenset({"roleArn"})


def action(
    name: str,
    failed_name: str,
    doing: str,
    target: str | Callable[[Fields], str],
    *,
    service: str,
    plain: tuple[str, ...] = (),
    place: Callable[[Fields], str] | None = None,
) -> Callable[[Callable[[ActionCall], str | None]], Callable[[ActionCall], str | None]]:
    """Add a kind of action to the table.

    Args:
        name: its name in the API.
        failed_name: its name in documents for error actions.
        doing: what failed, after "Failed to".
        target: the field that names what it acts on, or a function that derives that from all
            fields.
        service: the service's name in AWS's texts.
        plain: the fields that cannot have substitution templates, beside ``roleArn``.
        place: says where it was to happen, for the text of a failure; by default the target.
    """

    def enter(run: Callable[[ActionCall], str | None]) -> Callable[[ActionCall], str | None]:
        of_fields = target if callable(target) else lambda fields: str(fields[target])
        KINDS[name] = ActionKind(
            name,
            failed_name,
            doing,
            of_fields,
            run,
            _NEVER_TEMPLATES | set(plain),
            service,
            place or (lambda fields: f"Resource: {of_fields(fields)}"),
        )
        return run

    return enter


@dataclass(frozen=True)
class CompiledAction:
    """An action of a rule, its fields parsed; make it with :func:`compile_action`.

    Attributes:
        name: its kind, by its name in the API.
        kind: how it is carried out; ``None`` for a kind that is not emulated.
        fields: its fields; a :class:`Template` where a text can contain expressions.
    """

    name: str
    kind: ActionKind | None
    fields: Fields

    def filled(self, evaluation: Evaluation, scope: Scope) -> dict[str, Any]:
        """Return the fields for a message, with their templates filled.

        Raises:
            FunctionFailed: a function of the account has no answer.
        """
        fields: dict[str, Any] = _filled(self.fields, evaluation, scope)
        return fields

    @property
    def role_arns(self) -> tuple[str, ...]:
        """The roles that it names."""
        role = self.fields.get("roleArn")
        return (role,) if isinstance(role, str) else ()


def compile_action(
    definition: Mapping[str, Any], version: Version, variables: tuple[str, ...]
) -> CompiledAction:
    """Parse the substitution templates of an action.

    Args:
        definition: the action, as for CreateTopicRule: one member, named for its kind.
        version: the version of the rule's SQL.
        variables: the variables of its SET clause.

    Raises:
        SqlError: a template is wrong.
        ValueError: there is not exactly one member.
    """
    if len(definition) != 1:
        kinds = ", ".join(definition) or "none"
        raise ValueError(f"An action must have exactly one kind; found {len(definition)}: {kinds}.")
    ((name, fields),) = definition.items()
    kind = KINDS.get(name)
    plain = _NEVER_TEMPLATES if kind is None else kind.plain
    parsed = {
        key: value if key in plain else _parsed(value, version, variables)
        for key, value in fields.items()
    }
    return CompiledAction(name, kind, parsed)


def _parsed(value: Any, version: Version, variables: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        return Template.parse(value, version, variables)
    if isinstance(value, Mapping):
        return {key: _parsed(inner, version, variables) for key, inner in value.items()}
    if isinstance(value, list):
        return [_parsed(inner, version, variables) for inner in value]
    return value


def _filled(value: Any, evaluation: Evaluation, scope: Scope) -> Any:
    if isinstance(value, Template):
        return value.fill(evaluation, scope)
    if isinstance(value, Mapping):
        return {key: _filled(inner, evaluation, scope) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, evaluation, scope) for inner in value]
    return value


@dataclass
class ActionCall:
    """One action for one message.

    Attributes:
        backend: the account and Region of the rule.
        rule_name: the rule.
        rule_arn: its ARN.
        message: the message that set it off.
        payload: what the action sends.
        fields: its fields, filled.
        moment: when, in UTC.
        evaluation: the evaluation of the rule's statement.
    """

    backend: IoTBackend
    rule_name: str
    rule_arn: str
    message: Message
    payload: bytes
    fields: Fields
    moment: datetime
    evaluation: Evaluation = field(repr=False)

    @property
    def account_id(self) -> str:
        """The account of the rule."""
        return str(self.backend.account_id)

    @property
    def region_name(self) -> str:
        """The Region of the rule."""
        return str(self.backend.region_name)

    @property
    def partition(self) -> str:
        """The partition of the rule's ARN, such as ``aws``."""
        return self.rule_arn.split(":")[1]

    @cached_property
    def is_json(self) -> bool:
        """Whether the payload is JSON text."""
        try:
            json.loads(self.payload.decode("utf-8"))
        except (ValueError, RecursionError):
            return False
        return True

    def text(self) -> str:
        """The payload as text.

        Raises:
            ActionFailed: it is not UTF-8.
        """
        try:
            return self.payload.decode("utf-8")
        except UnicodeDecodeError:
            raise ActionFailed(
                "The payload is not text in UTF-8.",
                "Select encode(*, 'base64') AS data in the rule's SQL.",
            ) from None

    def document(self) -> Any:
        """The payload as a JSON value.

        Raises:
            ActionFailed: it is not JSON.
        """
        if not self.is_json:
            raise ActionFailed(
                "The payload is not JSON, and this action accepts JSON only.",
                "Select encode(*, 'base64') AS data in the rule's SQL.",
            )
        return json.loads(self.payload.decode("utf-8"))

    def client(self, service: str, region_name: str | None = None) -> Any:
        """Return a boto3 client of a service, in the rule's Region unless another is named."""
        return client_of(service, self.account_id, region_name or self.region_name)

    def require(self, permission: str, resource: str) -> None:
        """Check, with ``enforce_role``, that the action's role may be assumed and allows a call.

        Args:
            permission: the call, such as ``sqs:SendMessage``.
            resource: the ARN to authorise it on, or ``*``.

        Raises:
            RoleRefused: it is not allowed.
        """
        require_role(
            self.backend, self.fields["roleArn"], permission, resource, self.rule_arn, self.moment
        )


def require_role(
    backend: IoTBackend,
    role_arn: str,
    permission: str | None,
    resource: str,
    rule_arn: str,
    moment: datetime,
) -> None:
    """Check, with ``enforce_role``, that a rule can assume a role that allows a call.

    Args:
        backend: the account and Region of the rule.
        role_arn: the role.
        permission: the call, such as ``iot:GetThingShadow``; ``None`` to check only the trust.
        resource: the ARN to authorise it on, or ``*``.
        rule_arn: the rule.
        moment: when, in UTC.

    Raises:
        RoleRefused: the role cannot be assumed, or does not allow the call.
    """
    if not settings.current().enforce_role:
        return
    assume = service_call(
        "sts:AssumeRole",
        None,
        account_id=backend.account_id,
        region_name=backend.region_name,
        source_arn=rule_arn,
        moment=moment,
    )
    check_assumable(role_arn, assume)
    if permission is not None:
        check_allowed(
            role_arn, permission, resource, region_name=backend.region_name, moment=moment
        )


class Failure(NamedTuple):
    """Why an action failed.

    Attributes:
        text: in AWS's form.
        advice: what to change.
    """

    text: str
    advice: str


def describe_failure(call: ActionCall, kind: ActionKind, error: Exception) -> Failure:
    """Say why an action failed, in AWS's form for error actions.

    Args:
        call: the action.
        kind: its kind.
        error: its exception.
    """
    advice = ""
    if isinstance(error, ClientError):
        error_fields = error.response.get("Error", {})
        meta = error.response.get("ResponseMetadata", {})
        received = (
            f"The error received was {error_fields.get('Message', '')} (Service: {kind.service}; "
            f"Status Code: "
            f"{meta.get('HTTPStatusCode', 'N/A')}; Error Code: {error_fields.get('Code', 'N/A')}; "
            f"Request ID: {meta.get('RequestId', 'N/A')})"
        )
        advice = f"Create what it names, or change the action: {kind.place(call.fields)}."
    elif isinstance(error, RoleRefused):
        received, advice = f"The error received was {error.message}", error.advice
    elif isinstance(error, ActionFailed):
        received, advice = error.reason, error.advice
    elif isinstance(error, BotoCoreError):
        received = f"The error received was {error}"
    else:
        received = f"The error received was {type(error).__name__}: {error}"
    text = (
        f"Failed to {kind.doing}. {received.rstrip('.')}. "
        f"Message arrived on: {call.message.topic}, Action: {kind.name}, "
        f"{kind.place(call.fields)}"
    )
    return Failure(text, advice)
