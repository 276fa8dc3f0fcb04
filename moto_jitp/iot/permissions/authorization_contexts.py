"""The policy variables of a certificate and a thing, taken from the account's state.

https://docs.aws.amazon.com/iot/latest/developerguide/cert-policy-variables.html
https://docs.aws.amazon.com/iot/latest/developerguide/thing-policy-variables.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cryptography import x509
from cryptography.x509.oid import NameOID
from moto.iot.models import FakeCertificate

from moto_jitp.iot.registry.registry import type_name
from moto_jitp.iot.registry.thing_principals import ThingPrincipals
from moto_jitp.pki import CertificateError, read_certificate
from moto_jitp.policies import CertificateContext, ThingContext

_CONTEXT = "moto_jitp_context"
_NAMES = {
    NameOID.DN_QUALIFIER: "DistinguishedNameQualifier",
    NameOID.COUNTRY_NAME: "Country",
    NameOID.ORGANIZATION_NAME: "Organization",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OrganizationalUnit",
    NameOID.STATE_OR_PROVINCE_NAME: "State",
    NameOID.COMMON_NAME: "CommonName",
    NameOID.SERIAL_NUMBER: "SerialNumber",
    NameOID.TITLE: "Title",
    NameOID.SURNAME: "Surname",
    NameOID.GIVEN_NAME: "GivenName",
    NameOID.INITIALS: "Initials",
    NameOID.PSEUDONYM: "Pseudonym",
    NameOID.GENERATION_QUALIFIER: "GenerationQualifier",
}


def thing_context(
    principals: ThingPrincipals, certificate_arn: str, client_id: str | None
) -> ThingContext | None:
    """Return the thing that a connection may represent.

    That is the thing that the certificate is exclusively attached to, else the one with the client
    ID as its name, attached or not.

    Args:
        principals: the attachments of the account and Region.
        certificate_arn: the certificate of the connection.
        client_id: the MQTT client ID; ``None`` if there is none.
    """
    exclusive = principals.exclusive_thing_of(certificate_arn)
    name = exclusive or client_id
    thing = principals.registry.find_thing(name) if name is not None else None
    if thing is None:
        return None
    return ThingContext(
        thing.thing_name,
        type_name(thing),
        dict(thing.attributes),
        is_attached=(certificate_arn, thing.thing_name) in principals.registry.principal_things,
        exclusive=exclusive is not None,
    )


def certificate_context(certificate: FakeCertificate) -> CertificateContext:
    """Return the policy variables of a registered certificate.

    They never change, and are kept with the certificate.
    """
    cached_context: CertificateContext | None = vars(certificate).get(_CONTEXT)
    if cached_context is None:
        cached_context = _read(certificate.certificate_pem, certificate.certificate_id)
        vars(certificate)[_CONTEXT] = cached_context
    return cached_context


def _read(pem: str, certificate_id: str) -> CertificateContext:
    try:
        certificate = read_certificate(pem).certificate
    except CertificateError:
        # Plain moto registers any text.
        return CertificateContext(certificate_id)
    return CertificateContext(
        certificate_id,
        certificate.serial_number,
        _name(certificate.subject),
        _name(certificate.issuer),
        _alternative_names(certificate, x509.SubjectAlternativeName),
        _alternative_names(certificate, x509.IssuerAlternativeName),
    )


def _name(name: x509.Name) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for attribute in name:
        key = _NAMES.get(attribute.oid)
        if key is not None:
            values.setdefault(key, []).append(str(attribute.value))
    return values


def _alternative_names(
    certificate: x509.Certificate,
    kind: type[x509.SubjectAlternativeName] | type[x509.IssuerAlternativeName],
) -> dict[str, list[str]]:
    try:
        names: Iterable[x509.GeneralName] = certificate.extensions.get_extension_for_class(
            kind
        ).value
        values: dict[str, list[str]] = {}
        for key, value in _general_names(names):
            values.setdefault(key, []).append(value)
    # Either there are none, or the library cannot read an extension of the certificate and raises
    # ValueError, TypeError, DuplicateExtension, UnsupportedGeneralNameType or others.
    except Exception:
        return {}
    return values


def _general_names(names: Iterable[x509.GeneralName]) -> Iterator[tuple[str, str]]:
    for name in names:
        if isinstance(name, x509.RFC822Name):
            yield "RFC822Name", name.value
        elif isinstance(name, x509.DNSName):
            yield "DNSName", name.value
        elif isinstance(name, x509.UniformResourceIdentifier):
            yield "UniformResourceIdentifier", name.value
        elif isinstance(name, x509.IPAddress):
            yield "IPAddress", str(name.value)
        elif isinstance(name, x509.DirectoryName):
            # The guide writes a name as cn=…,ou=…,o=…,c=…, with the most specific part first.
            yield (
                "DirectoryName",
                ",".join(
                    f"{attribute.rfc4514_attribute_name.lower()}={attribute.value!s}"
                    for attribute in reversed(list(name.value))
                ),
            )
