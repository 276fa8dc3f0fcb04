"""The names of policy variables and condition keys, with suggestions for misspelt ones.

The pages: basic, thing and X.509 certificate policy variables of the developer guide; condition
keys of AWS IoT in the service authorization reference.
"""

from __future__ import annotations

import re

from moto_jitp.names import are_alike, nearest

from .variables import ALTERNATIVE_NAMES, NAME_ATTRIBUTES

_SIDES = ("Subject", "Issuer")
_OF_CERTIFICATES = tuple(
    f"iot:Certificate.{side}.{name}"
    for side in _SIDES
    for name in (*NAME_ATTRIBUTES, *(f"AlternativeName.{kind}" for kind in ALTERNATIVE_NAMES))
)
_NAMES = (
    "iot:ClientId",
    "iot:DomainName",
    "iot:ConnectAttributes",
    "iot:LastWillTopic",
    "iot:CertificateId",
    "iot:Certificate.SerialNumber",
    "iot:Certificate.AvailableKeys",
    "iot:Connection.Thing.IsAttached",
    "iot:Connection.Thing.ThingName",
    "iot:Connection.Thing.ThingTypeName",
    "iot:Thing.ThingName",
    "iot:Thing.ThingTypeName",
    *_OF_CERTIFICATES,
)
_OF_THE_CONTROL_PLANE = (
    "iot:ClientMode",
    "iot:Delete",
    "iot:ThingGroupArn",
    "iot:TunnelDestinationService",
)
_KNOWN = {name.lower() for name in (*_NAMES, *_OF_THE_CONTROL_PLANE)}
_ATTRIBUTE = re.compile(r"iot:(connection\.)?thing\.attributes\[.*\]")
_LIKE_AN_ATTRIBUTE = re.compile(r"(?:iot:)?(?:connection\.)?thing\.attributes?[.:({\[]+(\w+)", re.I)
_ONE_OF_SEVERAL = re.compile(r"(iot:certificate\.(?:subject|issuer)\..+)\.(?:list|\d+)")
_TEMPLATE_PARAMETER = re.compile(r"aws::iot::certificate::(\w+)")
_ABBREVIATIONS = {
    "cn": "CommonName",
    "c": "Country",
    "o": "Organization",
    "ou": "OrganizationalUnit",
    "st": "State",
    "statename": "State",
    "dnqualifier": "DistinguishedNameQualifier",
    "name": "ThingName",
    "type": "ThingTypeName",
    "thingtype": "ThingTypeName",
}


def is_unknown(name: str) -> bool:
    """Whether AWS IoT has no policy variable or condition key with a name.

    Args:
        name: such as ``iot:ClientId``. Keys of other services, such as ``aws:SourceVpce``, are not
            listed here and count as known.
    """
    lowered = name.lower()
    if ":" in lowered and not lowered.startswith(("iot:", "aws::")):
        return False
    several = _ONE_OF_SEVERAL.fullmatch(lowered)
    base = several[1] if several is not None else lowered
    return base not in _KNOWN and _ATTRIBUTE.fullmatch(lowered) is None


def meant(name: str) -> str | None:
    """Return the known name that is nearest to an unknown one; ``None`` if none is near."""
    attribute = _LIKE_AN_ATTRIBUTE.match(name)
    if attribute is not None:
        return f"iot:Connection.Thing.Attributes[{attribute[1]}]"
    lowered = name.lower()
    parameter = _TEMPLATE_PARAMETER.fullmatch(lowered)
    if parameter is not None:
        if parameter[1] == "id":
            return "iot:CertificateId"
        lowered = f"iot:certificate.subject.{parameter[1]}"
    head, dot, last = lowered.rpartition(".")
    lowered = f"{head}{dot}{_ABBREVIATIONS.get(last, last).lower()}"
    # A name without the issuer refers to the device.
    names = (n for n in _NAMES if ".Issuer." not in n or "issuer" in lowered)
    return nearest(lowered, [name for name in names if _has_like_end(lowered, name.lower())])


def _has_like_end(name: str, known: str) -> bool:
    """Whether two names are near each other even without the common prefixes of many names."""
    if name.replace(".", "") == known.replace(".", ""):
        return True
    end, known_end = (re.split("[.:]", name)[-1].removeprefix("thing") for name in (name, known))
    return are_alike(end, known_end)
