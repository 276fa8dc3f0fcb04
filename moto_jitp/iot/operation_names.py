"""Names of AWS IoT's operations and errors, checked against botocore's model.

What a test writes in its configuration or in ``jitp.fail`` would do nothing if it were misspelt.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from moto.core.utils import get_service_model

# Errors of every AWS service, which its model does not list, with their HTTP status.
# https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
COMMON_ERRORS = {"AccessDeniedException": 403, "ExpiredTokenException": 403}


def operation_name(given: str) -> str:
    """Return an operation's name in the model's spelling.

    Args:
        given: the name, such as ``RegisterThing`` or ``register_thing``.

    Raises:
        ValueError: AWS IoT has no such operation; the text names the nearest.
    """
    return _named(given, get_service_model("iot").operation_names, "operation of AWS IoT")


def error_code(given: str) -> str:
    """Return an error code in the model's spelling.

    Args:
        given: the code, such as ``ThrottlingException``.

    Raises:
        ValueError: AWS IoT has no such error; the text names the nearest.
    """
    modelled = (shape.error_code for shape in get_service_model("iot").error_shapes)
    return _named(given, {*COMMON_ERRORS, *modelled}, "error of AWS IoT's service model")


def _named(given: object, known: Iterable[str], what: str) -> str:
    by_key = {_key(name): name for name in known}
    name = by_key.get(_key(given)) if isinstance(given, str) else None
    if name is None:
        near = difflib.get_close_matches(_key(str(given)), by_key, n=1, cutoff=0.4)
        hint = f" Did you mean {by_key[near[0]]}?" if near else ""
        raise ValueError(f"{given!r} is no {what}.{hint}")
    return name


def _key(name: str) -> str:
    return name.replace("_", "").lower()
