"""AWS IoT policies: documents, their validation and their evaluation. Pure, standard library only.

>>> policy = parse_policy(
...     '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iot:Connect",'
...     ' "Resource": "arn:aws:iot:eu-west-1:123456789012:client/${iot:ClientId}"}}'
... )
>>> request = Request(
...     "iot:Connect",
...     client_arn("aws", "eu-west-1", "123456789012", "bulb-1"),
...     AuthorizationContext(client_id="bulb-1"),
... )
>>> evaluate([("bulbs", policy)], request).kind
'ALLOWED'
"""

from .arns import client_arn, role_alias_arn, thing_arn, topic_arn, topic_filter_arn
from .documents import LONGEST_DOCUMENT, PolicyDocument, Statement, parse_policy
from .errors import MalformedPolicyError
from .evaluation import Decision, DecisionKind, Request, StatementReference, evaluate
from .variables import (
    ALTERNATIVE_NAMES,
    NAME_ATTRIBUTES,
    AuthorizationContext,
    CertificateContext,
    ThingContext,
)

__all__ = [
    "ALTERNATIVE_NAMES",
    "LONGEST_DOCUMENT",
    "NAME_ATTRIBUTES",
    "AuthorizationContext",
    "CertificateContext",
    "Decision",
    "DecisionKind",
    "MalformedPolicyError",
    "PolicyDocument",
    "Request",
    "Statement",
    "StatementReference",
    "ThingContext",
    "client_arn",
    "evaluate",
    "parse_policy",
    "role_alias_arn",
    "thing_arn",
    "topic_arn",
    "topic_filter_arn",
]
