"""``DeviceConnection``: an accepted connection of a device, as a test uses it.

It is the interface to a session in this process (``session_connection``) or at a server
(``moto_jitp.remote``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType

from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.messages import Event
from moto_jitp.history.runs import ProvisioningRun

from .authorization import NotAuthorized


class DeviceConnection(ABC):
    """A device's accepted connection; usable in a ``with`` block, which disconnects at its end.

    With ``enforce_policies`` each operation needs the permission of an IoT policy. A refused
    operation raises :class:`NotAuthorized` and leaves the connection open, so that a test can try
    the next; AWS IoT ends an MQTT 3.1.1 connection that publishes without permission.

    Attributes:
        certificate_id: the id of the device's certificate.
        certificate_arn: its ARN.
        client_id: the MQTT client id.
        thing_name: the thing that the certificate is attached to; ``None`` where there is none.
        attempts: every attempt up to the accepted one, oldest first.

    Examples:
        >>> with connect_device(bulb) as connection:
        ...     subscription = connection.subscribe("commands/#")
        ...     connection.publish("commands/on", "now")
        ...     connection.receive().payload
        b'now'
    """

    certificate_id: str
    certificate_arn: str
    client_id: str
    thing_name: str | None
    attempts: tuple[ConnectionAttempt, ...]

    @property
    @abstractmethod
    def provisioning(self) -> ProvisioningRun | None:
        """The last provisioning run that this connection set off.

        Either just in time, when it was made, or by RegisterThing of fleet provisioning; ``None``
        if there was none.
        """

    @property
    @abstractmethod
    def connected(self) -> bool:
        """Whether the connection is open.

        It ends with :meth:`disconnect`, when a newer connection uses its client ID, as soon as its
        certificate is no longer ACTIVE (AWS IoT takes some minutes), and with the outermost
        ``mock_jitp`` block.
        """

    @abstractmethod
    def publish(self, topic: str, payload: bytes | str, *, retain: bool = False) -> None:
        """Publish a message, which subscribers receive and ``iot-data`` can retain.

        Requests to shadows (such as ``$aws/things/<thing>/shadow/update``) are carried out by
        moto's shadows and answered on ``…/accepted`` or ``…/rejected``, and so are requests to
        fleet provisioning (such as ``$aws/certificates/create/json``), whose answers only this
        connection receives. It needs ``iot:Publish``.

        Args:
            topic: an MQTT topic, without wildcards, of at most 256 bytes and 7 slashes.
            payload: bytes, or text that is sent as UTF-8; at most 128 KB.
            retain: keep the message for clients that subscribe to exactly this topic later;
                an empty one deletes the retained message. It also needs ``iot:RetainPublish``.

        Raises:
            ConnectionError: the connection has ended.
            NotAuthorized: policies are enforced and do not allow it.
            ValueError: the topic is empty, has a wildcard, is too long, or is reserved so that
                clients cannot publish on it.
            TypeError: topic or payload has the wrong type.
            ModuleNotFoundError: the topic asks for CBOR, and the extra ``[mqtt]`` is not installed.
            TimeoutError: the PUBACK is lost, on demand.

        Examples:
            >>> connect_device(bulb).publish("sensors/1", b"21", retain=True)

        See https://docs.aws.amazon.com/iot/latest/developerguide/mqtt.html
        """

    @abstractmethod
    def subscribe(
        self, topic_filter: str, handler: Callable[..., object] | None = None
    ) -> DeviceSubscription:
        """Receive messages of this account and Region from now on, and the retained one.

        It needs ``iot:Subscribe`` for the filter and ``iot:Receive`` for the topic of each message.
        A message whose receipt is not allowed does not arrive: the handler is not called, and
        :attr:`undelivered` says why.

        As in MQTT (3.1.1, section 3.8.4), a second subscription to the same filter replaces the
        first and its handler, and delivers the retained message again. A message that two
        different filters match arrives for each of them.

        Every payload is bytes, as an MQTT client receives it: what AWS IoT itself publishes, such
        as the answers of shadows, is JSON, for ``json.loads(payload)``.

        Args:
            topic_filter: an MQTT topic filter; ``sensor/#`` does not match ``sensor`` itself.
            handler: called with the :class:`moto_jitp.Event`, or with topic and payload if it takes
                two arguments; in the publisher's thread. Without it messages wait for
                :meth:`receive`.

        Returns:
            The subscription, whose ``cancel()`` unsubscribes.

        Raises:
            ConnectionError: the connection has ended.
            NotAuthorized: policies are enforced and do not allow it.
            ValueError: the filter is not a valid topic filter, or is a shared subscription;
                or it would be the connection's 51st, for which AWS IoT ends the connection.
            TypeError: the filter is not text, or the handler cannot be called.
            TimeoutError: the SUBACK is lost, as the connection is half-open on demand.

        Examples:
            >>> connection, heard = connect_device(bulb), []
            >>> subscription = connection.subscribe("sensors/+", heard.append)
            >>> connection.publish("sensors/1", b"21")
            >>> heard[0].topic
            'sensors/1'
        """

    @abstractmethod
    def receive(self, timeout: float | None = None) -> Event:
        """Return the next message of the subscriptions without a handler, oldest first.

        Its payload is bytes, even if AWS IoT itself published it; see :meth:`subscribe`.

        A published message is available at once; the only thing to wait for is a message that
        another thread is about to publish.

        Args:
            timeout: seconds to wait for a message; ``None`` not to wait.

        Raises:
            ConnectionError: the connection has ended, and no message is left.
            NotAuthorized: the next message has arrived on a topic that the policies do not let the
                device receive from. The next call returns the message after it.
            TimeoutError: there is no message.

        Examples:
            >>> connection = connect_device(bulb)
            >>> connection.receive()
            Traceback (most recent call last):
            ...
            TimeoutError: ...
        """

    @property
    @abstractmethod
    def undelivered(self) -> tuple[NotAuthorized, ...]:
        """Why messages for this device did not arrive: ``iot:Receive`` was not allowed."""

    @property
    @abstractmethod
    def subscriptions(self) -> tuple[DeviceSubscription, ...]:
        """The device's subscriptions, in the order in which they were made."""

    @abstractmethod
    def disconnect(self) -> None:
        """End the connection and its subscriptions; a second call does nothing."""

    def __enter__(self) -> DeviceConnection:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.disconnect()

    def __repr__(self) -> str:
        state = "connected" if self.connected else "disconnected"
        return f"<DeviceConnection {self.client_id!r} {state}>"


class DeviceSubscription(ABC):
    """A device's subscription.

    It ends with :meth:`cancel`, with a newer subscription to the same filter, and with its
    connection.

    Attributes:
        topic_filter: the MQTT topic filter.
        handler: the function called with each message; ``None`` if messages wait for ``receive()``.
    """

    topic_filter: str
    handler: Callable[..., object] | None

    @abstractmethod
    def cancel(self) -> None:
        """Unsubscribe; a second call does nothing."""
