"""Parses the body of a template into a ``Template``, and checks its structure.

These are the checks that AWS makes when a template is registered. Whether names and values are
valid, and whether types, groups and policies exist, is only known when a device connects.
"""

import copyreg
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

from moto_jitp.names import did_you_mean

from .document import MAXIMUM_LENGTH, Node, load_template
from .errors import (
    NO_CERTIFICATE,
    PROPERTIES_NULL,
    SEVERAL_CERTIFICATES,
    TemplateError,
    listed,
    shown,
)
from .expressions import Text
from .functions import Parameter, Scope, compile_text
from .policies import PolicyResource
from .resources import CertificateResource, ThingResource, require_known_keys, require_object
from .template import Template

THING = "AWS::IoT::Thing"
CERTIFICATE = "AWS::IoT::Certificate"
POLICY = "AWS::IoT::Policy"
RESOURCE_TYPES = (THING, CERTIFICATE, POLICY)
SECTIONS = ("Parameters", "Mappings", "Resources", "DeviceConfiguration")
RESOURCE_KEYS = ("Type", "Properties", "OverrideSettings")
PARAMETER_KEYS = ("Type", "Default", "Description")


def parse_template(body: str, *, certificate_required: bool = True) -> Template:
    """Check the structure of a provisioning template once and compile it.

    A body that was parsed before costs a look-up.

    Args:
        body: the template's JSON text, at most 10,240 characters.
        certificate_required: whether it must have a certificate resource; only templates of
            RegisterThing, which may make just a thing, need none.

    Raises:
        TemplateSyntaxError: it is not a JSON object, or too long or too deep.
        UnresolvedReferenceError: it refers to a name that is neither declared nor one of the eight
            certificate parameters.
        TemplateError: any other mistake.
    """
    if not isinstance(body, str) or len(body) > MAXIMUM_LENGTH:
        load_template(body)  # raises, without even hashing a huge text
    return _parse(body, certificate_required)


def _restored(body: str) -> Template:
    return parse_template(body, certificate_required=False)


def _reduced(template: Template) -> tuple[Callable[[str], Template], tuple[str]]:
    """A template is pickled as its text, as part of a run."""
    return _restored, (template.body,)


copyreg.pickle(Template, _reduced)


# Exceptions are not cached, so wrong bodies take no room here.
@lru_cache(maxsize=256)
def _parse(body: str, certificate_required: bool) -> Template:
    document = load_template(body)
    parameters = _parameters(document.get("Parameters"))
    mappings = _mappings(document.get("Mappings"))
    resources = _resources(document, certificate_required)
    scope = Scope(parameters, mappings, resources.keys())
    thing: ThingResource | None = None
    certificate: CertificateResource | None = None
    policies: list[PolicyResource] = []
    for name, resource in resources.items():
        properties, overrides = resource["Properties"], resource.get("OverrideSettings")
        if resource["Type"] == THING:
            thing = ThingResource(name, properties, overrides, scope)
        elif resource["Type"] == CERTIFICATE:
            certificate = CertificateResource(name, properties, overrides, scope)
        else:
            policies.append(PolicyResource(name, properties, overrides, scope))
    configuration = _device_configuration(document.get("DeviceConfiguration"), scope)
    return Template(
        body,
        MappingProxyType(parameters),
        frozenset(scope.references),
        # Only certificate parameters can be used without a declaration.
        tuple(dict.fromkeys([*parameters, *scope.references])),
        thing,
        certificate,
        tuple(policies),
        configuration,
    )


def _parameters(node: Node) -> dict[str, Parameter]:
    if node is None:
        return {}
    parameters: dict[str, Parameter] = {}
    for name, declaration in require_object(node, "Parameters").items():
        place = f"Parameters.{name}"
        require_known_keys(require_object(declaration, place), PARAMETER_KEYS, place)
        kind = declaration.get("Type", "String")
        if kind != "String":
            raise TemplateError(
                f"{shown(kind)} is not a type of parameter.",
                place=f"{place}.Type",
                found=shown(kind),
                expected='"String"',
            )
        default = declaration.get("Default")
        parameters[name] = Parameter(
            name, None if default is None else _scalar(default, f"{place}.Default")
        )
    return parameters


