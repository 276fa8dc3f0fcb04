"""The errors in a policy document: AWS's opening words, the place and the remedy.

Three openings were seen on AWS: ``Policy document is Malformed`` (text that is not JSON),
``…: Invalid policy syntax.`` and ``…: The resource <resource> is not in valid ARN format``. The
rest of each sentence is ours; AWS says nothing more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from moto_jitp.names import did_you_mean

_MALFORMED = "Policy document is Malformed"
_LONGEST_QUOTE = 80


class MalformedPolicyError(ValueError):
    """A policy document that AWS IoT would refuse with ``MalformedPolicyException``.

    Attributes:
        message: what is wrong, where, and what is allowed there.
        bare_message: only the opening, which is AWS's whole text.
    """

    def __init__(self, opening: str, detail: str) -> None:
        # Half of a surrogate pair, which a document can escape and UTF-8 does not have, stays
        # escaped, so that the message can be printed and sent.
        opening, detail = (
            text.encode("utf-8", "backslashreplace").decode() for text in (opening, detail)
        )
        self.message = f"{opening} {detail}"
        self.bare_message = opening.removesuffix(":")
        super().__init__(opening, detail)

    def __str__(self) -> str:
        return self.message


def not_text(found_value: object) -> MalformedPolicyError:
    return MalformedPolicyError(
        f"{_MALFORMED}:",
        f"the document must be JSON text, not {_kind(found_value)}; pass what json.dumps() "
        "returns.",
    )


def not_json(detail: str) -> MalformedPolicyError:
    return MalformedPolicyError(f"{_MALFORMED}:", f"the text is not JSON ({detail}).")


def too_long(length: int, limit: int) -> MalformedPolicyError:
    return MalformedPolicyError(
        f"{_MALFORMED}:",
        f"the document has {length} characters without white space; {limit} are allowed. "
        "Shorten it, or split it into several policies.",
    )


def wrong_value(place: str, found_value: object, expected: str) -> MalformedPolicyError:
    return _syntax(f"{place} must be {expected}, not {quoted(found_value)}.")


def duplicate_key(key: str) -> MalformedPolicyError:
    return _syntax(f"The key {quoted(key)} stands twice in one object; write it once.")


def unknown_element(place: str, key: str, allowed: Iterable[str]) -> MalformedPolicyError:
    names = list(allowed)
    unknown = f"{place} must not have {quoted(key)}; it can have {', '.join(names)}."
    return _syntax(did_you_mean(key, names, after=unknown))


def principal_given(place: str) -> MalformedPolicyError:
    return _syntax(
        f"{place} has a Principal. An AWS IoT policy holds for the certificates and thing groups "
        "that it is attached to; leave Principal out and use AttachPolicy."
    )


def one_of(place: str, first: str, second: str, number: int) -> MalformedPolicyError:
    count = "neither" if number == 0 else "both"
    return _syntax(f"{place} must have either {first} or {second}; it has {count}.")


def unknown_operator(place: str, operator: str, allowed: Iterable[str]) -> MalformedPolicyError:
    # A negated operator means the opposite, so it is not suggested for one that is not negated.
    negates = "not" in operator.casefold()
    names = [name for name in allowed if ("Not" in name) is negates]
    unknown = f"{place} has the condition operator {quoted(operator)}, which does not exist."
    return _syntax(
        f"{did_you_mean(operator, names, after=unknown)} "
        "An operator may begin with ForAllValues: or ForAnyValue: and, except for Null, "
        "end with IfExists."
    )


def not_an_arn(place: str, resource: str) -> MalformedPolicyError:
    return MalformedPolicyError(
        f"{_MALFORMED}: The resource {shortened(resource)} is not in valid ARN format.",
        f'{place} must be "*" or an ARN such as arn:aws:iot:<region>:<account>:client/<client id>, '
        "…:topic/<topic>, …:topicfilter/<topic filter> or …:thing/<thing name>.",
    )


def quoted(found_value: object) -> str:
    """A found value as it looks in JSON, shortened."""
    if isinstance(found_value, str):
        return f"'{shortened(found_value)}'"
    if isinstance(found_value, (bool, int, float)) or found_value is None:
        return shortened(json.dumps(found_value))
    return _kind(found_value)


def shortened(text: str) -> str:
    if len(text) <= _LONGEST_QUOTE:
        return text
    return f"{text[:_LONGEST_QUOTE]}… ({len(text)} characters)"


def _syntax(detail: str) -> MalformedPolicyError:
    return MalformedPolicyError(f"{_MALFORMED}: Invalid policy syntax.", detail)


def _kind(found_value: object) -> str:
    if isinstance(found_value, dict):
        return "an object"
    if isinstance(found_value, list):
        return "an empty list" if not found_value else "a list"
    return f"a {type(found_value).__name__}"
