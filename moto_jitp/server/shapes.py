"""The shapes of the control routes' answers, except those that clients read back."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

from moto_jitp.devices.events import Published
from moto_jitp.devices.refusal_texts import ending, register_thing_ending
from moto_jitp.devices.sessions import Session
from moto_jitp.disturbances import Disturbance
from moto_jitp.faults import Fault
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.journal import RunEntry
from moto_jitp.history.json_form import ATTEMPT, EVENT, LISTED_RUN
from moto_jitp.history.messages import Event, as_bytes
from moto_jitp.history.rule_json import RULE_RUN
from moto_jitp.history.rule_runs import RuleRun
from moto_jitp.json_shapes import (
    Field,
    Shape,
    boolean,
    integer,
    objects,
    of,
    optional_string,
    or_null,
    ref,
    string,
    strings,
)


class Connection(NamedTuple):
    """An attempt and what followed from it.

    Attributes:
        attempt: the attempt.
        connected: whether its connection is open.
        runs: the provisioning runs that it set off.
    """

    attempt: ConnectionAttempt
    connected: bool
    runs: Sequence[RunEntry]


CONNECTION = Shape(
    "Connection",
    "One MQTT CONNECT of a device, and what is left of it.",
    (
        *ATTEMPT.of_part("attempt"),
        boolean("connected", "Whether that connection still stands."),
        objects("runs", LISTED_RUN),
    ),
)


SHOWN_RUN = Shape(
    "ShownRun",
    "A run of RegisterThing, with what came of it.",
    (
        *LISTED_RUN.fields,
        string(
            "ending", "What came of it, in words.", lambda entry: register_thing_ending(entry.run)
        ),
    ),
)


class ShownConnection(NamedTuple):
    """An attempt as the page shows it.

    Attributes:
        attempt: the attempt.
        fleet_runs: the runs of fleet provisioning over its connection.
    """

    attempt: ConnectionAttempt
    fleet_runs: Sequence[RunEntry]


SHOWN_CONNECTION = Shape(
    "ShownConnection",
    "One MQTT CONNECT of a device, with the runs of fleet provisioning over it.",
    (
        *ATTEMPT.of_part("attempt"),
        string(
            "ending",
            "How it ended, in words.",
            lambda shown_connection: ending(shown_connection.attempt),
        ),
        objects("fleetRuns", SHOWN_RUN),
    ),
)

DISTURBANCE = Shape(
    "Disturbance",
    "Something that is to go wrong on connections of devices.",
    (
        integer("id", "Its number.", attribute="number"),
        string("kind", "What goes wrong.", lambda disturbance: disturbance.kind.value),
        optional_string(
            "clientId",
            "The MQTT client id whose connections are meant; null for every one.",
            lambda disturbance: disturbance.asked.client_id,
        ),
        integer(
            "every",
            "Of how many connections one is disturbed.",
            lambda disturbance: disturbance.asked.every,
        ),
        Field(
            "seconds",
            {"type": "number", "description": "How long it takes; 0 if it takes no time."},
            lambda disturbance: disturbance.asked.seconds,
        ),
        integer(
            "packets",
            "After how many packets it goes wrong, or how many PUBACKs are lost.",
            lambda disturbance: disturbance.asked.packets,
        ),
        Field("remaining", or_null("integer", "How many connections are still to come.")),
        integer("calls", "How many connections have been disturbed so far."),
    ),
)


FAILURE = Shape(
    "Failure",
    "A requested failure.",
    (
        integer("id", "Its number.", attribute="number"),
        string("operation", "The API operation, such as CreateThing."),
        string("error", "The error code, such as ThrottlingException.", lambda fault: fault.code),
        string("message", "The error text."),
        Field("remaining", or_null("integer", "How many calls are still to fail; null for all.")),
        integer("calls", "How many calls have failed so far."),
    ),
)


SESSION = Shape(
    "ShownSession",
    "A device that is connected.",
    (
        string("clientId", "Its MQTT client id.", lambda session: session.attempt.client_id),
        string("address", "Its IP address.", lambda session: session.attempt.transport.address),
        integer(
            "port",
            "Its port; 0 where there is none.",
            lambda session: session.attempt.transport.port,
        ),
        Field(
            "subscriptions",
            {"type": "array", "items": {"type": "string"}},
            lambda session: list(session.subscriptions),
        ),
    ),
)


class Registered(NamedTuple):
    """A registered certificate, of a CA or a device, as the page shows it.

    Attributes:
        certificate: moto's object.
        account_id: its account.
        region_name: its Region.
        subject: its subject; ``None`` if it cannot be read.
        template_name: the stored template for a CA's devices.
        template_body: the template's text, a CA's own or the stored one.
        role_arn: the provisioning role of a CA.
        trouble: what prevents a CA's devices from being provisioned; ``None`` if nothing does.
        thing_name: a thing that a device's certificate is attached to.
        groups: the names of the thing groups that this thing is directly in.
        policies: the names of the policies that are attached to a device's certificate.
        sessions: the open sessions of a device.
    """

    certificate: Any
    account_id: str
    region_name: str
    subject: str | None
    template_name: str | None = None
    template_body: str | None = None
    role_arn: str | None = None
    trouble: str | None = None
    thing_name: str | None = None
    groups: Sequence[str] = ()
    policies: Sequence[str] = ()
    sessions: Sequence[Session] = ()


_CERTIFICATE = (
    string("certificateId", "Its id.", lambda registered: registered.certificate.certificate_id),
    string("accountId", "Its account."),
    string("regionName", "Its Region."),
    optional_string("subject", "Its subject; null where it cannot be read."),
)

CA = Shape(
    "Ca",
    "A registered CA certificate.",
    (
        *_CERTIFICATE,
        string("status", "ACTIVE or INACTIVE.", lambda registered: registered.certificate.status),
        string(
            "autoRegistrationStatus",
            "ENABLE or DISABLE.",
            lambda registered: registered.certificate.auto_registration_status,
        ),
        string(
            "certificateMode",
            "DEFAULT or SNI_ONLY.",
            lambda registered: registered.certificate.certificate_mode,
        ),
        optional_string("templateName", "The stored template that its devices are given."),
        optional_string("templateBody", "The template's text, the CA's own or the stored one."),
        optional_string("roleArn", "The provisioning role."),
        optional_string("trouble", "What keeps its devices from being provisioned, if anything."),
    ),
)

DEVICE = Shape(
    "Device",
    "A registered device certificate.",
    (
        *_CERTIFICATE,
        string(
            "status",
            "ACTIVE, INACTIVE, PENDING_ACTIVATION, ...",
            lambda registered: registered.certificate.status,
        ),
        optional_string(
            "caCertificateId",
            "The CA that registered it.",
            lambda registered: registered.certificate.ca_certificate_id,
        ),
        optional_string("thingName", "A thing that it is attached to."),
        strings("groups", "The thing groups that the thing is directly in."),
        strings("policies", "The policies that are attached to the certificate."),
        objects("sessions", SESSION),
    ),
)


class Totals(NamedTuple):
    """How many there are of each kind, beside the newest ones that are listed.

    Attributes:
        cas: CA certificates.
        devices: device certificates.
        connections: connection attempts.
        accepted: the accepted ones among them.
        refused_devices: devices whose newest connection was refused.
    """

    cas: int
    devices: int
    connections: int
    accepted: int
    refused_devices: int


TOTALS = Shape(
    "Totals",
    "How many there are; the lists above have the newest ones only.",
    (
        integer("cas", "CA certificates."),
        integer("devices", "Device certificates."),
        integer("connections", "Connection attempts."),
        integer("accepted", "Accepted ones among them."),
        integer("refusedDevices", "Devices whose newest connection was refused."),
    ),
)


class Cause(NamedTuple):
    """Why several devices are refused.

    Attributes:
        cause_id: what to filter by.
        reason: the reason for the refusal, or the error code of rejected provisioning.
        place: where in the template the problem is; empty if it is elsewhere.
        message: what happened to the newest of them.
        devices: how many of them the search found.
    """

    cause_id: str
    reason: str
    place: str
    message: str
    devices: int


CAUSE = Shape(
    "Cause",
    "Why several devices are refused.",
    (
        string("causeId", "What the parameter cause of the route state takes."),
        string("reason", "The refusal's reason, or the error code of a rejected provisioning."),
        string("place", "The place of the failure in the template; empty if it lies elsewhere."),
        string("message", "What happened to the newest of them."),
        integer("devices", "How many of those that are searched for."),
    ),
)


LONGEST_PAYLOAD = 2000
"""How many characters of a message's payload the page shows."""


