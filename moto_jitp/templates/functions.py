"""``Ref`` and the functions of a template, checked and compiled.

The functions and their restrictions: "Intrinsic functions" in
https://docs.aws.amazon.com/iot/latest/developerguide/provision-template.html. AWS shows no example
of ``Fn::Sub``; both forms of CloudFormation are accepted.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from moto_jitp.names import did_you_mean

from .document import Node
from .errors import (
    CERTIFICATE_PARAMETERS,
    TemplateError,
    UnresolvedReferenceError,
    listed,
    reference_advice,
    shown,
)
from .expressions import (
    FindList,
    FindText,
    Join,
    ListOf,
    Literal,
    Ref,
    Select,
    Split,
    Text,
    TextList,
    WithVariables,
)


@dataclass(frozen=True)
class Parameter:
    """One entry of ``Parameters``.

    Attributes:
        name: the name that a ``Ref`` uses.
        default: the value if none is passed; None if the template has none.
    """

    name: str
    default: str | None = None


@dataclass(frozen=True)
class Scope:
    """What an expression can refer to while it is compiled; ``references`` collects its use."""

    parameters: Mapping[str, Parameter]
    mappings: Mapping[str, Mapping[str, Mapping[str, str | list[str]]]]
    resources: Collection[str]
    references: dict[str, None] = field(default_factory=dict)
    in_policy: bool = False

    def of_policy(self) -> "Scope":
        """The scope inside a policy resource, where AWS documents no ``Fn::Join``."""
        return replace(self, in_policy=True)


def compile_text(node: Node, place: str, scope: Scope) -> Text:
    """Compile a value that must be one text.

    A number or a boolean counts as its JSON text: real templates write ``true`` as an
    attribute's value.

    Raises:
        TemplateError: the node cannot be one text.
    """
    value = compile_value(node, place, scope)
    if isinstance(value, TextList):
        raise TemplateError(
            "A list stands where one text is needed.",
            place=place,
            found=shown(node),
            expected="a string, or a function that gives one",
            advice="Fn::Select takes one element of a list, Fn::Join makes one text of it.",
        )
    return value


def compile_list(node: Node, place: str, scope: Scope) -> TextList:
    """Compile a value that must be a list of texts.

    Raises:
        TemplateError: the node cannot be a list of texts.
    """
    value = compile_value(node, place, scope)
    if isinstance(value, Text):
        raise TemplateError(
            "One text stands where a list is needed.",
            place=place,
            found=shown(node),
            expected="a list, or a function that gives one",
        )
    return value


def compile_value(node: Node, place: str, scope: Scope) -> Text | TextList:
    """Compile a value that may be a text or a list; raises TemplateError.

    Raises:
        TemplateError: the node is null, an object, or an unknown function.
    """
    if isinstance(node, str):
        return Literal(str(node))
    if isinstance(node, bool):
        return Literal("true" if node else "false")
    if isinstance(node, list):
        return ListOf(
            tuple(compile_text(item, f"{place}[{index}]", scope) for index, item in enumerate(node))
        )
    if node is None:
        raise TemplateError(
            "null stands where a value is needed.", place=place, found="null", expected="a string"
        )
    if not is_function(node):
        raise TemplateError(
            "An object stands where a value is needed.",
            place=place,
            found=shown(node),
            expected=f"a string, or one of {listed(FUNCTIONS)}",
        )
    return _compile_function(node, place, scope)


def is_function(node: Node) -> bool:
    """Whether an object is meant as ``Ref`` or a function, correctly written or not."""
    return isinstance(node, dict) and any(
        key.lower() == "ref" or key.lower().startswith("fn::") for key in node
    )


def _compile_function(node: dict[str, Node], place: str, scope: Scope) -> Text | TextList:
    if len(node) != 1:
        raise TemplateError(
            "A function must be the only key of its object.",
            place=place,
            found=shown(node),
            expected='an object with one key, such as {"Ref": "name"}',
        )
    ((name, argument),) = node.items()
    compiler = _COMPILERS.get(name)
    if compiler is None:
        right = next((known for known in FUNCTIONS if known.lower() == name.lower()), None)
        raise TemplateError(
            f"{name} is not a function of provisioning templates.",
            place=place,
            found=shown(name),
            expected=listed(FUNCTIONS),
            advice=f"Upper and lower case count: write {right}." if right else "",
        )
    if scope.in_policy and name == "Fn::Join":
        raise TemplateError(
            "Fn::Join is not supported in policy resources.",
            place=place,
            found="Fn::Join",
            expected="a string, Ref or another function",
            advice="AWS documents this limit; Fn::Sub does the same: "
            '{"Fn::Sub": "arn:…:client/${name}"}.',
        )
    return compiler(argument, f"{place}.{name}" if place else name, scope)


def _compile_ref(node: Node, place: str, scope: Scope) -> Text:
    if type(node) is not str:
        raise _malformed("Ref", place, node, 'the name of a parameter: {"Ref": "name"}')
    return _reference(node, place.removesuffix(".Ref"), scope)


def _reference(name: str, place: str, scope: Scope) -> Text:
    parameter = scope.parameters.get(name)
    # Public templates that work on AWS refer to AWS::IoT::Certificate::Id without declaring it.
    if parameter is None and name not in CERTIFICATE_PARAMETERS:
        raise UnresolvedReferenceError(
            name,
            place=place,
            expected=listed(list(scope.parameters)[:10])
            or "a declared parameter, or one of the eight AWS::IoT::Certificate:: names",
            advice=_undeclared_advice(name, scope),
        )
    scope.references[name] = None
    return Ref(name, parameter.default if parameter is not None else None, place)


def _undeclared_advice(name: str, scope: Scope) -> str:
    if scope.in_policy and re.match(r"(iot|aws|cognito-identity\.[\w.]+):", name):
        return f"To keep the policy variable in Fn::Sub, write ${{!{name}}}."
    return reference_advice(name, scope.parameters, scope.resources)


def _compile_join(node: Node, place: str, scope: Scope) -> Text:
    delimiter, items = _pair("Fn::Join", node, place, '["delimiter", ["a", "b"]]')
    if type(delimiter) is not str:
        raise _malformed("Fn::Join", f"{place}[0]", delimiter, "a string as the delimiter")
    return Join(delimiter, compile_list(items, f"{place}[1]", scope), "Fn::Join", place)


def _compile_split(node: Node, place: str, scope: Scope) -> TextList:
    delimiter, text = _pair("Fn::Split", node, place, '["delimiter", "text"]')
    if type(delimiter) is not str or not delimiter:
        raise _malformed("Fn::Split", f"{place}[0]", delimiter, "a delimiter that is not empty")
    return Split(delimiter, compile_text(text, f"{place}[1]", scope))


def _compile_select(node: Node, place: str, scope: Scope) -> Text:
    index, items = _pair("Fn::Select", node, place, '[index, ["a", "b"]]')
    if isinstance(index, str) and not (index.isascii() and index.isdecimal()):
        raise _malformed("Fn::Select", f"{place}[0]", index, "an index from 0")
    return Select(
        compile_text(index, f"{place}[0]", scope), compile_list(items, f"{place}[1]", scope), place
    )


def _compile_find_in_map(node: Node, place: str, scope: Scope) -> Text | TextList:
    if not isinstance(node, list) or len(node) != 3:
        raise _malformed("Fn::FindInMap", place, node, '["map", "first key", "second key"]')
    name = node[0]
    if type(name) is not str:
        raise _malformed("Fn::FindInMap", f"{place}[0]", name, "the name of a map as a string")
    table = scope.mappings.get(name)
    if table is None:
        raise TemplateError(
            f"Fn::FindInMap names a map that Mappings does not define: {shown(name)}.",
            place=f"{place}[0]",
            found=shown(name),
            expected=listed(scope.mappings) or "a map defined under Mappings",
            advice=did_you_mean(name, scope.mappings),
        )
    keys = (
        compile_text(node[1], f"{place}[1]", scope),
        compile_text(node[2], f"{place}[2]", scope),
    )
    second = keys[1].text if isinstance(keys[1], Literal) else None
    kinds = {
        type(value) for row in table.values() for key, value in row.items() if second in (None, key)
    }
    if len(kinds) > 1:
        raise TemplateError(
            "Fn::FindInMap can give a string or a list here.",
            place=place,
            found=f"both kinds in Mappings.{name}",
            expected="values of one kind",
        )
    return (FindList if kinds == {list} else FindText)(name, table, keys, place)


_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def _compile_sub(node: Node, place: str, scope: Scope) -> Text:
    text: Node = node
    variables_node: Node = {}
    if isinstance(node, list):
        text, variables_node = _pair(
            "Fn::Sub", node, place, '"text ${name}", or ["text ${a}", {"a": …}]'
        )
    if type(text) is not str or not isinstance(variables_node, dict):
        raise _malformed("Fn::Sub", place, node, '"text ${name}", or ["text ${a}", {"a": …}]')
    own_variables = {
        name: compile_text(value, f"{place}[1].{name}", scope)
        for name, value in variables_node.items()
    }
    used: dict[str, Text] = {}
    pieces: list[Text] = []
    end = 0
    for match in _VARIABLE.finditer(text):
        pieces.append(Literal(text[end : match.start()]))
        end = match.end()
        name = match.group(1).strip()
        if name.startswith("!"):
            pieces.append(Literal("${" + name[1:] + "}"))
        elif name in own_variables:
            used[name] = own_variables[name]
            pieces.append(Ref(name, None, place))
        elif name:
            pieces.append(_reference(name, place, scope))
        else:
            raise _malformed("Fn::Sub", place, text, "a name between ${ and }")
    pieces.append(Literal(text[end:]))
    items = ListOf(tuple(piece for piece in pieces if not _empty(piece)))
    joined = Join("", items, "Fn::Sub", place)
    return WithVariables(used, joined) if used else joined


def _empty(piece: Text) -> bool:
    return isinstance(piece, Literal) and not piece.text


def _pair(name: str, node: Node, place: str, shape: str) -> tuple[Node, Node]:
    if not isinstance(node, list) or len(node) != 2:
        raise _malformed(name, place, node, shape)
    return node[0], node[1]


def _malformed(name: str, place: str, node: Node, shape: str) -> TemplateError:
    return TemplateError(
        f"{name} is not well formed.", place=place, found=shown(node), expected=shape
    )


_COMPILERS: dict[str, Callable[[Node, str, Scope], Text | TextList]] = {
    "Ref": _compile_ref,
    "Fn::Join": _compile_join,
    "Fn::Select": _compile_select,
    "Fn::Split": _compile_split,
    "Fn::FindInMap": _compile_find_in_map,
    "Fn::Sub": _compile_sub,
}

FUNCTIONS = tuple(_COMPILERS)
"""The names of ``Ref`` and the functions, as they must be written."""
