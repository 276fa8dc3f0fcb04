"""Checks that the installed moto has the names on which this project depends.

:mod:`moto_jitp.aws.moto_names` lists them. ``scripts/collect_moto_names.py`` generates that list
from the code.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable, Iterator
from typing import Any

from .moto_names import MOTO_NAMES, NAMES_ON_USE

KNOWN_TO_WORK = "5.2.0 to 5.2.5"
ABSENT = object()


class UnsupportedMotoError(RuntimeError):
    """The installed moto lacks a name that moto_jitp hooks, so nothing has been changed.

    Attributes:
        missing: the dotted names that were not found.
        moto_version: the version of the installed moto.

    Examples:
        >>> raise UnsupportedMotoError(("moto.iot.models.IoTBackend().things",), "9.0.0")
        Traceback (most recent call last):
        ...
        moto_jitp.UnsupportedMotoError: moto 9.0.0 has no moto.iot.models.IoTBackend().things, ...
    """

    __module__ = "moto_jitp"  # where users find it

    def __init__(self, missing: tuple[str, ...], moto_version: str) -> None:
        super().__init__(
            f"moto {moto_version} has no {', '.join(missing)}, which moto_jitp hooks. "
            f"It is tested with moto {KNOWN_TO_WORK}: install one of these versions, or a version "
            "of moto_jitp that supports yours. Nothing was changed."
        )
        self.missing = missing
        self.moto_version = moto_version


def check_moto() -> None:
    """Make sure that every name of moto's that we use exists.

    Raises:
        UnsupportedMotoError: some are missing; the error lists them, the installed moto and the
            versions that work.
    """
    _refuse(name for module in MOTO_NAMES for name in _missing(module, MOTO_NAMES[module]))


def check_names_of(module: str) -> None:
    """Make sure that a rarely needed module of moto's has the names that we use.

    Such a module is slow to import or needs an extra. :func:`check_moto` omits it if the code calls
    this function with its name.

    Args:
        module: the module's name, such as ``"moto.awslambda.utils"``, as a literal.

    Raises:
        UnsupportedMotoError: as for :func:`check_moto`.
    """
    _refuse(_missing(module, NAMES_ON_USE[module]))


def resolve(module: str, path: str) -> Any:
    """Return the object behind a name of moto's.

    Args:
        module: the name of a module.
        path: the names from there on, such as ``"IoTBackend.reset"``; after ``Class()`` the name of
            an attribute of its instances.

    Returns:
        The object, which for an attribute of instances may be ``None``; ``ABSENT`` if moto has no
        such name.
    """
    try:
        return _find(importlib.import_module(module), path)
    except ImportError:
        return ABSENT


def _find(value: Any, path: str) -> Any:
    names, attribute = _steps(path)
    owner = _walk(value, names)
    return _of_instances(owner, attribute) if attribute and owner is not ABSENT else owner


def _exists(module: Any, path: str) -> bool:
    names, attribute = _steps(path)
    owner = _walk(module, names)
    if owner is ABSENT or not attribute:
        return owner is not ABSENT
    return _instances_have(owner, owner.__init__, attribute)


@functools.cache
def _steps(path: str) -> tuple[tuple[str, ...], str]:
    """Take a path apart: the names from the module on, and what comes after ``()``."""
    owner, _, attribute = path.partition("().")
    return tuple(owner.split(".")), attribute


def _walk(value: Any, names: tuple[str, ...]) -> Any:
    for name in names:
        value = getattr(value, name, ABSENT)
        if value is ABSENT:
            break
    return value


@functools.cache
def _instances_have(owner: Any, _constructor: Any, attribute: str) -> bool:
    # Once for each constructor: each block asks, and there are a hundred instances to be made.
    return _of_instances(owner, attribute) is not ABSENT


def _of_instances(owner: Any, path: str) -> Any:
    try:
        value = owner()
    except TypeError:
        # It takes arguments. The names in its constructors serve as well as an instance's
        # attributes.
        attribute_names = _names_in(tuple(vars(base).get("__init__") for base in owner.__mro__))
        return None if path in attribute_names else ABSENT
    return _walk(value, tuple(path.split(".")))


@functools.lru_cache(maxsize=128)
def _names_in(functions: tuple[Any, ...]) -> frozenset[str]:
    codes = (getattr(function, "__code__", None) for function in functions)
    return frozenset(name for code in codes if code is not None for name in code.co_names)


def _missing(module: str, paths: Iterable[str]) -> Iterator[str]:
    try:
        owner_module = importlib.import_module(module)
    except ImportError:
        yield module
        return
    for path in paths:
        if not _exists(owner_module, path):
            yield f"{module}.{_first_missing(owner_module, path)}"


def _first_missing(module: Any, path: str) -> str:
    """The first name on a path that moto lacks."""
    names = path.split(".")
    beginnings = (".".join(names[: length + 1]).removesuffix("()") for length in range(len(names)))
    return next((beginning for beginning in beginnings if _find(module, beginning) is ABSENT), path)


def _refuse(missing: Iterator[str]) -> None:
    names = tuple(dict.fromkeys(missing))
    if names:
        import moto

        raise UnsupportedMotoError(names, getattr(moto, "__version__", "(version unknown)"))
