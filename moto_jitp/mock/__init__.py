"""``mock_jitp`` and its handle."""

from .block import current
from .handle import JitpHandle
from .mocking import MockJitp, mock_jitp

__all__ = ["JitpHandle", "MockJitp", "current", "mock_jitp"]
