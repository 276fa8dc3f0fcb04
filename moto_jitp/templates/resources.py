"""Things and certificates of a template: their shape when it is parsed, their plan per device."""

from collections.abc import Callable, Collection, Mapping

from moto_jitp.names import did_you_mean

from .document import Node
from .errors import (
    CERTIFICATE_ID_REFERENCE,
    CERTIFICATE_PREFIX,
    STATUS_NOT_GIVEN,
    TemplateError,
    listed,
    shown,
)
from .expressions import ListOf, Text, TextList, Values
from .functions import Scope, compile_text, compile_value
from .plan import Override, OverrideSettings, PlannedCertificate, PlannedThing
from .rules import (
    ATTRIBUTE_NAME,
    ATTRIBUTE_VALUE,
    ATTRIBUTES_WITH_TYPE,
    ATTRIBUTES_WITHOUT_TYPE,
    BILLING_GROUP_NAME,
    GROUPS_PER_THING,
    PACKAGE_NAME,
    PACKAGE_VERSION,
    THING_GROUP_NAME,
    THING_NAME,
    THING_TYPE_NAME,
    Field,
    Rule,
)

THING_PROPERTIES = (
    "ThingName",
    "AttributePayload",
    "ThingTypeName",
    "ThingGroups",
    "BillingGroup",
    "PackageVersions",
)
CERTIFICATE_FORMS = ("CertificateId", "CertificatePem", "CertificateSigningRequest")
CERTIFICATE_PROPERTIES = (*CERTIFICATE_FORMS, "CACertificatePem", "Status", "ThingPrincipalType")

_WITHOUT_MERGE = (Override.DO_NOTHING, Override.REPLACE, Override.FAIL)
THING_OVERRIDES: dict[str, tuple[Override, ...]] = {
    "AttributePayload": tuple(Override),
    "ThingTypeName": _WITHOUT_MERGE,
    "ThingGroups": tuple(Override),
}
CERTIFICATE_OVERRIDES: dict[str, tuple[Override, ...]] = {"Status": _WITHOUT_MERGE}

# AWS's prose writes the keys this way; its examples use the properties' names.
_OVERRIDE_SPELLINGS = {
    "ATTRIBUTE_PAYLOAD": "AttributePayload",
    "THING_TYPE_NAME": "ThingTypeName",
    "THING_GROUPS": "ThingGroups",
    "STATUS": "Status",
}
_DEVICE_CERTIFICATE = {"Ref": CERTIFICATE_PREFIX + "Id"}
_STATUSES = ("ACTIVE", "INACTIVE")
_PRINCIPAL_TYPES = ("EXCLUSIVE_THING", "NON_EXCLUSIVE_THING")


def require_object(node: Node, place: str) -> dict[str, Node]:
    """The node, if it is an object; raises TemplateError.

    Raises:
        TemplateError: it is not an object.
    """
    if not isinstance(node, dict):
        raise TemplateError(
            f"{place} must be an object.", place=place, found=shown(node), expected="{…}"
        )
    return node


def require_known_keys(node: Mapping[str, Node], known_keys: Collection[str], place: str) -> None:
    """Refuse a key that would have no effect: most are typing errors.

    Raises:
        TemplateError: the object has an unknown key.
    """
    for key in node:
        if key not in known_keys:
            raise TemplateError(
                f"{shown(key)} is not known here.",
                place=place,
                found=shown(key),
                expected=listed(known_keys) or "no key",
                advice=did_you_mean(key, known_keys),
            )


def parse_overrides(
    node: Node, place: str, known_overrides: Mapping[str, tuple[Override, ...]]
) -> dict[str, Override]:
    """Read ``OverrideSettings``.

    Args:
        known_overrides: property name to its valid values.

    Raises:
        TemplateError: a setting is unknown, set twice, or does not exist for its property.
    """
    if node is None:
        return {}
    result: dict[str, Override] = {}
    for key, value in require_object(node, place).items():
        name = _OVERRIDE_SPELLINGS.get(key, key)
        require_known_keys({name: value}, known_overrides, place)
        allowed = known_overrides[name]
        if value not in [override.value for override in allowed] or name in result:
            twice = f"{name} is set twice" if name in result else shown(value)
            raise TemplateError(
                f"{shown(value)} is not an override setting of {name}.",
                place=f"{place}.{key}",
                found=twice,
                expected=listed(override.value for override in allowed),
                advice="MERGE exists for AttributePayload and ThingGroups only."
                if value == "MERGE"
                else "",
            )
        result[name] = Override(value)
    return result


def _optional(
    properties: Mapping[str, Node], name: str, rule: Rule, place: str, scope: Scope
) -> Field | None:
    if properties.get(name) is None:
        return None
    setting_place = f"{place}.{name}"
    return Field(compile_text(properties[name], setting_place, scope), rule, setting_place)


