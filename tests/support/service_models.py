"""The parts of AWS's service models that tests need and an older botocore may lack.

The package works with every botocore that pyproject.toml allows; a test that needs more than the
installed one has is skipped.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import botocore.session
import pytest
from botocore.client import BaseClient
from botocore.errorfactory import BaseClientExceptions
from botocore.exceptions import ParamValidationError
from botocore.model import OperationNotFoundError, ServiceModel

#: The first botocore whose models have everything that the tests need.
COMPLETE = (1, 43, 17)

IS_COMPLETE = tuple(map(int, botocore.__version__.split(".")[:3])) >= COMPLETE

#: For tests of members that an older botocore drops from an output.
needs_complete_models = pytest.mark.skipif(
    not IS_COMPLETE, reason=f"botocore {botocore.__version__} does not know all of the members"
)


@contextmanager
def skipping_what_botocore_lacks() -> Iterator[None]:
    """Skip the enclosed test if an older botocore does not know something."""
    try:
        yield
    except Exception as error:
        if IS_COMPLETE or not _is_lack(error):
            raise
        pytest.skip(f"botocore {botocore.__version__} does not know this yet: {error}")


def without_unknown(operation: str, **arguments: Any) -> dict[str, Any]:
    """The arguments of an operation of ``iot`` without members that an older botocore lacks.

    For a story in which the member is one thing among many.
    """
    if IS_COMPLETE:
        return arguments
    known: dict[str, Any] = _known(_model().operation_model(operation).input_shape, arguments)
    return known


@functools.cache
def _model() -> ServiceModel:
    return botocore.session.get_session().get_service_model("iot")


def _known(shape: Any, value: Any) -> Any:
    if shape.type_name != "structure":
        return value
    members = shape.members
    return {name: _known(members[name], one) for name, one in value.items() if name in members}


def _is_lack(error: Exception) -> bool:
    if isinstance(error, AttributeError):
        return isinstance(error.obj, (BaseClient, BaseClientExceptions))
    if isinstance(error, ParamValidationError):
        return "Unknown parameter in " in str(error)
    return isinstance(error, OperationNotFoundError)
