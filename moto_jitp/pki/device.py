"""``DeviceIdentity``: the content of a device's secure element."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from cryptography import x509

from moto_jitp.files import content_of
from moto_jitp.locks import cached_property
from moto_jitp.printing import one_line

from .reading import PresentedCertificate, read_certificate, read_chain, read_issuer
from .verification import private_key_belongs_to, read_private_key


@dataclass(frozen=True)
class DeviceFiles:
    """The files that :meth:`DeviceIdentity.write` wrote, named as real clients expect."""

    certificate: Path
    private_key: Path
    chain: Path


class DeviceIdentity:
    """A device's certificate, its private key, and the CAs above it.

    Args:
        certificate_pem: the device certificate as PEM text.
        private_key_pem: its private key as PEM text (PKCS#8, unencrypted).
        issuers_pem: the certificates of the CAs above it as PEM texts, the issuing one first.

    Examples:
        >>> ca.issue("bulb-1")
        <DeviceIdentity CN=bulb-1>
    """

    def __init__(
        self, certificate_pem: str, private_key_pem: str, issuers_pem: tuple[str, ...] = ()
    ) -> None:
        self._certificate_pem = certificate_pem
        self._private_key_pem = private_key_pem
        self._issuers_pem = issuers_pem

    @classmethod
    def from_pem(
        cls,
        certificate_pem: str | bytes | PathLike[str],
        private_key_pem: str | bytes | PathLike[str],
    ) -> DeviceIdentity:
        """Load an identity that was created elsewhere.

        Args:
            certificate_pem: the leaf, and optionally its chain, as PEM text or bytes, or the path
                of their file.
            private_key_pem: the leaf's private key, likewise.

        Raises:
            CertificateError: the first text holds no readable certificate.
            ValueError: the private key cannot be read.

        Examples:
            >>> DeviceIdentity.from_pem(bulb.chain_pem, bulb.private_key_pem)
            <DeviceIdentity CN=bulb-1>
        """
        key_pem = content_of(private_key_pem)
        read_private_key(key_pem)
        leaf, *issuers = (certificate.pem for certificate in read_chain(certificate_pem))
        key = key_pem.decode() if isinstance(key_pem, bytes) else key_pem
        return cls(leaf, key, tuple(issuers))

    @property
    def certificate_pem(self) -> str:
        """The device certificate alone, as PEM text."""
        return self._certificate_pem

    @property
    def private_key_pem(self) -> str:
        """The private key as unencrypted PEM text."""
        return self._private_key_pem

    @property
    def chain_pem(self) -> str:
        """The device certificate followed by those of its issuers, as PEM text."""
        return "".join((self._certificate_pem, *self._issuers_pem))

    @cached_property
    def presented(self) -> PresentedCertificate:
        """The parsed device certificate."""
        return read_certificate(self._certificate_pem)

    @cached_property
    def issuers(self) -> tuple[PresentedCertificate, ...]:
        """The parsed certificates of the CAs above it, the issuing one first."""
        return tuple(read_issuer(pem) for pem in self._issuers_pem)

    @cached_property
    def holds_its_key(self) -> bool:
        """Whether the private key belongs to the certificate.

        Raises:
            ValueError: the private key cannot be read.
        """
        return private_key_belongs_to(self.presented, self._private_key_pem)

    @property
    def certificate(self) -> x509.Certificate:
        """The device certificate as a ``cryptography`` object."""
        return self.presented.certificate

    @property
    def certificate_id(self) -> str:
        """The id that AWS IoT gives the certificate: lower-case hex SHA-256 of its DER bytes."""
        return self.presented.certificate_id

    def write(self, directory: str | PathLike[str]) -> DeviceFiles:
        """Write the identity for clients that read files (the AWS CLI, MQTT clients, curl).

        Args:
            directory: the target, made if it does not exist.

        Returns:
            The paths of ``certificate.pem``, ``private_key.pem`` (readable by the owner only) and
            ``chain.pem``.

        Raises:
            OSError: the folder cannot be made or written to.

        Examples:
            >>> bulb.write(folder).private_key.name
            'private_key.pem'
        """
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        files = DeviceFiles(
            folder / "certificate.pem", folder / "private_key.pem", folder / "chain.pem"
        )
        # As bytes: the line ends stay as they are on every platform.
        files.certificate.write_bytes(self.certificate_pem.encode())
        files.private_key.touch(mode=0o600)
        files.private_key.chmod(0o600)  # also for a file that existed before
        files.private_key.write_bytes(self.private_key_pem.encode())
        files.chain.write_bytes(self.chain_pem.encode())
        return files

    def __repr__(self) -> str:
        return f"<DeviceIdentity {one_line(self.presented.subject_text) or '(no subject)'}>"
