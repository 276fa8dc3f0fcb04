"""Functions of arrays and objects, and those that depend on a value's type."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from moto_jitp.sql.errors import FunctionFailed
from moto_jitp.sql.evaluation import FUNCTIONS, Evaluation, Function, Scope
from moto_jitp.sql.tree import Expression, Star
from moto_jitp.sql.values import (
    UNDEFINED,
    V2,
    Value,
    read_json,
    serialize,
    to_int,
    to_string,
)

from .table import function

LONGEST_ARRAY = 128 * 1024
"""The maximum size of transform()'s result in bytes."""


@function("get", 2)
def get(_: Evaluation, arguments: Sequence[Value]) -> Value:
    collection, key = arguments
    if isinstance(collection, dict):
        return collection.get(key, UNDEFINED) if isinstance(key, str) else UNDEFINED
    if isinstance(collection, list | str):
        index = to_int(key)
        if isinstance(index, int) and 0 <= index < len(collection):
            return collection[index]
    return UNDEFINED


@function("isNull", 1, since=V2)
def is_null(_: Evaluation, arguments: Sequence[Value]) -> Value:
    return arguments[0] is None


@function("isUndefined", 1, since=V2)
def is_undefined(_: Evaluation, arguments: Sequence[Value]) -> Value:
    return arguments[0] is UNDEFINED


@function("transform", 3, since=V2, mode_at=0)
def transform(_: Evaluation, arguments: Sequence[Value]) -> Value:
    mode, attributes, array = arguments
    if mode != "enrichArray" or not isinstance(attributes, dict) or not isinstance(array, list):
        return UNDEFINED
    if not all(isinstance(element, dict) for element in array):
        return UNDEFINED
    enriched = [{**element, **attributes} for element in array]
    if len(serialize(enriched)) > LONGEST_ARRAY:
        raise FunctionFailed("transform", f"its result has more than {LONGEST_ARRAY} bytes.")
    return enriched


def _get_or_default(evaluation: Evaluation, arguments: Sequence[Expression], scope: Scope) -> Value:
    try:
        value = evaluation.value_of(arguments[0], scope)
    except FunctionFailed:
        value = UNDEFINED
    if value is not None and value is not UNDEFINED:
        return value
    return evaluation.value_of(arguments[1], scope) if len(arguments) == 2 else UNDEFINED


def _encode(evaluation: Evaluation, arguments: Sequence[Expression], scope: Scope) -> Value:
    if _scheme(evaluation, arguments, scope) != "base64":
        return UNDEFINED
    if isinstance(arguments[0], Star) and scope.is_payload:
        data = evaluation.message.payload  # unchanged, JSON or not
    else:
        text = to_string(evaluation.value_of(arguments[0], scope))
        if text is UNDEFINED:
            return UNDEFINED
        data = text.encode("utf-8", "replace")
    return base64.b64encode(data).decode("ascii")


def _decode(evaluation: Evaluation, arguments: Sequence[Expression], scope: Scope) -> Value:
    if _scheme(evaluation, arguments, scope) != "base64":
        return UNDEFINED
    encoded = evaluation.value_of(arguments[0], scope)
    text = encoded.decode("utf-8", "replace") if isinstance(encoded, bytes) else encoded
    if not isinstance(text, str):
        return UNDEFINED
    try:
        data = base64.b64decode(text, validate=True)
        decoded = data.decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    try:
        return read_json(decoded, evaluation.version)
    except ValueError:
        return decoded


def _scheme(evaluation: Evaluation, arguments: Sequence[Expression], scope: Scope) -> Value:
    return evaluation.value_of(arguments[1], scope)


FUNCTIONS["get_or_default"] = Function("get_or_default", V2, 1, 2, lazy=_get_or_default)
FUNCTIONS["encode"] = Function("encode", V2, 2, 2, lazy=_encode, mode_at=1)
FUNCTIONS["decode"] = Function("decode", V2, 2, 2, lazy=_decode, mode_at=1)
