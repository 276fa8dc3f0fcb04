"""What is wrong with a text that should be JSON, and on which line: for people who wrote it."""

from __future__ import annotations

import json
import re

_YAML = re.compile(r"(?:---\s*\n)?\s*(?:#[^\n]*\n\s*)*['\"]?[A-Za-z_][\w:.-]*['\"]?:(?:[ \t]|\n)")
_CLOSING = {"{": "}", "[": "]"}


def slip(text: str, error: json.JSONDecodeError) -> str:
    """Say what a common mistake in JSON is and what to change.

    Args:
        text: the text.
        error: what Python says of it, which is often the place behind the mistake.

    Returns:
        A sentence with the line of the mistake; empty where it is none of the common ones.

    Example:
        >>> text = '{"a": 1,\\n}'
        >>> try:
        ...     json.loads(text)
        ... except json.JSONDecodeError as error:
        ...     print(slip(text, error))
        Line 1 ends with a comma that nothing follows: leave the comma out.
    """
    if _YAML.match(text):
        return "The text is YAML, and JSON is wanted: convert it, for instance with yq -o json."
    place = len(text) - len(text[error.pos :].lstrip())
    if error.msg.startswith("Illegal trailing comma"):  # newer versions of Python point at it
        place = error.pos + 1
    here, before = text[place : place + 2], text[:place].rstrip()
    line, line_before = text.count("\n", 0, place) + 1, before.count("\n") + 1
    if before.endswith(",") and text[place:].lstrip()[:1] in ("}", "]"):
        return f"Line {line_before} ends with a comma that nothing follows: leave the comma out."
    if here in ("//", "/*") or here[:1] == "#":
        return f"Line {line} has a comment, which JSON does not know: leave it out."
    if here[:1] == "'":
        return f"Line {line} has single quotes: JSON puts names and texts in double quotes."
    if not here:
        return _unclosed(text)
    if error.msg.startswith("Expecting ',' delimiter"):
        return f"A comma is missing at the end of line {line_before}."
    return ""


def _unclosed(text: str) -> str:
    """Name the innermost brace or bracket that is not closed."""
    opened: list[tuple[str, int]] = []
    in_string = escaped = False
    line = 1
    for character in text:
        if character == "\n":
            line += 1
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_string = True
        elif character in "{[":
            opened.append((character, line))
        elif character in "}]" and opened:
            opened.pop()
    if not opened:
        return ""
    character, line = opened[-1]
    return f"The {character} of line {line} is not closed: {_CLOSING[character]} is missing."
