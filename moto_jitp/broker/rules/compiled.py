"""Rules ready to run: their SQL and templates parsed once, and found by the topic tree."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moto.iot.models import IoTBackend

from moto_jitp.mqtt.topic_tree import TopicTree
from moto_jitp.sql import Rule, SqlError

from .actions import CompiledAction, compile_action


@dataclass(frozen=True)
class CompiledRule:
    """A rule ready to run; make it with :func:`compile_rule`.

    Attributes:
        name: its name.
        arn: its ARN.
        sql: its statement.
        actions: its actions, in their order.
        error_action: its error action; ``None`` without one.
    """

    name: str
    arn: str
    sql: Rule
    actions: tuple[CompiledAction, ...]
    error_action: CompiledAction | None


def compile_rule(
    name: str,
    arn: str,
    sql: str,
    version: str | None,
    actions: Sequence[Mapping[str, Any]],
    error_action: Mapping[str, Any] | None,
) -> CompiledRule:
    """Parse a rule.

    Args:
        name: its name.
        arn: its ARN.
        sql: its statement.
        version: the version of its SQL; ``None`` is 2015-10-08, as on AWS.
        actions: its actions, as for CreateTopicRule.
        error_action: its error action; empty or ``None`` without one.

    Raises:
        SqlError: the statement or a substitution template is wrong.
        ValueError: an action does not have exactly one kind.
    """
    rule = Rule.parse(sql, version)
    names = rule.variable_names
    return CompiledRule(
        name,
        arn,
        rule,
        tuple(compile_action(definition, rule.version, names) for definition in actions),
        compile_action(error_action, rule.version, names) if error_action else None,
    )


class RulesInForce:
    """The enabled rules of one account and Region, in the order in which they were made.

    moto keeps the rules themselves, and this follows them. :meth:`changed` is called when one was
    made, replaced, enabled, disabled or deleted.

    Attributes:
        by_name: the enabled rules that could be parsed.
    """

    def __init__(self) -> None:
        self.by_name: dict[str, CompiledRule] = {}
        self._tree: TopicTree[str, CompiledRule] = TopicTree()
        self._parsed: dict[str, tuple[str, CompiledRule | None]] = {}
        self._known = -1

    def changed(self) -> None:
        """Read moto's rules again before the next message."""
        self._known = -1

    def matching(self, topic: str) -> list[CompiledRule]:
        """Return the enabled rules whose FROM matches a topic."""
        return self._tree.match(topic)

    def follow(self, backend: IoTBackend) -> None:
        """Read moto's rules, unless that was done since the last change."""
        if self._known == len(backend.rules):
            return
        rules = list(backend.rules.values())
        self._known = len(rules)
        parsed = {rule.rule_name: self._of(rule) for rule in rules}
        self._parsed = parsed
        self.by_name = {
            rule.rule_name: compiled
            for rule in rules
            if not rule.rule_disabled and (compiled := parsed[rule.rule_name][1]) is not None
        }
        self._tree = TopicTree()
        for compiled in self.by_name.values():
            if compiled.sql.topic_filter is not None:
                self._tree.put(compiled.sql.topic_filter, compiled.name, compiled)

    def _of(self, rule: Any) -> tuple[str, CompiledRule | None]:
        version = rule.aws_iot_sql_version
        key = json.dumps([rule.sql, version, rule.actions, rule.error_action], default=str)
        parsed_rule = self._parsed.get(rule.rule_name)
        if parsed_rule is not None and parsed_rule[0] == key:
            return parsed_rule
        try:
            compiled = compile_rule(
                rule.rule_name, rule.arn, rule.sql, version, rule.actions, rule.error_action
            )
        except (SqlError, ValueError):
            # Made without our checks: with strict off, or before we were plugged in.
            return key, None
        return key, compiled
