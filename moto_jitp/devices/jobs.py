"""A connected device's requests to jobs, answered over its own connection.

https://docs.aws.amazon.com/iot/latest/developerguide/jobs-mqtt-api.html
"""

from __future__ import annotations

import re

from moto_jitp.broker.message_broker import publish
from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.messages import AwsMessage
from moto_jitp.iot.jobs.topics_api import answer_request
from moto_jitp.iot.models import JitpIoTBackend


def carry_out(
    backend: JitpIoTBackend,
    attempt: ConnectionAttempt,
    topic: str,
    request: re.Match[str],
    payload: bytes,
) -> None:
    """Carry out a request and publish the answer, which only this connection receives.

    Args:
        backend: the account and Region.
        attempt: the accepted attempt that began the connection.
        topic: the request's topic.
        request: the parts of the topic: ``thing``, ``job`` and ``request``.
        payload: the body of the request.
    """
    end, answer = answer_request(
        backend.jobs_part,
        request["thing"],
        request["job"],
        request["request"],
        payload,
        client_id=attempt.client_id,
    )
    publish(backend, AwsMessage(f"{topic}/{end}", answer, receiver=attempt.attempt_id))
