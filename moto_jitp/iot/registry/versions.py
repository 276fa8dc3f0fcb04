"""Versions of resources in the registry, and the ``expectedVersion`` of calls that change them."""

from __future__ import annotations

from moto_jitp.iot.exceptions import VersionConflict


def check_version(kind: str, name: str, version: int, expected: int | None) -> None:
    """Refuse a change that is based on an older version.

    Args:
        kind: the kind of resource, such as ``thing``.
        name: its name.
        version: its version.
        expected: the ``expectedVersion`` of the call, if it has one.

    Raises:
        VersionConflict: the two differ.
    """
    if expected is not None and expected != version:
        raise VersionConflict(kind, name, version, expected)
