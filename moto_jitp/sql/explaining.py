"""``explain_rule``: the result of a rule's statement for a message, without a mock."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from .messages import Environment, Message
from .rules import Outcome, Rule


def explain_rule(
    sql: str,
    topic: str,
    payload: bytes | str | Mapping[str, Any] | list[Any],
    *,
    principal: str | None = None,
    client_id: str | None = None,
    source_ip: str | None = None,
    sql_version: str | None = None,
    functions: Mapping[str, Callable[..., Any]] | None = None,
) -> Outcome:
    """Apply a rule's statement to a message.

    Args:
        sql: the statement of the rule, as for CreateTopicRule.
        topic: the topic of the message.
        payload: the message: bytes, text, or a value to encode as JSON.
        principal: what ``principal()`` returns: the ID of the device's certificate, for one.
        client_id: what ``clientid()`` returns; without it the message was not sent over MQTT.
        source_ip: what ``sourceip()`` returns.
        sql_version: ``2015-10-08`` or ``2016-03-23``; by default the former, like rules on AWS that
            name none.
        functions: stand-ins for the functions that use the account, by name, such as
            ``{"get_thing_shadow": lambda thing, shadow, role: {"state": {}}}``; see
            :class:`moto_jitp.sql.Environment` for their arguments.

    Returns:
        The outcome: ``matched``, the ``document`` for the actions, and as text the clause that
        dropped the message, and why.

    Raises:
        SqlError: CreateTopicRule refuses the statement.

    >>> outcome = explain_rule(
    ...     "SELECT principal() AS certificate FROM 'devices/+' WHERE temperature > 50",
    ...     "devices/bulb-1",
    ...     {"temperature": 60},
    ...     principal="ba67293a",
    ... )
    >>> outcome.matched, outcome.document
    (True, {'certificate': 'ba67293a'})

    https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-reference.html
    """
    rule = Rule.parse(sql, sql_version)
    message = Message(
        topic,
        _as_bytes(payload),
        client_id=client_id,
        principal=principal,
        source_ip=source_ip,
        trace_id=None if client_id is None else _TRACE_ID,
    )
    return rule.apply(message, Environment(functions=functions or {}))


_TRACE_ID = "00000000-0000-4000-8000-000000000000"


def _as_bytes(payload: bytes | str | Mapping[str, Any] | list[Any]) -> bytes:
    if isinstance(payload, bytes):
        return payload
    if isinstance(payload, str):
        return payload.encode("utf-8", "replace")
    return json.dumps(payload).encode("ascii")
