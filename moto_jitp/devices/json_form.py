"""What happened to a device that connected, as a JSON object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from moto_jitp.history.attempts import ConnectionAttempt
from moto_jitp.history.explanation import explain_all
from moto_jitp.history.json_form import ATTEMPT, RUN, reason_field, run_from_json
from moto_jitp.history.runs import ProvisioningRun
from moto_jitp.json_shapes import (
    Shape,
    boolean,
    integer,
    objects,
    optional_object,
    optional_string,
    string,
)


class Outcome(NamedTuple):
    """What happened to a device that connected.

    Attributes:
        attempts: every attempt that it made, oldest first.
        certificate_arn: the ARN of its certificate, if registered.
        thing_name: the thing that the certificate is attached to, if any.
    """

    attempts: Sequence[ConnectionAttempt]
    certificate_arn: str
    thing_name: str | None

    @property
    def last(self) -> ConnectionAttempt:
        """The attempt that decided."""
        return self.attempts[-1]

    @property
    def provisioning(self) -> ProvisioningRun | None:
        """The newest provisioning run, if any."""
        runs = (attempt.provisioning for attempt in reversed(self.attempts) if attempt.provisioning)
        return next(runs, None)

    @property
    def explanation(self) -> str:
        """All of this as text for a terminal."""
        return explain_all(self.attempts)


OUTCOME = Shape(
    "Outcome",
    "What happened to a device that connected.",
    (
        boolean("accepted", "Whether the device is connected now.", lambda o: o.last.accepted),
        reason_field(lambda o: o.last.reason),
        string("message", "The final decision, in one sentence.", lambda o: o.last.message),
        optional_string("advice", "What to change, in one sentence.", lambda o: o.last.advice),
        integer(
            "connectionId",
            "The last attempt's id, for the routes connections/{id}.",
            lambda o: o.last.attempt_id,
        ),
        string("certificateId", "The id of its certificate.", lambda o: o.last.certificate_id),
        string("certificateArn", "The ARN of its certificate."),
        string("clientId", "The MQTT client ID.", lambda o: o.last.client_id),
        optional_string("thingName", "The thing that the certificate is attached to."),
        objects("attempts", ATTEMPT, lambda o: o.attempts, minItems=1),
        optional_object("provisioning", RUN, run_from_json),
        string("explanation", "All of it as text for a terminal."),
    ),
)
