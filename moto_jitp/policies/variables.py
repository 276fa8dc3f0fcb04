"""What is known about a connection when its policies are evaluated, and its policy variables.

The pages of the developer guide behind this: basic, thing and X.509 certificate policy variables.
Names of variables and condition keys are looked up without regard to case, as IAM does; the name of
a thing attribute between the brackets keeps its case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from moto_jitp.locks import cached_property

NAME_ATTRIBUTES = (
    "DistinguishedNameQualifier",
    "Country",
    "Organization",
    "OrganizationalUnit",
    "State",
    "CommonName",
    "SerialNumber",
    "Title",
    "Surname",
    "GivenName",
    "Initials",
    "Pseudonym",
    "GenerationQualifier",
)
"""The attributes of a subject or issuer that AWS IoT has variables for."""

ALTERNATIVE_NAMES = (
    "RFC822Name",
    "DNSName",
    "DirectoryName",
    "UniformResourceIdentifier",
    "IPAddress",
)
"""The kinds of alternative names that AWS IoT has variables for."""

_MOST_VALUES = 5
_LONGEST_VALUE = 1024
_NOT_REPLACED = frozenset("*$+?#")
_ESCAPES = {ord(character): f"\\{character}" for character in ',"\\+=<>;'}
_ATTRIBUTE_PREFIXES = ("iot:connection.thing.attributes[", "iot:thing.attributes[")


@dataclass(frozen=True)
class ThingContext:
    """The thing that a connection represents.

    Attributes:
        name: the thing's name.
        thing_type: the name of its type, if it has one.
        attributes: its attributes, at most 50 on AWS.
        is_attached: the certificate is attached to it (AttachThingPrincipal).
        exclusive: attached as ``EXCLUSIVE_THING``: the connection belongs to this thing, whatever
            the client ID. Otherwise the client ID must be the thing's name.
    """

    name: str
    thing_type: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    is_attached: bool = True
    exclusive: bool = False


@dataclass(frozen=True)
class CertificateContext:
    """The certificate with which a connection was authenticated.

    Attributes:
        certificate_id: its id, 64 hexadecimal characters.
        serial_number: the certificate's own number; AWS shows it in decimal.
        subject: values by attribute, in the certificate's order, under the names in
            :data:`NAME_ATTRIBUTES`. Attributes without a variable on AWS are ignored.
        issuer: the same of the issuer.
        subject_alternative_names: values by kind, under the names in :data:`ALTERNATIVE_NAMES`; a
            directory name as ``cn=…,ou=…,o=…,c=…``.
        issuer_alternative_names: the same of the issuer.
    """

    certificate_id: str | None = None
    serial_number: int | str | None = None
    subject: Mapping[str, Sequence[str]] = field(default_factory=dict)
    issuer: Mapping[str, Sequence[str]] = field(default_factory=dict)
    subject_alternative_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    issuer_alternative_names: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def variables(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The names and values of the variables, those with a list form without ``.List``."""
        if self.certificate_id is not None:
            yield "iot:CertificateId", (self.certificate_id,)
        if self.serial_number is not None:
            yield "iot:Certificate.SerialNumber", (str(self.serial_number),)
        for side, names, alternatives in (
            ("Subject", self.subject, self.subject_alternative_names),
            ("Issuer", self.issuer, self.issuer_alternative_names),
        ):
            yield from _group(f"iot:Certificate.{side}.", NAME_ATTRIBUTES, names)
            prefix = f"iot:Certificate.{side}.AlternativeName."
            yield from _group(prefix, ALTERNATIVE_NAMES, alternatives)