class ThingResource:
    """A resource of type ``AWS::IoT::Thing``.

    Raises:
        TemplateError: a property is not valid, or the name is missing.
    """

    def __init__(
        self, logical_name: str, properties: dict[str, Node], overrides: Node, scope: Scope
    ) -> None:
        place = f"Resources.{logical_name}.Properties"
        require_known_keys(properties, THING_PROPERTIES, place)
        if properties.get("ThingName") is None:
            raise TemplateError(
                "A thing resource must have a ThingName.",
                place=f"{place}.ThingName",
                found="nothing",
                expected="a string or a function",
            )
        self.logical_name = logical_name
        name_place = f"{place}.ThingName"
        self.name = Field(
            compile_text(properties["ThingName"], name_place, scope), THING_NAME, name_place
        )
        self.attributes_place = f"{place}.AttributePayload"
        self.attributes = _text_map(
            properties.get("AttributePayload"), self.attributes_place, ATTRIBUTE_VALUE, scope
        )
        self.thing_type = _optional(properties, "ThingTypeName", THING_TYPE_NAME, place, scope)
        self.groups_place = f"{place}.ThingGroups"
        self.groups = _groups(properties.get("ThingGroups"), self.groups_place, scope)
        self.billing_group = _optional(properties, "BillingGroup", BILLING_GROUP_NAME, place, scope)
        self.packages_place = f"{place}.PackageVersions"
        self.packages = _text_map(
            properties.get("PackageVersions"), self.packages_place, PACKAGE_VERSION, scope
        )
        settings = parse_overrides(
            overrides, f"Resources.{logical_name}.OverrideSettings", THING_OVERRIDES
        )
        self.overrides = OverrideSettings(
            settings.get("AttributePayload"),
            settings.get("ThingTypeName"),
            settings.get("ThingGroups"),
        )
        # Names and their number are the same for every device, so one check is enough. A mistake is
        # raised in the run: AWS registers such a template.
        self._names_are_right = (
            len(self.attributes) <= self._attribute_limit()
            and all(ATTRIBUTE_NAME.fits(name) for name, _ in self.attributes)
            and all(PACKAGE_NAME.fits(name) for name, _ in self.packages)
        )

    def plan(self, values: Values) -> PlannedThing:
        """The thing of one device; raises TemplateError."""
        if not self._names_are_right:
            self._refuse_names()
        return PlannedThing(
            self.logical_name,
            self.name.value(values),
            {name: field.value(values) for name, field in self.attributes},
            self.thing_type.value(values) if self.thing_type is not None else None,
            self._plan_groups(values),
            self.billing_group.value(values) if self.billing_group is not None else None,
            {name: field.value(values) for name, field in self.packages},
            self.overrides,
        )

    def _plan_groups(self, values: Values) -> tuple[str, ...]:
        if isinstance(self.groups, tuple):
            groups = [field.value(values) for field in self.groups]
        else:
            groups = self.groups.evaluate(values)
            for name in groups:
                if not THING_GROUP_NAME.fits(name):
                    raise THING_GROUP_NAME.broken(name, self.groups_place, self.groups.references)
        if len(groups) > 1:
            groups = list(dict.fromkeys(groups))
        if len(groups) > GROUPS_PER_THING:
            raise TemplateError(
                f"A thing can be in at most {GROUPS_PER_THING} thing groups.",
                place=self.groups_place,
                found=f"{len(groups)} groups",
                expected=f"at most {GROUPS_PER_THING}",
            )
        return tuple(groups)

    def _attribute_limit(self) -> int:
        return ATTRIBUTES_WITHOUT_TYPE if self.thing_type is None else ATTRIBUTES_WITH_TYPE

    def _refuse_names(self) -> None:
        for place, rule, entries in (
            (self.attributes_place, ATTRIBUTE_NAME, self.attributes),
            (self.packages_place, PACKAGE_NAME, self.packages),
        ):
            for name, _ in entries:
                if not rule.fits(name):
                    raise rule.broken(name, place)
        limit = self._attribute_limit()
        raise TemplateError(
            f"A thing {'with' if self.thing_type else 'without'} a thing type can have at most "
            f"{limit} attributes.",
            place=self.attributes_place,
            found=f"{len(self.attributes)} attributes",
            expected=f"at most {limit}",
            advice=""
            if self.thing_type
            else f"Give the thing a ThingTypeName: then it may have {ATTRIBUTES_WITH_TYPE}.",
        )


def _text_map(node: Node, place: str, rule: Rule, scope: Scope) -> tuple[tuple[str, Field], ...]:
    if node is None:
        return ()
    entries: list[tuple[str, Field]] = []
    for name, value in require_object(node, place).items():
        attribute_place = f"{place}.{name}"
        if name.lower() == "attributes" and isinstance(value, dict):
            raise TemplateError(
                "AttributePayload holds the attributes themselves.",
                place=attribute_place,
                found=shown(value),
                expected='{"name": "value", …}',
                advice=f'Leave out the level "{name}", which the CreateThing API has.',
            )
        entries.append(
            (name, Field(compile_text(value, attribute_place, scope), rule, attribute_place))
        )
    return tuple(entries)


