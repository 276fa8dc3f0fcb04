"""A connected device's requests to fleet provisioning, answered over its own connection.

https://docs.aws.amazon.com/iot/latest/developerguide/fleet-provision-api.html
"""

from __future__ import annotations

from moto_jitp.broker.message_broker import HandingOnLater, publish
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.messages import AwsMessage
from moto_jitp.iot.models import JitpIoTBackend
from moto_jitp.iot.provisioning.fleet.api import answer_request
from moto_jitp.iot.provisioning.fleet.fleet_provisioning import FleetClient
from moto_jitp.mqtt.topics import FleetRequest

from .telemetry import record_fleet_call


def carry_out(
    backend: JitpIoTBackend,
    attempt: ConnectionAttempt,
    claim_id: str,
    topic: str,
    request: FleetRequest,
    payload: bytes,
) -> None:
    """Carry out a request and publish the answer, which only this connection receives.

    Args:
        backend: the account and Region.
        attempt: the accepted attempt that began the connection.
        claim_id: the id of the certificate that the client is connected with.
        topic: the request's topic.
        request: the request that the topic names.
        payload: the body of the request.
    """
    client = FleetClient(claim_id, attempt.client_id)
    with HandingOnLater():
        answer = answer_request(backend.fleet, request, payload, client)
        record_fleet_call(backend, attempt, request, answer, claim_id)
        answer_topic = f"{topic}/{answer.topic_end}"
        publish(backend, AwsMessage(answer_topic, answer.message, receiver=attempt.attempt_id))