def _sender(published: Published) -> str:
    publisher = published.message.publisher
    if publisher is None:
        return "AWS IoT"
    return publisher.client_id or f"{publisher.principal_id} over {publisher.protocol}S"


def _payload_text(published: Published) -> str | None:
    # No more than is shown: a character has four bytes at most.
    payload = as_bytes(published.message.payload)
    start = payload[: 4 * LONGEST_PAYLOAD]
    try:
        # The cut may leave half a character.
        text, _ = codecs.utf_8_decode(start, "strict", len(start) == len(payload))
    except UnicodeDecodeError:
        return None
    return text[:LONGEST_PAYLOAD]


SHOWN_MESSAGE = Shape(
    "ShownMessage",
    "A published message, as the page shows it.",
    (
        integer("id", "Rises with every message.", lambda published: published.message.number),
        Field(
            "timestamp",
            of("string", "When it was published.", format="date-time"),
            lambda published: datetime.fromtimestamp(
                published.message.published, timezone.utc
            ).isoformat(),
        ),
        string("topic", "Where it was published.", lambda published: published.message.topic),
        string("sender", "The client id or principal of its publisher, or AWS IoT.", _sender),
        integer(
            "bytes", "How long it is.", lambda published: len(as_bytes(published.message.payload))
        ),
        optional_string(
            "payloadText",
            f"Its first {LONGEST_PAYLOAD} characters; null where it is not text in UTF-8.",
            _payload_text,
        ),
        string("accountId", "Its account."),
        string("regionName", "Its Region."),
    ),
)


