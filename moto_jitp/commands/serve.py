"""``moto-jitp serve``: moto's server with just-in-time provisioning, until a signal ends it."""

from __future__ import annotations

import contextlib
import errno
import importlib
import json
import os
import queue
import signal
import sys
import threading
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from moto_jitp import extras, json_slips

from .files import read_text
from .output import OK, USAGE, CommandFailed, complain, say

if TYPE_CHECKING:
    import ssl

    from moto_jitp.endpoint.device_endpoint import DeviceEndpoint
    from moto_jitp.server import ThreadedJitpServer

HELP = "run moto's server with just-in-time provisioning in it"
DESCRIPTION = """\
Runs moto's server, every AWS service that moto has, with just-in-time provisioning in AWS IoT, for
the AWS CLI and SDKs of any language. Control routes stand under /moto-api/jitp/ beside moto's own;
openapi.json there describes them, and a browser finds a page."""
EPILOG = """\
exit codes: 0 stopped by SIGINT, SIGTERM or the end of standard input,
            1 cannot listen (the port is taken), 2 wrong usage"""

_DEFAULT_PORT = 5000


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "-H",
        "--host",
        default="127.0.0.1",
        help="the address to listen on; this machine only by default (%(default)s)",
    )
    parser.add_argument(
        "-p",
        "--port",
        type=port_number,
        default=os.environ.get("MOTO_PORT", str(_DEFAULT_PORT)),
        help=f"the port, 0 for a free one (MOTO_PORT, else {_DEFAULT_PORT})",
    )
    parser.add_argument(
        "-r", "--reload", action="store_true", help="start again when a source file changes"
    )
    parser.add_argument(
        "-s", "--ssl", action="store_true", help="https, with a certificate made for the purpose"
    )
    parser.add_argument("-c", "--ssl-cert", metavar="FILE", help="https, with this certificate")
    parser.add_argument("-k", "--ssl-key", metavar="FILE", help="the certificate's private key")
    parser.add_argument(
        "--lambda",
        dest="handlers",
        action="append",
        type=_handler,
        default=[],
        metavar="NAME=PACKAGE.MODULE:FUNCTION",
        help="use a Python callable in place of a Lambda function that AWS IoT invokes, from a "
        "topic rule or as a pre-provisioning hook; can be repeated",
    )
    parser.add_argument(
        "--config",
        type=_json_object,
        metavar="JSON",
        help="settings of the section jitp, as in '{\"enforce_policies\": true}'; @FILE reads one",
    )
    parser.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="how requests and connections are logged on standard error (%(default)s)",
    )
    parser.add_argument(
        "--max-body-bytes",
        type=_byte_count,
        metavar="N",
        help="refuse a request with a longer body (default: 128 MiB)",
    )
    parser.add_argument(
        "--allowed-host",
        dest="allowed_hosts",
        action="append",
        default=[],
        metavar="NAME",
        help="another name or address by which browsers can reach the control routes; can be "
        "repeated",
    )
    parser.add_argument(
        "--mqtt-port",
        type=port_number,
        metavar="PORT",
        help="accept devices on this port with MQTT over mutual TLS; 8883 is the usual port, 0 "
        "picks a free one",
    )
    parser.add_argument(
        "--alpn-port",
        type=port_number,
        metavar="PORT",
        help="another port for devices that name an application protocol, as on port 443 of AWS: "
        "MQTT, or HTTPS with x-amzn-http-ca",
    )
    parser.add_argument(
        "--https-port",
        type=port_number,
        metavar="PORT",
        help="another port on which devices publish over HTTPS and ask for credentials; 8443 is "
        "the usual one",
    )
    parser.add_argument(
        "--mqtt-host",
        action="append",
        default=[],
        metavar="NAME",
        help="another name or address by which devices reach the endpoint, for its certificate",
    )
    parser.add_argument(
        "--delays-wills",
        action="store_true",
        help="publish a will of MQTT 5 after its Will Delay Interval, which AWS IoT does not list",
    )
    parser.add_argument(
        "--exit-with-stdin",
        action="store_true",
        help="stop when standard input ends, that is, with the process that started the server",
    )


def port_number(text: str) -> int:
    """Read a port from the command line.

    Raises:
        argparse.ArgumentTypeError: the text is not a port number.
    """
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise ArgumentTypeError(f"{text!r} is not a valid port: a port is a number from 0 to 65535")
    return int(text)


def _handler(text: str) -> tuple[str, Callable[..., Any]]:
    """Import the callable of ``name=package.module:function``."""
    function, equals, place = text.partition("=")
    module, colon, attribute = place.partition(":")
    if not (function and equals and module and colon and attribute):
        raise ArgumentTypeError(
            f"{text!r} is not NAME=PACKAGE.MODULE:FUNCTION, such as activate=functions.jitr:handler"
        )
    # As `python -m` does: the code under test is where the server is started.
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        target: Any = importlib.import_module(module)
        for name in attribute.split("."):
            target = getattr(target, name)
    except Exception as error:  # an error of the module, which may do anything when it is imported
        raise ArgumentTypeError(
            f"cannot import {place} for {function}: {type(error).__name__}: {error}"
        ) from None
    return function, target