@dataclass(frozen=True)
class AuthorizationContext:
    """The policy variables of one connection; ``None`` for those that are not known.

    Attributes:
        client_id: the MQTT client ID; ``None`` for a request over HTTPS, which has none.
        thing: the thing with the client ID as its name, or the exclusive thing of the certificate.
        certificate: the device's certificate.
        source_ip: the device's address, IPv4 or IPv6 (``aws:SourceIp``).
        domain_name: the endpoint's name that the device asked for (``iot:DomainName``).
        connect_attributes: which of ``PersistentConnect`` and ``LastWill`` a CONNECT uses; empty
            for neither (``iot:ConnectAttributes``).
        last_will_topic: the ARN of the will's topic (``iot:LastWillTopic``).
        current_time: with its time zone (``aws:CurrentTime``, ``aws:EpochTime``).
        extra: other condition keys and their values, such as ``aws:SourceVpce`` or
            ``cognito-identity.amazonaws.com:sub``; they may be used as variables too.
    """

    client_id: str | None = None
    thing: ThingContext | None = None
    certificate: CertificateContext | None = None
    source_ip: str | None = None
    domain_name: str | None = None
    connect_attributes: Sequence[str] | None = None
    last_will_topic: str | None = None
    current_time: datetime | None = None
    extra: Mapping[str, str | Sequence[str]] = field(default_factory=dict)

    def values(self, key: str) -> tuple[str, ...] | None:
        """The values of a condition key; ``None`` if the request lacks it."""
        if key.lower().startswith(_ATTRIBUTE_PREFIXES):
            return self._thing_attribute(key)
        return self._known.get(key.lower())

    def variable(self, name: str) -> str | None:
        """The value of ``${name}``; ``None`` if it has none and is not replaced.

        A variable of the certificate is not replaced by a value with a wildcard character or of
        more than 1024 characters, and a key with a list of values is not a variable.
        """
        values = self.values(name)
        lowered = name.lower()
        if not values or lowered in self._lists:
            return None
        value = values[0]
        if lowered.startswith("iot:certificate.") and (
            len(value) > _LONGEST_VALUE or not _NOT_REPLACED.isdisjoint(value)
        ):
            return None
        return value

    @property
    def connected_thing(self) -> ThingContext | None:
        """The thing behind the thing variables, or ``None``: not attached, or another name."""
        thing = self.thing
        if thing is None or not thing.is_attached or self.client_id is None:
            return None
        return thing if thing.exclusive or thing.name == self.client_id else None

    def _thing_attribute(self, key: str) -> tuple[str, ...] | None:
        thing = self.connected_thing
        if thing is None or not key.endswith("]"):
            return None
        value = thing.attributes.get(key[key.index("[") + 1 : -1])
        return None if value is None else (value,)

    @cached_property
    def _known(self) -> dict[str, tuple[str, ...]]:
        values_by_name: dict[str, tuple[str, ...]] = {}
        for key, extra in self.extra.items():
            values_by_name[key.lower()] = (extra,) if isinstance(extra, str) else tuple(extra)
        for key, value in self._single_values():
            if value is not None:
                values_by_name[key.lower()] = (value,)
        if self.connect_attributes is not None:
            values_by_name["iot:connectattributes"] = tuple(self.connect_attributes)
        if self.certificate is not None:
            values_by_name.update(_certificate_values(self.certificate))
        return values_by_name

    @cached_property
    def _lists(self) -> frozenset[str]:
        fixed = {"iot:connectattributes", "iot:certificate.availablekeys"}
        list_keys = {key.lower() for key, value in self.extra.items() if not isinstance(value, str)}
        return frozenset(
            fixed
            | list_keys
            | {
                key
                for key in self._known
                if key.startswith("iot:certificate.") and key.endswith(".list")
            }
        )

    def _single_values(self) -> Iterator[tuple[str, str | None]]:
        yield "iot:ClientId", self.client_id
        yield "aws:SourceIp", self.source_ip
        yield "iot:DomainName", self.domain_name
        yield "iot:LastWillTopic", self.last_will_topic
        if self.current_time is not None:
            yield "aws:CurrentTime", self.current_time.isoformat()
            yield "aws:EpochTime", str(int(self.current_time.timestamp()))
        if self.client_id is None:
            return
        thing = self.connected_thing
        yield "iot:Connection.Thing.IsAttached", "false" if thing is None else "true"
        if thing is not None:
            # AWS's own publish examples spell the variables without «Connection» too.
            for prefix in ("iot:Connection.Thing.", "iot:Thing."):
                yield f"{prefix}ThingName", thing.name
                yield f"{prefix}ThingTypeName", thing.thing_type


def _group(
    prefix: str, names: Sequence[str], grouped_values: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    by_name = {name.lower(): values for name, values in grouped_values.items()}
    for name in names:
        values = tuple(by_name.get(name.lower(), ()))[:_MOST_VALUES]
        if not values:
            continue
        # The guide shows a directory name with its commas and equals signs bare.
        escaped = name != "DirectoryName"
        yield prefix + name, tuple(v.translate(_ESCAPES) if escaped else v for v in values)


def _certificate_values(certificate: CertificateContext) -> dict[str, tuple[str, ...]]:
    values_by_name: dict[str, tuple[str, ...]] = {}
    names: list[str] = []
    for name, values in certificate.variables():
        names.append(name)
        lowered = name.lower()
        values_by_name[lowered] = values[:1]
        if lowered.startswith(("iot:certificate.subject.", "iot:certificate.issuer.")):
            values_by_name[f"{lowered}.list"] = values
            for index, value in enumerate(values):
                values_by_name[f"{lowered}.{index}"] = (value,)
    values_by_name["iot:certificate.availablekeys"] = tuple(names)
    return values_by_name
