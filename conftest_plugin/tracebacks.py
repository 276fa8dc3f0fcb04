"""Which frames of a traceback pytest shows: the user's, and ours only if ours are to blame."""

from __future__ import annotations

import linecache
import sys
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

_OURS = ("moto_jitp", "conftest_plugin")
_BOTO = "botocore"


def hide_our_frames() -> None:
    """Have pytest hide the frames of this package, so that the last one is the user's line.

    pytest also looks for ``__tracebackhide__`` in the globals of a frame's module; ``--full-trace``
    shows the frames all the same.
    """
    for name, module in list(sys.modules.items()):
        if _is(name, *_OURS) and module is not None:
            module.__dict__.setdefault("__tracebackhide__", _is_said_to_the_user)


def _is_said_to_the_user(excinfo: pytest.ExceptionInfo[BaseException]) -> bool:
    """Whether an error was raised on purpose; a bug of ours is shown where it happened."""
    last = excinfo.tb
    while last.tb_next is not None:
        last = last.tb_next
    module = _module(last.tb_frame)
    if _is(module, *_OURS):
        line = linecache.getline(last.tb_frame.f_code.co_filename, last.tb_lineno)
        return line.lstrip().startswith("raise ")
    return _is(module, _BOTO)  # AWS IoT's answer to a call made for the user


def _module(frame: FrameType) -> str:
    name: Any = frame.f_globals.get("__name__")
    return str(name)


def _is(module: str, *packages: str) -> bool:
    return module.partition(".")[0] in packages
