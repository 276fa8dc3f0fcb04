"""The JSON schemas of what the control routes take and answer.

Part of the OpenAPI document; request bodies are checked against these very schemas.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto_jitp.devices import RefusalReason
from moto_jitp.history.runs import RunStatus, StepResult
from moto_jitp.iot.provisioning.template_rules import FLEET_PROVISIONING, JITP

Schema = dict[str, Any]


def _of(kind: str, description: str, **more: Any) -> Schema:
    return {"type": kind, "description": description, **more}


def _or_null(kind: str, description: str) -> Schema:
    return {"type": [kind, "null"], "description": description}


def _object(description: str, properties: Mapping[str, Schema], **more: Any) -> Schema:
    """An object of which every property is there, and no other."""
    return {
        "type": "object",
        "description": description,
        "required": list(properties),
        "additionalProperties": False,
        "properties": dict(properties),
        **more,
    }


def ref(name: str) -> Schema:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def _nullable(name: str) -> Schema:
    return {"anyOf": [ref(name), {"type": "null"}]}


def _list_of(name: str) -> Schema:
    return {"type": "array", "items": ref(name)}


_REASONS: list[str | None] = [reason.value for reason in RefusalReason]
_REASON: Schema = {
    "description": "Why the device was refused; null where it was accepted.",
    "enum": [*_REASONS, None],
}

_CONNECT_REQUEST: Schema = _object(
    "A device that connects.",
    {
        "certificatePem": _of(
            "string", "The device's certificate as PEM text, the leaf first, a chain optional."
        ),
        "privateKeyPem": _of(
            "string", "Its private key as PEM text: proves that the device has it. Not kept."
        ),
        "endpoint": _of(
            "string",
            "What DescribeEndpoint answered; it says which account and Region. Without it: the one "
            "account and Region that know the certificate or its CA, else the default ones.",
        ),
        "serverName": _or_null(
            "string", "The server name (SNI); the endpoint's where absent, none sent where null."
        ),
        "clientId": _of("string", "The MQTT client ID; the thing's name, else the common name."),
        "reconnect": _of(
            "boolean", "Connect again after a provisioning that succeeded.", default=True
        ),
    },
) | {"required": ["certificatePem"]}

_PUBLISH_REQUEST: Schema = _object(
    "A message of a connected device; exactly one of payloadText and payloadBase64.",
    {
        "topic": _of("string", "An MQTT topic, without wildcards."),
        "payloadText": _of("string", "The payload as text."),
        "payloadBase64": _of("string", "The payload's bytes in base64."),
        "retain": _of("boolean", "Keep the message for later subscribers.", default=False),
    },
) | {"required": ["topic"]}

MAX_WAIT = 30
"""The state, and who receives, wait so many seconds at most."""

_TOPIC_FILTER_REQUEST: Schema = _object(
    "A topic filter.", {"topicFilter": _of("string", "An MQTT topic filter.")}
)

_RECEIVE_REQUEST: Schema = _object(
    "How long to wait for a message.",
    {
        "wait": _of("number", "Seconds to wait at most.", minimum=0, maximum=MAX_WAIT, default=0),
    },
) | {"required": []}

_FAILURE_PROPERTIES: dict[str, Schema] = {
    "operation": _of("string", "The API operation, such as CreateThing."),
    "error": _of("string", "The error code, such as ThrottlingException."),
    "message": _of("string", "The error text."),
}
_FAILURE_REQUEST: Schema = _object(
    "An operation that is to fail.",
    _FAILURE_PROPERTIES
    | {
        "message": _or_null("string", "The error text, if it matters."),
        "times": {
            "type": ["integer", "null"],
            "description": "How many calls fail, each attempt of an SDK's counting; null for all.",
            "minimum": 1,
            "default": 1,
        },
    },
) | {"required": ["operation", "error"]}

_NOTHING: Schema = _object("An empty object.", {})

CONFIG: Schema = _object(
    "The settings of the section `jitp`.",
    {
        "strict": _of("boolean", "Make every check that AWS makes.", default=True),
        "enforce_policies": _of("boolean", "Devices need IoT policies.", default=False),
        "enforce_role": _of("boolean", "The provisioning role is checked.", default=False),
        "throttling": {
            "type": ["boolean", "object"],
            "description": "true for AWS's quotas, or operation name to calls per second; with the "
            "key *, operations that are not named have AWS's quotas, else none.",
            "properties": {"*": {"const": True}},
            "additionalProperties": {"type": "number", "exclusiveMinimum": 0},
            "default": False,
        },
        "metrics": _of("boolean", "Write CloudWatch metrics.", default=True),
        "trail": _of("boolean", "Write CloudTrail events.", default=True),
    },
)
_CONFIG_REQUEST: Schema = CONFIG | {
    "required": [],
    "description": "New settings; one that is left out gets the value the server started with.",
}

_STEP = _object(
    "One step of a provisioning run.",
    {
        "action": _of("string", "The API action that AWS IoT calls for it."),
        "resource": _of("string", "What it acts on, such as thing/bulb-1."),
        "result": {"enum": [result.value for result in StepResult]},
        "errorCode": _or_null("string", "The API action's error code, where it failed."),
        "message": _or_null("string", "The error's text, where it failed."),
    },
)

_RUN_PROPERTIES: dict[str, Schema] = {
    "status": {"enum": [status.value for status in RunStatus]},
    "templateName": _or_null("string", "null for a template body on the CA."),
    "parameters": _of(
        "object", "What was offered to the template.", additionalProperties={"type": "string"}
    ),
    "wanted": {"type": "array", "items": {"type": "string"}},
    "steps": _list_of("Step"),
    "resourceArns": _of("object", "Logical name to ARN.", additionalProperties={"type": "string"}),
    "thingName": _or_null("string", "The thing that was made or found."),
    "certificateId": _or_null("string", "The certificate that was provisioned."),
    "certificateStatus": _or_null("string", "Its status after the run."),
    "errorCode": _or_null("string", "The AWS error code of a failed run."),
    "message": _or_null("string", "The AWS error text of a failed run."),
    "advice": _or_null("string", "One sentence on what to change."),
    "place": _of("string", "Where in the template the trouble lies; empty where elsewhere."),
    "roleArn": _or_null("string", "The provisioning role, where one is configured."),
}

_ATTEMPT_PROPERTIES: dict[str, Schema] = {
    "id": _of("integer", "Rises with every attempt."),
    "accepted": _of("boolean", "Whether AWS IoT let the device in."),
    "reason": _REASON,
    "awsReason": _or_null("string", "The reason in AWS's Connection.AuthNError log entry."),
    "message": _of("string", "One sentence on what was decided."),
    "advice": _or_null("string", "One sentence on what to change."),
    "certificateId": _of("string", "SHA-256 of the certificate's DER bytes, in hex."),
    "subject": _of("string", "The certificate's subject, such as C=KR,CN=bulb-1."),
    "clientId": _of("string", "The MQTT client ID."),
    "serverName": _or_null("string", "The server name (SNI) that the device asked for."),
    "accountId": _of("string", "The account at whose endpoint it arrived."),
    "regionName": _of("string", "That endpoint's Region."),
    "timestamp": _of("string", "When, in UTC.", format="date-time"),
    "provisioning": _nullable("Run"),
}

_OUTCOME = _object(
    "What became of a device that connected.",
    {
        "accepted": _of("boolean", "Whether the device is connected now."),
        "reason": _REASON,
        "message": _of("string", "One sentence on what was decided in the end."),
        "advice": _or_null("string", "One sentence on what to change."),
        "connectionId": _of("integer", "The last attempt's id, for the routes connections/{id}."),
        "certificateId": _of("string", "The id of its certificate."),
        "certificateArn": _of("string", "The ARN of its certificate."),
        "clientId": _of("string", "The MQTT client ID."),
        "thingName": _or_null("string", "The thing that the certificate is attached to."),
        "attempts": {"type": "array", "items": ref("Attempt"), "minItems": 1},
        "provisioning": _nullable("Run"),
        "explanation": _of("string", "All of it as text for a terminal."),
    },
)

_EVENT: Schema = _object(
    "A published message, with one of the three payloads.",
    {
        "topic": _of("string", "Where it was published."),
        "accountId": _of("string", "Whose topic it is."),
        "regionName": _of("string", "The Region."),
    },
    unevaluatedProperties=False,
    oneOf=[
        {"required": ["payload"], "properties": {"payload": {"description": "AWS IoT's own."}}},
        {"required": ["payloadText"], "properties": {"payloadText": {"type": "string"}}},
        {"required": ["payloadBase64"], "properties": {"payloadBase64": {"type": "string"}}},
    ],
)
del _EVENT["additionalProperties"]

_CA = _object(
    "A registered CA certificate.",
    {
        "certificateId": _of("string", "Its id."),
        "accountId": _of("string", "Its account."),
        "regionName": _of("string", "Its Region."),
        "subject": _or_null("string", "Its subject; null where it cannot be read."),
        "status": _of("string", "ACTIVE or INACTIVE."),
        "autoRegistrationStatus": _of("string", "ENABLE or DISABLE."),
        "certificateMode": _of("string", "DEFAULT or SNI_ONLY."),
        "templateName": _or_null("string", "The stored template that its devices are given."),
        "templateBody": _or_null("string", "The template's text, the CA's own or the stored one."),
        "roleArn": _or_null("string", "The provisioning role."),
    },
)

_DEVICE = _object(
    "A registered device certificate.",
    {
        "certificateId": _of("string", "Its id."),
        "accountId": _of("string", "Its account."),
        "regionName": _of("string", "Its Region."),
        "subject": _or_null("string", "Its subject; null where it cannot be read."),
        "status": _of("string", "ACTIVE, INACTIVE, PENDING_ACTIVATION, ..."),
        "caCertificateId": _or_null("string", "The CA that registered it."),
        "thingName": _or_null("string", "A thing that it is attached to."),
    },
)

_STATE = _object(
    "All that the page shows.",
    {
        "version": _of("string", "Another one as soon as something has happened."),
        "cas": _list_of("Ca"),
        "devices": _list_of("Device"),
        "connections": _list_of("ShownConnection"),
        "totals": _object(
            "How many there are; the lists above have the newest ones only.",
            {
                "cas": _of("integer", "CA certificates."),
                "devices": _of("integer", "Device certificates."),
                "connections": _of("integer", "Connection attempts."),
                "accepted": _of("integer", "Accepted ones among them."),
                "refusedDevices": _of("integer", "Devices whose newest connection was refused."),
            },
        ),
    },
)


def _page_of(items: str, schema: str) -> Schema:
    return _object(
        f"Some of the {items}, oldest first unless asked otherwise.",
        {
            items: _list_of(schema),
            "nextCursor": _or_null("string", "Where to go on; null at the end."),
        },
    )


_REQUESTS: dict[str, Schema] = {
    "ConfigRequest": _CONFIG_REQUEST,
    "ConnectRequest": _CONNECT_REQUEST,
    "FailureRequest": _FAILURE_REQUEST,
    "Nothing": _NOTHING,
    "PublishRequest": _PUBLISH_REQUEST,
    "ReceiveRequest": _RECEIVE_REQUEST,
    "TopicFilterRequest": _TOPIC_FILTER_REQUEST,
}


def schemas() -> dict[str, Schema]:
    """Return every schema by its name in the document."""
    connection = _ATTEMPT_PROPERTIES | {
        "connected": _of("boolean", "Whether that connection still stands."),
        "runs": _list_of("ListedRun"),
    }
    listed_run = {
        "id": _of("integer", "Rises with every run."),
        "connectionId": _of("integer", "The attempt over whose connection it was set off."),
        "type": {"enum": [JITP, FLEET_PROVISIONING]},
    } | _RUN_PROPERTIES
    return {
        **_REQUESTS,
        "Attempt": _object("One MQTT CONNECT of a device.", _ATTEMPT_PROPERTIES),
        "Ca": _CA,
        "Config": CONFIG,
        "Connection": _object("One MQTT CONNECT of a device, and what is left of it.", connection),
        "Connections": _page_of("connections", "Attempt"),
        "Device": _DEVICE,
        "Done": _object("It is done.", {"status": {"const": "ok"}}),
        "Error": _object(
            "Why a request was not carried out.",
            {
                "error": _of("string", "A name for programs."),
                "message": _of("string", "A sentence for people."),
                "action": _of("string", "What the policies do not allow (NotAuthorized)."),
                "resource": _of("string", "The ARN that they do not allow it on."),
            },
        )
        | {"required": ["error", "message"]},
        "Event": _EVENT,
        "Events": _page_of("events", "Event"),
        "Failure": _object(
            "A failure that is asked for.",
            {"id": _of("integer", "Its number.")}
            | _FAILURE_PROPERTIES
            | {
                "remaining": _or_null("integer", "How many calls are still to fail; null for all."),
                "calls": _of("integer", "How many calls have failed so far."),
            },
        ),
        "Failures": _object("The failures that are asked for.", {"failures": _list_of("Failure")}),
        "ListedRun": _object("A provisioning run and where it belongs.", listed_run),
        "Outcome": _OUTCOME,
        "Received": _object(
            "The next message.",
            {
                "message": _nullable("Event"),
                "explanation": _or_null("string", "Why there is none."),
            },
        ),
        "Ready": _object(
            "The server answers.",
            {
                "status": {"const": "ready"},
                "version": _of("string", "Of moto_jitp."),
                "motoVersion": _of("string", "Of moto."),
            },
        ),
        "Run": _object("One execution of a template for one device.", _RUN_PROPERTIES),
        "Runs": _page_of("runs", "ListedRun"),
        "ShownConnection": _object(
            "One MQTT CONNECT of a device, with the runs of fleet provisioning over it.",
            _ATTEMPT_PROPERTIES | {"fleetRuns": _list_of("ListedRun")},
        ),
        "State": _STATE,
        "Step": _STEP,
    }


def request_schema(name: str) -> Schema:
    """Return the schema of a request's body, which a request is checked against."""
    return _REQUESTS[name]
