"""Finds what is worth fixing in a template, without a device.

``parse_template`` stops at the first mistake; a linter reports everything that it can find,
including what AWS accepts but fails for every device.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from moto_jitp.names import question

from .document import Node, load_template, not_an_object
from .errors import (
    CERTIFICATE_PARAMETERS,
    CERTIFICATE_PREFIX,
    UNRESOLVED,
    TemplateError,
    TemplateSyntaxError,
    certificate_parameter_like,
    listed,
    reference_advice,
    shown,
)
from .expressions import Values
from .functions import FUNCTIONS, Parameter, Scope, compile_value, is_function
from .parsing import (
    CERTIFICATE,
    PARAMETER_KEYS,
    POLICY,
    RESOURCE_KEYS,
    SECTIONS,
    THING,
    parse_template,
)
from .policies import POLICY_PROPERTIES, document_advice
from .resources import (
    CERTIFICATE_OVERRIDES,
    CERTIFICATE_PROPERTIES,
    THING_OVERRIDES,
    THING_PROPERTIES,
)
from .rules import (
    ATTRIBUTE_NAME,
    ATTRIBUTE_VALUE,
    BILLING_GROUP_NAME,
    POLICY_NAME,
    THING_GROUP_NAME,
    THING_NAME,
    THING_TYPE_NAME,
    Rule,
)

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class LintFinding:
    """One thing to fix.

    Attributes:
        place: where, such as ``Resources.thing.Properties.ThingName``.
        rule: which rule, a stable name such as ``undefined-reference``.
        message: what is wrong and what to change.
        severity: ``error`` if AWS refuses the template or every run of it fails, else ``warning``.
    """

    place: str
    rule: str
    message: str
    severity: Severity


def lint(body: str) -> list[LintFinding]:
    """Look for mistakes in a template body, without a device and without AWS.

    Args:
        body: the template's text; it may be anything.

    Returns:
        The findings, errors first; empty for a template that is fine.
    """
    try:
        document = load_template(body)
    except TemplateSyntaxError as error:
        twice = "escaped" in error.advice
        rule = "escaped-json" if twice else "template-format"
        return [LintFinding(error.place, rule, error.message, "error")]
    findings = [
        *_wrong_case(document),
        *_references(document),
        *_values(document),
        *_policies(document),
        *_ignored(document),
    ]
    try:
        parse_template(body)
    except TemplateError as error:
        if not any(_same_mistake(finding, error) for finding in findings):
            findings.append(LintFinding(error.place, "template-structure", error.message, "error"))
    return sorted(dict.fromkeys(findings), key=lambda finding: finding.severity != "error")


def _same_mistake(finding: LintFinding, error: TemplateError) -> bool:
    if finding.severity != "error":
        return False
    if finding.rule == "wrong-case-key":
        return finding.place.rpartition(".")[0] == error.place
    return f"{error.place}.".startswith(f"{finding.place}.")


# ------------------------------------------------------------------------------------- parts


def _section(document: Mapping[str, Node], name: str) -> dict[str, Node]:
    node = document.get(name)
    return node if isinstance(node, dict) else {}


def _resources(document: Mapping[str, Node]) -> Iterator[tuple[str, str, dict[str, Node]]]:
    """Logical name, type and properties of the resources that have the right shape."""
    for name, resource in _section(document, "Resources").items():
        if isinstance(resource, dict) and isinstance(resource.get("Properties"), dict):
            yield name, str(resource.get("Type")), resource["Properties"]


# ------------------------------------------------------------------------------ keys and case


def _wrong_case(document: Mapping[str, Node]) -> Iterator[LintFinding]:
    yield from _case(document, SECTIONS, "", "warning")
    for name, declaration in _section(document, "Parameters").items():
        yield from _case(declaration, PARAMETER_KEYS, f"Parameters.{name}", "error")
    for name, resource in _section(document, "Resources").items():
        if not isinstance(resource, dict):
            continue
        place = f"Resources.{name}"
        yield from _case(resource, RESOURCE_KEYS, place, "error")
        properties, overrides = {
            THING: (THING_PROPERTIES, tuple(THING_OVERRIDES)),
            CERTIFICATE: (CERTIFICATE_PROPERTIES, tuple(CERTIFICATE_OVERRIDES)),
        }.get(str(resource.get("Type")), (POLICY_PROPERTIES, ()))
        yield from _case(resource.get("Properties"), properties, f"{place}.Properties", "error")
        settings_place = f"{place}.OverrideSettings"
        yield from _case(resource.get("OverrideSettings"), overrides, settings_place, "error")
    for place, node in _walk(document, ""):
        if is_function(node):
            yield from _case(node, FUNCTIONS, place, "error")


def _case(
    node: Node, known_keys: Collection[str], place: str, severity: Severity
) -> Iterator[LintFinding]:
    right = {key.lower(): key for key in known_keys}
    for key in node if isinstance(node, dict) else ():
        match = right.get(key.lower())
        # The upper-case spellings of OverrideSettings with underscores match nothing here.
        if match is not None and match != key and key != "STATUS":
            yield LintFinding(
                f"{place}.{key}" if place else key,
                "wrong-case-key",
                f"Upper and lower case count: write {match}, not {key}.",
                severity,
            )


def _ignored(document: Mapping[str, Node]) -> Iterator[LintFinding]:
    for key in document:
        if key.lower() not in {section.lower() for section in SECTIONS}:
            yield LintFinding(
                key,
                "ignored-key",
                f"{shown(key)} is not a section of a provisioning template and does nothing.",
                "warning",
            )


# --------------------------------------------------------------------------------- references


_VARIABLE = re.compile(r"\$\{([^}!][^}]*)\}")


def _walk(node: Node, place: str) -> Iterator[tuple[str, Node]]:
    yield place, node
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _walk(value, f"{place}.{key}" if place else key)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _walk(value, f"{place}[{index}]")


def _used(document: Mapping[str, Node]) -> Iterator[tuple[str, str]]:
    """Place and name of every reference."""
    for section in ("Resources", "DeviceConfiguration"):
        for place, node in _walk(document.get(section), section):
            if not isinstance(node, dict) or len(node) != 1:
                continue
            ((key, value),) = node.items()
            if key.lower() == "ref" and isinstance(value, str):
                yield place, value
            elif key == "Fn::Sub":
                text = value[0] if isinstance(value, list) and value else value
                own_variables = value[1] if isinstance(value, list) and len(value) > 1 else {}
                for name in _VARIABLE.findall(text) if isinstance(text, str) else ():
                    if name.strip() not in (
                        own_variables if isinstance(own_variables, dict) else {}
                    ):
                        yield place, name.strip()


def _references(document: Mapping[str, Node]) -> Iterator[LintFinding]:
    declared = _section(document, "Parameters")
    used = list(_used(document))
    for place, name in used:
        if name in declared:
            continue
        if name in CERTIFICATE_PARAMETERS:
            message = f"{name} is used without being declared under Parameters. AWS accepts it."
            yield LintFinding(place, "undeclared-certificate-parameter", message, "warning")
        else:
            advice = reference_advice(name, declared, _section(document, "Resources"))
            reason = UNRESOLVED.format(name=name)
            yield LintFinding(place, "undefined-reference", f"{reason} {advice}", "error")
    names = {name for _, name in used}
    jitp = {*declared, *names} & set(CERTIFICATE_PARAMETERS) - {CERTIFICATE_PREFIX + "Id"}
    for name in declared:
        place = f"Parameters.{name}"
        if name not in names:
            message = f"Nothing uses {name}: leave it out."
            # Every device has an id.
            if name in CERTIFICATE_PARAMETERS and name != CERTIFICATE_PREFIX + "Id":
                message += " As long as it is declared, JITP fails for a device without it."
            yield LintFinding(place, "unused-parameter", message, "warning")
        like = certificate_parameter_like(name)
        if name in CERTIFICATE_PARAMETERS or (like is None and not name.startswith("AWS::")):
            continue
        if jitp or name.startswith("AWS::"):
            advice = f" {question(like)}" if like is not None else ""
            names_known = listed(CERTIFICATE_PARAMETERS)
            message = f"No certificate gives {name}: JITP knows only {names_known}.{advice}"
            yield LintFinding(place, "unavailable-parameter", message, "warning")


# ------------------------------------------------------------------------------------- values


def _values(document: Mapping[str, Node]) -> Iterator[LintFinding]:
    """Values that no device can correct: fixed text, and fixed parts of a function."""
    scope = _lenient_scope(document)
    for name, kind, properties in _resources(document):
        place = f"Resources.{name}.Properties"
        if kind == THING:
            for key, rule in (
                ("ThingName", THING_NAME),
                ("ThingTypeName", THING_TYPE_NAME),
                ("BillingGroup", BILLING_GROUP_NAME),
            ):
                yield from _value(properties.get(key), rule, f"{place}.{key}", scope)
            attributes = properties.get("AttributePayload")
            for key, node in attributes.items() if isinstance(attributes, dict) else ():
                value_place = f"{place}.AttributePayload.{key}"
                yield from _value(node, ATTRIBUTE_VALUE, value_place, scope)
                if not ATTRIBUTE_NAME.fits(key):
                    message = ATTRIBUTE_NAME.broken(key, value_place).message
                    yield LintFinding(value_place, "invalid-value", message, "error")
            groups = properties.get("ThingGroups")
            for index, node in enumerate(groups if isinstance(groups, list) else [groups]):
                value_place = f"{place}.ThingGroups" + (
                    f"[{index}]" if isinstance(groups, list) else ""
                )
                yield from _value(node, THING_GROUP_NAME, value_place, scope)
        elif kind == POLICY and properties.get("PolicyName") != "":
            yield from _value(
                properties.get("PolicyName"), POLICY_NAME, f"{place}.PolicyName", scope
            )


def _lenient_scope(document: Mapping[str, Node]) -> Scope:
    """A scope in which every used name counts as declared; other rules check the rest."""
    declared = _section(document, "Parameters")
    parameters = {name: Parameter(name) for _, name in _used(document)}
    for name, node in declared.items():
        default = node.get("Default") if isinstance(node, dict) else None
        parameters[name] = Parameter(name, default if isinstance(default, str) else None)
    return Scope(parameters, {}, ())


def _value(node: Node, rule: Rule, place: str, scope: Scope) -> Iterator[LintFinding]:
    if node is None:
        return
    # With a harmless letter for every parameter only the fixed parts can be wrong: no device can
    # fix them. With the Defaults, the devices that rely on them fail.
    letters = dict.fromkeys(scope.parameters, "x")
    defaults = {name: item.default for name, item in scope.parameters.items() if item.default}
    cases: tuple[tuple[Values, Severity], ...] = (
        (letters, "error"),
        ({**letters, **defaults}, "warning"),
    )
    for values, severity in cases:
        wrong = [text for text in _texts(node, place, scope, values) if not rule.fits(text)]
        for text in wrong:
            yield LintFinding(place, "invalid-value", rule.broken(text, place).message, severity)
        if wrong:
            return


def _texts(node: Node, place: str, scope: Scope, values: Values) -> list[str]:
    try:
        value = compile_value(node, place, scope).evaluate(values)
    except TemplateError:
        return []  # parse_template reports it, or it depends on the device
    return [value] if isinstance(value, str) else value


# ----------------------------------------------------------------------------------- policies


def _policies(document: Mapping[str, Node]) -> Iterator[LintFinding]:
    documents: list[tuple[str, Node]] = []
    elsewhere = False
    for name, kind, properties in _resources(document):
        if kind != POLICY:
            continue
        place = f"Resources.{name}.Properties.PolicyDocument"
        node = properties.get("PolicyDocument")
        elsewhere = elsewhere or node is None
        if type(node) is str:
            problem = not_an_object(node)
            if problem:
                message = f"The policy document is not a JSON object: {problem}."
                advice = document_advice(node)
                yield LintFinding(place, "escaped-json", f"{message} {advice}".strip(), "error")
                elsewhere = True
                continue
            node = json.loads(node, parse_int=str)
        if isinstance(node, dict):
            documents.append((place, node))
    if documents and not elsewhere and not any(_may_connect(node) for _, node in documents):
        yield LintFinding(
            documents[0][0],
            "policy-without-connect",
            "No policy allows iot:Connect: the device will be provisioned and then cannot connect, "
            "unless a policy on its thing group allows it.",
            "warning",
        )


def _may_connect(document: dict[str, Node]) -> bool:
    """Whether a policy could allow a connection; if in doubt (functions), it could."""
    statements = document.get("Statement")
    for statement in statements if isinstance(statements, list) else [statements]:
        if not isinstance(statement, dict) or is_function(statement):
            return isinstance(statement, dict)
        if str(statement.get("Effect")).lower() != "allow" and not is_function(
            statement.get("Effect")
        ):
            continue
        actions = statement.get("Action")
        for action in actions if isinstance(actions, list) else [actions]:
            if isinstance(action, dict):
                return True
            pattern = re.escape(str(action).lower()).replace(r"\*", ".*").replace(r"\?", ".")
            if re.fullmatch(pattern, "iot:connect"):
                return True
    return False
