"""A device beside the server: a CA is registered, a bulb connects and is provisioned.

``compose.yaml`` runs it in a container; elsewhere ``AWS_ENDPOINT_URL`` says where the server is.
"""

from __future__ import annotations

import json
import os
import urllib.request

import boto3

from moto_jitp import CertificateAuthority

TEMPLATE = {
    "Resources": {
        "thing": {
            "Type": "AWS::IoT::Thing",
            "Properties": {"ThingName": {"Ref": "AWS::IoT::Certificate::CommonName"}},
        },
        "certificate": {
            "Type": "AWS::IoT::Certificate",
            "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}},
        },
    },
}


def main() -> None:
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    iot = boto3.client("iot")
    ca = CertificateAuthority(common_name="Acme Root")
    ca.register(iot, template_body=TEMPLATE)
    bulb = ca.issue(common_name="bulb-1")

    request = urllib.request.Request(
        f"{endpoint}/moto-api/jitp/connect",
        data=json.dumps({"certificatePem": bulb.certificate_pem}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        outcome = json.load(answer)
    if not outcome["accepted"]:
        raise SystemExit(outcome["explanation"])
    print("provisioned:", iot.describe_thing(thingName=outcome["thingName"])["thingName"])


if __name__ == "__main__":
    main()
