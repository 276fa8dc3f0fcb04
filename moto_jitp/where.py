"""Here, or at the server? The only place that asks.

Under moto's ``TEST_SERVER_MODE`` boto3 speaks to a server, and requests about just-in-time
provisioning go there as well. Each function here serves both cases: with ``devices`` in this
process, or with ``remote`` at the server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from os import PathLike
from typing import Any, Literal

from moto import settings as moto_settings

from moto_jitp import disturbances, faults
from moto_jitp.aws.lambda_functions import HandlerRegistration, register_handler
from moto_jitp.broker import handlers
from moto_jitp.broker.handlers import Subscription
from moto_jitp.broker.rules import run_list
from moto_jitp.devices import attempts, events
from moto_jitp.devices.arguments import ServerName
from moto_jitp.devices.connecting import connect_here
from moto_jitp.devices.connection import DeviceConnection
from moto_jitp.disturbances import Disturbance, DisturbanceRequest
from moto_jitp.files import content_of
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.messages import Event
from moto_jitp.history.rule_runs import RuleRun
from moto_jitp.iot.api.fault_requests import checked_fault
from moto_jitp.pki import DeviceIdentity
from moto_jitp.remote import connection as at_server
from moto_jitp.remote.faults import (
    ServerDisturbance,
    ServerFault,
    ServerRequest,
    asked_again,
)

_THE_ENDPOINT: Any = "<the endpoint>"


def is_at_server() -> bool:
    """Whether this process speaks to a server of moto's in place of AWS."""
    return bool(moto_settings.TEST_SERVER_MODE)


def connect_device(
    device: DeviceIdentity | str | bytes | PathLike[str],
    *,
    endpoint: str | Mapping[str, Any] | None = None,
    server_name: str | None = _THE_ENDPOINT,
    client_id: str | None = None,
    reconnect: bool = True,
    mqtt_version: Literal["5", "3.1.1"] = "5",
) -> DeviceConnection:
    """Connect a device to AWS IoT Core, as its firmware would over MQTT.

    On the first connection of a device whose CA auto-registers, AWS IoT registers the certificate
    as PENDING_ACTIVATION, runs the CA's provisioning template and drops the connection.

    Args:
        device: the device's identity, or its certificate as PEM text, bytes or the path of their
            file (the leaf first, a chain optional).
        endpoint: what ``describe_endpoint`` returned, or its ``endpointAddress``; it determines the
            account and Region. By default, the only account and Region that know the certificate or
            its CA, else the default ones.
        server_name: the server name (SNI) that the device asks for; by default the endpoint's.
            ``None`` sends none.
        client_id: the MQTT client id; by default the thing's name, else the common name.
        reconnect: connect again after successful provisioning, as good firmware does. Failed
            provisioning is not tried again. ``False`` makes one attempt.
        mqtt_version: the version of MQTT that the device speaks. An operation that no policy allows
            raises NotAuthorized. With ``"5"`` the connection stays open, as AWS IoT answers with a
            reason code; ``"3.1.1"`` has no such code, and AWS IoT closes the connection.

    Returns:
        The accepted connection.

    Raises:
        ConnectionRefused: AWS IoT did not let the device in; the error says why.
        AmbiguousEndpoint: several accounts or Regions know the device.
        ValueError: there is no certificate in the text, it cannot be read, or the chain does not
            begin with the device's own certificate; the endpoint or the MQTT version is not valid;
            or the client id has a character that MQTT forbids or is longer than the 128 bytes that
            AWS IoT accepts.
        TypeError: an argument has the wrong type.
        RuntimeError: no mock with just-in-time provisioning is active.

    Examples:
        >>> connect_device(bulb).thing_name
        'bulb-1'

    See https://docs.aws.amazon.com/iot/latest/developerguide/jit-provisioning.html
    """
    chosen_server_name = None if server_name is _THE_ENDPOINT else ServerName(server_name)
    if endpoint is not None:
        endpoint = _address_in(endpoint)
    connect = at_server.connect_through_server if is_at_server() else connect_here
    return connect(
        content_of(device), endpoint, chosen_server_name, client_id, reconnect, mqtt_version
    )


