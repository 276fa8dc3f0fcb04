"""Names of AWS IoT's operations and errors, checked against botocore's model.

A misspelt name in a test's configuration or in ``jitp.fail`` would have no effect.
"""

from __future__ import annotations

from collections.abc import Iterable

from moto.core.utils import get_service_model

from moto_jitp.names import did_you_mean

# Errors of every AWS service, which its model does not list, with their HTTP status.
# https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
COMMON_ERRORS = {"AccessDeniedException": 403, "ExpiredTokenException": 403}


# Actions of devices, which are also policy actions.
_ACTS_OF_DEVICES = ("Connect", "Disconnect", "Receive", "RetainPublish", "Subscribe", "Unsubscribe")


def operation_name(operation: str) -> str:
    """Return an operation's name in the model's spelling.

    Args:
        operation: the name, such as ``RegisterThing`` or ``register_thing``.

    Raises:
        ValueError: AWS IoT has no such operation; the text names the nearest.
    """
    operations = get_service_model("iot").operation_names
    name = _find(operation, operations)
    if name is None:
        raise ValueError(
            f"{operation!r} is not an operation of AWS IoT{_instead_of(operation, operations)}"
        )
    return name


def error_code(error: str | type[Exception]) -> str:
    """Return an error code in the model's spelling.

    Args:
        error: the code, such as ``ThrottlingException``, or a class of that name.

    Raises:
        ValueError: AWS IoT has no such error; the text names the nearest, or the possible ones.
    """
    modelled = (shape.error_code for shape in get_service_model("iot").error_shapes)
    codes = {*COMMON_ERRORS, *modelled}
    name = error.__name__ if isinstance(error, type) else error
    code = _find(name, codes)
    if code is None:
        near = "" if isinstance(error, type) else did_you_mean(str(name), codes)
        hint = near or _WHAT_MAY_BE_GIVEN
        raise ValueError(f"{name!r} is not an error in AWS IoT's service model. {hint}")
    return code


_WHAT_MAY_BE_GIVEN = (
    "Give an error code such as 'ThrottlingException', a botocore ClientError with such a code in "
    "its response, or a class of the client's exceptions such as "
    "iot.exceptions.ThrottlingException."
)

_EXAMPLE = 'Name an operation of the client "iot", such as CreateThing.'


def _instead_of(name: object, operations: Iterable[str]) -> str:
    """The advice for an unknown operation."""
    other_kind = None
    if _find(name, get_service_model("iot-data").operation_names):
        other_kind = 'one of its data plane (the client "iot-data")'
    elif _find(name, _ACTS_OF_DEVICES):
        other_kind = "an action of a device"
    if other_kind is not None:
        return (
            f", but {other_kind}, which can neither be made to fail nor be throttled. The "
            "operations of "
            'the client "iot" can, including those that a provisioning run calls, such as '
            "RegisterThing."
        )
    hint = did_you_mean(str(name), operations)
    return f". {hint or _EXAMPLE}"


def _find(candidate: object, names: Iterable[str]) -> str | None:
    if not isinstance(candidate, str):
        return None
    return next((name for name in names if _key(name) == _key(candidate)), None)


def _key(name: str) -> str:
    return name.replace("_", "").lower()