def _scalar(node: Node, place: str) -> str:
    if isinstance(node, bool):
        return "true" if node else "false"
    if not isinstance(node, str):
        raise TemplateError(
            "A fixed text is needed here.", place=place, found=shown(node), expected="a string"
        )
    return str(node)


def _mappings(node: Node) -> dict[str, dict[str, dict[str, str | list[str]]]]:
    if node is None:
        return {}
    result: dict[str, dict[str, dict[str, str | list[str]]]] = {}
    for name, table in require_object(node, "Mappings").items():
        rows = result[name] = {}
        for key, row in require_object(table, f"Mappings.{name}").items():
            place = f"Mappings.{name}.{key}"
            rows[key] = {
                second: _map_value(value, f"{place}.{second}")
                for second, value in require_object(row, place).items()
            }
    return result


def _map_value(node: Node, place: str) -> str | list[str]:
    if isinstance(node, list):
        return [_scalar(item, f"{place}[{index}]") for index, item in enumerate(node)]
    if isinstance(node, dict):
        raise TemplateError(
            "Mappings hold fixed texts: no parameters and no functions.",
            place=place,
            found=shown(node),
            expected="a string or a list of strings",
        )
    return _scalar(node, place)


def _resources(
    document: Mapping[str, Node], certificate_required: bool
) -> dict[str, dict[str, Node]]:
    """The resources, with known types and properties, and one certificate if that is required."""
    node = document.get("Resources")
    resources = {} if node is None else require_object(node, "Resources")
    for name, resource in resources.items():
        place = f"Resources.{name}"
        require_known_keys(require_object(resource, place), RESOURCE_KEYS, place)
        kind = resource.get("Type")
        if kind not in RESOURCE_TYPES:
            raise TemplateError(
                f"{shown(kind)} is not a type of resource."
                if kind is not None
                else "A resource must have a Type.",
                place=f"{place}.Type",
                found=shown(kind) if kind is not None else "nothing",
                expected=listed(RESOURCE_TYPES),
                advice=did_you_mean(kind, RESOURCE_TYPES) if isinstance(kind, str) else "",
            )
        if resource.get("Properties") is None:
            raise TemplateError(
                PROPERTIES_NULL,
                place=f"{place}.Properties",
                found="null" if "Properties" in resource else "nothing",
                expected="an object",
            )
        require_object(resource["Properties"], f"{place}.Properties")
    _count(document, resources, certificate_required)
    return resources


def _count(
    document: Mapping[str, Node],
    resources: Mapping[str, Mapping[str, Node]],
    certificate_required: bool,
) -> None:
    # Without a certificate there is nothing to attach a policy to.
    has_thing_alone = {resource["Type"] for resource in resources.values()} == {THING}
    for kind, reason in (
        (CERTIFICATE, SEVERAL_CERTIFICATES),
        (THING, "Only one thing resource can be defined"),
    ):
        names = [name for name, resource in resources.items() if resource["Type"] == kind]
        if len(names) > 1:
            raise TemplateError(
                reason, place="Resources", found=listed(names), expected=f"one {kind}"
            )
        if kind == CERTIFICATE and not names and (certificate_required or not has_thing_alone):
            raise TemplateError(
                NO_CERTIFICATE,
                place="Resources",
                found=listed(resources) or "nothing",
                expected=f"one resource of type {CERTIFICATE}",
                advice=_no_certificate_advice(document),
            )


def _no_certificate_advice(document: Mapping[str, Node]) -> str:
    beside = [
        name
        for name, node in document.items()
        if name not in SECTIONS and isinstance(node, dict) and node.get("Type") in RESOURCE_TYPES
    ]
    if beside:
        return f"{listed(beside)} is beside Resources: move it inside."
    if "templateBody" in document:
        return "This is a whole registration config: pass the text of its templateBody."
    for name in document:
        if name not in SECTIONS and name.lower() == "resources":
            return f"Upper and lower case count: write Resources, not {name}."
    return ""


def _device_configuration(node: Node, scope: Scope) -> tuple[tuple[str, Text], ...]:
    if node is None:
        return ()
    place = "DeviceConfiguration"
    return tuple(
        (name, compile_text(value, f"{place}.{name}", scope))
        for name, value in require_object(node, place).items()
    )
