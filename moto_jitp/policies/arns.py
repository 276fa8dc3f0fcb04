"""Resource ARNs of the data plane, to which IoT policies refer.

Which action goes with which resource is in the developer guide's page on action resources:
``iot:Connect`` with a client, ``iot:Publish``, ``iot:Receive`` and ``iot:RetainPublish`` with a
topic, ``iot:Subscribe`` with a topic filter, shadow and job actions with a thing.
"""

from __future__ import annotations


def client_arn(partition: str, region: str, account: str, client_id: str) -> str:
    """The resource of ``iot:Connect``.

    Args:
        partition: ``aws``, ``aws-cn`` or ``aws-us-gov``.
        region: such as ``eu-west-1``.
        account: twelve digits.
        client_id: the MQTT client ID.
    """
    return f"arn:{partition}:iot:{region}:{account}:client/{client_id}"


def topic_arn(partition: str, region: str, account: str, topic: str) -> str:
    """The resource of ``iot:Publish``, ``iot:Receive`` and ``iot:RetainPublish``."""
    return f"arn:{partition}:iot:{region}:{account}:topic/{topic}"


def topic_filter_arn(partition: str, region: str, account: str, topic_filter: str) -> str:
    """The resource of ``iot:Subscribe``; ``+`` and ``#`` of the filter are unchanged."""
    return f"arn:{partition}:iot:{region}:{account}:topicfilter/{topic_filter}"


def role_alias_arn(partition: str, region: str, account: str, alias_name: str) -> str:
    """The resource of ``iot:AssumeRoleWithCertificate``."""
    return f"arn:{partition}:iot:{region}:{account}:rolealias/{alias_name}"


def thing_arn(
    partition: str, region: str, account: str, thing_name: str, shadow_name: str | None = None
) -> str:
    """The resource of shadow and job actions; ``shadow_name`` for a named shadow."""
    suffix = "" if shadow_name is None else f"/{shadow_name}"
    return f"arn:{partition}:iot:{region}:{account}:thing/{thing_name}{suffix}"
