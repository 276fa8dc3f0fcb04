"""``render``: what a template would create for a device, without a mock."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from typing import Any

from moto_jitp.files import content_of
from moto_jitp.pki import (
    DeviceIdentity,
    PresentedCertificate,
    certificate_parameters,
    read_certificate,
)
from moto_jitp.templates import ProvisioningPlan, UnresolvedReferenceError, parse_template


def render(
    template_body: str | PathLike[str] | Mapping[str, Any],
    certificate_or_parameters: DeviceIdentity | str | bytes | PathLike[str] | Mapping[str, str],
) -> ProvisioningPlan:
    """Preview a provisioning template for one device.

    Nothing is looked up: only a run checks whether thing types, groups and named policies exist.

    Args:
        template_body: the template as JSON text, as the path of its file or as a mapping.
        certificate_or_parameters: the device (its identity, or its certificate as PEM text, bytes
            or the path of their file), from whose subject the parameters are taken as in
            just-in-time provisioning; or the parameters themselves, name to value, as for
            RegisterThing.

    Returns:
        What would be created: thing, certificate, policies, device configuration.

    Raises:
        TemplateError: the template is wrong or a value is not one that AWS IoT accepts; the
            error names the place in the template.
        CertificateError: the text is not a readable certificate.
        TypeError: a parameter's value is not text, or the device is neither of these.

    Examples:
        >>> render(BODY, bulb).thing.name
        'bulb-1'
    """
    if isinstance(template_body, Mapping):
        body = json.dumps(template_body)
    else:
        body = content_of(template_body)
    template = parse_template(body)
    if isinstance(certificate_or_parameters, Mapping):
        for name, value in certificate_or_parameters.items():
            if not isinstance(value, str):
                raise TypeError(
                    "The values of parameters are text; "
                    f"{name} is {type(value).__name__}: {value!r}."
                )
        return template.resolve(certificate_or_parameters)
    template.check_for_jit()
    parameters = certificate_parameters(_presented(certificate_or_parameters))
    for name in template.missing(parameters):
        raise UnresolvedReferenceError(
            name,
            place=f"Parameters.{name}",
            advice=f"The certificate offers no {name}; it offers {', '.join(sorted(parameters))}.",
        )
    return template.resolve(parameters, from_certificate=True)


def _presented(device: DeviceIdentity | str | bytes | PathLike[str]) -> PresentedCertificate:
    return device.presented if isinstance(device, DeviceIdentity) else read_certificate(device)
