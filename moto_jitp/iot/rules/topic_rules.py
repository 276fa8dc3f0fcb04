"""CreateTopicRule and related operations: what AWS IoT checks when a rule is created, and what it
returns.

With ``strict`` off moto's checks apply, which accept any text as SQL.
https://docs.aws.amazon.com/iot/latest/developerguide/iot-create-rule.html
https://docs.aws.amazon.com/iot/latest/apireference/API_CreateTopicRule.html
https://docs.aws.amazon.com/general/latest/gr/iot-core.html#rules-limits
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qsl

from moto.iot.models import FakeRule

from moto_jitp import settings
from moto_jitp.aws.role_checks import RoleRefused
from moto_jitp.broker.message_broker import listeners
from moto_jitp.broker.rules.actions import NOT_CARRIED_OUT, require_role
from moto_jitp.broker.rules.compiled import CompiledRule, compile_rule
from moto_jitp.broker.rules.engine import carry_out_rules, observers, rules_in_force
from moto_jitp.history.acting_moment import acting_moment
from moto_jitp.iot.api.operations import (
    CallMoto,
    Input,
    Output,
    operation,
    operation_over_moto,
)
from moto_jitp.iot.api.paging import Page
from moto_jitp.iot.exceptions import InvalidRequest, IoTError, ResourceAlreadyExists
from moto_jitp.iot.registry.registry import Registry
from moto_jitp.iot.registry.tags import Tags
from moto_jitp.iot.rules.watching import note_rule_run
from moto_jitp.mqtt.topic_filters import topic_matches
from moto_jitp.sql import FUNCTIONS, V1, SqlError, check_version, tree

MOST_ACTIONS = 10
MOST_RULES = 1000
LARGEST_PAYLOAD = 128 * 1024
"""Bytes of SQL, actions, error action and description as JSON."""
_MOST_LISTED = 10_000

Payload = Mapping[str, Any]


class TopicRules:
    """Makes, changes and lists the topic rules of an account and Region.

    Args:
        registry: its tables.
        tags: its tags.
    """

    def __init__(self, registry: Registry, tags: Tags) -> None:
        self._registry = registry
        self._moto = registry.moto
        self._tags = tags
        tags.add_kind("rule", lambda name: self._moto.rules.get(name))

    def create(self, name: str, payload: Payload, tagging: str | None) -> None:
        """Make a rule.

        Args:
            name: its name.
            payload: CreateTopicRule's ``topicRulePayload``.
            tagging: its tags, as ``key=value&key=value``.

        Raises:
            ResourceAlreadyExists: there is one with this name.
            IoTError: ``SqlParseException`` for the SQL or a substitution template.
            InvalidRequest: something else is not allowed.
        """
        with self._registry.lock:
            existing_rule = self._moto.rules.get(name)
            if existing_rule is not None:
                raise ResourceAlreadyExists(
                    "Rule with given name already exists", name, existing_rule.arn
                )
            if len(self._moto.rules) >= MOST_RULES:
                raise InvalidRequest(
                    f"The account has {MOST_RULES} rules in this Region, which is the quota."
                )
            rule = self._make(name, payload, datetime.now(timezone.utc))
            if tagging:
                pairs = parse_qsl(tagging, keep_blank_values=True)
                self._tags.tag(rule.arn, [{"Key": key, "Value": value} for key, value in pairs])
            self._moto.rules[name] = rule
            self._changed()

    def replace(self, name: str, payload: Payload) -> None:
        """Give a rule a new definition; its creation date is kept.

        Raises:
            IoTError: ``UnauthorizedException`` if there is no such rule, ``SqlParseException`` for
                its SQL.
            InvalidRequest: something else is not allowed.
        """
        with self._registry.lock:
            before = self.find(name)
            self._moto.rules[name] = self._make(name, payload, before.created_at)
            self._changed()

    def find(self, name: str) -> FakeRule:
        """Return a rule.

        Raises:
            IoTError: ``UnauthorizedException``, AWS IoT's answer if there is no such rule.
        """
        rule: FakeRule | None = self._moto.rules.get(name)
        if rule is None:
            bare = f"Access to topic rule '{name}' was denied"
            raise IoTError(
                "UnauthorizedException",
                f"{bare}. There is no such rule in this account and Region; AWS IoT gives this "
                "answer, too.",
                bare=bare,
            )
        return rule

    def delete(self, name: str) -> None:
        """Delete a rule.

        Raises:
            IoTError: ``UnauthorizedException`` if there is no such rule.
        """
        with self._registry.lock:
            self.find(name)
            del self._moto.rules[name]
            self._changed()

    def set_disabled(self, name: str, disabled: bool) -> None:
        """Enable or disable a rule.

        Raises:
            IoTError: ``UnauthorizedException`` if there is no such rule.
        """
        with self._registry.lock:
            self.find(name).rule_disabled = disabled
            self._changed()

    def listed(self, topic: str | None, disabled: bool | None) -> Iterator[FakeRule]:
        """Yield rules, in no particular order.

        Args:
            topic: only those that match this topic, or have exactly this filter; ``None`` for all.
            disabled: only the disabled, or the enabled ones; ``None`` for all.
        """
        for rule in list(self._moto.rules.values()):
            if disabled is not None and rule.rule_disabled != disabled:
                continue
            pattern = rule.topic_pattern
            matches_topic = (
                pattern is not None
                and topic is not None
                and (pattern == topic or topic_matches(pattern, topic))
            )
            if topic is None or matches_topic:
                yield rule

    def changed(self) -> None:
        """Make the broker read the rules again, after moto changed one."""
        self._changed()

    def _changed(self) -> None:
        rules_in_force(self._moto).changed()

    def _make(self, name: str, payload: Payload, created: datetime) -> FakeRule:
        version = payload.get("awsIotSqlVersion")
        rule = FakeRule(
            rule_name=name,
            description=payload.get("description", ""),
            created_at=created,
            rule_disabled=payload.get("ruleDisabled", False),
            topic_pattern=None,
            actions=payload.get("actions", []),
            error_action=payload.get("errorAction", {}),
            sql=payload.get("sql", ""),
            aws_iot_sql_version=version or V1,
            account_id=self._moto.account_id,
            region_name=self._moto.region_name,
        )
        compiled = self._checked(rule, payload, version)
        rule.topic_pattern = compiled.sql.topic_filter
        return rule

    def _checked(self, rule: FakeRule, payload: Payload, version: str | None) -> CompiledRule:
        size = len(json.dumps(payload, default=str).encode())
        if size > LARGEST_PAYLOAD:
            raise InvalidRequest(
                f"The rule has {size} bytes as JSON; {LARGEST_PAYLOAD} are allowed for SQL, "
                "description and actions together."
            )
        if len(rule.actions) > MOST_ACTIONS:
            raise InvalidRequest(
                f"The rule has {len(rule.actions)} actions; {MOST_ACTIONS} are allowed."
            )
        try:
            check_version(version)
        except SqlError as error:
            raise InvalidRequest(error.message) from None
        try:
            compiled = compile_rule(
                rule.rule_name, rule.arn, rule.sql, version, rule.actions, rule.error_action
            )
        except SqlError as error:
            raise IoTError("SqlParseException", error.message) from None
        except ValueError as error:
            raise InvalidRequest(str(error)) from None
        actions = [*compiled.actions, *filter(None, [compiled.error_action])]
        for action in actions:
            if action.kind is None:
                because = NOT_CARRIED_OUT.get(action.name, "AWS IoT does not have this action")
                raise InvalidRequest(
                    f"The action {action.name} is not emulated: {because}. Leave it out of the "
                    "test; with strict off the rule is stored, and its other actions run."
                )
        roles = [role for action in actions for role in action.role_arns]
        self._check_roles([*roles, *roles_in_sql(compiled.sql.statement)], rule.arn)
        return compiled

    def _check_roles(self, role_arns: list[str], rule_arn: str) -> None:
        """Check that AWS IoT can assume every role of a rule, as AWS does when the rule is made."""
        for role_arn in dict.fromkeys(role_arns):
            try:
                require_role(self._moto, role_arn, None, "*", rule_arn, acting_moment())
            except RoleRefused as error:
                bare = (
                    f"{error.message} If the role was just created or updated, please try again in "
                    "a few seconds."
                )
                raise InvalidRequest(f"{bare} {error.advice}", bare=bare) from None


def roles_in_sql(statement: tree.Statement) -> Iterator[str]:
    """Yield the roles that a statement names as strings in its functions."""
    for node in statement.walk():
        if not isinstance(node, tree.Call):
            continue
        function = FUNCTIONS.get(node.function)
        if function is None or function.role_at is None or not node.arguments:
            continue
        role = node.arguments[function.role_at]
        if isinstance(role, tree.Constant) and isinstance(role.value, str):
            yield role.value


def _is_strict() -> bool:
    return settings.current().strict


@operation_over_moto("CreateTopicRule", TopicRules)
def create_topic_rule(rules: TopicRules, arguments: Input, moto: CallMoto) -> Output | None:
    if _is_strict():
        rules.create(arguments["ruleName"], arguments["topicRulePayload"], arguments.get("tags"))
    else:
        moto()
        rules.changed()
    return None


@operation_over_moto("ReplaceTopicRule", TopicRules)
def replace_topic_rule(rules: TopicRules, arguments: Input, moto: CallMoto) -> Output | None:
    if _is_strict():
        rules.replace(arguments["ruleName"], arguments["topicRulePayload"])
    else:
        moto()
        rules.changed()
    return None


@operation_over_moto("GetTopicRule", TopicRules)
def get_topic_rule(rules: TopicRules, arguments: Input, moto: CallMoto) -> Output | None:
    if not _is_strict():
        return moto()
    output = rules.find(arguments["ruleName"]).to_get_dict()
    if not output["rule"]["errorAction"]:
        del output["rule"]["errorAction"]
    return output


@operation_over_moto("DeleteTopicRule", TopicRules)
def delete_topic_rule(rules: TopicRules, arguments: Input, moto: CallMoto) -> Output | None:
    if _is_strict():
        rules.delete(arguments["ruleName"])
    else:
        moto()
        rules.changed()
    return None


@operation_over_moto("EnableTopicRule", TopicRules)
def enable_topic_rule(rules: TopicRules, arguments: Input, moto: CallMoto) -> Output | None:
    if _is_strict():
        rules.set_disabled(arguments["ruleName"], False)
    else:
        moto()
        rules.changed()
    return None


@operation_over_moto("DisableTopicRule", TopicRules)
def disable_topic_rule(rules: TopicRules, arguments: Input, moto: CallMoto) -> Output | None:
    if _is_strict():
        rules.set_disabled(arguments["ruleName"], True)
    else:
        moto()
        rules.changed()
    return None


@operation("ListTopicRules", TopicRules)
def list_topic_rules(rules: TopicRules, arguments: Input) -> Output:
    page = Page("ListTopicRules", arguments, default_size=_MOST_LISTED)
    listed_rules = rules.listed(arguments.get("topic"), arguments.get("ruleDisabled"))
    items_of_page = page.cut_sorted(listed_rules, lambda rule: rule.rule_name)
    return page.output("rules", [rule.to_dict() for rule in items_of_page])


listeners.append(carry_out_rules)
observers.append(note_rule_run)
