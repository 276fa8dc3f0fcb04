"""Helpers for tests of fleet provisioning: a template, and a device with a claim certificate."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from moto_jitp import DeviceIdentity, connect_device
from moto_jitp.devices import DeviceConnection
from support.bodies import ROLE
from support.cloud import ACCOUNT, client
from support.device_doors import Door
from support.roles import TRUST, create_role

CREATE_KEYS = "$aws/certificates/create"
CREATE_FROM_CSR = "$aws/certificates/create-from-csr"
TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "SerialNumber": {"Type": "String"},
        "Location": {"Type": "String", "Default": "Seattle"},
    },
    "Mappings": {
        "Urls": {
            "Seattle": {"Url": "https://seattle.example.com"},
            "Seoul": {"Url": "https://seoul.example.com"},
        }
    },
    "Resources": {
        "thing": {
            "Type": "AWS::IoT::Thing",
            "Properties": {"ThingName": {"Fn::Join": ["-", ["bulb", {"Ref": "SerialNumber"}]]}},
        },
        "certificate": {
            "Type": "AWS::IoT::Certificate",
            "Properties": {
                "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
                "Status": "Active",
            },
        },
    },
    "DeviceConfiguration": {"url": {"Fn::FindInMap": ["Urls", {"Ref": "Location"}, "Url"]}},
}

#: moto's setting for running functions without a container.
SIMPLE = {"lambda": {"use_docker": False}}
HOOK_FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:gatekeeper"
HOOK_PERMISSION = {
    "FunctionName": "gatekeeper",
    "StatementId": "iot",
    "Action": "lambda:InvokeFunction",
    "Principal": "iot.amazonaws.com",
}


def make_template(name: str = "bulbs", body: Any = TEMPLATE, **options: Any) -> str:
    """Store an enabled fleet provisioning template; return its name."""
    client().create_provisioning_template(
        templateName=name,
        templateBody=json.dumps(body),
        provisioningRoleArn=ROLE,
        **{"enabled": True, **options},
    )
    return name


def claim_certificate() -> Any:
    """A claim certificate: the answer of CreateKeysAndCertificate."""
    return client().create_keys_and_certificate(setAsActive=True)


class ClaimDevice:
    """A device that is connected with a claim certificate and requests one of its own."""

    def __init__(self, claim: Any = None, *, door: Door | None = None, **options: Any) -> None:
        self.claim = claim or claim_certificate()
        self.connection: DeviceConnection = (
            connect_device(self.claim["certificatePem"], **options)
            if door is None
            else door.claim(self.claim, **options)
        )
        self.connection.subscribe("$aws/certificates/+/+/+")
        self.connection.subscribe("$aws/provisioning-templates/+/provision/+/+")

    def ask(self, topic: str, request: Any = None) -> tuple[str, dict[str, Any]]:
        """Publish a request in JSON; return ``accepted`` or ``rejected``, and the answer."""
        payload = b"" if request is None else json.dumps(request).encode()
        outcome, answer = self.ask_in_bytes(f"{topic}/json", payload)
        return outcome, json.loads(answer) if isinstance(answer, bytes) else answer

    def ask_in_bytes(self, topic: str, payload: bytes) -> tuple[str, Any]:
        """Publish an encoded request; return ``accepted`` or ``rejected``, and the payload."""
        self.connection.publish(topic, payload)
        answer = self.connection.receive()
        assert answer.topic.startswith(f"{topic}/"), answer
        return answer.topic.rpartition("/")[2], answer.payload

    def accepted(self, topic: str, request: Any = None) -> dict[str, Any]:
        """Publish a request that should be accepted; return the answer."""
        outcome, answer = self.ask(topic, request)
        assert outcome == "accepted", answer
        return answer

    def register(self, token: str, template: str = "bulbs", **parameters: str) -> tuple[str, Any]:
        """Request the execution of the template; return the outcome and the answer."""
        request = {"certificateOwnershipToken": token, "parameters": parameters}
        return self.ask(f"$aws/provisioning-templates/{template}/provision", request)


def identity(answer: dict[str, Any]) -> DeviceIdentity:
    """The device in an answer of CreateKeysAndCertificate of the MQTT API."""
    return DeviceIdentity.from_pem(answer["certificatePem"], answer["privateKey"])


def make_hook_function(*, allowed: bool = True) -> None:
    """Make the Lambda function of a hook; moto runs it without a container by SIMPLE."""
    role_arn = create_role(
        {**TRUST, "Principal": {"Service": "lambda.amazonaws.com"}}, RoleName="lambda"
    )
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("gatekeeper.py", "def handler(event, context): return {}")
    client(service="lambda").create_function(
        FunctionName="gatekeeper",
        Runtime="python3.11",
        Role=role_arn,
        Handler="gatekeeper.handler",
        Code={"ZipFile": code.getvalue()},
    )
    if allowed:
        client(service="lambda").add_permission(**HOOK_PERMISSION)
