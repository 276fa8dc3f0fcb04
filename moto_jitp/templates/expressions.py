"""Compiled values of a template, evaluated for each device.

A value is a *text* or a *list of texts*; which of the two is known when the template is parsed
(``functions.py``), so a list in place of a name is refused then and not at the first device.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping

from .errors import TemplateError, UnresolvedReferenceError, listed, shown

Values = Mapping[str, str]

MAXIMUM_TEXT = 404_600
"""The maximum length of a function's result: that of the longest field, a policy document.

Otherwise a short body could produce gigabytes by repeatedly joining what it has split.
"""


class Text(ABC):
    """An expression whose value is one text."""

    constant: bool = False
    references: tuple[str, ...] = ()

    @abstractmethod
    def evaluate(self, values: Values) -> str:
        """The value for one device; raises TemplateError."""


class TextList(ABC):
    """An expression whose value is a list of texts."""

    constant: bool = False
    references: tuple[str, ...] = ()

    @abstractmethod
    def evaluate(self, values: Values) -> list[str]:
        """The values for one device; raises TemplateError."""


class Literal(Text):
    constant = True

    def __init__(self, text: str) -> None:
        self.text = text

    def evaluate(self, values: Values) -> str:
        return self.text


class Ref(Text):
    def __init__(self, name: str, default: str | None, place: str) -> None:
        self.name = name
        self.default = default
        self.place = place
        self.references = (name,)

    def evaluate(self, values: Values) -> str:
        value = values.get(self.name, self.default)
        if value is None:
            # Only the code with all the values can say what to do; see Template.resolve.
            raise UnresolvedReferenceError(self.name, place=self.place)
        return value


class ListOf(TextList):
    def __init__(self, items: tuple[Text, ...]) -> None:
        self.items = items
        self.constant = all(item.constant for item in items)
        self.references = _references(items)

    def evaluate(self, values: Values) -> list[str]:
        return [item.evaluate(values) for item in self.items]


class Join(Text):
    """``Fn::Join``, and ``Fn::Sub`` as the join of its pieces.

    Args:
        name: the function's name, for the error text.
    """

    def __init__(self, delimiter: str, items: TextList, name: str, place: str) -> None:
        self.delimiter = delimiter
        self.items = items
        self.name = name
        self.place = place
        self.constant = items.constant
        self.references = items.references

    def evaluate(self, values: Values) -> str:
        texts = self.items.evaluate(values)
        length = sum(map(len, texts)) + len(self.delimiter) * max(len(texts) - 1, 0)
        if length > MAXIMUM_TEXT:
            raise TemplateError(
                f"{self.name} makes a text that is too long.",
                place=self.place,
                found=f"{length} characters",
                expected=f"at most {MAXIMUM_TEXT} characters",
            )
        return self.delimiter.join(texts)


class WithVariables(Text):
    """``Fn::Sub`` with variables of its own.

    Each is evaluated once, however often it occurs in the text: nested variables would otherwise
    take exponential time.

    Args:
        variables: the variables' names and expressions.
        text: the text, in which a variable is a ``Ref`` to its name.
    """

    def __init__(self, variables: Mapping[str, Text], text: Text) -> None:
        self.variables = variables
        self.text = text
        parameters = tuple(name for name in text.references if name not in variables)
        self.constant = not parameters and all(item.constant for item in variables.values())
        self.references = tuple(dict.fromkeys(_references(variables.values()) + parameters))

    def evaluate(self, values: Values) -> str:
        own_values = {name: item.evaluate(values) for name, item in self.variables.items()}
        return self.text.evaluate({**values, **own_values})


class Split(TextList):
    def __init__(self, delimiter: str, text: Text) -> None:
        self.delimiter = delimiter
        self.text = text
        self.constant = text.constant
        self.references = text.references

    def evaluate(self, values: Values) -> list[str]:
        return self.text.evaluate(values).split(self.delimiter)


class Select(Text):
    def __init__(self, index: Text, items: TextList, place: str) -> None:
        self.index = index
        self.items = items
        self.place = place
        self.references = _references((index, items))

    def evaluate(self, values: Values) -> str:
        index = self.index.evaluate(values)
        items = self.items.evaluate(values)
        # isdecimal alone admits digits of other scripts; four digits cannot be a valid index.
        if index.isascii() and index.isdecimal() and len(index) < 5 and int(index) < len(items):
            return items[int(index)]
        raise TemplateError(
            "Fn::Select has no element at its index.",
            place=self.place,
            found=f"index {shown(index)} of {len(items)} elements",
            expected=f"0 to {len(items) - 1}" if items else "a list that is not empty",
        )


class _MapLookup:
    def __init__(
        self,
        name: str,
        table: Mapping[str, Mapping[str, str | list[str]]],
        keys: tuple[Text, Text],
        place: str,
    ) -> None:
        self.name = name
        self.table = table
        self.keys = keys
        self.place = place
        self.references = _references(keys)

    def find(self, values: Values) -> str | list[str]:
        top, second = (key.evaluate(values) for key in self.keys)
        row = self.table.get(top)
        if row is None:
            raise self._nothing(f"{self.name} has no key {shown(top)}", self.table)
        value = row.get(second)
        if value is None:
            raise self._nothing(f"{self.name}.{top} has no key {shown(second)}", row)
        return value

    def _nothing(self, found: str, known: Collection[str]) -> TemplateError:
        return TemplateError(
            "Fn::FindInMap finds no value.",
            place=self.place,
            found=found,
            expected=listed(list(known)[:10]),
        )


class FindText(_MapLookup, Text):
    def evaluate(self, values: Values) -> str:
        value = self.find(values)
        assert isinstance(value, str)
        return value


class FindList(_MapLookup, TextList):
    def evaluate(self, values: Values) -> list[str]:
        value = self.find(values)
        assert isinstance(value, list)
        return list(value)


def _references(expressions: Collection[Text | TextList]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for item in expressions for name in item.references))