class State(NamedTuple):
    """Everything that the page shows; lists have the newest last.

    Attributes:
        version: changes as soon as something has happened.
        cas: the newest CAs.
        devices: the newest devices.
        connections: the newest connections.
        registrations: the newest runs of RegisterThing not set off by a device.
        rule_runs: what topic rules did with the newest messages that they received.
        messages: the newest messages of devices and of AWS IoT.
        causes: why devices are refused, the most common cause first.
        totals: how many there are.
    """

    version: str
    cas: Sequence[Registered]
    devices: Sequence[Registered]
    connections: Sequence[ShownConnection]
    registrations: Sequence[RunEntry]
    rule_runs: Sequence[RuleRun]
    messages: Sequence[Published]
    causes: Sequence[Cause]
    totals: Totals


STATE = Shape(
    "State",
    "All that the page shows.",
    (
        string("version", "Another one as soon as something has happened."),
        objects("cas", CA),
        objects("devices", DEVICE),
        objects("connections", SHOWN_CONNECTION),
        objects("registrations", SHOWN_RUN),
        objects("ruleRuns", RULE_RUN),
        objects("messages", SHOWN_MESSAGE),
        objects("causes", CAUSE),
        Field("totals", TOTALS.schema, write=TOTALS.to_json),
    ),
)


class Ready(NamedTuple):
    """The answer of a server that is ready.

    Attributes:
        status: ``ready``.
        version: that of moto_jitp.
        moto_version: that of moto.
    """

    status: str
    version: str
    moto_version: str


READY = Shape(
    "Ready",
    "The server answers.",
    (
        Field("status", {"const": "ready"}),
        string("version", "Of moto_jitp."),
        string("motoVersion", "Of moto."),
    ),
)


class Done(NamedTuple):
    """The answer if there is nothing else to say.

    Attributes:
        status: ``ok``.
    """

    status: str = "ok"


DONE = Shape("Done", "It is done.", (Field("status", {"const": "ok"}),))

DEVICE_ENDPOINT = Shape(
    "DeviceEndpoint",
    "Where devices connect to.",
    (
        string("host", "The host name that they are to connect to."),
        integer("port", "The port."),
        Field(
            "alpnPort",
            or_null("integer", "The port for devices that name an application protocol (ALPN)."),
        ),
        Field(
            "httpsPort",
            or_null("integer", "The port for HTTPS: messages and the credentials provider."),
        ),
        string("rootCaPem", "The root certificate that they are to trust."),
    ),
)


class Requested(NamedTuple):
    """The requests of tests.

    Attributes:
        failures: failures of operations.
        disturbances: disturbances of connections.
    """

    failures: Sequence[Fault] = ()
    disturbances: Sequence[Disturbance] = ()


FAILURES = Shape("Failures", "The requested failures.", (objects("failures", FAILURE),))

DISTURBANCES = Shape(
    "Disturbances",
    "What is to go wrong on connections.",
    (objects("disturbances", DISTURBANCE),),
)


class Received(NamedTuple):
    """The answer to a device that takes its next message.

    Attributes:
        message: the message; ``None`` if there is none.
        explanation: why there is none.
    """

    message: Event | None
    explanation: str | None = None


RECEIVED = Shape(
    "Received",
    "The next message.",
    (
        Field("message", {"anyOf": [ref("Event"), {"type": "null"}]}, write=EVENT.to_json),
        optional_string("explanation", "Why there is none."),
    ),
)
