"""``moto-jitp connect``: connects a device to a running server and explains what happened."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from typing import Any

from .files import read_device
from .output import FAILED, OK, USAGE, CommandFailed, add_json_option, say, say_json

HELP = "connect a device to a running server and print what happened"
DESCRIPTION = """\
Connects a device, as its firmware would over MQTT, to a server that 'moto-jitp serve' runs, and
prints what AWS IoT did with it, step by step."""
EPILOG = "exit codes: 0 accepted, 1 refused or no server, 2 wrong usage"

DEFAULT_URL = "http://127.0.0.1:5000"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "certificate",
        metavar="CERTIFICATE",
        help="PEM file, the leaf first; - for standard input; or the directory of a device",
    )
    parser.add_argument("--key", metavar="FILE", help="its private key, to prove possession")
    add_server_options(parser)
    parser.add_argument(
        "--endpoint",
        metavar="HOST",
        help="the address that describe-endpoint returned; selects the account and Region",
    )
    names = parser.add_mutually_exclusive_group()
    names.add_argument(
        "--server-name", metavar="HOST", help="the server name (SNI; default: the endpoint's)"
    )
    names.add_argument("--no-server-name", action="store_true", help="send no server name")
    parser.add_argument("--client-id", metavar="TEXT", help="the MQTT client id")
    parser.add_argument(
        "--no-reconnect",
        action="store_true",
        help="make one attempt only, even if it provisions the device",
    )
    parser.add_argument(
        "--mqtt",
        action="store_true",
        help="connect to the server's device endpoint with MQTT over mutual TLS, as a real device; "
        "needs the private key",
    )
    add_json_option(parser)


def add_server_options(parser: ArgumentParser, default: str | None = DEFAULT_URL) -> None:
    """Give a command the options that say which server it speaks to.

    Args:
        parser: the command's.
        default: the server's address if neither option nor environment gives one; ``None`` for
            none.
    """
    default = _url_in_environment() or default
    parser.add_argument(
        "--endpoint-url",
        metavar="URL",
        default=default,
        help=f"where the server listens{f' ({default})' if default else ''}; AWS_ENDPOINT_URL_IOT, "
        "AWS_ENDPOINT_URL and MOTO_PORT are used if it is left out",
    )
    parser.add_argument(
        "--no-verify-ssl",
        action="store_true",
        help="trust any certificate of an https server, such as that of serve --ssl",
    )


def _url_in_environment() -> str | None:
    """The address of the server in the variables that AWS's SDKs and moto read."""
    for name in ("AWS_ENDPOINT_URL_IOT", "AWS_ENDPOINT_URL"):
        if os.environ.get(name):
            return os.environ[name]
    port = os.environ.get("MOTO_PORT")
    return f"http://127.0.0.1:{port}" if port else None


def control_client(arguments: Namespace, connections: int = 1) -> Any:
    """Return a client for the server that the options name.

    Raises:
        CommandFailed: it is not a URL.
    """
    import urllib3

    from moto_jitp.remote.client import ControlClient

    if arguments.no_verify_ssl:  # the user asked for it, so no warning is needed
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    try:
        return ControlClient(
            arguments.endpoint_url, verify=not arguments.no_verify_ssl, connections=connections
        )
    except ValueError as error:
        raise CommandFailed(str(error), USAGE) from None


def run(arguments: Namespace) -> int:
    from moto_jitp.devices.arguments import ServerName
    from moto_jitp.remote.client import ControlError
    from moto_jitp.remote.connection import connect_body

    device = read_device(arguments.certificate, arguments.key)
    if arguments.mqtt:
        return _over_mqtt(device, arguments)
    name = arguments.server_name
    names_server = name is not None or arguments.no_server_name
    body = connect_body(
        device,
        arguments.endpoint,
        ServerName(name) if names_server else None,
        arguments.client_id,
        not arguments.no_reconnect,
    )
    try:
        outcome = control_client(arguments).post("connect", body)
    except (ControlError, ConnectionError) as error:
        raise CommandFailed(str(error)) from None
    if arguments.json:
        say_json(outcome)
    else:
        _say_explanation(outcome["explanation"])
    return OK if outcome["accepted"] else FAILED


def _over_mqtt(device: Any, arguments: Namespace) -> int:
    """Connect as a real device, and say what the server knows about it."""
    from moto_jitp.endpoint.device_client import connect_over_mqtt, endpoint_at
    from moto_jitp.history.explanation import explain_all
    from moto_jitp.history.json_form import ATTEMPT
    from moto_jitp.pki import DeviceIdentity
    from moto_jitp.remote.client import ControlError
    from moto_jitp.remote.connection import attempts_of_certificate

    if not isinstance(device, DeviceIdentity):
        raise CommandFailed("--mqtt needs the device's private key: give --key FILE.", USAGE)
    if arguments.server_name or arguments.no_server_name or arguments.endpoint:
        raise CommandFailed(
            "--mqtt connects to the server's own device endpoint, by its own name: omit "
            "--endpoint, --server-name and --no-server-name.",
            USAGE,
        )
    client = control_client(arguments)
    client_id = arguments.client_id or device.presented.common_name or device.certificate_id[:36]
    try:
        address = endpoint_at(client)
        before = len(attempts_of_certificate(client, device.certificate_id))
        connect_over_mqtt(address, device, client_id, reconnect=not arguments.no_reconnect)
        attempts = attempts_of_certificate(client, device.certificate_id)[before:]
    except (ControlError, OSError) as error:
        raise CommandFailed(str(error)) from None
    if not attempts:
        raise CommandFailed(
            f"The server at {arguments.endpoint_url} has recorded no attempt by the device; its "
            "log says what happened to the connection."
        )
    if arguments.json:
        say_json(
            {
                "accepted": attempts[-1].accepted,
                "attempts": [ATTEMPT.to_json(attempt) for attempt in attempts],
                "explanation": explain_all(attempts),
            }
        )
    else:
        _say_explanation(explain_all(attempts))
    return OK if attempts[-1].accepted else FAILED


def _say_explanation(text: str) -> None:
    # Split where explain() has joined, and nowhere else: str.splitlines knows ten more line breaks.
    say(*text.split("\n"))
