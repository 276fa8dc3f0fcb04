"""Errors in a statement, and failures that end a running rule."""

from __future__ import annotations

_LONGEST_NAME = 80


class SqlError(ValueError):
    """A refused statement, or expression of a substitution template.

    AWS IoT answers CreateTopicRule with ``SqlParseException``; its texts are not documented, so
    these are ours.

    Attributes:
        message: what is wrong, what was expected, and what to change.
        line: the line of the mistake, from 1; ``None`` if it concerns the whole statement.
        column: the character in that line, from 1.
    """

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        place = "" if line is None else f" (line {line}, column {column})"
        super().__init__(f"{message}{place}")
        self.message = str(self)
        self.line = line
        self.column = column


def shortened(text: object) -> str:
    """Return what an error shows of a text that may be as long as a statement."""
    shown = str(text)
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[:_LONGEST_NAME]}…"


class FunctionFailed(Exception):  # noqa: N818 - the reference says that a function "fails"
    """A function that uses the account failed.

    It ends the rule without any action, unless ``get_or_default()`` encloses it.

    Args:
        function: the function's name, such as ``get_thing_shadow``.
        reason: what went wrong, as a sentence.
    """

    def __init__(self, function: str, reason: str) -> None:
        super().__init__(f"{function}(): {reason}")
        self.function = function
        self.reason = reason


class StatementFailed(Exception):  # noqa: N818 - as above
    """A statement has no result for a message: the rule ends without any action."""
