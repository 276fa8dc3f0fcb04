"""Lambda functions that AWS IoT invokes: Python handlers of the test, or moto's Lambda.

A handler registered for a function is called where AWS would invoke the function. Without one,
moto's Lambda runs it in a container, or not at all, as moto's configuration says.

A function's resource policy must let ``iot.amazonaws.com`` invoke it. It is checked if moto's
Lambda has the function; a handler without such a function needs no permission.
https://docs.aws.amazon.com/iot/latest/developerguide/lambda-rule-action.html
https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from moto_jitp.aws.iam_statements import IamCall, decide, read_statements
from moto_jitp.aws.moto_check import check_names_of
from moto_jitp.locks import new_lock

INVOKE = "lambda:InvokeFunction"
_ARN = re.compile(
    r"arn:[\w-]+:lambda:(?P<region>[\w-]+):(?P<account>\d{12}):function:"
    r"(?P<name>[\w-]+)(?::(?P<qualifier>[\w$-]+))?"
)
_NAME = re.compile(r"[\w-]{1,140}")
_REMAINING_MILLISECONDS = 3000

Handler = Callable[..., Any]


class NotInvoked(Exception):  # noqa: N818 - says what it is about
    """A function could not be invoked: there is none, or its policy does not allow it.

    Args:
        reason: what is wrong, as a sentence.
        advice: what to change.
        code: the status that AWS's texts name: 404 for no function, 403 for no permission.
    """

    def __init__(self, reason: str, advice: str, code: int) -> None:
        super().__init__(f"{reason} {advice}")
        self.reason = reason
        self.advice = advice
        self.code = code


class FunctionError(Exception):
    """A function was invoked and failed; the text is its exception, or Lambda's message."""


class FunctionName(NamedTuple):
    """The parts of a function's ARN.

    Attributes:
        region: its Region.
        account: its account.
        name: its name.
        qualifier: a version or an alias; ``None`` without one.
    """

    region: str
    account: str
    name: str
    qualifier: str | None

    @classmethod
    def parse(cls, arn: str) -> FunctionName | None:
        """Parse an ARN; ``None`` for text that is not the ARN of a function."""
        match = _ARN.fullmatch(arn)
        return (
            None if match is None else cls(*match.group("region", "account", "name", "qualifier"))
        )


@dataclass
class LambdaContext:
    """The context passed to a handler beside the event, with the attributes of Lambda's own."""

    invoked_function_arn: str
    function_name: str
    function_version: str
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    memory_limit_in_mb: str = "128"
    identity: None = None
    client_context: None = None
    _deadline: float = field(
        default_factory=lambda: time.monotonic() + _REMAINING_MILLISECONDS / 1000, repr=False
    )

    @property
    def log_group_name(self) -> str:
        return f"/aws/lambda/{self.function_name}"

    @property
    def log_stream_name(self) -> str:
        return f"{time.strftime('%Y/%m/%d')}/[{self.function_version}]{self.aws_request_id}"

    def get_remaining_time_in_millis(self) -> int:
        """Return how many milliseconds Lambda would wait from now on."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


class HandlerRegistration:
    """A handler's place among the handlers; ends with :meth:`cancel`."""

    def __init__(self, function: str, handler: Handler) -> None:
        self.function = function
        self.handler = handler
        self._takes_context = _takes_two(handler)

    def is_for(self, arn: str, name: FunctionName) -> bool:
        """Whether it replaces a function, by its name, or by its ARN with or without version."""
        unqualified = arn.removesuffix(f":{name.qualifier}")
        return self.function in (name.name, arn, unqualified)

    def call(self, event: Any, context: LambdaContext) -> Any:
        """Call the handler as Lambda does."""
        return self.handler(event, context) if self._takes_context else self.handler(event)

    def cancel(self) -> None:
        """Remove the handler; a second call does nothing."""
        with _lock:
            if self in _handlers:
                _handlers.remove(self)


_handlers: list[HandlerRegistration] = []
_lock = new_lock()


def register_handler(function: str, handler: Handler) -> HandlerRegistration:
    """Use a Python callable in place of a Lambda function.

    Args:
        function: the function's name, in any account and Region, or its ARN.
        handler: called with the event and a context like Lambda's, or with the event alone if it
            takes one argument. It must return a JSON value.

    Returns:
        The registration; of two for one function, the newer is used.

    Raises:
        ValueError: the text is neither the name nor the ARN of a function.
        TypeError: the handler cannot be called.
    """
    if not isinstance(function, str) or not (
        _NAME.fullmatch(function) or FunctionName.parse(function)
    ):
        raise ValueError(
            f"{function!r} is not the name or the ARN of a Lambda function; give 'activate' or "
            "'arn:aws:lambda:us-east-1:123456789012:function:activate'."
        )
    if not callable(handler):
        raise TypeError(
            f"The handler of {function} must be callable, since it is called with each event, but "
            f"{handler!r} cannot be called."
        )
    registration = HandlerRegistration(function, handler)
    with _lock:
        _handlers.append(registration)
    return registration