def _register(function: str, handler: Callable[..., Any]) -> None:
    from moto_jitp.aws.lambda_functions import register_handler

    try:
        register_handler(function, handler)
    except (TypeError, ValueError) as error:
        raise CommandFailed(f"--lambda {function}: {error}", USAGE) from None


def _byte_count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ArgumentTypeError(f"{text!r} is not a valid number of bytes")
    return int(text)


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(read_text(text[1:]) if text.startswith("@") else text)
    except CommandFailed as failure:
        raise ArgumentTypeError(str(failure)) from None
    except json.JSONDecodeError as error:
        body = error.doc
        advice = json_slips.slip(body, error)
        excerpt = "\n  ".join(json_slips.pointed_at(body, error))
        raise ArgumentTypeError(
            f"this is not a JSON object: {error.msg}. {advice}\n  {excerpt}"
        ) from None
    except (ValueError, RecursionError) as error:
        raise ArgumentTypeError(f"this is not a JSON object: {error}") from None
    if not isinstance(value, dict):
        raise ArgumentTypeError(f"{text!r} is not a JSON object")
    return value


def run(arguments: Namespace) -> int:
    try:
        from moto_jitp.server import ThreadedJitpServer
        from moto_jitp.server.logs import write_log
    except ImportError as error:
        raise CommandFailed(str(error)) from None
    if arguments.mqtt_port is not None and not extras.is_installed("mqtt"):
        raise CommandFailed(f"The device endpoint needs an extra: {extras.command_for('mqtt')}")
    of_endpoint = {
        "--alpn-port": arguments.alpn_port is not None,
        "--https-port": arguments.https_port is not None,
        "--delays-wills": arguments.delays_wills,
    }
    for option, is_used in of_endpoint.items():
        if is_used and arguments.mqtt_port is None:
            raise CommandFailed(f"{option} needs --mqtt-port: 0 picks a free one.", USAGE)
    config = {"jitp": arguments.config}
    try:
        server = ThreadedJitpServer(
            arguments.host,
            arguments.port,
            config,
            ssl_context=_ssl_context(arguments),
            max_body_bytes=arguments.max_body_bytes,
            allowed_hosts=arguments.allowed_hosts,
        )
    except ValueError as error:
        raise CommandFailed(str(error), USAGE) from None
    for function, handler in arguments.handlers:
        _register(function, handler)
    write_log(arguments.log_format)
    if arguments.reload:
        return _run_with_reloader(server, arguments)
    return _serve(server, arguments)


def _serve(server: ThreadedJitpServer, arguments: Namespace) -> int:
    # Reentrant, so that a signal handler may use it.
    stops: queue.SimpleQueue[str] = queue.SimpleQueue()
    # Before listening, and explicitly: a script's background job inherits SIGINT as ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: stops.put(signal.Signals(number).name))
    endpoint = _start(server, arguments)
    if arguments.exit_with_stdin:
        reader = threading.Thread(target=_wait_for_end_of_input, args=(stops,), daemon=True)
        reader.start()
    _wait(stops)
    if endpoint is not None:
        endpoint.stop()
    server.stop()
    return OK


def _start(server: ThreadedJitpServer, arguments: Namespace) -> DeviceEndpoint | None:
    """Start the server, and the device endpoint if requested."""
    with _listening(arguments.host, arguments.port, "--port"):
        server.start()
    # Parts of moto that call the server themselves read this.
    os.environ["MOTO_PORT"] = str(server.port)
    if arguments.handlers:
        _lead_functions_here(server.endpoint_url)
    endpoint = None
    if arguments.mqtt_port is not None:
        try:
            endpoint = _start_endpoint(arguments)
        except BaseException:
            server.stop()
            raise
    _announce(arguments.host, server.endpoint_url, endpoint, arguments.log_format)
    return endpoint


def _start_endpoint(arguments: Namespace) -> DeviceEndpoint:
    from moto_jitp.endpoint.device_endpoint import DeviceEndpoint

    # Devices must connect to the name, so that they send it as server name.
    host = "localhost" if arguments.host in ("127.0.0.1", "::1") else arguments.host
    try:
        endpoint = DeviceEndpoint(
            host,
            arguments.mqtt_port,
            alpn_port=arguments.alpn_port,
            https_port=arguments.https_port,
            names=arguments.mqtt_host,
            delays_wills=arguments.delays_wills,
        )
    except ValueError as error:
        raise CommandFailed(str(error), USAGE) from None
    requested_ports = (arguments.mqtt_port, arguments.alpn_port, arguments.https_port)
    ports = [port for port in requested_ports if port is not None]
    try:
        with _listening(host, " or ".join(map(str, ports)), "--mqtt-port"):
            return endpoint.start()
    except ModuleNotFoundError as error:
        raise CommandFailed(str(error)) from None


