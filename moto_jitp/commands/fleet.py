"""``moto-jitp fleet``: connects many generated devices; prints rates and failures."""

from __future__ import annotations

import collections
import contextlib
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from .connect import add_server_options, control_client
from .demo import REGION, ROLE, THING_GROUPS, THING_TYPE, example_template
from .files import read_ca, read_text
from .output import FAILED, OK, CommandFailed, add_json_option, neutral_environment, say, say_json

if TYPE_CHECKING:
    from moto_jitp.endpoint.device_client import EndpointAddress
    from moto_jitp.history.attempts import ConnectionAttempt
    from moto_jitp.pki import CertificateAuthority, DeviceIdentity

HELP = "connect many generated devices and print rates, failures and percentiles"
DESCRIPTION = """\
Makes devices, connects each for the first time (and again, as AWS IoT has provisioned it), and says
how fast that went and why devices were refused. In this process, or against a running server with
--endpoint-url. A CA with AWS's example template is set up for them, unless --ca names one that is
registered already."""
EPILOG = """\
exit codes: 0 every device was accepted (but those of --without-country), 1 some were refused,
            2 wrong usage"""

_COUNTRY = "KR"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--devices", type=_positive, default=1000, metavar="N", help="how many (%(default)s)"
    )
    add_server_options(parser, default=None)
    parser.add_argument(
        "--mqtt",
        action="store_true",
        help="connect with MQTT over mutual TLS, as real devices: to the server's device endpoint, "
        "or to one in this process",
    )
    parser.add_argument(
        "--threads",
        type=_positive,
        default=2,
        metavar="N",
        help="how many connect at once to a server (%(default)s); more do not make it faster, "
        "since they wait for one another; always 1 in this process",
    )
    parser.add_argument(
        "--without-country",
        type=_percentage,
        default=0,
        metavar="PERCENT",
        help="how many certificates lack Country, so that the example template fails",
    )
    parser.add_argument("--template", metavar="FILE", help="your own template")
    parser.add_argument("--ca", metavar="DIRECTORY", help="a CA that is registered at the server")
    parser.add_argument("--region", default=REGION, help="the Region (%(default)s)")
    add_json_option(parser)


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 10_000_000):
        raise ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)


def _percentage(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 100):
        raise ArgumentTypeError(f"{text!r} is not a percentage from 0 to 100")
    return int(text)


class Result(NamedTuple):
    """What happened to one device.

    Attributes:
        reason: why it was refused; ``None`` if it was accepted.
        advice: what to change.
        seconds: how long both connections took together.
    """

    reason: str | None
    advice: str | None
    seconds: float


Connect = Callable[["DeviceIdentity"], Result]


def run(arguments: Namespace) -> int:
    if arguments.ca and not arguments.endpoint_url:
        raise CommandFailed("--ca needs --endpoint-url: no CA is registered in this process.")
    with neutral_environment():
        surroundings = _server(arguments) if arguments.endpoint_url else _this_process(arguments)
        with surroundings as (authority, connect):
            devices = _make(authority, arguments)
            began = time.perf_counter()
            results = _connect_all(devices, connect, arguments)
            seconds = time.perf_counter() - began
    report = _report(results, seconds)
    if arguments.json:
        say_json(report)
    else:
        _tell(report)
    wanted_refusals = sum(_lacks_country(number, arguments) for number in range(len(devices)))
    return OK if report["refused"] <= wanted_refusals else FAILED


@contextlib.contextmanager
def _this_process(arguments: Namespace) -> Generator[tuple[CertificateAuthority, Connect]]:
    import boto3

    from moto_jitp.devices import ConnectionRefused
    from moto_jitp.mock import mock_jitp
    from moto_jitp.where import connect_device

    def simulate(device: DeviceIdentity) -> Result:
        began = time.perf_counter()
        try:
            connect_device(device)
        except ConnectionRefused as refused:
            last = refused.attempts[-1]
            return Result(refused.reason.value, last.advice, time.perf_counter() - began)
        return Result(None, None, time.perf_counter() - began)

    with mock_jitp(), contextlib.ExitStack() as running:
        iot = boto3.client("iot", region_name=arguments.region)
        connect: Connect = simulate
        if arguments.mqtt:
            connect = running.enter_context(_endpoint_in_this_process())
        yield _set_up(iot, arguments), connect


