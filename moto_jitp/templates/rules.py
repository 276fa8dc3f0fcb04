"""The valid names and values (API reference and quotas of AWS IoT).

These are rules of the API calls of a run: AWS registers a template that breaks them, and the run
fails. So a value is checked when a device is provisioned; a valid fixed one is checked only once.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from .errors import TemplateError, shown
from .expressions import Text, Values

ATTRIBUTES_WITHOUT_TYPE = 3
ATTRIBUTES_WITH_TYPE = 50
GROUPS_PER_THING = 10
POLICIES_PER_CERTIFICATE = 10
# The 47 KB for all attributes need no check: 50 names of 128 and values of 800 characters are less.


@dataclass(frozen=True)
class Rule:
    """The characters and the length of one kind of name or value.

    Attributes:
        label: its name, for error texts.
        characters: a regular expression's set, as AWS prints it in its patterns.
        fits: whether a text satisfies the rule.
    """

    label: str
    characters: str
    minimum: int
    maximum: int

    fits: Callable[[str], object] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pattern = re.compile(f"{self.characters}{{{self.minimum},{self.maximum}}}", re.ASCII)
        object.__setattr__(self, "fits", pattern.fullmatch)

    def broken(self, text: str, place: str, sources: tuple[str, ...] = ()) -> TemplateError:
        """The error for a text that breaks the rule.

        Args:
            sources: the parameters from which the text was made.
        """
        found_text = f"{len(text)} characters" if len(text) > self.maximum else shown(text)
        wrong = [c for c in dict.fromkeys(text) if not re.fullmatch(self.characters, c, re.ASCII)]
        if wrong and len(text) <= self.maximum:
            found_text += ", with " + ", ".join(_named(character) for character in wrong[:5])
        advice = ""
        if sources:
            advice = f"The value comes from {' and '.join(sources)}."
        elif "<" in text and ">" in text:
            advice = "A placeholder of an example seems to be left."
        elif "${" in text:
            advice = "${…} is only replaced inside Fn::Sub."
        return TemplateError(
            f"{shown(text)} cannot be {self.label}.",
            place=place,
            found=found_text,
            expected=f"{self.minimum} to {self.maximum} characters of {self.characters}",
            advice=advice,
        )


def _named(character: str) -> str:
    return "a space" if character == " " else repr(character)


THING_NAME = Rule("a thing name", "[a-zA-Z0-9:_-]", 1, 128)
THING_TYPE_NAME = Rule("a thing type name", "[a-zA-Z0-9:_-]", 1, 128)
THING_GROUP_NAME = Rule("a thing group name", "[a-zA-Z0-9:_-]", 1, 128)
BILLING_GROUP_NAME = Rule("a billing group name", "[a-zA-Z0-9:_-]", 1, 128)
ATTRIBUTE_NAME = Rule("an attribute name", "[a-zA-Z0-9_.,@/:#-]", 1, 128)
ATTRIBUTE_VALUE = Rule("an attribute value", r"[a-zA-Z0-9_.,@/:#=\[\]-]", 0, 800)
POLICY_NAME = Rule("a policy name", r"[\w+=,.@-]", 1, 128)
PACKAGE_NAME = Rule("a package name", "[a-zA-Z0-9_.-]", 1, 128)
PACKAGE_VERSION = Rule("a package version", "[a-zA-Z0-9_.-]", 1, 64)


class Field:
    """A text of the template together with its rule.

    Args:
        expression: the source of the text.
        rule: its rule.
        place: its place in the template.
    """

    __slots__ = ("_constant", "_evaluate", "_fits", "expression", "place", "rule")

    def __init__(self, expression: Text, rule: Rule, place: str) -> None:
        self.expression = expression
        self.rule = rule
        self.place = place
        self._evaluate = expression.evaluate
        self._fits = rule.fits
        # A fixed text that satisfies its rule need not be checked again for each device.
        fixed = expression.evaluate({}) if expression.constant else None
        self._constant = fixed if fixed is not None and rule.fits(fixed) else None

    def value(self, values: Values) -> str:
        """The text for one device; raises TemplateError if it breaks the rule.

        Raises:
            TemplateError: the value breaks the rule.
        """
        if self._constant is not None:
            return self._constant
        text = self._evaluate(values)
        if not self._fits(text):
            raise self.rule.broken(text, self.place, self.expression.references)
        return text
