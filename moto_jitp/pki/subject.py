"""The values that a provisioning template can take from a device certificate."""

from __future__ import annotations

import re

from cryptography.x509.oid import NameOID

from .reading import PresentedCertificate

_PREFIX = "AWS::IoT::Certificate::"
_FROM_SUBJECT = {
    NameOID.COUNTRY_NAME: _PREFIX + "Country",
    NameOID.ORGANIZATION_NAME: _PREFIX + "Organization",
    NameOID.ORGANIZATIONAL_UNIT_NAME: _PREFIX + "OrganizationalUnit",
    NameOID.DN_QUALIFIER: _PREFIX + "DistinguishedNameQualifier",
    NameOID.STATE_OR_PROVINCE_NAME: _PREFIX + "StateName",
    NameOID.COMMON_NAME: _PREFIX + "CommonName",
    NameOID.SERIAL_NUMBER: _PREFIX + "SerialNumber",
}
_ID = _PREFIX + "Id"
_SERIAL_NUMBER = _PREFIX + "SerialNumber"

# AWS passes a subject's value on with these escaped: a CN of "a=b" arrives as "a\=b", in a recorded
# RegisterThing event as well as in the documentation of the certificate policy variables.
_ESCAPED = re.compile(r'[,"\\+=<>;]')


def certificate_parameters(certificate: PresentedCertificate) -> dict[str, str]:
    """Return the ``AWS::IoT::Certificate::*`` parameters that AWS extracts from a certificate.

    Of a repeated attribute the first value is used, in certificate order; an empty one counts as
    missing. ``SerialNumber`` is the subject's serialNumber (2.5.4.5) if there is one, otherwise the
    certificate's own serial number in decimal: the developer guide describes the former, AWS's
    published samples rely on the latter.

    Args:
        certificate: the device certificate.

    Returns:
        Parameter name to value, for those of the eight that the certificate has.

    See https://docs.aws.amazon.com/iot/latest/developerguide/jit-provisioning.html
    """
    parameters: dict[str, str] = {}
    for oid, value in certificate.subject:
        name = _FROM_SUBJECT.get(oid)
        if name is not None and name not in parameters:
            # Checking that nothing needs escaping costs less than replacing nothing.
            parameters[name] = _ESCAPED.sub(r"\\\g<0>", value) if _ESCAPED.search(value) else value
    if "" in parameters.values():
        parameters = {name: value for name, value in parameters.items() if value}
    if _SERIAL_NUMBER not in parameters:
        parameters[_SERIAL_NUMBER] = str(certificate.serial_number)
    parameters[_ID] = certificate.certificate_id
    return parameters
