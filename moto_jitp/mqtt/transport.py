"""What carries a client's MQTT connection, and what its CONNECT says of that connection."""

from __future__ import annotations

from typing import NamedTuple

from .limits import AWS_LIMITS
from .packets import Version, Will


class Transport(NamedTuple):
    """The connection of a client, as its CONNECT arrives.

    Attributes:
        address: the client's IP address.
        port: the client's port; 0 for a device in the process, which has none.
        target_port: the port of the endpoint that it has reached.
        protocol: the protocol in log entries and metrics: ``MQTT``, or ``HTTP`` for a request.
        version: the version of MQTT.
        clean: whether the client asks for a session that ends with the connection.
        will: the message that it leaves for the case that it ends unexpectedly; ``None`` for none.
        keep_alive: the keep alive in seconds that counts.
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
        """Which values of the policy key ``iot:ConnectAttributes`` the CONNECT has.

        https://docs.aws.amazon.com/iot/latest/developerguide/connect-policy.html
        """
        if self.clean and self.will is None:
            return ()
        is_used = {"PersistentConnect": not self.clean, "LastWill": self.will is not None}
        return tuple(name for name, used in is_used.items() if used)


SIMULATED = Transport("127.0.0.1", 0, version=Version.MQTT_5)
"""That of a device that lives in the process of the test, or acts over the server's routes."""
