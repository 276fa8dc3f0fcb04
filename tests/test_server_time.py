"""Provisioning that takes time, at a server: set through moto's own route."""

from __future__ import annotations

import json
from typing import Any

from support.servers import Api, post, provisioning_ca

from moto_jitp.server import ThreadedJitpServer


def set_transition(server: ThreadedJitpServer, transition: dict[str, Any]) -> None:
    answer = post(
        f"{server.endpoint_url}/moto-api/state-manager/set-transition",
        body=json.dumps({"model_name": "iot::jitp", "transition": transition}),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status == 201, answer.data


def test_a_setting_that_no_run_could_end_by_is_the_clients_mistake(
    server: ThreadedJitpServer,
) -> None:
    api = Api(server.endpoint_url)
    bulb = provisioning_ca(server.endpoint_url).issue(common_name="bulb", country="KR")
    set_transition(server, {"progression": "manual", "times": 100})
    assert api.connect(bulb)["reason"] == "DEVICE_CERTIFICATE_PENDING_ACTIVATION"

    set_transition(server, {"progression": "time", "seconds": "soon"})

    answer = api.post("/connect", {"certificatePem": bulb.certificate_pem}, status=400)
    assert answer["error"] == "InvalidRequest"
    assert '{"progression": "time", "seconds": 2}' in answer["message"]
    (attempt,) = api.get("/connections")["connections"]
    assert attempt["provisioning"]["status"] == "IN_PROGRESS"
    set_transition(server, {"progression": "immediate"})
    assert api.connect(bulb)["accepted"] is True
