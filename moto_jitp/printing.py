"""Makes texts that a device chooses safe for a terminal and a log.

A subject, a client id, a thing's name may hold any character. Printed as it is, a newline begins
what looks like a line of ours, and an escape character steers the terminal.
"""

from __future__ import annotations

import unicodedata

# Control, format and surrogate characters, and the separators of lines and paragraphs.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def one_line(text: str) -> str:
    r"""Return a text as one line without active characters, for people.

    Args:
        text: any text.

    Returns:
        The text, with escapes (``\n``, ``\x1b``, ``\u2028``) for what breaks a line or is
        invisible.

    Examples:
        >>> one_line("CN=bulb\nACCEPTED")
        'CN=bulb\\nACCEPTED'
    """
    if text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode("ascii")
        if unicodedata.category(character) in _HIDDEN
        else character
        for character in text
    )
