"""``Cloud``: a verified test's view of the account that it runs in."""

from __future__ import annotations

import contextlib
import json
import secrets
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import certifi
from support.endpoint_stories import identity
from support.patience import until

from moto_jitp import CertificateAuthority, DeviceEndpoint, DeviceIdentity, mock_jitp

from .account import Account, the_account
from .clean_up import PROJECT, ROLE_PATH, CleanUp
from .device import MqttDevice

#: As strict as AWS is.
_LIKE_AWS = {"enforce_policies": True, "enforce_role": True, "local_endpoint": True}
#: The part of AWS's managed policy for registrations that the tests' templates need.
_FOR_PROVISIONING = (
    "AddThingToThingGroup",
    "AttachPolicy",
    "AttachPrincipalPolicy",
    "AttachThingPrincipal",
    "CreatePolicy",
    "CreateThing",
    "DescribeCertificate",
    "DescribeThing",
    "DescribeThingGroup",
    "DescribeThingType",
    "GetPolicy",
    "ListAttachedPolicies",
    "ListPolicyPrincipals",
    "ListPrincipalPolicies",
    "ListPrincipalThings",
    "ListTargetsForPolicy",
    "ListThingGroupsForThing",
    "ListThingPrincipals",
    "RegisterCertificate",
    "RegisterThing",
    "UpdateCertificate",
    "UpdateThing",
    "UpdateThingGroupsForThing",
)


class LeftBehindError(AssertionError):
    """A test has passed, but what it made could not be deleted."""


