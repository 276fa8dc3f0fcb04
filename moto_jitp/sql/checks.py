"""The checks when a rule is made: names and numbers that the reference does not allow."""

from __future__ import annotations

from collections import Counter

from moto_jitp.mqtt.topic_filters import check_topic_filter
from moto_jitp.names import did_you_mean

from . import tree
from .errors import SqlError, shortened
from .evaluation import CASTS, CASTS_OF_V2
from .functions import FUNCTIONS, NOT_CARRIED_OUT
from .values import V1, V2, Version

MOST_VARIABLES = 10
LONGEST_VARIABLE_NAME = 64
ONCE_ONLY = ("get_dynamodb", "get_registry_data")
"""Functions that a statement may have once; AWS ends a rule with two of them at each message."""

_VERSIONS: tuple[Version, ...] = (V1, V2)


def check_version(version: object) -> Version:
    """Check the version of a rule's SQL.

    Args:
        version: as for CreateTopicRule; ``None`` means 2015-10-08, as on AWS.

    Raises:
        SqlError: it is ``beta``, which is not emulated, or not a version of AWS's.
    """
    if version is None:
        return V1
    for version_name in _VERSIONS:
        if version == version_name:
            return version_name
    reason = "which is not carried out here" if version == "beta" else "which AWS IoT does not have"
    raise SqlError(
        f"The SQL version is {shortened(repr(version))}, {reason}; choose one of "
        f"{', '.join(_VERSIONS)}."
    )


def check_statement(statement: tree.Statement, version: Version) -> None:
    """Check a statement that has been parsed.

    Raises:
        SqlError: it is not valid; the text says what to change.
    """
    if statement.topic_filter is not None:
        try:
            check_topic_filter(statement.topic_filter)
        except ValueError as error:
            raise SqlError(f"FROM: {error}") from None
    _check_assignments(statement)
    for node in statement.walk():
        _check_node(node, version)
    _check_defaults(statement)
    _check_variables(statement)


def check_expression(
    expression: tree.Expression, version: Version, variables: tuple[str, ...] = ()
) -> None:
    """Check the expression of a substitution template.

    Args:
        expression: the expression.
        version: the version of the rule's SQL.
        variables: the variables of its SET clause.

    Raises:
        SqlError: it is not valid; the text says what to change.
    """
    for node in expression.walk():
        _check_node(node, version)
        if isinstance(node, tree.Variable):
            _check_variable(node.name, variables)
    _check_defaults(expression)


def external_calls(statement: tree.Statement) -> Counter[str]:
    """Count the calls of functions that a statement may have once."""
    calls = (node.function for node in statement.walk() if isinstance(node, tree.Call))
    return Counter(name for name in calls if name in ONCE_ONLY)


def _check_assignments(statement: tree.Statement) -> None:
    names = [assignment.name for assignment in statement.assignments]
    if len(names) > MOST_VARIABLES:
        raise SqlError(
            f"SET has {len(names)} variables; a statement can have {MOST_VARIABLES} at most."
        )
    for name, count in Counter(names).items():
        if count > 1:
            raise SqlError(
                f"SET assigns @{shortened(name)} {count} times; a variable is assigned once."
            )
        if len(name) > LONGEST_VARIABLE_NAME:
            raise SqlError(
                f"The variable @{shortened(name)} has {len(name)} characters; "
                f"{LONGEST_VARIABLE_NAME} are allowed."
            )


def _check_variables(statement: tree.Statement) -> None:
    variables: list[str] = []
    for assignment in statement.assignments:
        _check_uses(assignment, tuple(variables))
        variables.append(assignment.name)
    _check_uses(statement.selection, tuple(variables))
    if statement.where is not None:
        _check_uses(statement.where, tuple(variables))


def _check_uses(node: tree.Node, variables: tuple[str, ...]) -> None:
    for below in node.walk():
        if isinstance(below, tree.Variable):
            _check_variable(below.name, variables)


def _check_variable(name: str, variables: tuple[str, ...]) -> None:
    if name not in variables:
        raise SqlError(
            did_you_mean(
                name,
                variables,
                after=f"The variable @{shortened(name)} is not set before it is used; assign it in "
                "a SET clause in front of SELECT.",
                shown=lambda variable: f"@{variable}",
            )
        )


def _check_node(node: tree.Node, version: Version) -> None:
    if isinstance(node, tree.Call):
        _check_call(node, version)
    elif isinstance(node, tree.Cast):
        _check_cast(node, version)
    elif version == V1:
        kinds = {
            tree.Query: "Nested queries",
            tree.ObjectLiteral: "Object literals",
            tree.ArrayLiteral: "Array literals",
        }
        if type(node) in kinds:
            raise _needs_v2(f"{kinds[type(node)]} such as {shortened(node)}", plural=True)


def _check_call(call: tree.Call, version: Version) -> None:
    name = call.function
    if name in NOT_CARRIED_OUT:
        raise SqlError(f"{name}() is not carried out here: {NOT_CARRIED_OUT[name]}.")
    function = FUNCTIONS.get(name)
    if function is None:
        wrong = f"{shortened(call.name)}() is not a function of AWS IoT SQL."
        raise SqlError(did_you_mean(name, FUNCTIONS, after=wrong))
    if version == V1 and function.since == V2:
        raise _needs_v2(f"{function.name}()")
    if name == "decode" and _constant(call, 1) == "proto":
        raise SqlError(
            "decode(…, 'proto', …) is not carried out here; decode Protocol Buffers behind the "
            "rule, from encode(*, 'base64')."
        )
    if len(call.arguments) < function.least:
        return  # its result is Undefined, as AWS has it
    for place, value in (
        (function.role_at, "the role's ARN"),
        (function.mode_at, "the mode"),
    ):
        if place is not None and isinstance(call.arguments[place], tree.Variable):
            raise SqlError(
                f"{call.name}() does not accept a variable for {value}; write it as a string "
                f"in place of {shortened(call.arguments[place])}."
            )


def _check_defaults(root: tree.Node) -> None:
    """Refuse what the default of get_or_default() may not have; each node is looked at once."""
    waiting = [(root, False)]
    while waiting:
        node, in_default = waiting.pop()
        if isinstance(node, tree.Call):
            if in_default and _asks_account(node):
                raise SqlError(
                    f"{node.name}() cannot be the default of get_or_default(): functions that "
                    "fetch data from your resources are not allowed there."
                )
            if node.function == "get_or_default" and len(node.arguments) == 2:
                value, default = node.arguments
                waiting += [(value, in_default), (default, True)]
                continue
        waiting += [(child, in_default) for child in node.children()]


def _asks_account(call: tree.Call) -> bool:
    function = FUNCTIONS.get(call.function)
    return call.function in NOT_CARRIED_OUT or (function is not None and function.asks_account)


def _constant(call: tree.Call, place: int) -> object:
    if len(call.arguments) <= place:
        return None
    argument = call.arguments[place]
    return argument.value if isinstance(argument, tree.Constant) else None


def _check_cast(node: tree.Cast, version: Version) -> None:
    name = node.type.lower()
    if name not in CASTS:
        raise SqlError(
            f"cast() knows no type {shortened(node.type)}; it knows {', '.join(sorted(CASTS))}."
        )
    if version == V1 and name in CASTS_OF_V2:
        raise _needs_v2(f"cast(… as {node.type})")


def _needs_v2(feature: str, *, plural: bool = False) -> SqlError:
    verb = "need" if plural else "needs"
    return SqlError(
        f"{feature} {verb} SQL version {V2}, but the rule has {V1}, the default: set "
        f"awsIotSqlVersion to {V2}."
    )