@contextlib.contextmanager
def _listening(host: str, port: int | str, option: str) -> Iterator[None]:
    """Report a port on which the server cannot listen."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        advice = ""
        if error.errno == errno.EADDRINUSE:
            advice = (
                f". Stop the process that listens there, or choose another port: {option} 0 picks "
                "a free one"
            )
        raise CommandFailed(f"cannot listen on {host}:{port}: {reason}{advice}.") from None


def _lead_functions_here(url: str) -> None:
    """Send handlers' AWS calls to this server, as Lambda's environment sends them to AWS."""
    os.environ.setdefault("AWS_ENDPOINT_URL", url)
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ.setdefault(name, "moto-jitp")


def _reach(host: str) -> str:
    """What the first line says about who can reach the server."""
    if host in ("127.0.0.1", "::1", "localhost"):
        return ""
    return (
        f" (on {host}, where other machines can reach it: anyone who does can call AWS, connect "
        "devices, and read and reset the state)"
    )


def _announce(host: str, url: str, endpoint: DeviceEndpoint | None, log_format: str) -> None:
    if log_format == "json":
        announcement: dict[str, Any] = {
            "event": "listening",
            "endpointUrl": url,
            "pid": os.getpid(),
        }
        if endpoint is not None:
            announcement |= {
                "mqttHost": endpoint.host,
                "mqttPort": endpoint.port,
                "alpnPort": endpoint.alpn_port,
                "httpsPort": endpoint.https_port,
                "rootCaPath": str(endpoint.root_ca_path),
            }
        say(json.dumps(announcement))
    else:
        say(
            f"moto_jitp listens on {url}{_reach(host)}",
            f"  AWS CLI: aws --endpoint-url {url} iot list-ca-certificates",
            f"  boto3:   boto3.client('iot', endpoint_url='{url}')",
            f"  browser: {url}/moto-api/jitp/",
        )
        if endpoint is not None:
            ports = f"port {endpoint.port}"
            if endpoint.alpn_port is not None:
                ports += f", and with ALPN port {endpoint.alpn_port}"
            say(
                f"  devices: MQTT over mutual TLS on host {endpoint.host}, {ports}",
                *_https_lines(endpoint),
                f"    root certificate: {endpoint.root_ca_path}",
                f"                      {url}/moto-api/jitp/endpoint/root.pem",
            )
    sys.stdout.flush()


def _https_lines(endpoint: DeviceEndpoint) -> list[str]:
    if endpoint.https_port is None:
        return []
    return [f"    HTTPS: {endpoint.https_url}/topics/… and /role-aliases/…/credentials"]


def _wait(stops: queue.SimpleQueue[str]) -> None:
    while True:
        try:
            # On Windows Ctrl-C would not interrupt an endless wait.
            stops.get(timeout=1.0)
        except queue.Empty:
            continue
        return


def _wait_for_end_of_input(stops: queue.SimpleQueue[str]) -> None:
    while os.read(sys.stdin.fileno(), 65536):
        pass
    stops.put("end of standard input")


def _ssl_context(arguments: Namespace) -> ssl.SSLContext | None:
    from werkzeug.serving import generate_adhoc_ssl_context, load_ssl_context

    certificate, key = arguments.ssl_cert, arguments.ssl_key
    if bool(certificate) != bool(key):
        raise CommandFailed("--ssl-cert and --ssl-key must be given together.", USAGE)
    if certificate:
        try:
            return load_ssl_context(certificate, key)
        except OSError as error:  # including ssl.SSLError
            raise CommandFailed(f"cannot use {certificate} and {key}: {error}.") from None
    return generate_adhoc_ssl_context() if arguments.ssl else None


def _run_with_reloader(server: ThreadedJitpServer, arguments: Namespace) -> int:
    """Serve in a child process, which werkzeug restarts after each change of a source file."""
    from werkzeug._reloader import run_with_reloader

    if arguments.exit_with_stdin:
        raise CommandFailed("--reload and --exit-with-stdin cannot be combined.", USAGE)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run_with_reloader(lambda: _serve_in_thread(server, arguments))
    return OK


def _serve_in_thread(server: ThreadedJitpServer, arguments: Namespace) -> None:
    try:
        _start(server, arguments)
    except CommandFailed as failure:
        complain(str(failure))
        # The reloader in the main thread would wait for a change that never comes.
        os._exit(failure.code)
    threading.Event().wait()
