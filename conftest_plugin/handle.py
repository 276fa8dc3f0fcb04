"""``Jitp``: what the fixture ``jitp`` gives to a test."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import TYPE_CHECKING, Any

from .description import DeviceDescription, describe

if TYPE_CHECKING:
    from moto_jitp import (
        CertificateAuthority,
        ConnectionAttempt,
        DeviceConnection,
        DeviceIdentity,
        Event,
        JitpHandle,
    )
    from moto_jitp.history.rule_runs import RuleRun

    from .description import Device


class Jitp:
    """AWS with just-in-time provisioning for one test, with a CA that is ready.

    Attributes:
        iot: a boto3 client for ``iot`` in the test's Region.
        ca: the test's CA, registered.
        region: the test's Region.
        mock: the handle of the ``mock_jitp`` block.
    """

    def __init__(self, mock: JitpHandle, iot: Any, ca: CertificateAuthority) -> None:
        self.mock = mock
        self.iot = iot
        self.ca = ca
        self.region: str = iot.meta.region_name

    if not TYPE_CHECKING:  # so that a type checker knows the attributes that exist

        def __getattr__(self, name: str) -> Any:
            from moto_jitp.names import did_you_mean

            public_names = [name for name in dir(self) if not name.startswith("_")]
            text = f"{type(self).__name__!r} object has no attribute {name!r}."
            if not name.startswith("_") and hasattr(type(self.__dict__.get("mock")), name):
                text = (
                    f"{name} belongs to the handle that mock_jitp returns; the fixture jitp has it "
                    f"as jitp.mock: use jitp.mock.{name}."
                )
                raise AttributeError(text)
            raise AttributeError(did_you_mean(name, public_names, after=text))

    def client(self, service: str, **options: Any) -> Any:
        """Make a boto3 client in the test's Region.

        Args:
            service: such as ``"iot-data"`` or ``"cloudwatch"``.
            **options: further arguments of ``boto3.client``.
        """
        import boto3

        return boto3.client(service, **{"region_name": self.region, **options})

    def issue(self, *common_name: str | None, **fields: Any) -> DeviceIdentity:
        """Issue a device from the test's CA.

        Args:
            *common_name: the subject's CN; by default a unique one.
            **fields: the arguments of :meth:`moto_jitp.CertificateAuthority.issue`, including
                ``common_name``.

        Raises:
            ValueError: a field has a value that X.509 does not allow.
            TypeError: there is no such field.
        """
        return self.ca.issue(*common_name, **fields)

    def connect(
        self, device: DeviceIdentity | str | bytes | PathLike[str], **options: Any
    ) -> DeviceConnection:
        """Connect a device, as :func:`moto_jitp.connect_device` does.

        Args:
            device: the device, or its certificate as PEM text or bytes.
            **options: ``endpoint``, ``server_name``, ``client_id``, ``reconnect``.

        Raises:
            ConnectionRefused: AWS IoT did not let the device in; the error says why.
        """
        from moto_jitp import connect_device

        return connect_device(device, **options)

    def describe(self, device: Device) -> DeviceDescription:
        """Return what AWS IoT knows about a device: thing, policies, groups, status and more.

        Args:
            device: the device, its connection, its certificate as PEM text or bytes, or the
                certificate's id.
        """
        return describe(self.iot, device)

    @property
    def connections(self) -> tuple[ConnectionAttempt, ...]:
        """All connection attempts of this test so far, oldest first."""
        return self.mock.connections

    @property
    def events(self) -> tuple[Event, ...]:
        """All that AWS IoT and devices have published in this test so far, oldest first."""
        return self.mock.events

    @property
    def rules(self) -> tuple[RuleRun, ...]:
        """What topic rules have done in this test so far, for each message and rule."""
        return self.mock.rules

    def lambda_handler(self, function_name_or_arn: str, handler: Callable[..., Any]) -> Any:
        """Use a Python callable in place of a Lambda function, until the test ends.

        Args:
            function_name_or_arn: the function's name or its ARN.
            handler: called with the event and a context like Lambda's, or with the event alone if
                it takes one argument; by topic rules, as a pre-provisioning hook and by
                ``aws_lambda()``.

        Returns:
            The registration; its ``cancel()`` ends it sooner.
        """
        return self.mock.lambda_handler(function_name_or_arn, handler)

    def subscribe(self, topic_filter: str, handler: Callable[..., Any]) -> Any:
        """Call a handler for each message on matching topics, until the test ends.

        Args:
            topic_filter: an MQTT topic filter, such as ``$aws/events/certificates/registered/+``.
            handler: called with the event, or with topic and payload if it takes two arguments.

        Returns:
            The subscription; its ``cancel()`` ends it sooner.
        """
        return self.mock.subscribe(topic_filter, handler)

    def fail(
        self, operation: str, error: str | Exception, times: int | None = 1, **options: Any
    ) -> Any:
        """Make an AWS IoT operation fail, as :meth:`moto_jitp.JitpHandle.fail` does.

        Each attempt of boto3's counts as a call, and ``iot`` tries as often as boto3 does by
        default: an error on which boto3 tries again, such as ``ThrottlingException``, reaches the
        caller with ``times=None``, or with a client made by ``jitp.client("iot",
        config=Config(retries={"total_max_attempts": 1}))``.

        Args:
            operation: its name, such as ``CreateThing``.
            error: the error's code, such as ``ThrottlingException``, or a ``ClientError``.
            times: how many calls fail; ``None`` for all.
            **options: ``message``, the error text.
        """
        return self.mock.fail(operation, error, times, **options)

    def disturb(
        self, kind: str, client_id: str | None = None, times: int | None = 1, **options: Any
    ) -> Any:
        """Have something go wrong on connections, as :meth:`moto_jitp.JitpHandle.disturb` does.

        Args:
            kind: ``"delay"``, ``"drop"``, ``"half-open"``, ``"lose-puback"``, ``"throttle"`` or
                ``"slow-provisioning"``.
            client_id: the MQTT client id whose connections are disturbed; ``None`` for all.
            times: how many connections are disturbed; ``None`` for all.
            **options: ``every``, ``seconds`` and ``packets``; see there.
        """
        return self.mock.disturb(kind, client_id, times, **options)

    def __repr__(self) -> str:
        return f"<Jitp {self.region}, {self.ca!r}>"
