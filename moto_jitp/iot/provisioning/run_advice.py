"""One plain sentence for each way in which a run fails: what to change."""

from __future__ import annotations

from collections.abc import Sequence

from moto_jitp.aws.declared_resources import Declaration
from moto_jitp.templates import CERTIFICATE_PARAMETERS, TemplateError, UnresolvedReferenceError

_PREFIX = "AWS::IoT::Certificate::"
# The subject attribute behind a parameter, as on an OpenSSL command line.
_ATTRIBUTES = {
    "Country": "country (C)",
    "Organization": "organization (O)",
    "OrganizationalUnit": "organizational unit (OU)",
    "DistinguishedNameQualifier": "distinguished name qualifier (dnQualifier)",
    "StateName": "state (ST)",
    "CommonName": "common name (CN)",
}
_CREATE = {
    "thingtype": ("the thing type", "create_thing_type(thingTypeName={!r})"),
    "thinggroup": ("the thing group", "create_thing_group(thingGroupName={!r})"),
    "billinggroup": ("the billing group", "create_billing_group(billingGroupName={!r})"),
    "package": (
        "the package version",
        "create_package_version(packageName={!r}, versionName={!r})",
    ),
    "policy": ("the policy", "create_policy(policyName={!r}, policyDocument=...)"),
}


def missing_parameters(names: Sequence[str]) -> str:
    """For declared parameters without a value in the certificate."""
    unknown = [name for name in names if name not in CERTIFICATE_PARAMETERS]
    if unknown:
        return (
            f"No certificate can supply the parameter {unknown[0]!r}: just-in-time provisioning "
            f"has only {', '.join(CERTIFICATE_PARAMETERS)}. Rename it in Parameters and wherever "
            "the template refers to it, or give it a Default."
        )
    fields = [_ATTRIBUTES.get(name.removeprefix(_PREFIX), name) for name in names]
    return (
        f"The certificate's subject has no {' and no '.join(fields)}: issue the certificate with "
        f"it, give {' and '.join(names)} a Default in the template, or remove "
        f"{'it' if len(names) == 1 else 'them'} from the template."
    )


def parameter_not_sent(name: str) -> str:
    """For a parameter that a device of fleet provisioning did not send."""
    return (
        f'Send {name!r} in the "parameters" of the device\'s request, or in the '
        '"parameterOverrides" of the template\'s pre-provisioning hook; or give '
        f"{name} a Default in the template."
    )


def parameter_not_given(name: str) -> str:
    """For a parameter that the caller of RegisterThing did not pass."""
    return f"Give {name!r} a value in the call's parameters, or a Default in the template."


def template_mistake(error: TemplateError, source: str = "the certificate") -> str:
    """For a template that is wrong, or a value that it does not accept.

    Args:
        error: the mistake.
        source: where the values come from.
    """
    if isinstance(error, UnresolvedReferenceError):
        return error.advice or missing_parameters([error.parameter])
    if error.advice and not error.expected:
        return error.advice
    if error.advice:
        hint, place = error.advice.rstrip("."), error.place or "this place"
        return f"{hint}: change that, or the template at {place}, to {error.expected}."
    at = f" at {error.place}" if error.place else ""
    allowed = f"; allowed: {error.expected}" if error.expected else ""
    return f"Change the template, or {source} that the value comes from{at}{allowed}."


def template_deleted(name: str) -> str:
    """For a CA whose template was deleted, or created again with another type."""
    return (
        f"The CA certificate names the provisioning template {name!r}, which was deleted: create "
        "it again, with the type JITP, or give the CA another with "
        "update_ca_certificate(registrationConfig=...)."
    )


def certificate_deleted() -> str:
    """For a certificate that was deleted while its provisioning was in progress."""
    return (
        "Delete a device's certificate only once its provisioning has ended; the device is "
        "registered again when it reconnects."
    )


def certificate_revoked() -> str:
    """For a certificate that was revoked while its provisioning was in progress."""
    return (
        "A revoked certificate is not provisioned, and no run makes it ACTIVE: issue the "
        "device a new certificate."
    )


def missing_resources(resources: Sequence[str]) -> str:
    """For types, groups and policies that the template only refers to."""
    calls = []
    for resource in resources:
        kind, _, name = resource.partition("/")
        description, call = _CREATE[kind]
        # A package version is identified by both names.
        names = name.split("/version/")
        calls.append(f"{description} {' '.join(map(repr, names))} (iot.{call.format(*names)})")
    return (
        f"Create {' and '.join(calls)} before devices connect: a template does not create thing "
        "types, groups, billing groups, package versions or named policies."
    )


def declared(resource: str, declaration: Declaration) -> str:
    """For a missing resource that a CloudFormation stack should have created."""
    kind, _, name = resource.partition("/")
    because = f" because of {declaration.failure}" if declaration.failure else ""
    return (
        f"The stack {declaration.stack!r} should have created {_CREATE[kind][0]} {name!r} as "
        f"{declaration.logical_id}; it is {declaration.status}{because.rstrip('.')}."
    )


def conflict(thing_name: str, setting: str) -> str:
    """For a thing that exists with other values."""
    return (
        f"The thing {thing_name!r} exists with other values, perhaps from another device with "
        f"that name: give each device its own name, or set {setting} to REPLACE, MERGE or "
        "DO_NOTHING in the thing's OverrideSettings."
        if setting != "ThingTypeName"
        else f"The thing {thing_name!r} exists with another type: set ThingTypeName to REPLACE or "
        "DO_NOTHING in the thing's OverrideSettings, or give each device its own name."
    )


def step_failed(action: str, resource: str, code: str) -> str:
    """For an API action that failed for another reason."""
    return f"Fix what {action} reports about {resource} ({code}), then connect the device again."
