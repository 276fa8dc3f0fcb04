# ruff: noqa: E501 - JSON as the guide has it
"""Template bodies that several tests use."""

from __future__ import annotations

import json
from typing import Any

ROLE = "arn:aws:iam::123456789012:role/JITPRole"

#: The example of AWS's guide to just-in-time provisioning. Its thing type and its groups
#: (``lightBulb-versionA``, ``v1-lightbulbs``, the country) must exist before a device comes.
GUIDE_BODY = r"""
{
  "Parameters": {
    "AWS::IoT::Certificate::CommonName": {
      "Type": "String"
    },
    "AWS::IoT::Certificate::SerialNumber": {
      "Type": "String"
    },
    "AWS::IoT::Certificate::Country": {
      "Type": "String"
    },
    "AWS::IoT::Certificate::Id": {
      "Type": "String"
    }
  },
  "Resources": {
    "thing": {
      "Type": "AWS::IoT::Thing",
      "Properties": {
        "ThingName": {
          "Ref": "AWS::IoT::Certificate::CommonName"
        },
        "AttributePayload": {
          "version": "v1",
          "serialNumber": {
            "Ref": "AWS::IoT::Certificate::SerialNumber"
          }
        },
        "ThingTypeName": "lightBulb-versionA",
        "ThingGroups": [
          "v1-lightbulbs",
          {
            "Ref": "AWS::IoT::Certificate::Country"
          }
        ]
      },
      "OverrideSettings": {
        "AttributePayload": "MERGE",
        "ThingTypeName": "REPLACE",
        "ThingGroups": "DO_NOTHING"
      }
    },
    "certificate": {
      "Type": "AWS::IoT::Certificate",
      "Properties": {
        "CertificateId": {
          "Ref": "AWS::IoT::Certificate::Id"
        },
        "Status": "ACTIVE"
      }
    },
    "policy": {
      "Type": "AWS::IoT::Policy",
      "Properties": {
        "PolicyDocument": "{ \"Version\": \"2012-10-17\", \"Statement\": [{ \"Effect\": \"Allow\", \"Action\":[\"iot:Publish\"], \"Resource\": [\"arn:aws:iot:us-east-1:123456789012:topic/foo/bar\"] }] }"
      }
    }
  }
}
"""

#: The least that provisions a device: a thing named by the common name, and its certificate.
PLAIN_BODY = """
{
  "Parameters": {
    "AWS::IoT::Certificate::CommonName": {"Type": "String"},
    "AWS::IoT::Certificate::Id": {"Type": "String"}
  },
  "Resources": {
    "thing": {
      "Type": "AWS::IoT::Thing",
      "Properties": {"ThingName": {"Ref": "AWS::IoT::Certificate::CommonName"}}
    },
    "certificate": {
      "Type": "AWS::IoT::Certificate",
      "Properties": {
        "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
        "Status": "ACTIVE"
      }
    }
  }
}
"""


def plain_template(**policy: Any) -> dict[str, Any]:
    """The plain body as an object, with a policy of these properties."""
    template: dict[str, Any] = json.loads(PLAIN_BODY)
    template["Resources"]["policy"] = {"Type": "AWS::IoT::Policy", "Properties": policy}
    return template


def body(**resources: Any) -> str:
    """A template body with these resources; ``certificate`` is the device's unless given."""
    certificate = {
        "Type": "AWS::IoT::Certificate",
        "Properties": {
            "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
            "Status": "ACTIVE",
        },
    }
    return json.dumps({"Resources": {"certificate": certificate, **resources}})
