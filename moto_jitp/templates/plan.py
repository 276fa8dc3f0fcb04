"""A template's result for one device: plain values, ready for a provisioning run."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

from moto_jitp.locks import cached_property


class Override(str, Enum):
    """What happens to a value of an existing resource (``OverrideSettings``).

    https://docs.aws.amazon.com/iot/latest/developerguide/provision-template.html
    """

    DO_NOTHING = "DO_NOTHING"
    REPLACE = "REPLACE"
    MERGE = "MERGE"
    FAIL = "FAIL"


class OverrideSettings(NamedTuple):
    """The ``OverrideSettings`` of a thing; None if the template has none."""

    attribute_payload: Override | None = None
    thing_type_name: Override | None = None
    thing_groups: Override | None = None


class PlannedThing(NamedTuple):
    """The thing to create or to update.

    Attributes:
        logical_name: its key under ``Resources``, and in RegisterThing's ``resourceArns``.
        groups: names of static thing groups, without duplicates.
        package_versions: software package name to version.
    """

    logical_name: str
    name: str
    attributes: dict[str, str]
    thing_type: str | None
    groups: tuple[str, ...]
    billing_group: str | None
    package_versions: Mapping[str, str]
    overrides: OverrideSettings


class PlannedCertificate(NamedTuple):
    """The certificate to use: exactly one of id, PEM and signing request is set.

    Attributes:
        certificate_id: that of a certificate that AWS IoT already knows.
        certificate_pem: to be registered.
        ca_certificate_pem: its issuer, if several CAs with one subject are registered.
        certificate_signing_request: to be signed by AWS.
        status: ``ACTIVE`` or ``INACTIVE``.
        status_override: the certificate's ``OverrideSettings``.
        thing_principal_type: ``EXCLUSIVE_THING``, ``NON_EXCLUSIVE_THING``, or None.
    """

    logical_name: str
    certificate_id: str | None
    certificate_pem: str | None
    ca_certificate_pem: str | None
    certificate_signing_request: str | None
    status: str
    status_override: Override | None
    thing_principal_type: str | None


@dataclass(frozen=True)
class PlannedPolicy:
    """A policy: by the name of an existing one, or by its document.

    Attributes:
        document: the text in the template; for an object, its JSON without spaces, with keys in the
            template's order.
    """

    logical_name: str
    name: str | None
    document: str | None

    @cached_property
    def policy_name(self) -> str:
        """The given name, or one made from the document: its SHA-1 in upper-case hex.

        AWS documents "a hash of the policy document" and shows 40 upper-case hex characters;
        what exactly it hashes is unknown.
        """
        if self.name is not None:
            return self.name
        # A value of RegisterThing may contain half a surrogate pair; CreatePolicy judges that, not
        # we.
        text = (self.document or "").encode("utf-8", "surrogatepass")
        return hashlib.sha1(text, usedforsecurity=False).hexdigest().upper()


class ProvisioningPlan(NamedTuple):
    """A template's whole result for one device.

    Attributes:
        certificate_if_any: the certificate to use; None for a template of RegisterThing that has
            none.
        device_configuration: what fleet provisioning sends back to the device.
    """

    thing: PlannedThing | None
    certificate_if_any: PlannedCertificate | None
    policies: tuple[PlannedPolicy, ...] = ()
    device_configuration: Mapping[str, str] = MappingProxyType({})

    @property
    def certificate(self) -> PlannedCertificate:
        """The certificate to use; only some templates of RegisterThing have none.

        Raises:
            ValueError: the template has none.
        """
        if self.certificate_if_any is None:
            raise ValueError("The template has no certificate resource.")
        return self.certificate_if_any
