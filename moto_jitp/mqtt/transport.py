"""The transport of a client's MQTT connection, with the options of its CONNECT."""

from __future__ import annotations

from typing import NamedTuple

from .limits import AWS_LIMITS
from .packets import Version, Will


class Transport(NamedTuple):
    """The connection of a client, as its CONNECT arrives.

    Attributes:
        address: the client's IP address.
        port: the client's port; 0 for a device in the process, which has none.
        target_port: the port of the endpoint that it reached.
        protocol: the protocol in log entries and metrics: ``MQTT``, or ``HTTP`` for a request.
        version: the version of MQTT.
        clean: whether the client requests a session that ends with the connection.
        will: the message to publish if the connection ends unexpectedly; ``None`` for none.
        keep_alive: the keep alive in force, in seconds.
        session_expiry: how many seconds the session outlives the connection.
    """

    address: str
    port: int
    target_port: int = 8883
    protocol: str = "MQTT"
    version: Version = Version.MQTT_3_1_1
    clean: bool = True
    will: Will | None = None
    keep_alive: int = AWS_LIMITS.longest_keep_alive
    session_expiry: int = 0

    @property
    def connect_attributes(self) -> tuple[str, ...]:
        """The values of the policy key ``iot:ConnectAttributes`` for the CONNECT.

        https://docs.aws.amazon.com/iot/latest/developerguide/connect-policy.html
        """
        if self.clean and self.will is None:
            return ()
        is_used = {"PersistentConnect": not self.clean, "LastWill": self.will is not None}
        return tuple(name for name, used in is_used.items() if used)


SIMULATED = Transport("127.0.0.1", 0, version=Version.MQTT_5)
"""The transport of a device within the test's process, or over the server's routes."""
