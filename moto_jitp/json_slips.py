"""What is wrong with a text that should be JSON, and on which line, for whoever wrote it."""

from __future__ import annotations

import json
import re

_YAML = re.compile(r"(?:---\s*\n)?\s*(?:#[^\n]*\n\s*)*['\"]?[A-Za-z_][\w:.-]*['\"]?:(?:[ \t]|\n)")
_CLOSING = {"{": "}", "[": "]"}


def slip(text: str, error: json.JSONDecodeError) -> str:
    """Name a common mistake in JSON and what to change.

    Args:
        text: the text.
        error: Python's error, which often points behind the mistake.

    Returns:
        A sentence with the line of the mistake; empty if it is not a common one.

    Examples:
        >>> text = '{"a": 1,\\n}'
        >>> try:
        ...     json.loads(text)
        ... except json.JSONDecodeError as error:
        ...     print(slip(text, error))
        Line 1 ends with a comma that nothing follows: remove the comma.
    """
    return _mistake(text, error)[1]


def pointed_at(text: str, error: json.JSONDecodeError, *, width: int = 78) -> list[str]:
    """Return the line of a mistake in JSON with a caret under it, for a terminal.

    Args:
        text: the text.
        error: Python's error.
        width: how many characters of the line to show at most, around the mistake.

    Returns:
        The line's number, the line, the caret.

    Examples:
        >>> text = '{"a": 1,\\n}'
        >>> try:
        ...     json.loads(text)
        ... except json.JSONDecodeError as error:
        ...     print(*pointed_at(text, error), sep="\\n")
        line 1:
        {"a": 1,
               ^
    """
    place = min(_mistake(text, error)[0], len(text))
    start = text.rfind("\n", 0, place) + 1
    line = text[start:].partition("\n")[0].expandtabs(1)
    column = place - start
    first = max(0, min(column - width // 2, len(line) - width))
    printable_line = "".join(
        character if character.isprintable() else " " for character in line[first : first + width]
    )
    return [
        f"line {text.count(chr(10), 0, place) + 1}:",
        printable_line,
        " " * (column - first) + "^",
    ]


def _mistake(text: str, error: json.JSONDecodeError) -> tuple[int, str]:
    """Return where the mistake is, and the sentence about it."""
    if _YAML.match(text):
        advice = "The text is YAML, but JSON is required: convert it, for example with yq -o json."
        return error.pos, advice
    place = len(text) - len(text[error.pos :].lstrip())
    if error.msg.startswith("Illegal trailing comma"):  # newer versions of Python point at it
        place = error.pos + 1
    position_text, before = text[place : place + 2], text[:place].rstrip()
    line, line_before = text.count("\n", 0, place) + 1, before.count("\n") + 1
    if before.endswith(",") and text[place:].lstrip()[:1] in ("}", "]"):
        advice = f"Line {line_before} ends with a comma that nothing follows: remove the comma."
        return len(before) - 1, advice
    if position_text in ("//", "/*") or position_text[:1] == "#":
        return place, f"Line {line} has a comment, which JSON does not allow: remove it."
    if position_text[:1] == "'":
        advice = (
            f"Line {line} has single quotes: JSON requires double quotes around names and strings."
        )
        return place, advice
    if not position_text:
        return _unclosed(text)
    if error.msg.startswith("Expecting ',' delimiter"):
        return len(before), f"A comma is missing at the end of line {line_before}."
    return error.pos, ""


def _unclosed(text: str) -> tuple[int, str]:
    """Find the innermost brace or bracket that is not closed."""
    opened: list[int] = []
    in_string = escaped = False
    for place, character in enumerate(text):
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_string = True
        elif character in "{[":
            opened.append(place)
        elif character in "}]" and opened:
            opened.pop()
    if not opened:
        return len(text), ""
    place, character = opened[-1], text[opened[-1]]
    line = text.count("\n", 0, place) + 1
    closing = _CLOSING[character]
    return place, f"The {character} of line {line} is not closed: {closing} is missing."
