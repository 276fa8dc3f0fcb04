"""Provisioning claims: certificates for five minutes with which a device may provision itself.

A trusted user requests one and passes it to a device, which uses it to get a certificate of its
own. AWS IoT does not list claims among the certificates.
https://docs.aws.amazon.com/iot/latest/developerguide/provision-wo-cert.html
https://docs.aws.amazon.com/iot/latest/apireference/API_CreateProvisioningClaim.html
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from moto.iot.models import FakePolicy

from moto_jitp import settings
from moto_jitp.iot.api.operations import Input, Output, operation
from moto_jitp.iot.certificates.device_certificates import DeviceCertificate
from moto_jitp.iot.certificates.service_ca import IssuedKeys, issue_claim
from moto_jitp.iot.exceptions import InvalidRequest
from moto_jitp.iot.provisioning.provisioning_templates import ProvisioningTemplates
from moto_jitp.iot.provisioning.template_rules import FLEET_PROVISIONING
from moto_jitp.iot.registry.registry import Registry
from moto_jitp.pki import read_certificate

LASTING = timedelta(minutes=5)
"""How long a claim can be used to connect, and how long its connections last."""


class ClaimCertificate(DeviceCertificate):
    """A provisioning claim, which operations do not find among the certificates.

    Args:
        pem: its PEM text.
        registry: the account's and Region's tables.
        template_name: the template that it is for.
        expiration: when it ends, in UTC.

    Attributes:
        template_name: the template that it is for.
        expiration: when it ends, in UTC.
        policy: what its devices may do: use the template's topics and those for a certificate.
    """

    def __init__(
        self, pem: str, registry: Registry, template_name: str, expiration: datetime
    ) -> None:
        super().__init__(
            pem,
            read_certificate(pem),
            status="ACTIVE",
            account_id=registry.account_id,
            region_name=registry.region_name,
            ca_certificate_id=None,
            mode="DEFAULT",
            sequence=next(registry.sequences),
        )
        self.template_name = template_name
        self.expiration = expiration
        self.policy = FakePolicy(  # type: ignore[abstract] # moto makes its own likewise
            f"provisioning claim of {template_name}",
            _document(registry, template_name),  # type: ignore[arg-type] # text, as moto keeps it
            registry.account_id,
            registry.region_name,
        )


class CreatedClaim(NamedTuple):
    """A claim with its key pair.

    Attributes:
        certificate: the claim.
        keys: its certificate and keys as PEM text.
    """

    certificate: ClaimCertificate
    keys: IssuedKeys


class ProvisioningClaims:
    """Keeps the provisioning claims of an account and Region until they end.

    Args:
        registry: the account's and Region's tables.
        templates: the stored templates.

    Attributes:
        claims: those that have not ended, by certificate id.
    """

    def __init__(self, registry: Registry, templates: ProvisioningTemplates) -> None:
        self._registry = registry
        self._templates = templates
        self.claims: dict[str, ClaimCertificate] = {}

    def create_provisioning_claim(self, template_name: str) -> CreatedClaim:
        """Issue a claim for a template.

        Args:
            template_name: a stored template of the type FLEET_PROVISIONING. It need not be enabled
                yet; AWS documents no rule for that.

        Returns:
            The claim and its keys. It ends five minutes from now by the test's clock.

        Raises:
            ResourceNotFound: there is no template of that name.
            InvalidRequest: it has another type, with which no device can use a claim (own wording).
        """
        template = self._templates.describe_provisioning_template(template_name)
        if template.template_type != FLEET_PROVISIONING and settings.current().strict:
            raise InvalidRequest(
                f"The template {template_name} has the type {template.template_type}; a "
                f"provisioning claim needs one of type {FLEET_PROVISIONING}."
            )
        # X.509 has no fractions of a second.
        expiration = datetime.now(timezone.utc).replace(microsecond=0) + LASTING
        keys = issue_claim(expiration, LASTING)
        claim = ClaimCertificate(keys.certificate_pem, self._registry, template_name, expiration)
        with self._registry.lock:
            self.drop_ended_claims()
            self.claims[claim.certificate_id] = claim
        return CreatedClaim(claim, keys)

    def find(self, certificate_id: str) -> ClaimCertificate | None:
        """Return a claim that has not ended.

        Args:
            certificate_id: the SHA-256 of its DER bytes in hexadecimal digits.

        Returns:
            The claim; ``None`` if there is none, or no longer one.
        """
        if not self.claims:
            return None
        self.drop_ended_claims()
        return self.claims.get(certificate_id)

    def drop_ended_claims(self) -> None:
        """Delete the claims whose five minutes are over."""
        now = datetime.now(timezone.utc)
        with self._registry.lock:
            for certificate_id, claim in list(self.claims.items()):
                if claim.expiration <= now:
                    del self.claims[certificate_id]


def connection_has_ended(certificate: DeviceCertificate, connected: datetime) -> bool:
    """Whether a connection with a claim has reached its time limit.

    The device must have got its own certificate within five minutes of connecting.

    Args:
        certificate: the connection's certificate, of any kind.
        connected: when it was made, in UTC.
    """
    is_claim = isinstance(certificate, ClaimCertificate)
    return is_claim and datetime.now(timezone.utc) > connected + LASTING


def _document(registry: Registry, template_name: str) -> str:
    """The guide's policy for claims, with the topics of one template (our own choice)."""
    topics = (
        "$aws/certificates/create/*",
        "$aws/certificates/create-from-csr/*",
        f"$aws/provisioning-templates/{template_name}/provision/*",
    )

    def allow(actions: list[str], *resources: str) -> dict[str, object]:
        arns = [registry.arn(resource) for resource in resources]
        return {"Effect": "Allow", "Action": actions, "Resource": arns}

    statements = [
        allow(["iot:Connect"], "client/*"),
        allow(["iot:Publish", "iot:Receive"], *(f"topic/{topic}" for topic in topics)),
        allow(["iot:Subscribe"], *(f"topicfilter/{topic}" for topic in topics)),
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


# Other calls need not wait while a key is made.
@operation("CreateProvisioningClaim", ProvisioningClaims, locks_itself=True)
def create_provisioning_claim(claims: ProvisioningClaims, arguments: Input) -> Output:
    created = claims.create_provisioning_claim(arguments["templateName"])
    return {
        "certificateId": created.certificate.certificate_id,
        "certificatePem": created.keys.certificate_pem,
        "keyPair": {
            "PublicKey": created.keys.public_key_pem,
            "PrivateKey": created.keys.private_key_pem,
        },
        "expiration": created.certificate.expiration,
    }