@contextlib.contextmanager
def _endpoint_in_this_process() -> Generator[Connect]:
    """Provide a function that connects a device to a device endpoint of this process."""
    from moto_jitp.devices.attempts import observers
    from moto_jitp.endpoint.device_client import EndpointAddress
    from moto_jitp.endpoint.device_endpoint import DeviceEndpoint

    last: dict[str, ConnectionAttempt] = {}

    def note(attempt: ConnectionAttempt) -> None:
        last[attempt.certificate_id] = attempt

    try:
        endpoint = DeviceEndpoint().start()
    except ModuleNotFoundError as error:
        raise CommandFailed(str(error)) from None
    observers.append(note)
    try:
        address = EndpointAddress(endpoint.host, endpoint.port, endpoint.root_ca_pem)
        yield _over_mqtt(address, lambda device: last.get(device.certificate_id))
    finally:
        observers.remove(note)
        endpoint.stop()


def _over_mqtt(
    address: EndpointAddress, last_of: Callable[[DeviceIdentity], ConnectionAttempt | None]
) -> Connect:
    """Return a function that connects a device with MQTT, and asks for the reason if it is refused.

    Args:
        address: the device endpoint.
        last_of: returns the last attempt of a device.
    """
    from moto_jitp.endpoint.device_client import connect_over_mqtt

    def connect(device: DeviceIdentity) -> Result:
        began = time.perf_counter()
        name = device.presented.common_name or device.certificate_id[:36]
        is_accepted = connect_over_mqtt(address, device, name)
        seconds = time.perf_counter() - began
        attempt = None if is_accepted else last_of(device)
        if is_accepted or attempt is None:
            return Result(None if is_accepted else "CONNECTION_LOST", None, seconds)
        return Result(str(attempt.reason), attempt.advice, seconds)

    return connect


@contextlib.contextmanager
def _server(arguments: Namespace) -> Generator[tuple[CertificateAuthority, Connect]]:
    import boto3
    from botocore.exceptions import BotoCoreError

    from moto_jitp.endpoint.device_client import endpoint_at
    from moto_jitp.remote.client import ControlError
    from moto_jitp.remote.connection import attempts_of_certificate, connect_body

    client = control_client(arguments, connections=arguments.threads)

    def simulate(device: DeviceIdentity) -> Result:
        began = time.perf_counter()
        outcome = client.post("connect", connect_body(device, None, None, None, True))
        return Result(outcome["reason"], outcome["advice"], time.perf_counter() - began)

    try:
        client.get("ready")
        connect: Connect = simulate
        if arguments.mqtt:
            connect = _over_mqtt(
                endpoint_at(client),
                lambda device: attempts_of_certificate(client, device.certificate_id)[-1],
            )
        if arguments.ca:
            yield read_ca(arguments.ca), connect
            return
        iot = boto3.client(
            "iot",
            region_name=arguments.region,
            endpoint_url=arguments.endpoint_url,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            verify=not arguments.no_verify_ssl,
        )
        yield _set_up(iot, arguments), connect
    except (ControlError, ConnectionError, BotoCoreError) as error:
        raise CommandFailed(str(error)) from None


