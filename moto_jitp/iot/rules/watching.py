"""CloudWatch metrics and log entries of topic rules.

https://docs.aws.amazon.com/iot/latest/developerguide/metrics_dimensions.html#rules-metrics
https://docs.aws.amazon.com/iot/latest/developerguide/cwl-format.html#rule-engine-logs
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moto.iot.models import IoTBackend

from moto_jitp.broker.rules.actions import KINDS
from moto_jitp.history.rule_runs import ActionRun, RuleRun
from moto_jitp.monitoring.logs import Client, LogEntry
from moto_jitp.monitoring.records import count_rule

_NOBODY = "N/A"


def note_rule_run(backend: IoTBackend, run: RuleRun) -> None:
    """Count and log what a rule did; an observer of the rules.

    Args:
        backend: the account and Region.
        run: the rule's run.
    """
    _count(backend, run)
    logging = getattr(backend, "logging", None)
    if logging is not None and logging.is_logging:
        client = Client(run.client_id, run.principal or _NOBODY, "", protocol="MQTT")
        logging.log(client, run.timestamp, list(entries_of(run)))


def _count(backend: IoTBackend, run: RuleRun) -> None:
    name = run.rule_name
    if _is_not_found(run):
        count_rule(backend, "RuleNotFound", name)
        return
    count_rule(backend, "TopicMatch", name)
    count_rule(backend, "RulesExecuted", None)
    if not run.has_json:
        count_rule(backend, "ParseError", name)
    for action in run.actions:
        count_rule(backend, "Success" if action.succeeded else "Failure", name, action.action)
    error_action = run.error_action
    if error_action is not None:
        metric = "ErrorActionSuccess" if error_action.succeeded else "ErrorActionFailure"
        count_rule(backend, metric, name, error_action.action)


def entries_of(run: RuleRun) -> Iterator[LogEntry]:
    """Yield AWS IoT's log entries for a rule's run."""
    fields: dict[str, Any] = {
        "clientId": run.client_id or _NOBODY,
        "topicName": run.topic,
        "ruleName": run.rule_name,
        "principalId": run.principal or _NOBODY,
    }
    if _is_not_found(run):
        yield LogEntry(
            "RuleNotFound",
            True,
            {**fields, "reason": "RuleNotFound", "details": f"Rule {run.rule_name} not found"},
        )
        return
    yield LogEntry("RuleMatch", False, fields)
    if run.outcome.failed:
        yield LogEntry(
            "FunctionExecution", True, {**fields, "clientId": _NOBODY, "reason": run.reason}
        )
    errors = () if run.error_action is None else (run.error_action,)
    for action in (*run.actions, *errors):
        yield from _entries_of_action(fields, action)


def _entries_of_action(fields: dict[str, Any], action: ActionRun) -> Iterator[LogEntry]:
    kind = KINDS.get(action.action)
    action_fields = {**fields, "ruleAction": action.action if kind is None else kind.failed_name}
    yield LogEntry("StartingRuleExecution", False, action_fields, for_debugging=True)
    target_fields = {**action_fields, "resources": {"Target": action.target}}
    if action.error is not None:
        target_fields["details"] = action.error
    yield LogEntry("RuleExecution", action.error is not None, target_fields)


def _is_not_found(run: RuleRun) -> bool:
    return run.clause == "FROM" and run.outcome.failed
