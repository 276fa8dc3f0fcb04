"""A service model's declarations of an operation: the members of its input, and its errors."""

from __future__ import annotations

import functools

from moto.core.utils import get_service_model

_REFUSALS = ("InvalidRequestException", "ValidationException")


@functools.cache
def members_of_input(service: str, operation: str) -> frozenset[str]:
    """Return the names of the members that an operation's input can have.

    Args:
        service: the service by boto3's name: ``iot``, ``iot-data`` or ``iot-jobs-data``.
        operation: the operation's name in that service's model, such as ``CreateThing``.
    """
    shape = get_service_model(service).operation_model(operation).input_shape
    return frozenset(shape.members if shape is not None else ())


@functools.cache
def refusal_code(service: str, operation: str) -> str:
    """Return the code of the error that an operation declares for a request that is not valid.

    Args:
        service: as for :func:`members_of_input`.
        operation: the operation's name; unknown names are accepted.
    """
    model = get_service_model(service)
    if operation in model.operation_names:
        declared = {shape.name for shape in model.operation_model(operation).error_shapes}
        for code in _REFUSALS:
            if code in declared:
                return code
    return _REFUSALS[0]  # of the few that declare neither, most have nothing to refuse