def handler_of(arn: str, name: FunctionName) -> HandlerRegistration | None:
    """Return the newest handler for a function; ``None`` if there is none."""
    with _lock:
        return next(
            (
                registration
                for registration in reversed(_handlers)
                if registration.is_for(arn, name)
            ),
            None,
        )


def can_be_found(arn: str) -> bool:
    """Whether there is a function, or a handler for it.

    Args:
        arn: the function's ARN, which may end in a version or an alias.

    Examples:
        >>> can_be_found("arn:aws:lambda:us-east-1:123456789012:function:nowhere")  # doctest: +SKIP
        False
    """
    name = FunctionName.parse(arn)
    if name is None:
        return False
    return handler_of(arn, name) is not None or _find(name)[1] is not None


def invoke(
    arn: str, event: str, permission: Callable[[str], IamCall], *, check_policy: bool
) -> str:
    """Invoke a function as AWS IoT does.

    Args:
        arn: the function's ARN, which may end in a version or an alias.
        event: the event as JSON.
        permission: makes the call, from the ARN, to evaluate the function's policy for.
        check_policy: whether to check the function's policy.

    Returns:
        The function's answer, as JSON text.

    Raises:
        NotInvoked: there is no such function and no handler, or its policy does not allow it.
        FunctionError: it failed.
    """
    name = FunctionName.parse(arn)
    if name is None:
        raise NotInvoked(
            f"{arn!r} is not the ARN of a Lambda function.",
            "Give it as arn:aws:lambda:<Region>:<account>:function:<name>.",
            404,
        )
    registration = handler_of(arn, name)
    # moto's Lambda has functions only if it has been imported.
    ask_moto = registration is None or "moto.awslambda.models" in sys.modules
    functions, function = _find(name) if ask_moto else (None, None)
    if function is None and registration is None:
        raise NotInvoked(
            f"There is no Lambda function {arn}, and no handler registered in its place.",
            f"Register one with jitp.lambda_handler({name.name!r}, handler), or with "
            f"moto-jitp serve --lambda {name.name}=package.module:function; or create the function "
            "in moto's Lambda.",
            404,
        )
    if function is not None and check_policy:
        _check_policy(function.policy.statements, permission(arn), name)
    if registration is not None:
        return _call_handler(registration, arn, name, event)
    return _run_by_moto(functions, name, event)


def _call_handler(
    registration: HandlerRegistration, arn: str, name: FunctionName, event: str
) -> str:
    context = LambdaContext(arn, name.name, name.qualifier or "$LATEST")
    try:
        answer = registration.call(json.loads(event), context)
    except Exception as error:
        raise FunctionError(f"{type(error).__name__}: {error}") from error
    try:
        return json.dumps(answer)
    except (TypeError, ValueError) as error:
        raise FunctionError(
            f"Runtime.MarshalError: the handler of {name.name} returned something that is not "
            f"JSON: {error}"
        ) from error


def _find(name: FunctionName) -> tuple[Any, Any]:
    """moto's Lambda of the function's account and Region, and the function in it."""
    check_names_of("moto.awslambda.utils")
    from moto.awslambda.utils import get_backend  # slow to import, and few tests need it
    from moto.core.exceptions import JsonRESTError, ServiceException

    try:
        functions: Any = get_backend(name.account, name.region)
        return functions, functions.get_function(name.name, name.qualifier)
    except (KeyError, JsonRESTError, ServiceException):  # no such Region, no such function
        return None, None


def _run_by_moto(functions: Any, name: FunctionName, event: str) -> str:
    headers: dict[str, Any] = {}
    try:
        answer = functions.invoke(name.name, name.qualifier, event, {}, headers)
    except Exception as error:  # an error of the function's container, which may be any
        raise FunctionError(f"{type(error).__name__}: {error}") from error
    text = answer.decode() if isinstance(answer, bytes) else str(answer or "")
    if "x-amz-function-error" in headers:
        raise FunctionError(text)
    return text


def _check_policy(statements: list[dict[str, Any]], call: IamCall, name: FunctionName) -> None:
    decision = decide(read_statements({"Version": "2012-10-17", "Statement": statements}), call)
    if decision.allowed:
        return
    keys = call.context.extra
    conditions = f": {decision.conditions}" if decision.conditions else ""
    verb = "denies" if decision.denied else "does not allow"
    raise NotInvoked(
        f"The policy of the Lambda function {name.name} {verb} {INVOKE} to {call.service}"
        f"{conditions}.",
        f"Set it with add_permission(FunctionName={name.name!r}, StatementId='iot', "
        f"Action={INVOKE!r}, Principal={call.service!r}, SourceArn={keys['aws:SourceArn']!r}, "
        f"SourceAccount={keys['aws:SourceAccount']!r}).",
        403,
    )


def _takes_two(handler: Handler) -> bool:
    try:
        inspect.signature(handler).bind(None, None)
    except TypeError:
        return False
    except ValueError:  # written in C, without a signature
        return True
    return True