def _groups(node: Node, place: str, scope: Scope) -> tuple[Field, ...] | TextList:
    """Thing groups are a list; real templates also have a single name as a string."""
    if node is None:
        return ()
    value = compile_value(node, place, scope)
    if isinstance(value, ListOf):
        return tuple(
            Field(item, THING_GROUP_NAME, f"{place}[{index}]")
            for index, item in enumerate(value.items)
        )
    return (Field(value, THING_GROUP_NAME, place),) if isinstance(value, Text) else value


class CertificateResource:
    """The resource of type ``AWS::IoT::Certificate``."""

    def __init__(
        self, logical_name: str, properties: dict[str, Node], overrides: Node, scope: Scope
    ) -> None:
        place = f"Resources.{logical_name}.Properties"
        require_known_keys(properties, CERTIFICATE_PROPERTIES, place)
        present_properties = {name: node for name, node in properties.items() if node is not None}
        self.logical_name = logical_name
        self.place = place
        self.has_status = "Status" in present_properties
        self.form = _form(present_properties, place)
        self.identification = present_properties[self.form]
        self._texts = {
            name: compile_text(node, f"{place}.{name}", scope)
            for name, node in present_properties.items()
        }
        # A fixed status or type is checked once, and not for each device.
        self._status = self._fixed("Status", self._check_status) or "ACTIVE"
        self._principal_type = self._fixed("ThingPrincipalType", self._check_principal_type)
        settings = parse_overrides(
            overrides, f"Resources.{logical_name}.OverrideSettings", CERTIFICATE_OVERRIDES
        )
        self._status_override = settings.get("Status")

    def plan(self, values: Values) -> PlannedCertificate:
        """The certificate of one device; raises TemplateError."""
        arguments = {name: text.evaluate(values) for name, text in self._texts.items()}
        status, principal_type = arguments.get("Status"), arguments.get("ThingPrincipalType")
        return PlannedCertificate(
            self.logical_name,
            arguments.get("CertificateId"),
            arguments.get("CertificatePem"),
            arguments.get("CACertificatePem"),
            arguments.get("CertificateSigningRequest"),
            self._status if status is None else self._check_status(status),
            self._status_override,
            self._principal_type
            if principal_type is None
            else self._check_principal_type(principal_type),
        )

    def _fixed(self, name: str, check: Callable[[str], str]) -> str | None:
        """Check a property that is the same for every device, and take it out of the others."""
        text = self._texts.get(name)
        if text is None or not text.constant:
            return None
        del self._texts[name]
        return check(text.evaluate({}))

    def refuse_unless_by_reference(self) -> None:
        """Raise TemplateError unless the id is a Ref to the device certificate's id.

        Raises:
            TemplateError: the resource identifies its certificate in another way.
        """
        if self.form != "CertificateId" or self.identification != _DEVICE_CERTIFICATE:
            raise TemplateError(
                CERTIFICATE_ID_REFERENCE,
                place=f"{self.place}.{self.form}",
                found=shown(self.identification),
                expected=f"CertificateId: {shown(_DEVICE_CERTIFICATE)}",
                advice="A device that connects brings the certificate; its id is all there is.",
            )

    def refuse_without_status(self) -> None:
        """Raise TemplateError if the template omits the Status.

        Raises:
            TemplateError: the resource has no valid Status.
        """
        if not self.has_status:
            raise self._status_error("nothing")

    def _check_status(self, text: str) -> str:
        # AWS's own examples write "Active".
        if text.upper() not in _STATUSES:
            raise self._status_error(shown(text))
        return text.upper()

    def _status_error(self, found: str) -> TemplateError:
        return TemplateError(
            STATUS_NOT_GIVEN, place=f"{self.place}.Status", found=found, expected=listed(_STATUSES)
        )

    def _check_principal_type(self, text: str) -> str:
        if text not in _PRINCIPAL_TYPES:
            raise TemplateError(
                f"{shown(text)} is not a thing principal type.",
                place=f"{self.place}.ThingPrincipalType",
                found=shown(text),
                expected=listed(_PRINCIPAL_TYPES),
            )
        return text


def _form(present_properties: Mapping[str, Node], place: str) -> str:
    """Return which of the three identifications is given."""
    forms = [name for name in CERTIFICATE_FORMS if name in present_properties]
    expected = "exactly one of " + listed(CERTIFICATE_FORMS)
    if not forms:
        raise TemplateError(
            CERTIFICATE_ID_REFERENCE,
            place=place,
            found=shown(dict(present_properties)),
            expected=expected,
            advice=f"A device that connects needs CertificateId: {shown(_DEVICE_CERTIFICATE)}.",
        )
    if len(forms) > 1:
        raise TemplateError(
            "A certificate resource can identify its certificate in one way only.",
            place=place,
            found=" and ".join(forms),
            expected=expected,
        )
    if "CACertificatePem" in present_properties and forms != ["CertificatePem"]:
        raise TemplateError(
            "CACertificatePem belongs to a CertificatePem.",
            place=f"{place}.CACertificatePem",
            found=f"it is beside {forms[0]}",
            expected="CertificatePem",
        )
    return forms[0]
