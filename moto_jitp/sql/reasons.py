"""Explains why a condition is not true for a message: which part of it, and with which values."""

from __future__ import annotations

from . import tree
from .evaluation import Evaluation, Scope
from .values import UNDEFINED, Value, is_number, to_boolean, to_decimal, type_name, write_json

_LONGEST = 80


def why_not_true(evaluation: Evaluation, condition: tree.Expression, scope: Scope) -> str:
    """Explain a condition that does not hold.

    Args:
        evaluation: the evaluation.
        condition: the condition, which has been evaluated; functions of the account are not called
            again.
        scope: the meaning of its names.

    Returns:
        A sentence such as ``temperature > 50 is false: temperature is 40.``
    """
    evaluation.explaining = True
    culprit = _culprit(evaluation, condition, scope)
    value = evaluation.value_of(culprit, scope)
    reasons = list(dict.fromkeys(_reasons(evaluation, culprit, scope)))
    text = f"{_short(str(culprit))} is {_shown(value)}"
    return f"{text}: {'; '.join(reasons)}." if reasons else f"{text}."


def _culprit(evaluation: Evaluation, condition: tree.Expression, scope: Scope) -> tree.Expression:
    """The smallest deciding part: of an AND, the first operand that is not true."""
    while isinstance(condition, tree.Logical):
        values = [
            (operand, to_boolean(evaluation.value_of(operand, scope)))
            for operand in condition.operands
        ]
        undefined = [operand for operand, value in values if value is UNDEFINED]
        if condition.operator == "OR" and not undefined:
            return condition
        wrong = [operand for operand, value in values if value is not True]
        condition = (undefined or wrong)[0]
    return condition


def _reasons(evaluation: Evaluation, node: tree.Node, scope: Scope) -> list[str]:
    reasons: list[str] = []
    if isinstance(node, tree.Query | tree.Exists):
        return reasons  # its names mean something else for each element
    if isinstance(node, tree.Name | tree.Member | tree.Variable | tree.Call):
        assert isinstance(node, tree.Expression)
        value = evaluation.value_of(node, scope)
        if isinstance(node, tree.Call):
            reasons = [
                reason for child in node.arguments for reason in _reasons(evaluation, child, scope)
            ]
        reasons.append(f"{_short(str(node))} is {_explained(evaluation, node, value, scope)}")
        return reasons
    for child in node.children():
        reasons += _reasons(evaluation, child, scope)
    if isinstance(node, tree.Operation) and node.operator in ("<", "<=", ">", ">="):
        sides = [evaluation.value_of(side, scope) for side in (node.left, node.right)]
        texts = [
            side for side in sides if isinstance(side, str) and not is_number(to_decimal(side))
        ]
        if texts:
            reasons.append(f"{_shown(texts[0])} is not a number, and strings have no order here")
    return reasons


def _explained(evaluation: Evaluation, node: tree.Expression, value: Value, scope: Scope) -> str:
    if value is not UNDEFINED:
        return _shown(value)
    if isinstance(node, tree.Name):
        whole = scope.whole
        if isinstance(whole, dict):
            return f"Undefined, as the payload has {_keys(whole)}"
        return "Undefined, as the payload is not a JSON object"
    if isinstance(node, tree.Member):
        of = evaluation.value_of(node.of, scope)
        if isinstance(of, dict):
            return f"Undefined, as {node.of} has {_keys(of)}"
        if of is UNDEFINED:
            above = _explained(evaluation, node.of, of, scope)
            return f"Undefined, as {_short(str(node.of))} is {above}"
        return f"Undefined, as {node.of} is {_kind(of)}"
    return "Undefined"


def _keys(value: dict[str, Value]) -> str:
    if not value:
        return "no attributes"
    return f"only {_short(', '.join(value))}"


def _kind(value: Value) -> str:
    name = type_name(value)
    return f"{'an' if name[0] in 'AIO' else 'a'} {name}"


def _shown(value: Value) -> str:
    if value is UNDEFINED:
        return "Undefined"
    if isinstance(value, bytes):
        return f"{len(value)} bytes that are not a JSON object or array"
    return _short(write_json(value))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
