"""AWS IoT's requirements for storing a template, at a CA certificate or as a resource.

A run checks values, and that the resources a template refers to exist.
https://docs.aws.amazon.com/iot/latest/developerguide/provision-template.html
"""

from __future__ import annotations

from moto_jitp import settings
from moto_jitp.aws.lambda_functions import can_be_found
from moto_jitp.iot.exceptions import InvalidRequest, invalid_template
from moto_jitp.templates import TemplateError, TemplateSyntaxError, parse_template

JITP = "JITP"
FLEET_PROVISIONING = "FLEET_PROVISIONING"
HOOK_PAYLOAD_VERSION = "2020-04-01"


def check_registered_body(template_body: str) -> None:
    """Check a template body as RegisterCACertificate and UpdateCACertificate do.

    Raises:
        InvalidRequest: it is not a template that could provision a device just in time.
    """
    try:
        parse_template(template_body).check_for_jit()
    except TemplateError as error:
        raise invalid_template(error) from None


def check_stored_body(template_body: str) -> None:
    """Check a body as CreateProvisioningTemplate does.

    Raises:
        InvalidRequest: it is not a template that could provision a device.
    """
    if not settings.current().strict:
        return
    try:
        template = parse_template(template_body)
        template.check_for_jit()
        template.check_certificate_status()
    except TemplateError as error:
        opening = "The template body is invalid"
        if isinstance(error, TemplateSyntaxError):
            # AWS only has this sentence; the rest is ours, for people.
            raise InvalidRequest(f"{opening}. {error.message}", bare=f"{opening}.") from None
        text, bare = f"{opening}: {error.message}", f"{opening}: {error.reason}"
        raise InvalidRequest(text, bare=bare) from None


def checked_hook(hook: dict[str, str] | None, template_type: str) -> dict[str, str] | None:
    """Check a pre-provisioning hook and complete it with the payload version.

    Args:
        hook: ``targetArn`` and perhaps ``payloadVersion``; ``None`` for none.
        template_type: the type of the template that it is for.

    Raises:
        InvalidRequest: the template is for just-in-time provisioning, the version is unknown, or
            there is no such function.
    """
    if hook is None or not settings.current().strict:
        return hook
    if template_type == JITP:
        raise InvalidRequest("Provisioning hook is not supported for template type: JITP")
    version = hook.get("payloadVersion", HOOK_PAYLOAD_VERSION)
    if version != HOOK_PAYLOAD_VERSION:
        raise InvalidRequest(
            "The hook version cannot be supported by AWS Iot, the supported versions are: "
            f"[{HOOK_PAYLOAD_VERSION}]"
        )
    function_arn = hook["targetArn"]
    if not can_be_found(function_arn):
        raise InvalidRequest(f"Access denied during lambda validation: {function_arn}")
    return {**hook, "payloadVersion": version}
