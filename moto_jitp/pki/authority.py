"""``CertificateAuthority``: a test CA that can set every subject field that AWS reads."""

from __future__ import annotations

import enum
import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from moto_jitp.files import content_of
from moto_jitp.names import checked_keywords
from moto_jitp.printing import one_line

from .building import (
    PrivateKey,
    authority_key_identifier,
    key_pem,
    new_key,
    pem_of,
    start_certificate,
    subject_name,
)
from .device import DeviceIdentity
from .fields import CertificateFields, check_fields, subject_fields
from .reading import PresentedCertificate, read_certificate
from .verification import private_key_belongs_to, read_private_key

if TYPE_CHECKING:
    from typing_extensions import Unpack

_CA_VALIDITY = timedelta(days=365 * 20)
_DEVICE_VALIDITY = timedelta(days=365 * 10)
_VERIFICATION_VALIDITY = timedelta(days=30)
_DEFAULT_ROLE = "arn:aws:iam::123456789012:role/JITPRole"


class _Generated(enum.Enum):
    GENERATED = "a name of its own"


GENERATED: Final = _Generated.GENERATED


class CertificateAuthority:
    """A certificate authority for tests, self-signed or under a parent.

    Args:
        common_name: the CA's common name. Without any subject field, the CA gets a unique name;
            with only other fields, it has no common name.
        parent: the CA that signs this one; by default the CA is self-signed.
        **fields: the other fields of its certificate; see
            :class:`moto_jitp.pki.CertificateFields`.

    Raises:
        ValueError: a field has a value that X.509 does not allow, the validity ends before it
            starts, or the kind of ``key`` is unknown.
        TypeError: there is no such field, or ``subject`` is not an ``x509.Name``.

    Examples:
        >>> root = CertificateAuthority("Acme Root", organization="Acme")
        >>> factory = CertificateAuthority("Acme Factory", parent=root)
        >>> factory.issue("bulb-1", country="KR", serial_number="42")
        <DeviceIdentity C=KR,CN=bulb-1,serialNumber=42>
    """

    def __init__(
        self,
        common_name: str | None = None,
        *,
        parent: CertificateAuthority | None = None,
        **fields: Unpack[CertificateFields],
    ) -> None:
        check_fields("CertificateAuthority", fields, ("common_name", "parent"))
        name = subject_name(
            fields.get("subject"), common_name=common_name, **subject_fields(fields)
        )
        if not list(name):
            name = subject_name(None, common_name=f"moto_jitp test CA {secrets.token_hex(4)}")
        self._key: PrivateKey | None = new_key(fields.get("key", "ec"))
        self._parent = parent
        extensions = fields.get("extensions", True)
        builder = start_certificate(
            name,
            self._key,
            serial=fields.get("certificate_serial"),
            not_before=fields.get("not_before"),
            not_after=fields.get("not_after"),
            lasting=_CA_VALIDITY,
            is_ca=True if extensions else None,
        )
        if parent is None:
            if extensions:
                key_identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(
                    self._key.public_key()
                )
                builder = builder.add_extension(key_identifier, critical=False)
            certificate = builder.issuer_name(name).sign(self._key, hashes.SHA256())
        else:
            certificate = parent._sign(builder, extensions=extensions)
        self._presented = PresentedCertificate(certificate)

    @classmethod
    def from_pem(
        cls,
        certificate_pem: str | bytes | PathLike[str],
        private_key_pem: str | bytes | PathLike[str] | None = None,
        *,
        parent: CertificateAuthority | None = None,
    ) -> CertificateAuthority:
        """Load a CA that was created elsewhere.

        Args:
            certificate_pem: its certificate as PEM text or bytes, or the path of their file.
            private_key_pem: its private key likewise, unencrypted; without it the CA can be
                registered in SNI_ONLY mode but cannot issue certificates.
            parent: the CA above it, to include it in its devices' ``chain_pem``.

        Raises:
            CertificateError: the first text holds no readable certificate.
            ValueError: the private key cannot be read, is neither EC nor RSA, or belongs to
                another certificate.

        Examples:
            >>> CertificateAuthority.from_pem(ca.certificate_pem, ca.private_key_pem)
            <CertificateAuthority CN=Acme Root>
        """
        ca = cls.__new__(cls)
        ca._presented = read_certificate(certificate_pem)
        ca._parent = parent
        ca._key = None
        if private_key_pem is not None:
            key_pem = content_of(private_key_pem)
            key = read_private_key(key_pem)
            if not isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
                raise ValueError(f"A CA's key is EC or RSA, not {type(key).__name__}.")
            if not private_key_belongs_to(ca._presented, key_pem):
                raise ValueError(
                    f"The private key does not belong to the CA certificate "
                    f"{ca._presented.subject_text!r}; give the key that it was made with."
                )
            ca._key = key
        return ca

    @property
    def certificate_pem(self) -> str:
        """The CA's certificate as PEM text."""
        return self._presented.pem

    @property
    def private_key_pem(self) -> str:
        """The CA's private key as unencrypted PKCS#8 PEM text."""
        return key_pem(self._signing_key())

    @property
    def certificate_id(self) -> str:
        """The id that AWS IoT gives the CA: lower-case hex SHA-256 of the certificate's DER."""
        return self._presented.certificate_id

    @property
    def certificate(self) -> x509.Certificate:
        """The CA's certificate as a ``cryptography`` object."""
        return self._presented.certificate

    def verification_certificate(self, code: str) -> str:
        """Make the certificate that proves possession of the CA's key to AWS IoT.

        Args:
            code: the code from ``get_registration_code``, which becomes the common name.

        Returns:
            The certificate as PEM text, for ``verificationCertificate``.

        Raises:
            ValueError: the CA was loaded without its private key, or the code is empty.

        Examples:
            >>> code = iot.get_registration_code()["registrationCode"]
            >>> pem = ca.verification_certificate(code)

        See https://docs.aws.amazon.com/iot/latest/developerguide/register-CA-cert.html
        """
        builder = start_certificate(
            subject_name(None, common_name=code),
            new_key("ec"),
            lasting=_VERIFICATION_VALIDITY,
            is_ca=False,
        )
        return pem_of(self._sign(builder))

    def issue(
        self,
        common_name: str | _Generated | None = GENERATED,
        **fields: Unpack[CertificateFields],
    ) -> DeviceIdentity:
        """Issue a device certificate with its own key.

        Args:
            common_name: the subject's CN. By default the device gets a unique name; ``None``
                creates a certificate without a common name.
            **fields: the other fields of its certificate; see
                :class:`moto_jitp.pki.CertificateFields`.

        Returns:
            The device's certificate, private key and chain.

        Raises:
            ValueError: as for the CA itself.
            TypeError: likewise.

        Examples:
            >>> ca.issue("bulb-1", serial_number="42", key="rsa")
            <DeviceIdentity CN=bulb-1,serialNumber=42>
        """
        check_fields("issue", fields, ("common_name",))
        subject = fields.get("subject")
        if common_name is GENERATED:
            common_name = f"device-{secrets.token_hex(4)}" if subject is None else None
        name = subject_name(subject, common_name=common_name, **subject_fields(fields))
        device_key = new_key(fields.get("key", "ec"))
        extensions = fields.get("extensions", True)
        builder = start_certificate(
            name,
            device_key,
            serial=fields.get("certificate_serial"),
            not_before=fields.get("not_before"),
            not_after=fields.get("not_after"),
            lasting=_DEVICE_VALIDITY,
            is_ca=False if extensions else None,
        )
        signed = self._sign(builder, extensions=extensions)
        return DeviceIdentity(pem_of(signed), key_pem(device_key), tuple(self._chain_pems()))

    @checked_keywords
    def register(
        self,
        client: Any,
        *,
        template_body: str | PathLike[str] | Mapping[str, Any] | None = None,
        role_arn: str | None = None,
        template_name: str | None = None,
        certificate_mode: Literal["DEFAULT", "SNI_ONLY"] = "DEFAULT",
        active: bool = True,
        auto_registration: bool = True,
    ) -> str:
        """Register this CA: ``get_registration_code`` and ``register_ca_certificate`` in one line.

        Args:
            client: a boto3 client for ``iot``.
            template_body: the provisioning template as JSON text, the path of its file, or an
                object.
            role_arn: the provisioning role, which a template body requires; the default is a role
                named ``JITPRole`` in account 123456789012.
            template_name: a stored template of type JITP, instead of a body.
            certificate_mode: ``"DEFAULT"``, with a verification certificate, or ``"SNI_ONLY"``.
            active: whether the CA becomes ACTIVE.
            auto_registration: whether devices of this CA register themselves.

        Returns:
            The CA's certificate id.

        Raises:
            botocore.exceptions.ClientError: AWS IoT refuses the registration.
            TypeError: the client is for another service.

        Examples:
            >>> other = CertificateAuthority("Acme Two")
            >>> certificate_id = other.register(iot, template_body=BODY, role_arn=ROLE)
            >>> certificate_id == other.certificate_id
            True

        See https://docs.aws.amazon.com/iot/latest/developerguide/register-CA-cert.html
        """
        if not hasattr(client, "register_ca_certificate"):
            model = getattr(getattr(client, "meta", None), "service_model", None)
            found_client = f"one for {model.service_name}" if model else f"{type(client).__name__}"
            raise TypeError(
                f"client is a boto3 client for iot, boto3.client('iot'), not {found_client}."
            )
        request: dict[str, Any] = {
            "caCertificate": self.certificate_pem,
            "setAsActive": active,
            "allowAutoRegistration": auto_registration,
            "certificateMode": certificate_mode,
        }
        if certificate_mode != "SNI_ONLY":
            code = client.get_registration_code()["registrationCode"]
            request["verificationCertificate"] = self.verification_certificate(code)
        config: dict[str, str] = {}
        if template_body is not None:
            body = content_of(template_body)
            config["templateBody"] = body if isinstance(body, str) else json.dumps(body)
            config["roleArn"] = role_arn or _DEFAULT_ROLE
        elif role_arn is not None:
            config["roleArn"] = role_arn
        if template_name is not None:
            config["templateName"] = template_name
        if config:
            request["registrationConfig"] = config
        answer: dict[str, str] = client.register_ca_certificate(**request)
        return answer["certificateId"]

    def sign_public_key(
        self,
        subject: x509.Name,
        public_key: Any,
        not_after: datetime,
        *,
        not_before: datetime | None = None,
    ) -> str:
        """Issue a certificate for a public key whose private half is elsewhere (a CSR's).

        Args:
            subject: the certificate's subject.
            public_key: the key.
            not_after: end of validity, in UTC.
            not_before: start of validity; by default a day ago.

        Returns:
            The certificate as PEM text.

        Raises:
            ValueError: the CA was loaded without its private key, or the validity ends before it
                starts.

        Examples:
            >>> public_key = bulb.certificate.public_key()
            >>> pem = ca.sign_public_key(bulb.certificate.subject, public_key, datetime(2050, 1, 1))
        """
        builder = start_certificate(
            subject,
            public_key,
            not_before=not_before,
            not_after=not_after,
            lasting=_DEVICE_VALIDITY,
            is_ca=False,
        )
        return pem_of(self._sign(builder))

    def _sign(
        self, builder: x509.CertificateBuilder, *, extensions: bool = True
    ) -> x509.Certificate:
        ca_certificate, key = self._presented.certificate, self._signing_key()
        if extensions:
            builder = builder.add_extension(
                authority_key_identifier(ca_certificate), critical=False
            )
        return builder.issuer_name(ca_certificate.subject).sign(key, hashes.SHA256())

    def _signing_key(self) -> PrivateKey:
        if self._key is None:
            raise ValueError(
                f"The CA {self._presented.subject_text!r} was taken from its certificate alone and "
                "has no private key, so it can sign nothing. Give from_pem() its private_key_pem."
            )
        return self._key

    def _chain_pems(self) -> list[str]:
        chain, ca = [], self
        while True:
            chain.append(ca.certificate_pem)
            if ca._parent is None:
                return chain
            ca = ca._parent

    def __repr__(self) -> str:
        return f"<CertificateAuthority {one_line(self._presented.subject_text)}>"