def _address_in(endpoint: str | Mapping[str, Any]) -> str:
    """Return the address of what a caller passed as the endpoint."""
    address = endpoint.get("endpointAddress") if isinstance(endpoint, Mapping) else endpoint
    if isinstance(address, str):
        return address
    raise TypeError(
        "endpoint is what describe_endpoint(endpointType='iot:Data-ATS') answers, or the "
        f"endpointAddress in it as text; found {endpoint!r}."
    )


def all_connection_attempts() -> tuple[ConnectionAttempt, ...]:
    """Every attempt since the last reset, of all accounts and Regions, oldest first."""
    if is_at_server():
        return at_server.connection_attempts_at(at_server.server_client())
    return attempts.all_connection_attempts()


def all_events() -> tuple[Event, ...]:
    """Every event since the last reset, of all accounts and Regions, oldest first."""
    return events_until_now()()


def events_until_now() -> Callable[[], tuple[Event, ...]]:
    """Return a function that returns what has been published so far, even after a reset."""
    if is_at_server():
        published = at_server.events_at(at_server.server_client())
        return lambda: published
    return events.events_until_now()


def all_rule_runs() -> tuple[RuleRun, ...]:
    """What topic rules have done since the last reset, in all accounts and Regions."""
    if is_at_server():
        return at_server.rule_runs_at(at_server.server_client())
    return run_list.all_rule_runs()


def rule_runs_until_now() -> Callable[[], tuple[RuleRun, ...]]:
    """Return a function that returns what rules have done so far, even after a reset."""
    if is_at_server():
        rule_runs = at_server.rule_runs_at(at_server.server_client())
        return lambda: rule_runs
    return run_list.rule_runs_until_now()


def register_lambda_handler(function: str, handler: Callable[..., Any]) -> HandlerRegistration:
    """Use a Python callable in place of a Lambda function; arguments as for ``register_handler``.

    Raises:
        NotImplementedError: functions are invoked in the server's process.
    """
    if is_at_server():
        raise NotImplementedError(
            "Under TEST_SERVER_MODE no handler can be called: functions are invoked in the "
            "server's process, which takes handlers at its start only. Start it with "
            f"moto-jitp serve --lambda {function}=package.module:function."
        )
    return register_handler(function, handler)


def subscribe(topic_filter: str, handler: Callable[..., Any]) -> Subscription:
    """Call a handler for each message on matching topics.

    Args:
        topic_filter: an MQTT topic filter.
        handler: called with each message.

    Raises:
        NotImplementedError: messages are published in the server's process.
    """
    if is_at_server():
        raise NotImplementedError(
            "Under TEST_SERVER_MODE no handler can be called: messages are published in the "
            "server's process. Read 'events' of this handle, or have a device subscribe "
            "without a handler and take them with receive()."
        )
    return handlers.subscribe(topic_filter, handler)


def request_fault(
    operation: str,
    error: str | Exception | type[Exception],
    times: int | None,
    message: str | None,
) -> faults.Fault | ServerFault:
    """Make an AWS IoT operation fail; arguments and errors as for :func:`checked_fault`."""
    checked = checked_fault(operation, error, times, message)
    if is_at_server():
        return ServerFault(at_server.server_client(), checked)
    return faults.add(*checked)


def request_disturbance(request: DisturbanceRequest) -> Disturbance | ServerDisturbance:
    """Have devices' connections disturbed, as a checked request says."""
    if is_at_server():
        return ServerDisturbance(at_server.server_client(), request)
    return disturbances.add(request)


def kept_over_reset(
    requested: Iterable[faults.Fault | ServerFault | Disturbance | ServerDisturbance],
) -> AbstractContextManager[None]:
    """Keep pending requests while the state is reset within the ``with`` block.

    In this process they stay anyway; a server drops them with its state, so they are sent again.
    """
    return asked_again([request for request in requested if isinstance(request, ServerRequest)])
