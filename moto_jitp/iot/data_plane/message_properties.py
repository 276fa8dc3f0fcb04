"""The MQTT 5 properties of a message sent over HTTPS."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from moto.iotdata.exceptions import InvalidRequestException

from moto_jitp.mqtt.properties import NO_PROPERTIES, Properties

_FORMATS = {"UNSPECIFIED_BYTES": 0, "UTF8_DATA": 1}


def message_properties(arguments: Mapping[str, Any]) -> Properties:
    """Return the properties in a request.

    Args:
        arguments: the members of Publish or SendDirectMessage, by botocore's names.

    Raises:
        ValueError: one is not valid; the text says which, and what was expected.

    https://docs.aws.amazon.com/iot/latest/apireference/API_iotdata_Publish.html
    """
    data = arguments.get("correlationData")
    properties = Properties(
        payload_format_indicator=_payload_format(arguments.get("payloadFormatIndicator")),
        message_expiry_interval=_expiry(arguments.get("messageExpiry")),
        content_type=arguments.get("contentType"),
        response_topic=arguments.get("responseTopic"),
        correlation_data=None if data is None else _decoded(data, "correlationData"),
        user_properties=_user_properties(arguments.get("userProperties")),
    )
    return NO_PROPERTIES if properties == Properties() else properties


def properties_given(arguments: Mapping[str, Any]) -> Properties:
    """Return the properties in a boto3 call, as :func:`message_properties` does.

    Raises:
        InvalidRequestException: one is not valid.
    """
    try:
        return message_properties(arguments)
    except ValueError as error:
        raise InvalidRequestException(str(error)) from None


def user_properties_in_header(text: str) -> Any:
    """Return the content of the header ``x-amz-mqtt5-user-properties``: JSON in base64.

    Raises:
        ValueError: it has another format.
    """
    try:
        return json.loads(_decoded(text, "userProperties"))
    except (ValueError, RecursionError):
        raise ValueError(
            'userProperties must be a base64-encoded JSON array such as [{"deviceName": "alpha"}].'
        ) from None


def _payload_format(value: Any) -> int | None:
    if value is None:
        return None
    if value not in _FORMATS:
        names = " or ".join(_FORMATS)
        raise ValueError(f"payloadFormatIndicator must be {names}, not {value!r}.")
    return _FORMATS[value]


def _expiry(value: Any) -> int | None:
    """The seconds of a message expiry; SDKs send zero for none."""
    if value is None:
        return None
    if not str(value).isdigit():
        raise ValueError(f"messageExpiry must be a number of seconds, not {value!r}.")
    return int(value) or None


def _decoded(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise ValueError(f"{name} is not valid base64.") from None


def _user_properties(encoded: Any) -> tuple[tuple[str, str], ...]:
    """The user properties: a JSON array of objects with one name each."""
    try:
        pairs = json.loads(encoded) if isinstance(encoded, str) else encoded or []
    except (ValueError, RecursionError):
        pairs = None
    entries = pairs if isinstance(pairs, list) else []
    user_properties = [
        pair for entry in entries if isinstance(entry, dict) for pair in entry.items()
    ]
    if entries is not pairs or len(user_properties) != len(entries):
        raise ValueError('userProperties is not a JSON array such as [{"deviceName": "alpha"}].')
    return tuple((name, str(value)) for name, value in user_properties)
