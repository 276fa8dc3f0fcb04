"""``moto-jitp render``: what a template would create for a device, and what is wrong with it."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from moto_jitp import json_slips

from .files import read_device, read_text
from .output import FAILED, OK, CommandFailed, add_json_option, say, say_json

if TYPE_CHECKING:
    from moto_jitp.templates import LintFinding, ProvisioningPlan

HELP = "show what a provisioning template would create, and lint it"
DESCRIPTION = """\
Shows what provisioning would create for a device, without a server: the thing with its attributes
and groups, the certificate's status, the policies. Or the exact place and reason of the failure.
Without a device it only looks for mistakes in the template."""
EPILOG = """\
exit codes: 0 the template is fine, 1 it fails for this device or has an error (with
            --fail-on-warning also a warning), 2 wrong usage"""

Json = dict[str, Any]

_SOME_ID = "0" * 64


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("template", metavar="TEMPLATE", help="JSON file; - for standard input")
    device = parser.add_mutually_exclusive_group()
    device.add_argument(
        "--certificate",
        metavar="FILE",
        help="a device's certificate, or its directory: its subject supplies the parameters",
    )
    device.add_argument(
        "--parameters",
        metavar="NAME=VALUE",
        nargs="+",
        type=_assignment,
        help="parameter values; Country is short for AWS::IoT::Certificate::Country, and "
        "AWS::IoT::Certificate::Id has a value unless it is given",
    )
    parser.add_argument(
        "--fail-on-warning", action="store_true", help="exit with 1 on a warning, too"
    )
    add_json_option(parser)


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def run(arguments: Namespace) -> int:
    from moto_jitp.templates import TemplateError, lint

    body = _body(read_text(arguments.template))
    findings = lint(body)
    plan: ProvisioningPlan | None = None
    failure: TemplateError | None = None
    try:
        plan = _plan(body, arguments)
    except TemplateError as error:
        failure = error
    if arguments.json:
        say_json(
            {
                "plan": _plan_to_json(plan) if plan is not None else None,
                "failure": _failure_to_json(failure) if failure is not None else None,
                "findings": [_finding_to_json(finding) for finding in findings],
            }
        )
    else:
        slip = _slip(body)
        say(*(slip or _lines(plan, failure, findings)))
    severities = ("error", "warning") if arguments.fail_on_warning else ("error",)
    bad = failure is not None or any(finding.severity in severities for finding in findings)
    return FAILED if bad else OK


def _body(text: str) -> str:
    """The template in a file, which may also be a ``registration-config`` of the AWS CLI."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return text
    body = document.get("templateBody") if isinstance(document, dict) else None
    return body if isinstance(body, str) else text


def _slip(body: str) -> list[str]:
    """What is wrong with a body that is not JSON, with only the line in question."""
    try:
        json.loads(body)
    except json.JSONDecodeError as error:
        slip_text = json_slips.slip(body, error)
        return [
            f"FAILED: The template is not well-formed JSON: {error.msg}.",
            *(f"  {line}" for line in json_slips.pointed_at(body, error)),
            *([f"  fix: {slip_text}"] if slip_text else []),
        ]
    except RecursionError:
        pass
    return []


def _plan(body: str, arguments: Namespace) -> ProvisioningPlan | None:
    from moto_jitp.pki import CertificateError
    from moto_jitp.preview import render

    if arguments.certificate is not None:
        device = read_device(arguments.certificate, None)
        try:
            return render(body, device)
        except CertificateError as error:
            raise CommandFailed(f"{arguments.certificate}: {error}") from None
    if arguments.parameters is not None:
        return render(body, _full_names(body, arguments.parameters))
    return None


def _full_names(body: str, parameters: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Expand short names such as ``Country``, unless the template has a parameter of that name."""
    from moto_jitp.templates import CERTIFICATE_PARAMETERS, parse_template

    declared = parse_template(body).parameters
    long_names = {name.rpartition("::")[2]: name for name in CERTIFICATE_PARAMETERS}
    values = {
        name if name in declared else long_names.get(name, name): value
        for name, value in parameters
    }
    # Every certificate has an id, which the user need not make up.
    return {long_names["Id"]: _SOME_ID, **values}


def _lines(
    plan: ProvisioningPlan | None, failure: Any, findings: Sequence[LintFinding]
) -> Iterator[str]:
    if failure is not None:
        yield f"FAILED: {failure.reason}"
        labels = (
            ("place in the template", failure.place),
            ("found", failure.found),
            ("allowed", failure.expected),
            ("fix", failure.advice),
        )
        yield from (f"  {label}: {text}" for label, text in labels if text)
    if plan is not None:
        yield from _plan_lines(plan)
    for finding in findings:
        # The cause of the failure has just been printed.
        if failure is None or not (finding.severity == "error" and finding.place == failure.place):
            place = f" at {finding.place}" if finding.place else ""
            yield f"{finding.severity}{place}: {finding.message} [{finding.rule}]"
    if plan is None and failure is None and not findings:
        yield "The template is fine."


def _plan_lines(plan: ProvisioningPlan) -> Iterator[str]:
    thing = plan.thing
    if thing is not None:
        yield f"thing {thing.name}"
        if thing.thing_type is not None:
            yield f"  type: {thing.thing_type}"
        yield from (f"  attribute {name}: {value}" for name, value in thing.attributes.items())
        yield from (f"  group: {group}" for group in thing.groups)
        if thing.billing_group is not None:
            yield f"  billing group: {thing.billing_group}"
    certificate = plan.certificate
    yield f"certificate {certificate.certificate_id or '(registered by the run)'}"
    yield f"  status: {certificate.status}"
    for policy in plan.policies:
        yield f"policy {policy.policy_name}"
        if policy.document is None:
            yield "  an existing one"
        else:
            yield from (f"  {line}" for line in _pretty(policy.document))
    for name, value in plan.device_configuration.items():
        yield f"device configuration {name}: {value}"


def _pretty(document: str) -> list[str]:
    try:
        return json.dumps(json.loads(document), indent=2).splitlines()
    except (ValueError, RecursionError):
        return document.splitlines()


def _plan_to_json(plan: ProvisioningPlan) -> Json:
    thing, certificate = plan.thing, plan.certificate
    return {
        "thing": None
        if thing is None
        else {
            "name": thing.name,
            "type": thing.thing_type,
            "attributes": dict(thing.attributes),
            "groups": list(thing.groups),
            "billingGroup": thing.billing_group,
        },
        "certificate": {"id": certificate.certificate_id, "status": certificate.status},
        "policies": [
            {"name": policy.policy_name, "document": policy.document} for policy in plan.policies
        ],
        "deviceConfiguration": dict(plan.device_configuration),
    }


def _failure_to_json(failure: Any) -> Json:
    return {
        "reason": failure.reason,
        "place": failure.place,
        "found": failure.found,
        "allowed": failure.expected,
        "advice": failure.advice,
    }


def _finding_to_json(finding: LintFinding) -> Json:
    return {
        "severity": finding.severity,
        "place": finding.place,
        "rule": finding.rule,
        "message": finding.message,
    }
