"""``describe``: what the cloud knows about a device, as one value."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moto_jitp import DeviceConnection, DeviceIdentity

    Device = DeviceIdentity | DeviceConnection | str | bytes

_LONGEST_NAME = 128


@dataclass(frozen=True)
class DeviceDescription:
    """What AWS IoT knows about one device. Compare its fields with plain ``assert``.

    Attributes:
        certificate_id: the device's certificate.
        status: the certificate's status, such as ``"ACTIVE"``; ``None`` if AWS IoT does not know
            the certificate.
        thing: the name of the thing that the certificate is attached to; ``None`` without one.
        attributes: the thing's attributes, name to value.
        thing_type: the thing's type; ``None`` without one.
        groups: the names of the thing groups that the thing is directly in, sorted.
        billing_group: the thing's billing group; ``None`` without one.
        policies: the names of the policies attached to the certificate, sorted.
        policy_documents: policy name to document, as an object.
    """

    certificate_id: str
    status: str | None = None
    thing: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    thing_type: str | None = None
    groups: tuple[str, ...] = ()
    billing_group: str | None = None
    policies: tuple[str, ...] = ()
    policy_documents: Mapping[str, Any] = field(default_factory=dict)


def describe(iot: Any, device: Device) -> DeviceDescription:
    """Ask AWS IoT about a device, through its API.

    Args:
        iot: a boto3 client for ``iot``.
        device: the device, its connection, its certificate as PEM text or bytes, or the
            certificate's id.

    Raises:
        ValueError: it is text that is neither a certificate nor the id of one.
    """
    certificate_id = _certificate_id(device)
    try:
        certificate = iot.describe_certificate(certificateId=certificate_id)
    except iot.exceptions.ResourceNotFoundException:
        return DeviceDescription(certificate_id)
    arn = certificate["certificateDescription"]["certificateArn"]
    status = certificate["certificateDescription"]["status"]
    names = [
        policy["policyName"]
        for page in iot.get_paginator("list_attached_policies").paginate(target=arn)
        for policy in page["policies"]
    ]
    documents = {
        name: json.loads(iot.get_policy(policyName=name)["policyDocument"])
        for name in sorted(names)
    }
    things = iot.list_principal_things(principal=arn)["things"]
    return DeviceDescription(
        certificate_id,
        status,
        policies=tuple(documents),
        policy_documents=documents,
        **(_thing_fields(iot, things[0]) if things else {}),
    )


def _thing_fields(iot: Any, name: str) -> dict[str, Any]:
    thing = iot.describe_thing(thingName=name)
    groups = [
        group["groupName"]
        for page in iot.get_paginator("list_thing_groups_for_thing").paginate(thingName=name)
        for group in page["thingGroups"]
    ]
    return {
        "thing": name,
        "attributes": thing.get("attributes", {}),
        "thing_type": thing.get("thingTypeName"),
        "groups": tuple(sorted(groups)),
        "billing_group": thing.get("billingGroupName"),
    }


def _certificate_id(device: Device) -> str:
    certificate_id = getattr(device, "certificate_id", None)
    if certificate_id is not None:
        return str(certificate_id)
    if isinstance(device, str) and re.fullmatch("[0-9a-f]{64}", device):
        return device
    if not isinstance(device, (str, bytes)):
        raise TypeError(
            "device must be a DeviceIdentity, a DeviceConnection, a certificate as PEM text or "
            f"bytes, or a certificate's id, not {type(device).__name__}."
        )
    from moto_jitp import CertificateError
    from moto_jitp.pki import read_certificate

    try:
        return read_certificate(device).certificate_id
    except CertificateError:
        if len(device) > _LONGEST_NAME:  # meant as a certificate: say what is wrong with it
            raise
        raise ValueError(
            "describe accepts a device, its connection, its certificate, or the certificate's id "
            f"of 64 hexadecimal digits, and {device[:80]!r} is not one of them. For a thing's "
            "name, call describe_thing(thingName=…) of a client for iot."
        ) from None
