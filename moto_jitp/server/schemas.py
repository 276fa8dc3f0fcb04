"""The JSON schemas of the control routes' requests and answers.

They are part of the OpenAPI document, and request bodies are checked against them.
"""

from __future__ import annotations

from moto_jitp.devices.json_form import OUTCOME
from moto_jitp.disturbances import DisturbanceKind
from moto_jitp.history.json_form import ATTEMPT, ERROR, EVENT, LISTED_RUN, RUN, STEP
from moto_jitp.history.rule_json import ACTION_RUN, RULE_RUN
from moto_jitp.history.rule_json import OUTCOME as RULE_OUTCOME
from moto_jitp.json_shapes import Schema, Shape, list_of, object_schema, of, or_null
from moto_jitp.settings import CHOICES, JitpSettings

from .shapes import (
    CA,
    CAUSE,
    CONNECTION,
    DEVICE,
    DEVICE_ENDPOINT,
    DISTURBANCE,
    DISTURBANCES,
    DONE,
    FAILURE,
    FAILURES,
    READY,
    RECEIVED,
    SESSION,
    SHOWN_CONNECTION,
    SHOWN_MESSAGE,
    SHOWN_RUN,
    STATE,
)

_CONNECT_REQUEST: Schema = object_schema(
    "A device that connects.",
    {
        "certificatePem": of(
            "string", "The device's certificate as PEM text, the leaf first, a chain optional."
        ),
        "privateKeyPem": of(
            "string", "Its private key as PEM text: proves that the device has it. Not kept."
        ),
        "endpoint": of(
            "string",
            "What DescribeEndpoint answered; it says which account and Region. Without it: the one "
            "account and Region that know the certificate or its CA, else the default ones.",
        ),
        "serverName": or_null(
            "string", "The server name (SNI); the endpoint's where absent, none sent where null."
        ),
        "clientId": of("string", "The MQTT client ID; the thing's name, else the common name."),
        "reconnect": of(
            "boolean", "Connect again after a provisioning that succeeded.", default=True
        ),
        "mqttVersion": of(
            "string",
            "What the device speaks. With 3.1.1 what no policy allows ends the connection.",
            enum=["5", "3.1.1"],
            default="5",
        ),
    },
) | {"required": ["certificatePem"]}

_PUBLISH_REQUEST: Schema = object_schema(
    "A message of a connected device; exactly one of payloadText and payloadBase64.",
    {
        "topic": of("string", "An MQTT topic, without wildcards."),
        "payloadText": of("string", "The payload as text."),
        "payloadBase64": of("string", "The payload's bytes in base64."),
        "retain": of("boolean", "Keep the message for later subscribers.", default=False),
    },
) | {"required": ["topic"]}

MAX_WAIT = 30
"""The state and a receiver wait at most this many seconds."""

_TOPIC_FILTER_REQUEST: Schema = object_schema(
    "A topic filter.", {"topicFilter": of("string", "An MQTT topic filter.")}
)

_RECEIVE_REQUEST: Schema = object_schema(
    "How long to wait for a message.",
    {
        "wait": of("number", "Seconds to wait at most.", minimum=0, maximum=MAX_WAIT, default=0),
    },
) | {"required": []}

_FAILURE_PROPERTIES: dict[str, Schema] = {
    "operation": of("string", "The API operation, such as CreateThing."),
    "error": of("string", "The error code, such as ThrottlingException."),
    "message": of("string", "The error text."),
}
_FAILURE_REQUEST: Schema = object_schema(
    "An operation that is to fail.",
    _FAILURE_PROPERTIES
    | {
        "message": or_null("string", "The error text, if it matters."),
        "times": {
            "type": ["integer", "null"],
            "description": "How many calls fail, each attempt of an SDK's counting; null for all.",
            "minimum": 1,
            "default": 1,
        },
    },
) | {"required": ["operation", "error"]}

_DISTURBANCE_REQUEST: Schema = object_schema(
    "Something that is to go wrong on connections of devices.",
    {
        "kind": of("string", "What goes wrong.", enum=[kind.value for kind in DisturbanceKind]),
        "clientId": or_null(
            "string", "The MQTT client id whose connections are meant; null for every one."
        ),
        "times": {
            "type": ["integer", "null"],
            "description": "How many connections are disturbed; null for every one.",
            "minimum": 1,
            "default": 1,
        },
        "every": of("integer", "Of how many connections one is disturbed.", minimum=1, default=1),
        "seconds": of(
            "number", "How long delay and slow-provisioning take (30).", exclusiveMinimum=0
        ),
        "packets": of(
            "integer",
            "After how many packets drop (1) or half-open (0) come, or PUBACKs lost (1).",
            minimum=0,
        ),
    },
) | {"required": ["kind"]}

