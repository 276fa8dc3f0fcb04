"""Policies of a template: by name, or by a document as text or as an object."""

import json

from .document import Node, Number, not_an_object
from .errors import POLICY_EMPTY, TemplateError, listed, shown
from .expressions import Literal, Text, TextList, Values
from .functions import Scope, compile_text, compile_value, is_function
from .plan import PlannedPolicy
from .resources import parse_overrides, require_known_keys
from .rules import POLICY_NAME, Field

POLICY_PROPERTIES = ("PolicyName", "PolicyDocument")


class PolicyResource:
    """A resource of type ``AWS::IoT::Policy``.

    Raises:
        TemplateError: a property is not valid, or there is not exactly one of name and document.
    """

    def __init__(
        self, logical_name: str, properties: dict[str, Node], overrides: Node, scope: Scope
    ) -> None:
        place = f"Resources.{logical_name}.Properties"
        require_known_keys(properties, POLICY_PROPERTIES, place)
        parse_overrides(overrides, f"Resources.{logical_name}.OverrideSettings", {})
        scope = scope.of_policy()
        self.logical_name = logical_name
        self.place = place
        name, document = properties.get("PolicyName"), properties.get("PolicyDocument")
        # An empty name counts as none: seen on AWS when a script's variable was not set.
        has_name = name not in (None, "")
        has_document = document is not None and not (document == "" and has_name)
        if has_name and has_document:
            raise TemplateError(
                "Both policyName and policyDocument are present in the Template.",
                place=place,
                found=listed(POLICY_PROPERTIES),
                expected="one of them",
            )
        if not has_name and not has_document:
            raise self._empty_error()
        self.document = (
            _document(document, f"{place}.PolicyDocument", scope) if not has_name else None
        )
        name_place = f"{place}.PolicyName"
        self.name = (
            Field(compile_text(name, name_place, scope), POLICY_NAME, name_place)
            if has_name
            else None
        )
        self._constant: PlannedPolicy | None = None
        source = self.name.expression if self.name is not None else self.document
        if source is not None and source.constant:
            try:
                self._constant = self._plan({})
            except TemplateError:
                # Raised again for each device: AWS registers a template with such a mistake.
                self._constant = None

    def plan(self, values: Values) -> PlannedPolicy:
        """The policy of one device; raises TemplateError."""
        return self._constant if self._constant is not None else self._plan(values)

    def _plan(self, values: Values) -> PlannedPolicy:
        if self.name is not None:
            if not self.name.expression.evaluate(values):
                raise self._empty_error()
            return PlannedPolicy(self.logical_name, self.name.value(values), None)
        assert self.document is not None
        return PlannedPolicy(self.logical_name, None, self.document.evaluate(values))

    def _empty_error(self) -> TemplateError:
        return TemplateError(
            POLICY_EMPTY,
            place=self.place,
            found="neither, or an empty name",
            expected="PolicyName or PolicyDocument",
            advice="An empty PolicyName often comes from a variable that was not set.",
        )


class _DocumentText(Text):
    """A document as text, which must be a JSON object when a device is provisioned."""

    def __init__(self, text: Text, place: str) -> None:
        self.text = text
        self.place = place
        self.constant = text.constant
        self.references = text.references

    def evaluate(self, values: Values) -> str:
        text = self.text.evaluate(values)
        problem = not_an_object(text)
        if problem:
            raise TemplateError(
                "The policy document is not a JSON object.",
                place=self.place,
                found=f"{shown(text)} ({problem})",
                expected="an IoT policy as JSON text, or as an object",
                advice=document_advice(text),
            )
        return text


def document_advice(text: str) -> str:
    """What the author of a wrong document text probably meant."""
    if not text.strip():
        return "The document is empty: was it read from a file or a variable that is missing?"
    if text.lstrip().startswith('"'):
        return "The document was escaped twice."
    if text.lstrip().startswith(("{\\", "{'")):
        return "Quotes inside the document are escaped once too often, or are single quotes."
    if POLICY_NAME.fits(text):
        return f'{shown(text)} looks like the name of a policy: write it as "PolicyName".'
    return ""


class _DocumentObject(Text):
    """A document as an object: its JSON text, with the functions as gaps to be filled."""

    def __init__(self, pieces: list[Text | TextList]) -> None:
        self.pieces = pieces
        self.constant = all(piece.constant for piece in pieces)
        self.references = tuple(name for piece in pieces for name in piece.references)

    def evaluate(self, values: Values) -> str:
        return "".join(
            piece.text if type(piece) is Literal else _json(piece.evaluate(values))
            for piece in self.pieces
        )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _document(node: Node, place: str, scope: Scope) -> Text:
    if isinstance(node, dict) and not is_function(node):
        pieces: list[str | Text | TextList] = []
        _pieces(node, place, scope, pieces)
        return _DocumentObject(_merged(pieces))
    if isinstance(node, (str, dict)) and not isinstance(node, Number):
        return _DocumentText(compile_text(node, place, scope), place)
    raise TemplateError(
        "The policy document is not a JSON object.",
        place=place,
        found=shown(node),
        expected="an IoT policy as JSON text, or as an object",
    )


def _pieces(node: Node, place: str, scope: Scope, pieces: list[str | Text | TextList]) -> None:
    if is_function(node):
        value = compile_value(node, place, scope)
        pieces.append(_json(value.evaluate({})) if isinstance(value, Literal) else value)
    elif isinstance(node, dict):
        for index, (key, value) in enumerate(node.items()):
            pieces.append(("," if index else "{") + _json(key) + ":")
            _pieces(value, f"{place}.{key}", scope, pieces)
        pieces.append("}" if node else "{}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            pieces.append("," if index else "[")
            _pieces(value, f"{place}[{index}]", scope, pieces)
        pieces.append("]" if node else "[]")
    else:
        pieces.append(str(node) if isinstance(node, Number) else _json(node))


def _merged(pieces: list[str | Text | TextList]) -> list[Text | TextList]:
    """Neighbouring fixed texts as one."""
    result: list[Text | TextList] = []
    fixed = ""
    for piece in pieces:
        if isinstance(piece, str):
            fixed += piece
            continue
        result.extend((Literal(fixed), piece))
        fixed = ""
    return [*result, Literal(fixed)]
