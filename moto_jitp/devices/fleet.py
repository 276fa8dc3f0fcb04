"""What a connected device asks of fleet provisioning, answered over its own connection.

https://docs.aws.amazon.com/iot/latest/developerguide/fleet-provision-api.html
"""

from __future__ import annotations

from moto_jitp.broker.message_broker import publish_as_aws
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.iot.models import JitpIoTBackend
from moto_jitp.iot.provisioning.fleet.api import answer_request
from moto_jitp.iot.provisioning.fleet.fleet_provisioning import FleetClient
from moto_jitp.mqtt.topics import FleetRequest

from .recording import record_fleet_call


def carry_out(
    backend: JitpIoTBackend,
    session: ConnectionAttempt,
    topic: str,
    request: FleetRequest,
    payload: bytes,
) -> None:
    """Carry out a request and publish the answer, which this connection alone receives.

    Args:
        backend: the account and Region.
        session: the accepted attempt that the connection goes back to.
        topic: the request's topic.
        request: what the topic says.
        payload: the request.
    """
    claim = backend.certificates.presented_as(session.certificate_id)
    claim_id = claim.certificate_id if claim is not None else session.certificate_id
    client = FleetClient(claim_id, session.client_id)
    answer = answer_request(backend, request, payload, client)
    record_fleet_call(backend, session, request, answer, claim_id)
    publish_as_aws(backend, f"{topic}/{answer.topic_end}", answer.message, to=session.sequence)
