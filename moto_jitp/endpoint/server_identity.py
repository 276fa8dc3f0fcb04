"""The endpoint's own certificates, made under a root that clients trust."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from moto_jitp.iot.account.endpoints import endpoint_domains
from moto_jitp.locks import cached_property
from moto_jitp.pki.building import KeyKind, PrivateKey, new_key, pem_of, start_certificate

_ROOT_LASTS = timedelta(days=3650)
_LEAF_LASTS = timedelta(days=365)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class ServerIdentity:
    """A root, with a server certificate with an RSA key and one with an EC key.

    AWS IoT also has both, and shows the one that fits the cipher suite.

    Args:
        names: host names and addresses in addition to ``localhost``, the loopback addresses and
            this machine's own name. A name may begin with ``*.``.
        domains: the domains of account endpoints, such as ``iot.eu-west-1.amazonaws.com``; by
            default those of all Regions, for data and for credentials.

    Attributes:
        names: the host names and addresses of the server certificates, without those of account
            endpoints.

    Raises:
        ValueError: a name is not valid in a certificate.

    Examples:
        >>> "localhost" in ServerIdentity().names
        True
    """

    def __init__(self, names: Iterable[str] = (), domains: Sequence[str] | None = None) -> None:
        self.names = frozenset(
            name.lower() for name in (*_LOOPBACK, *_names_of_this_machine(), *names)
        )
        if domains is None:
            domains = (*endpoint_domains(), *endpoint_domains("iot:CredentialProvider"))
        self._domains = tuple(domains)
        self._root_key = new_key("rsa")
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, "moto_jitp device endpoint root"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "moto_jitp"),
            ]
        )
        public_key = self._root_key.public_key()
        self._root = (
            start_certificate(subject, self._root_key, lasting=_ROOT_LASTS)
            .issuer_name(subject)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .sign(self._root_key, hashes.SHA256())
        )

    @property
    def root_pem(self) -> str:
        """The root certificate as PEM text, which clients must trust."""
        return pem_of(self._root)

    def serves(self, server_name: str) -> bool:
        """Whether a server name, or an address in its place, is in the server certificates."""
        name = server_name.lower().rstrip(".")
        if name in self.names:
            return True
        parent = name.partition(".")[2]
        return bool(parent) and f"*.{parent}" in self.names

    @cached_property
    def server_certificates(self) -> tuple[tuple[x509.Certificate, PrivateKey], ...]:
        """The server certificates with their private keys: RSA, then EC."""
        return (self._issue("rsa"), self._issue("ec"))

    def _issue(self, kind: KeyKind) -> tuple[x509.Certificate, PrivateKey]:
        key = new_key(kind)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        endpoints = [x509.DNSName(f"*.{domain}") for domain in self._domains]
        names = [_general_name(name) for name in sorted(self.names)]
        root_public = self._root_key.public_key()
        certificate = (
            start_certificate(subject, key, lasting=_LEAF_LASTS)
            .issuer_name(self._root.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([*names, *endpoints]), critical=False)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(root_public), critical=False
            )
            .sign(self._root_key, hashes.SHA256())
        )
        return certificate, key


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name.encode("idna").decode("ascii") if "*" not in name else name)
    except (ValueError, UnicodeError) as error:
        raise ValueError(
            f"{name!r} cannot be put in the endpoint's certificate: give a host name such as "
            f"'test-server.lan' or an address such as '192.168.1.20' ({error})."
        ) from None


def _names_of_this_machine() -> list[str]:
    name = socket.gethostname().lower()
    try:
        name.encode("idna")
    except UnicodeError:
        return []
    return [name] if name else []


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not signs_certificates,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
