"""``moto-jitp demo``: two devices connect, of which one is provisioned and one is not."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from .output import FAILED, OK, add_json_option, neutral_environment, say, say_json

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from moto_jitp.devices import ConnectionAttempt
    from moto_jitp.pki import CertificateAuthority, DeviceIdentity

HELP = "show a device that provisions itself, and one that cannot"
DESCRIPTION = """\
Runs AWS's example of just-in-time provisioning inside this process: a CA is registered with a
provisioning template, a device connects twice and is provisioned, and a device whose certificate
has no country is refused, with the reason. Nothing is sent anywhere and nothing is written."""

REGION = "us-east-1"
ROLE = "arn:aws:iam::123456789012:role/JITPRole"
# Certificate ids and names made from hashes, which their beginnings distinguish.
_LONG_ID = re.compile(r"\b([0-9a-fA-F]{12})[0-9a-fA-F]{28,}\b")
THING_TYPE, THING_GROUPS = "lightBulb-versionA", ("v1-lightbulbs", "KR")


def example_template() -> str:
    """The example template of AWS's guide, as JSON text.

    https://docs.aws.amazon.com/iot/latest/developerguide/jit-provisioning.html
    """
    return (files("moto_jitp.commands") / "example_template.json").read_text("utf-8")


def add_arguments(parser: ArgumentParser) -> None:
    add_json_option(parser)


def run(arguments: Namespace) -> int:
    with neutral_environment():
        story = _Story(tell=not arguments.json)
        story.run()
    if arguments.json:
        say_json(story.outcome)
    as_told = story.outcome["succeeds"]["accepted"] and not story.outcome["fails"]["accepted"]
    return OK if as_told else FAILED


class _Story:
    """The demonstration, which explains itself as it runs."""

    def __init__(self, *, tell: bool) -> None:
        self._tell = tell
        self._iot: Any = None
        self.outcome: dict[str, Any] = {}

    def run(self) -> None:
        import boto3

        from moto_jitp.mock import mock_jitp
        from moto_jitp.pki import CertificateAuthority

        with mock_jitp():
            self._iot = boto3.client("iot", region_name=REGION)
            self._prepare()
            ca = CertificateAuthority(common_name="Acme Root")
            self._register(ca)
            good = ca.issue(common_name="bulb-1", country="KR", serial_number="42")
            self._title("3. The device bulb-1 connects; its certificate has every required field")
            self.outcome["succeeds"] = self._connect(good)
            self._show(good)
            self._title("4. The device bulb-2 connects; its certificate has no Country (C)")
            bad = ca.issue(common_name="bulb-2", serial_number="43")
            self.outcome["fails"] = self._connect(bad)
            self._show(bad)
        self._say(
            "",
            "On AWS that certificate just stays PENDING_ACTIVATION, and nothing says why.",
            "The same in a test of yours: connect_device() inside mock_jitp; see the README.",
        )

    def _prepare(self) -> None:
        self._say("Just-in-time provisioning with AWS's example template, inside this process.")
        self._title("1. The cloud gets what the template only names")
        self._iot.create_thing_type(thingTypeName=THING_TYPE)
        self._say(f"   boto3: create_thing_type {THING_TYPE}")
        for group in THING_GROUPS:
            self._iot.create_thing_group(thingGroupName=group)
            self._say(f"   boto3: create_thing_group {group}")

    def _register(self, ca: CertificateAuthority) -> None:
        self._title("2. A CA is registered, with the template")
        ca_id = ca.register(self._iot, template_body=example_template(), role_arn=ROLE)
        description = self._iot.describe_ca_certificate(certificateId=ca_id)[
            "certificateDescription"
        ]
        template = json.loads(example_template())
        self._say(
            "   boto3: get_registration_code, register_ca_certificate",
            f"   CA certificate {ca_id} (CN=Acme Root): {description['status']}, "
            f"auto-registration {description['autoRegistrationStatus']}, mode "
            f"{description['certificateMode']}",
            "   the template requires "
            f"{', '.join(_short(name) for name in template['Parameters'])}",
            f"   and makes {', '.join(template['Resources'])}",
        )

    def _connect(self, device: DeviceIdentity) -> dict[str, Any]:
        from moto_jitp.devices import ConnectionRefused
        from moto_jitp.devices.json_form import OUTCOME, Outcome
        from moto_jitp.where import connect_device

        thing_name = None
        try:
            connection = connect_device(device)
            attempts, thing_name = connection.attempts, connection.thing_name
        except ConnectionRefused as refused:
            attempts = refused.attempts
        for number, attempt in enumerate(attempts, 1):
            self._tell_attempt(number, attempt)
        arn = _certificate(self._iot, device)["certificateArn"]
        return OUTCOME.to_json(Outcome(attempts, arn, thing_name))

    def _tell_attempt(self, number: int, attempt: ConnectionAttempt) -> None:
        from moto_jitp.history.explanation import explain

        self._say("", f"   Connection {number}")
        self._say(*(f"   {line}" for line in explain(attempt).split("\n")))

    def _show(self, device: DeviceIdentity) -> None:
        """Show what boto3 finds about a device afterwards."""
        arn = _certificate(self._iot, device)["certificateArn"]
        things = self._iot.list_principal_things(principal=arn)["things"]
        policies = self._iot.list_attached_policies(target=arn)["policies"]
        self._say(
            "",
            "   What boto3 finds now",
            f"   certificate: {_certificate(self._iot, device)['status']}",
            f"   things:      {', '.join(things) or 'none'}",
            f"   policies:    {', '.join(item['policyName'] for item in policies) or 'none'}",
        )
        for name in things:
            thing = self._iot.describe_thing(thingName=name)
            groups = self._iot.list_thing_groups_for_thing(thingName=name)["thingGroups"]
            self._say(
                f"   {name}:      type {thing['thingTypeName']}, attributes "
                f"{json.dumps(thing['attributes'])}, groups "
                f"{', '.join(group['groupName'] for group in groups)}"
            )

    def _title(self, text: str) -> None:
        self._say("", text)

    def _say(self, *lines: str) -> None:
        if self._tell:
            say(*(_LONG_ID.sub(r"\1...", line) for line in lines))


def _certificate(iot: Any, device: DeviceIdentity) -> Any:
    answer = iot.describe_certificate(certificateId=device.certificate_id)
    return answer["certificateDescription"]


def _short(parameter: str) -> str:
    return parameter.rpartition("::")[2]
