"""Attempts, runs and messages as the JSON objects that a server and its clients exchange.

The names of the members are defined only here: a server writes these shapes, a client reads them,
and the OpenAPI document has their schemas.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, NamedTuple

from moto_jitp.json_shapes import (
    Field,
    Shape,
    boolean,
    integer,
    list_of,
    moment,
    of,
    one_of,
    optional_object,
    optional_string,
    or_null,
    string,
    string_map,
    strings,
)

from .attempts import ConnectionAttempt, RefusalReason
from .journal import RunEntry, RunOrigin
from .messages import Event
from .runs import ProvisioningRun, ProvisioningStep, RunStatus, StepResult, pack_steps

STEP = Shape(
    "Step",
    "One step of a provisioning run.",
    (
        string("action", "The API action that AWS IoT calls for it."),
        string("resource", "What it acts on, such as thing/bulb-1."),
        one_of("result", None, StepResult),
        optional_string("errorCode", "The API action's error code, where it failed."),
        optional_string("message", "The error's text, where it failed."),
    ),
)


def _read_steps(documents: Any) -> Any:
    return pack_steps(ProvisioningStep(**STEP.arguments(document)) for document in documents)


RUN = Shape(
    "Run",
    "One execution of a template for one device.",
    (
        one_of("status", None, RunStatus),
        optional_string("templateName", "null for a template body on the CA."),
        string_map("parameters", "The parameters that the template was given."),
        strings("wanted"),
        Field(
            "steps",
            list_of(STEP.name),
            get=lambda run: run.steps,
            write=lambda steps: [STEP.to_json(step) for step in steps],
            read=_read_steps,
            attribute="record",
        ),
        string_map("resourceArns", "Logical name to ARN."),
        optional_string("thingName", "The thing that was created or found."),
        optional_string("certificateId", "The certificate that was provisioned."),
        optional_string("certificateStatus", "Its status after the run."),
        optional_string("errorCode", "The AWS error code of a failed run."),
        optional_string("message", "The AWS error text of a failed run."),
        optional_string("advice", "What to change, in one sentence."),
        string("place", "The place of the failure in the template; empty if it lies elsewhere."),
        optional_string("roleArn", "The provisioning role, where one is configured."),
    ),
)


def run_from_json(document: Mapping[str, Any]) -> ProvisioningRun:
    """Return the run that an object of the shape :data:`RUN` describes."""
    return ProvisioningRun(**RUN.arguments(document))


_ENTRY = (
    integer("id", "Rises with every run."),
    Field(
        "connectionId",
        or_null(
            "integer",
            "The attempt whose connection started it; null for REGISTER_THING and "
            "BULK_REGISTRATION.",
        ),
        attribute="attempt_id",
    ),
    one_of(
        "type",
        "What started it: a device's connection, with its CA's template (JITP), RegisterThing of "
        "the "
        "API (REGISTER_THING), RegisterThing over a device's connection (FLEET_PROVISIONING), or a "
        "line of a bulk registration (BULK_REGISTRATION).",
        RunOrigin,
    )._replace(attribute="origin"),
    moment(
        "timestamp", "When it ended, in UTC; while it is in progress, when it started."
    )._replace(attribute="moment"),
)

LISTED_RUN = Shape(
    "ListedRun",
    "A provisioning run and where it belongs.",
    (*_ENTRY, *RUN.of_part("run")),
)


def listed_run_from_json(document: Mapping[str, Any]) -> RunEntry:
    """Return the run that an object of the shape :data:`LISTED_RUN` describes."""
    entry_fields = Shape(LISTED_RUN.name, LISTED_RUN.description, _ENTRY).arguments(document)
    return RunEntry(run=run_from_json(document), order=entry_fields["id"], **entry_fields)


def reason_field(get: Any = None) -> Field:
    """Return the member that says why a device was refused."""
    description = "Why the device was refused; null where it was accepted."
    return one_of("reason", description, RefusalReason, optional=True, get=get)


ATTEMPT = Shape(
    "Attempt",
    "One MQTT CONNECT of a device.",
    (
        integer("id", "Rises with every attempt.", attribute="attempt_id"),
        boolean("accepted", "Whether AWS IoT let the device in."),
        reason_field(),
        optional_string(
            "awsReason",
            "The reason in AWS's Connection.AuthNError log entry.",
            get=lambda attempt: attempt.reason and attempt.reason.aws_reason,
        )._replace(read=None),
        string("message", "The decision, in one sentence."),
        optional_string("advice", "What to change, in one sentence."),
        string("certificateId", "SHA-256 of the certificate's DER bytes, in hex."),
        string("subject", "The certificate's subject, such as C=KR,CN=bulb-1."),
        string("clientId", "The MQTT client ID."),
        optional_string("serverName", "The server name (SNI) that the device asked for."),
        string("accountId", "The account of the endpoint."),
        string("regionName", "The endpoint's Region."),
        moment("timestamp", "When, in UTC."),
        optional_object("provisioning", RUN, run_from_json),
    ),
)


def attempt_from_json(document: Mapping[str, Any]) -> ConnectionAttempt:
    """Return the attempt that an object of the shape :data:`ATTEMPT` describes."""
    return ConnectionAttempt(**ATTEMPT.arguments(document))


def _event_json(event: Event) -> dict[str, Any] | None:
    return None if isinstance(event.payload, bytes) else event.payload


def _event_text(event: Event) -> str | None:
    try:
        return event.payload.decode("utf-8") if isinstance(event.payload, bytes) else None
    except UnicodeDecodeError:
        return None


def _bytes_to_json(payload: bytes) -> str:
    return base64.b64encode(payload).decode("ascii")


def _bytes_from_json(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"payloadBase64 is not base64: {error}.") from None


_PAYLOAD = (
    Field(
        "payloadText",
        of("string", "What a device sent, where it is text."),
        _event_text,
        read=lambda text: str(text).encode("utf-8"),
        attribute="payload",
        left_out=True,
    ),
    Field(
        "payloadBase64",
        of("string", "What a device sent otherwise, in base64."),
        lambda event: event.payload,
        _bytes_to_json,
        _bytes_from_json,
        "payload",
        left_out=True,
    ),
)

_SENT = Shape("Payload", "What a device sends.", _PAYLOAD)

EVENT = Shape(
    "Event",
    "A published message, with its payload in one of three forms.",
    (
        string("topic", "Where it was published."),
        string("accountId", "The account of the topic."),
        string("regionName", "The Region."),
        Field("payload", {"description": "AWS IoT's own."}, _event_json, left_out=True),
        *_PAYLOAD,
    ),
    ("payload", "payloadText", "payloadBase64"),
)


def event_from_json(document: Mapping[str, Any]) -> Event:
    """Return the message that an object of the shape :data:`EVENT` describes."""
    return Event(**EVENT.arguments(document))


def payload_from_json(document: Mapping[str, Any]) -> bytes:
    """Return the bytes of a message given as ``payloadText`` or ``payloadBase64``.

    Raises:
        ValueError: the former cannot be encoded as UTF-8, or the latter is not base64.
    """
    payload: bytes = _SENT.arguments(document)["payload"]
    return payload


class ErrorAnswer(NamedTuple):
    """Why a server did not carry a request out.

    Attributes:
        error: a name for programs.
        message: a sentence for people.
        action: what the policies do not allow, for ``NotAuthorized``.
        resource: the ARN that they do not allow it on.
    """

    error: str
    message: str
    action: str | None = None
    resource: str | None = None


ERROR = Shape(
    "Error",
    "Why a request was not carried out.",
    (
        string("error", "A name for programs."),
        string("message", "A sentence for people."),
        string("action", "What the policies do not allow (NotAuthorized).")._replace(left_out=True),
        string("resource", "The ARN that they do not allow it on.")._replace(left_out=True),
    ),
)


def error_from_json(document: Any) -> ErrorAnswer | None:
    """Return the refusal that a document describes; ``None`` if it is of another shape."""
    if not isinstance(document, dict) or not {"error", "message"} <= document.keys():
        return None
    return ErrorAnswer(**ERROR.arguments(document))