def _set_up(iot: Any, arguments: Namespace) -> CertificateAuthority:
    """Register a CA with the template, and make what the example template refers to."""
    from botocore.exceptions import ClientError

    from moto_jitp.pki import CertificateAuthority

    body = read_text(arguments.template) if arguments.template else example_template()
    if not arguments.template:
        # A second fleet on the same server finds them there.
        with contextlib.suppress(iot.exceptions.ResourceAlreadyExistsException):
            iot.create_thing_type(thingTypeName=THING_TYPE)
        for group in THING_GROUPS:
            with contextlib.suppress(iot.exceptions.ResourceAlreadyExistsException):
                iot.create_thing_group(thingGroupName=group)
    authority = CertificateAuthority()
    try:
        authority.register(iot, template_body=body, role_arn=ROLE)
    except ClientError as error:
        raise CommandFailed(str(error)) from None
    return authority


def _make(authority: CertificateAuthority, arguments: Namespace) -> list[DeviceIdentity]:
    import secrets

    run = secrets.token_hex(3)  # two fleets on one server have things with different names
    devices = []
    for number in _with_progress(range(arguments.devices), "making", arguments.devices):
        country = None if _lacks_country(number, arguments) else _COUNTRY
        devices.append(
            authority.issue(f"fleet-{run}-{number}", country=country, serial_number=str(number))
        )
    return devices


def _lacks_country(number: int, arguments: Namespace) -> bool:
    """Spread them evenly: the given number of every hundred."""
    share: int = arguments.without_country
    return (number + 1) * share // 100 > number * share // 100


def _connect_all(
    devices: Sequence[DeviceIdentity], connect: Connect, arguments: Namespace
) -> list[Result]:
    if not (arguments.endpoint_url or arguments.mqtt):
        # Only one thread at a time can run Python; more would get in each other's way.
        return list(_with_progress(map(connect, devices), "connecting", len(devices)))
    with ThreadPoolExecutor(arguments.threads) as pool:
        results = pool.map(connect, devices)
        return list(_with_progress(results, "connecting", len(devices)))


def _report(results: Sequence[Result], seconds: float) -> dict[str, Any]:
    reasons = collections.Counter(result.reason for result in results if result.reason)
    advice = {result.reason: result.advice for result in reversed(results) if result.reason}
    times = sorted(result.seconds * 1000 for result in results)
    return {
        "devices": len(results),
        "seconds": round(seconds, 3),
        "devicesPerSecond": round(len(results) / seconds, 1) if seconds else None,
        "accepted": len(results) - sum(reasons.values()),
        "refused": sum(reasons.values()),
        "failures": [
            {"reason": reason, "count": count, "advice": advice[reason]}
            for reason, count in reasons.most_common()
        ],
        "milliseconds": {
            name: round(times[min(len(times) - 1, int(len(times) * share))], 3)
            for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))
        },
    }


def _tell(report: dict[str, Any]) -> None:
    say(
        f"{report['devices']} devices in {report['seconds']} s: "
        f"{report['devicesPerSecond']} devices per second",
        f"  accepted: {report['accepted']}",
        f"  refused:  {report['refused']}",
    )
    for failure in report["failures"]:
        say(f"    {failure['count']} x {failure['reason']}: {failure['advice']}")
    times = report["milliseconds"]
    say(
        "  milliseconds per device, both connections: "
        + ", ".join(f"{name} {value}" for name, value in times.items())
    )


_BAR = 30


def _with_progress(items: Iterable[Any], label: str, total: int) -> Generator[Any]:
    """Pass items on, and draw a bar on standard error if that is a terminal."""
    if not sys.stderr.isatty():
        yield from items
        return
    began = shown_at = time.perf_counter()
    for count, item in enumerate(items, 1):
        yield item
        now = time.perf_counter()
        if now - shown_at > 0.1 or count == total:
            shown_at = now
            bar = "#" * (_BAR * count // total)
            rate = count / (now - began or 1e-9)
            sys.stderr.write(f"\r{label} [{bar:<{_BAR}}] {count}/{total} {rate:.0f}/s ")
            sys.stderr.flush()
    sys.stderr.write("\n")


__all__ = ["Result", "add_arguments", "run"]
