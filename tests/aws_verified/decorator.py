"""``aws_verified``: a test that runs in the mock, or on request on AWS."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from .cloud import a_cloud


def aws_verified(test: Callable[..., None]) -> Callable[..., None]:
    """Pass a ``cloud`` to a test, and delete everything that it made there.

    Args:
        test: a test function or method with a parameter ``cloud``; further parameters are pytest's
            fixtures and parameters, as usual. None of them may make a mock of its own.

    Returns:
        The test, marked ``aws_verified``, without that parameter.

    Raises:
        TypeError: it has no parameter ``cloud``.

    Example:
        >>> @aws_verified
        ... def test_a_thing_has_a_name(cloud: Cloud) -> None:
        ...     name = cloud.name("bulb")
        ...     assert cloud.iot.create_thing(thingName=name)["thingName"] == name
    """
    signature = inspect.signature(test)
    if "cloud" not in signature.parameters:
        raise TypeError(f"{test.__name__} takes no cloud, so there is nothing for it to run in.")

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        with a_cloud() as cloud:
            test(*args, cloud=cloud, **kwargs)

    others = [parameter for name, parameter in signature.parameters.items() if name != "cloud"]
    run.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]
    marked: Callable[..., None] = pytest.mark.aws_verified(run)
    return marked
