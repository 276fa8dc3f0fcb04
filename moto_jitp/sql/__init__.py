"""AWS IoT SQL: parse a rule's statement once, apply it to many messages.

It can be used alone: it needs neither moto nor boto3, and the caller provides the functions that
use the account.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-reference.html

>>> rule = Rule.parse("SELECT *, topic(2) AS device FROM 'devices/+/data' WHERE temperature > 50")
>>> print(rule.apply(Message("devices/bulb-1/data", b'{"temperature": 60}'), Environment()))
The message matches; the actions get {"temperature":60,"device":"bulb-1"}
>>> print(rule.apply(Message("devices/bulb-1/data", b'{"temperature": 40}'), Environment()))
The message is dropped by WHERE: temperature > 50 is false: temperature is 40.
"""

from . import tree
from .checks import check_version
from .errors import FunctionFailed, SqlError, StatementFailed
from .evaluation import Evaluation, Scope
from .functions import FUNCTIONS, NOT_CARRIED_OUT
from .messages import Environment, Message
from .parsing import parse_expression, parse_statement
from .rules import Clause, Outcome, Rule
from .substitution import Template
from .values import UNDEFINED, V1, V2, Version

__all__ = [
    "FUNCTIONS",
    "NOT_CARRIED_OUT",
    "UNDEFINED",
    "V1",
    "V2",
    "Clause",
    "Environment",
    "Evaluation",
    "FunctionFailed",
    "Message",
    "Outcome",
    "Rule",
    "Scope",
    "SqlError",
    "StatementFailed",
    "Template",
    "Version",
    "check_version",
    "parse_expression",
    "parse_statement",
    "tree",
]
