"""Paths in place of texts: a user may pass a text or the path of its file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeVar, overload

T = TypeVar("T")


@overload
def content_of(source: str | os.PathLike[str]) -> str: ...
@overload
def content_of(source: str | bytes | os.PathLike[str]) -> str | bytes: ...
@overload
def content_of(source: T | os.PathLike[str]) -> T | str: ...
def content_of(source: Any) -> Any:
    """Return the text of the file if given a path; return anything else unchanged.

    Args:
        source: a path (:class:`pathlib.Path`), or a value that does not need to be read.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not UTF-8 text.
    """
    if isinstance(source, str) or not isinstance(source, os.PathLike):
        return source
    try:
        return Path(source).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{os.fspath(source)} is not UTF-8 text: {error}.") from None


def path_advice(text: str) -> str:
    """Return advice if a text is the name of a file; else an empty text.

    Args:
        text: the text that was passed.
    """
    name = text.strip()
    if not name or "\n" in name or len(name) > 255:
        return ""
    try:
        is_file = Path(name).is_file()
    except (OSError, ValueError):
        return ""
    return f"{name!r} is the name of a file: pass pathlib.Path({name!r})." if is_file else ""
