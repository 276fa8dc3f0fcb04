"""``mock_jitp`` and its handle."""

from .block import JitpHandle, MockJitp, current, mock_jitp

__all__ = ["JitpHandle", "MockJitp", "current", "mock_jitp"]
