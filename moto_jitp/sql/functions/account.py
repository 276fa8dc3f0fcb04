"""Functions that use the account: Lambda, DynamoDB, the registry and so on.

The engine around the statement carries them out, see :class:`moto_jitp.sql.messages.Environment`. A
failure ends the rule without any action, unless ``get_or_default()`` encloses the function.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

from moto_jitp.sql.errors import FunctionFailed
from moto_jitp.sql.evaluation import FUNCTIONS, Body, Evaluation, Function
from moto_jitp.sql.values import UNDEFINED, V1, V2, Value, Version, read_json, to_string, write_json

_REGISTRY_OPERATIONS = ("DescribeThing", "ListThingGroupsForThing")


def _enter(
    name: str,
    least: int,
    most: int,
    *,
    since: Version = V2,
    role_at: int | None = -1,
    mode_at: int | None = None,
) -> Callable[[Body], Body]:
    def enter(body: Body) -> Body:
        FUNCTIONS[name] = Function(
            name,
            since,
            least,
            most,
            body=body,
            asks_account=True,
            role_at=role_at,
            mode_at=mode_at,
        )
        return body

    return enter


@_enter("aws_lambda", 2, 2, since=V1, role_at=None)
def aws_lambda(evaluation: Evaluation, arguments: Sequence[Value]) -> Value:
    function, event = arguments
    if isinstance(event, bytes):
        raise FunctionFailed(
            "aws_lambda",
            "the payload is not JSON, and a Lambda function takes JSON only; pass "
            "encode(*, 'base64').",
        )
    plain = None if event is UNDEFINED else json.loads(write_json(event))
    return _ask(evaluation, "aws_lambda", _text("aws_lambda", "functionArn", function), plain)


@_enter("get_thing_shadow", 2, 3)
def get_thing_shadow(evaluation: Evaluation, arguments: Sequence[Value]) -> Value:
    name = "get_thing_shadow"
    thing, role = _text(name, "thingName", arguments[0]), _text(name, "roleArn", arguments[-1])
    shadow = _text(name, "shadowName", arguments[1]) if len(arguments) == 3 else None
    return _ask(evaluation, name, thing, shadow, role)


@_enter("get_dynamodb", 4, 6)
def get_dynamodb(evaluation: Evaluation, arguments: Sequence[Value]) -> Value:
    name = "get_dynamodb"
    if len(arguments) == 5:
        return UNDEFINED  # a sort key has a name and a value
    table, role = _text(name, "tableName", arguments[0]), _text(name, "roleArn", arguments[-1])
    key = {_text(name, "partitionKeyName", arguments[1]): arguments[2]}
    if len(arguments) == 6:
        key[_text(name, "sortKeyName", arguments[3])] = arguments[4]
    for part, value in key.items():
        if value is None or value is UNDEFINED:
            raise FunctionFailed(name, f"the key {part} has no value; the message lacks it.")
    return _ask(evaluation, name, table, json.loads(write_json(key)), role)


@_enter("get_registry_data", 3, 3, mode_at=0)
def get_registry_data(evaluation: Evaluation, arguments: Sequence[Value]) -> Value:
    name = "get_registry_data"
    operation = arguments[0]
    if operation not in _REGISTRY_OPERATIONS:
        raise FunctionFailed(
            name, f"registryAPI must be {' or '.join(_REGISTRY_OPERATIONS)}, not {operation!r}."
        )
    thing, role = _text(name, "thingName", arguments[1]), _text(name, "roleArn", arguments[2])
    return _ask(evaluation, name, operation, thing, role)


@_enter("get_secret", 3, 4, since=V1, mode_at=1)
def get_secret(evaluation: Evaluation, arguments: Sequence[Value]) -> Value:
    name = "get_secret"
    secret_id, role = _text(name, "secretId", arguments[0]), _text(name, "roleArn", arguments[-1])
    kind = arguments[1]
    if kind not in ("SecretString", "SecretBinary"):
        raise FunctionFailed(
            name, f"secretType must be SecretString or SecretBinary, not {kind!r}."
        )
    key = _text(name, "key", arguments[2]) if len(arguments) == 4 else None
    if key is not None and kind == "SecretBinary":
        raise FunctionFailed(name, "a key is for secrets of the type SecretString only.")
    secret = _call(evaluation, name, secret_id, kind, role)
    if isinstance(secret, bytes):
        return base64.b64encode(secret).decode("ascii")
    try:
        document = read_json(str(secret), evaluation.version)
    except ValueError:
        document = UNDEFINED
    if key is None:
        return document if isinstance(document, dict) else str(secret)
    if not isinstance(document, dict):
        raise FunctionFailed(name, f"the secret {secret_id} is not a JSON object, so no key fits.")
    return document.get(key, UNDEFINED)


def _text(function: str, argument: str, value: Value) -> str:
    text = to_string(value)
    if text is UNDEFINED:
        raise FunctionFailed(
            function, f"{argument} has no value here; the message lacks what it is made of."
        )
    return str(text)


def _ask(evaluation: Evaluation, name: str, *arguments: Any) -> Value:
    answer = _call(evaluation, name, *arguments)
    try:
        return read_json(json.dumps(answer), evaluation.version)
    except (TypeError, ValueError) as error:
        raise FunctionFailed(name, f"the answer is not JSON: {error}.") from error


def _call(evaluation: Evaluation, name: str, *arguments: Any) -> Any:
    question = f"{name}{arguments!r}"
    if evaluation.explaining and question in evaluation.answers:
        return evaluation.answers[question]
    function = evaluation.environment.functions.get(name)
    if function is None:
        raise FunctionFailed(
            name,
            "it asks the account, and there is none here; give explain_rule() functions="
            f"{{{name!r}: …}}, or run the rule under mock_jitp.",
        )
    try:
        answer = function(*arguments)
    except FunctionFailed:
        raise
    except Exception as error:
        text = str(error) or type(error).__name__
        raise FunctionFailed(name, text if text.endswith(".") else f"{text}.") from error
    evaluation.answers[question] = answer
    return answer