_NOTHING: Schema = object_schema("An empty object.", {})

_DEFAULTS = JitpSettings()

CONFIG: Schema = object_schema(
    "The settings of the section `jitp`.",
    {
        "strict": of("boolean", "Make every check that AWS makes.", default=_DEFAULTS.strict),
        "enforce_policies": of(
            "boolean", "Devices need IoT policies.", default=_DEFAULTS.enforce_policies
        ),
        "enforce_role": of(
            "boolean", "The provisioning role is checked.", default=_DEFAULTS.enforce_role
        ),
        "throttling": {
            "type": ["boolean", "object"],
            "description": "true for AWS's quotas, or operation name to calls per second; with the "
            "key *, operations that are not named have AWS's quotas, else none.",
            "properties": {"*": {"const": True}},
            "additionalProperties": {"type": "number", "exclusiveMinimum": 0},
            "default": _DEFAULTS.throttling,
        },
        "metrics": of("boolean", "Write CloudWatch metrics.", default=_DEFAULTS.metrics),
        "trail": of("boolean", "Write CloudTrail events.", default=_DEFAULTS.trail),
        "stacks": {
            "type": "string",
            "enum": list(CHOICES["stacks"]),
            "description": "What becomes of a CloudFormation stack with AWS::IoT types that are "
            "not emulated.",
            "default": _DEFAULTS.stacks,
        },
        "bare_texts": of(
            "boolean", "Errors of the API have AWS's text alone.", default=_DEFAULTS.bare_texts
        ),
        "local_endpoint": of(
            "boolean",
            "describe_endpoint answers with the local device endpoint.",
            default=_DEFAULTS.local_endpoint,
        ),
    },
)
_CONFIG_REQUEST: Schema = CONFIG | {
    "required": [],
    "description": "New settings; one that is left out gets the value the server started with.",
}


def _page_of(items: str, schema: str) -> Schema:
    return object_schema(
        f"Some of the {items}, oldest first unless asked otherwise.",
        {
            items: list_of(schema),
            "nextCursor": or_null("string", "Where to go on; null at the end."),
        },
    )


_REQUESTS: dict[str, Schema] = {
    "ConfigRequest": _CONFIG_REQUEST,
    "ConnectRequest": _CONNECT_REQUEST,
    "DisturbanceRequest": _DISTURBANCE_REQUEST,
    "FaultRequest": _FAILURE_REQUEST,
    "Nothing": _NOTHING,
    "PublishRequest": _PUBLISH_REQUEST,
    "ReceiveRequest": _RECEIVE_REQUEST,
    "TopicFilterRequest": _TOPIC_FILTER_REQUEST,
}


_ANSWERS: tuple[Shape, ...] = (
    ACTION_RUN,
    ATTEMPT,
    CA,
    CAUSE,
    CONNECTION,
    DEVICE,
    DEVICE_ENDPOINT,
    DISTURBANCE,
    DISTURBANCES,
    DONE,
    ERROR,
    EVENT,
    FAILURE,
    FAILURES,
    LISTED_RUN,
    OUTCOME,
    READY,
    RECEIVED,
    RULE_OUTCOME,
    RULE_RUN,
    RUN,
    SESSION,
    SHOWN_CONNECTION,
    SHOWN_MESSAGE,
    SHOWN_RUN,
    STATE,
    STEP,
)


def schemas() -> dict[str, Schema]:
    """Return every schema by its name in the document."""
    named_schemas = {
        **_REQUESTS,
        **{shape.name: shape.schema for shape in _ANSWERS},
        "Config": CONFIG,
        "Connections": _page_of("connections", "Attempt"),
        "Events": _page_of("events", "Event"),
        "RuleRuns": _page_of("rules", "RuleRun"),
        "Runs": _page_of("runs", "ListedRun"),
    }
    return dict(sorted(named_schemas.items()))


def request_schema(name: str) -> Schema:
    """Return the schema against which a request's body is checked."""
    return _REQUESTS[name]