class Cloud:
    """An account and Region, in which a test has its own names.

    Args:
        account: where.
        open_endpoint: starts an endpoint for devices and returns the root certificate that they
            must trust, as PEM text; ``None`` if AWS has one.

    Attributes:
        prefix: the prefix of all names that the test makes, unique to each test.
        clean_up: finds and deletes what the test has made.
    """

    def __init__(self, account: Account, open_endpoint: Callable[[], str] | None = None) -> None:
        self._account = account
        self._open_endpoint = open_endpoint
        self._undo = contextlib.ExitStack()
        self._root: Path | None = None
        self.prefix = f"{PROJECT}{secrets.token_hex(4)}"
        self.clean_up = CleanUp(account, self.prefix)

    @property
    def is_on_aws(self) -> bool:
        """Whether this is a real account."""
        return self._account.is_on_aws

    @property
    def account_id(self) -> str:
        """Twelve digits."""
        return self._account.account_id

    @property
    def iot(self) -> Any:
        """A client of the control plane."""
        return self.client("iot")

    @property
    def iot_data(self) -> Any:
        """A client of the data plane."""
        return self.client("iot-data")

    def client(self, service: str) -> Any:
        """Return a client of a service."""
        return self._account.client(service)

    def name(self, stem: str, joint: str = "-") -> str:
        """Make a name for a thing, policy, CA or anything else, by which it is found again.

        Args:
            stem: its name in the test, such as ``bulb``.
            joint: the replacement for hyphens, which some names must not have.
        """
        return f"{self.prefix}-{stem}".replace("-", joint)

    def arn(self, resource: str) -> str:
        """Make the ARN of a resource of AWS IoT here, such as ``topic/a``."""
        account = self._account
        where = f"{account.region}:{account.account_id}"
        return f"arn:{account.partition}:iot:{where}:{resource}"

    def until(self, is_so: Callable[[], bool]) -> None:
        """Check that something is true: at once in the mock, eventually on AWS."""
        if self.is_on_aws:
            until(is_so, seconds=self._account.patience, every=1.0)
        else:
            assert is_so()

    # -- what tests need -----------------------------------------------------------------------

    def role(self) -> str:
        """Make a provisioning role; return its ARN."""
        iam, name = self.client("iam"), self.name("role")
        trust = {"Principal": {"Service": "iot.amazonaws.com"}, "Action": "sts:AssumeRole"}
        role = iam.create_role(
            RoleName=name, Path=ROLE_PATH, AssumeRolePolicyDocument=_document(trust)
        )
        actions = [f"iot:{action}" for action in _FOR_PROVISIONING]
        iam.put_role_policy(
            RoleName=name,
            PolicyName="provisioning",
            PolicyDocument=_document({"Action": actions, "Resource": "*"}),
        )
        settles = self._account.role_settles
        until(lambda: settles == 0, seconds=settles, every=1.0, required=False)
        return str(role["Role"]["Arn"])

    def policy(self, stem: str, action: str | list[str] = "iot:*", resource: Any = "*") -> str:
        """Make an IoT policy that allows something, by default everything; return its name."""
        name = self.name(stem)
        document = _document({"Action": action, "Resource": resource})
        self.iot.create_policy(policyName=name, policyDocument=document)
        return name

    def ca(self, stem: str = "ca", **options: Any) -> CertificateAuthority:
        """Make a CA certificate that is not registered; it is found again by its common name."""
        return CertificateAuthority(common_name=self.name(stem), **options)

    def certificate(self, policy: str | None = None) -> DeviceIdentity:
        """Make a certificate issued by AWS; it becomes active once it has its policy.

        Args:
            policy: the name of its policy; ``None`` for one that allows everything.
        """
        policy = policy or self.policy("everything")
        # Inactive until it is attached to something by which it is found again.
        made = self.iot.create_keys_and_certificate(setAsActive=False)
        self.clean_up.certificates.add(made["certificateId"])
        self.iot.attach_policy(policyName=policy, target=made["certificateArn"])
        self.iot.update_certificate(certificateId=made["certificateId"], newStatus="ACTIVE")
        return DeviceIdentity.from_pem(made["certificatePem"], made["keyPair"]["PrivateKey"])

    def device(self, identity: DeviceIdentity, client_id: str) -> MqttDevice:
        """Make a device that connects to this account with MQTT over mutual TLS.

        Args:
            identity: its certificate and key.
            client_id: its MQTT client id.
        """
        if self._root is None:
            self._root = self._trusted()
        folder = Path(self._undo.enter_context(tempfile.TemporaryDirectory()))
        answer = self.iot.describe_endpoint(endpointType="iot:Data-ATS")
        device = MqttDevice(
            identity.write(folder),
            client_id,
            answer["endpointAddress"],
            root=self._root,
            patience=self._account.patience or None,
        )
        self._undo.callback(device.disconnect)
        return device

    def _trusted(self) -> Path:
        if self._open_endpoint is None:
            return Path(certifi.where())
        path = Path(self._undo.enter_context(tempfile.TemporaryDirectory())) / "root.pem"
        path.write_text(self._open_endpoint())
        return path

    def close(self) -> list[str]:
        """Disconnect devices, delete everything that was made, and return what is left, with
        reasons.
        """
        self._undo.close()
        left = self.clean_up.run()
        for leftover in left:
            if leftover.is_expected and self.is_on_aws:
                warnings.warn(f"{leftover.what} stays for now: {leftover.why}", stacklevel=2)
        return [f"{leftover.what}: {leftover.why}" for leftover in left if not leftover.is_expected]


def _document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


@contextlib.contextmanager
def a_cloud() -> Iterator[Cloud]:
    """Provide a cloud; everything made in it is deleted at the end, even if the test fails.

    Raises:
        LeftBehindError: nothing else has failed, but something could not be deleted.
    """
    account = the_account()
    with contextlib.ExitStack() as undo:
        if account.is_on_aws:
            cloud = Cloud(account)
        else:
            undo.enter_context(mock_jitp(config={"jitp": _LIKE_AWS}))
            endpoint = DeviceEndpoint(identity=identity())
            undo.callback(endpoint.stop)
            cloud = Cloud(account, lambda: endpoint.start().root_ca_pem)
        with cleaned_up(cloud):
            yield cloud


@contextlib.contextmanager
def cleaned_up(cloud: Cloud) -> Iterator[None]:
    """Close a cloud at the end; a test's own failure takes precedence over leftovers.

    Raises:
        LeftBehindError: as :func:`a_cloud`.
    """
    try:
        yield
    except BaseException:
        left = cloud.close()
        if left:
            warnings.warn(_left_behind(left), stacklevel=2)
        raise
    left = cloud.close()
    if left:
        raise LeftBehindError(_left_behind(left))


def _left_behind(left: list[str]) -> str:
    return "\n".join(
        [
            "What the test has made is not all deleted:",
            *(f"  {leftover}" for leftover in left),
            "In the folder tests, `python -m aws_verified --delete` tries again.",
        ]
    )
