"""X.509 for device tests: read certificates as AWS IoT does, and make test ones.

It needs ``cryptography`` but neither moto nor boto3.
"""

from .authority import CertificateAuthority
from .device import DeviceFiles, DeviceIdentity
from .fields import CertificateFields
from .reading import (
    CertificateError,
    PresentedCertificate,
    is_declared_no_ca,
    read_certificate,
    read_chain,
    read_presented,
)
from .real_clock import meet_real_clock
from .subject import certificate_parameters
from .verification import IssuerCheck, check_issuer, private_key_belongs_to, weak_digest

meet_real_clock()

__all__ = [
    "CertificateAuthority",
    "CertificateError",
    "CertificateFields",
    "DeviceFiles",
    "DeviceIdentity",
    "IssuerCheck",
    "PresentedCertificate",
    "certificate_parameters",
    "check_issuer",
    "is_declared_no_ca",
    "private_key_belongs_to",
    "read_certificate",
    "read_chain",
    "read_presented",
    "weak_digest",
]
