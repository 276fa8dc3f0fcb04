"""``CertificateFields``: the fields of a test certificate, for CAs and devices alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, TypedDict

from cryptography import x509

from moto_jitp.names import refuse_unknown_keywords

from .building import KeyKind


class CertificateFields(TypedDict, total=False):
    """The keyword arguments of :class:`CertificateAuthority` and of its ``issue``.

    Attributes:
        serial_number: the subject's serialNumber attribute (2.5.4.5), which is not the
            certificate's own number.
        country: the subject's C, the two letters of a country's ISO 3166 code.
        organization: the subject's O.
        organizational_unit: the subject's OU.
        state: the subject's ST, the state or province.
        locality: the subject's L.
        dn_qualifier: the subject's dnQualifier.
        subject: the whole subject as an ``x509.Name``, in place of the single fields and the common
            name; for repeated attributes and a custom order.
        certificate_serial: the certificate's own number, a positive integer; by default random.
        not_before: start of validity, in UTC if it has no time zone; by default a day ago.
        not_after: end of validity; by default in twenty years for a CA, in ten for a device.
        key: ``"ec"`` (P-256, the default) or ``"rsa"`` (2048 bits).
        extensions: whether the certificate has key identifiers, key usage and basic constraints,
            like those of OpenSSL and AWS IoT; true by default. AWS IoT also registers CAs without
            any, which old scripts make.

    Examples:
        >>> CertificateAuthority(organization="Acme", country="KR")
        <CertificateAuthority C=KR,O=Acme>
        >>> CertificateAuthority(organisation="Acme")
        Traceback (most recent call last):
        ...
        TypeError: CertificateAuthority() has no argument 'organisation'. Did you mean \
'organization'? ...
    """

    serial_number: str | None
    country: str | None
    organization: str | None
    organizational_unit: str | None
    state: str | None
    locality: str | None
    dn_qualifier: str | None
    subject: x509.Name | None
    certificate_serial: int | None
    not_before: datetime | None
    not_after: datetime | None
    key: KeyKind
    extensions: bool


_OF_THE_SUBJECT = (
    "country",
    "state",
    "locality",
    "organization",
    "organizational_unit",
    "dn_qualifier",
    "serial_number",
)


def check_fields(function: str, fields: Mapping[str, Any], other_names: Collection[str]) -> None:
    """Refuse an unknown keyword argument, and suggest the one that was meant.

    Args:
        function: what was called, as users call it.
        fields: the keyword arguments given.
        other_names: the names of its further arguments.

    Raises:
        TypeError: one is not a field.
    """
    known_fields = [*other_names, *CertificateFields.__annotations__]
    refuse_unknown_keywords(function, fields, known_fields)


def subject_fields(fields: CertificateFields) -> dict[str, str | None]:
    """Return the single fields of the subject among the fields."""
    subject_values: Mapping[str, Any] = fields
    return {name: subject_values[name] for name in _OF_THE_SUBJECT if name in subject_values}
