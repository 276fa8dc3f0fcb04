"""Runs the rules of an account and Region for each message that is published.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-rules.html
https://docs.aws.amazon.com/iot/latest/developerguide/rule-error-handling.html
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from moto.iot.models import IoTBackend

from moto_jitp.history.acting_moment import acting_moment
from moto_jitp.history.messages import Message as PublishedMessage
from moto_jitp.history.messages import as_bytes
from moto_jitp.history.rule_runs import ActionRun, RuleRun, RuleRuns, Unheard
from moto_jitp.history.state import state_of
from moto_jitp.mqtt.properties import Properties
from moto_jitp.sql import (
    Environment,
    Evaluation,
    FunctionFailed,
    Message,
    Outcome,
    Scope,
    StatementFailed,
)

from .actions import NOT_CARRIED_OUT, ActionCall, CompiledAction, describe_failure
from .compiled import CompiledRule, RulesInForce
from .functions import AccountFunctions
from .timing import run_in_time

observers: list[Callable[[IoTBackend, RuleRun], object]] = []
"""Called with the account and Region and each run of a rule that received a message, to count, log
and report it; also with that of a missing rule named by basic ingest.
"""

_FORMATS = ("UNSPECIFIED_BYTES", "UTF8_DATA")


def rules_in_force(backend: IoTBackend) -> RulesInForce:
    """Return the enabled rules of an account and Region."""
    return state_of(backend).part(RulesInForce)


def rule_runs_of(backend: IoTBackend) -> RuleRuns:
    """Return what the rules of an account and Region have done."""
    return state_of(backend).part(RuleRuns)


def carry_out_rules(backend: IoTBackend, published: PublishedMessage) -> None:
    """Run the rules that match a message; a listener of the message broker.

    All actions have finished when this returns, in the order in which the rules were made, unless
    moto's state manager delays rules. Errors of a rule, an action or a function are not raised but
    kept in the runs.

    Args:
        backend: the account and Region.
        published: the message.

    Raises:
        UnusableRuleTransition: with the state manager's setting no rule would ever run.
    """
    if backend.rules:
        run_in_time(backend, lambda: _run_rules(backend, published))


def _run_rules(backend: IoTBackend, published: PublishedMessage) -> None:
    rules = rules_in_force(backend)
    rules.follow(backend)
    moment = acting_moment()
    message = _as_rules_see_it(published)
    runs = rule_runs_of(backend)
    if message.rule_name is not None:
        _by_name(backend, rules, message, moment, runs, published.number)
        return
    matching_rules = rules.matching(message.topic)
    _note_unheard(backend, rules, matching_rules, message, moment, runs, published.number)
    for rule in matching_rules:
        _note(backend, runs, published.number, _RuleExecution(backend, rule, message, moment).run())


def _by_name(
    backend: IoTBackend,
    rules: RulesInForce,
    message: Message,
    moment: datetime,
    runs: RuleRuns,
    number: int,
) -> None:
    """Basic ingest: a message for one rule, whatever its FROM says."""
    name = message.rule_name
    assert name is not None
    rule = rules.by_name.get(name)
    if rule is not None:
        _note(backend, runs, number, _RuleExecution(backend, rule, message, moment).run())
        return
    state = "is disabled" if name in backend.rules else "does not exist"
    outcome = Outcome(
        False, clause="FROM", reason=f"Rule {name} not found: it {state}.", failed=True
    )
    _note(backend, runs, number, _run_of(backend, name, message, moment, outcome))


def _note(backend: IoTBackend, runs: RuleRuns, number: int, run: RuleRun) -> None:
    runs.add(number, run)
    for observer in observers:
        observer(backend, run)


def _note_unheard(
    backend: IoTBackend,
    rules: RulesInForce,
    matching_rules: list[CompiledRule],
    message: Message,
    moment: datetime,
    runs: RuleRuns,
    number: int,
) -> None:
    """Remember which rules a message did not concern; most tests never read this."""
    everyone = rules.by_name
    if len(matching_rules) == len(everyone):
        return

    def render() -> Iterator[RuleRun]:
        names = {rule.name for rule in matching_rules}
        for rule in everyone.values():
            if rule.name not in names:
                outcome = rule.sql.apply(message, Environment())
                yield _run_of(backend, rule.name, message, moment, outcome)

    runs.add(number, Unheard(render))


def _run_of(
    backend: IoTBackend,
    rule_name: str,
    message: Message,
    moment: datetime,
    outcome: Outcome,
    actions: tuple[ActionRun, ...] = (),
    error_action: ActionRun | None = None,
) -> RuleRun:
    return RuleRun(
        rule_name,
        message.topic,
        outcome,
        moment,
        backend.account_id,
        backend.region_name,
        message.client_id,
        message.principal,
        actions,
        error_action,
        has_json=message.is_json,
    )


def _as_rules_see_it(published: PublishedMessage) -> Message:
    publisher = published.publisher
    over_mqtt = publisher is not None and publisher.client_id is not None
    return Message(
        published.topic,
        as_bytes(published.payload),
        client_id=None if publisher is None else publisher.client_id,
        principal=None if publisher is None else publisher.principal_id or None,
        source_ip=None if publisher is None else publisher.address or None,
        trace_id=str(uuid.uuid4()) if over_mqtt else None,
        properties=_properties(published.properties),
        user_properties=published.properties.user_properties,
    )


def _properties(properties: Properties) -> dict[str, str]:
    substituted_properties: dict[str, str] = {}
    if properties.content_type is not None:
        substituted_properties["content_type"] = properties.content_type
    if properties.payload_format_indicator is not None:
        substituted_properties["format_indicator"] = _FORMATS[properties.payload_format_indicator]
    if properties.response_topic is not None:
        substituted_properties["response_topic"] = properties.response_topic
    if properties.correlation_data is not None:
        substituted_properties["correlation_data"] = base64.b64encode(
            properties.correlation_data
        ).decode("ascii")
    return substituted_properties


class _RuleExecution:
    """One rule and one message that it received."""

    def __init__(
        self, backend: IoTBackend, rule: CompiledRule, message: Message, moment: datetime
    ) -> None:
        self._backend = backend
        self._rule = rule
        self._message = message
        self._moment = moment
        functions = AccountFunctions(backend, rule.arn, moment).by_name()
        self._environment = Environment(
            account_id=backend.account_id,
            functions=functions,
            clock=lambda: int(moment.timestamp() * 1000),
        )

    def run(self) -> RuleRun:
        """Apply the statement, then carry out the actions, then the error action if one failed."""
        outcome = self._rule.sql.apply(self._message, self._environment)
        if not outcome.matched:
            return self._record(outcome)
        evaluation = Evaluation(
            self._message, self._environment, self._rule.sql.version, dict(outcome.variables)
        )
        scope = evaluation.payload_scope()
        actions = tuple(
            self._act(action, outcome.payload, evaluation, scope) for action in self._rule.actions
        )
        failures = [
            (action, run)
            for action, run in zip(self._rule.actions, actions, strict=True)
            if run.error is not None
        ]
        error_action = None
        if failures and self._rule.error_action is not None:
            document = json.dumps(self._error_document(failures)).encode()
            error_action = self._act(self._rule.error_action, document, evaluation, scope)
        return self._record(outcome, actions, error_action)

    def _record(
        self,
        outcome: Outcome,
        actions: tuple[ActionRun, ...] = (),
        error_action: ActionRun | None = None,
    ) -> RuleRun:
        return _run_of(
            self._backend,
            self._rule.name,
            self._message,
            self._moment,
            outcome,
            actions,
            error_action,
        )

    def _act(
        self, action: CompiledAction, payload: bytes, evaluation: Evaluation, scope: Scope
    ) -> ActionRun:
        kind = action.kind
        if kind is None:
            because = NOT_CARRIED_OUT.get(action.name, "this action does not exist")
            return ActionRun(
                action.name, "", f"The action {action.name} is not emulated: {because}."
            )
        try:
            fields = action.filled(evaluation, scope)
        except (FunctionFailed, StatementFailed) as error:
            return ActionRun(action.name, "", f"A substitution template failed: {error}")
        call = ActionCall(
            self._backend,
            self._rule.name,
            self._rule.arn,
            self._message,
            payload,
            fields,
            self._moment,
            evaluation,
        )
        target = kind.target(fields)
        try:
            function_error = kind.run(call)
        except Exception as error:  # any error of the service: the publisher did nothing wrong
            failure = describe_failure(call, kind, error)
            return ActionRun(action.name, target, failure.text, failure.advice)
        return ActionRun(action.name, target, function_error=function_error)

    def _error_document(self, failures: list[tuple[CompiledAction, ActionRun]]) -> dict[str, Any]:
        message = self._message
        return {
            "ruleName": self._rule.name,
            "topic": message.topic,
            "cloudwatchTraceId": message.trace_id or str(uuid.uuid4()),
            "clientId": message.client_id or "N/A",
            "sourceIp": message.source_ip or "N/A",
            "base64OriginalPayload": base64.b64encode(message.payload).decode("ascii"),
            "failures": [
                {
                    "failedAction": action.name if action.kind is None else action.kind.failed_name,
                    "failedResource": run.target,
                    "errorMessage": run.error,
                }
                for action, run in failures
            ],
        }
