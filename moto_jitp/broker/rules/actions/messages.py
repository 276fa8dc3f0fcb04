"""Actions that forward the message to queues, topics and streams.

https://docs.aws.amazon.com/iot/latest/developerguide/sqs-rule-action.html
https://docs.aws.amazon.com/iot/latest/developerguide/sns-rule-action.html
https://docs.aws.amazon.com/iot/latest/developerguide/kinesis-rule-action.html
https://docs.aws.amazon.com/iot/latest/developerguide/kinesis-firehose-rule-action.html
"""

from __future__ import annotations

import base64
import re
import uuid

from moto_jitp.sql.values import V2, read_json, serialize

from .table import ActionCall, ActionFailed, action

_QUEUE = re.compile(
    r"https?://(?:[\w-]+\.)?(?P<region>[a-z]{2}-[\w-]+-\d)?[\w.:-]*/(?P<account>\d{12})/"
    r"(?P<name>[\w.-]+)"
)
_MOST_RECORDS = 500


@action("sqs", "SqsAction", "send SQS message", "queueUrl", service="Amazon SQS")
def sqs(call: ActionCall) -> None:
    url = call.fields["queueUrl"]
    queue = _QUEUE.fullmatch(url)
    if queue is None:
        raise ActionFailed(
            f"{url!r} is not a valid queue URL.",
            "Pass the QueueUrl that create_queue() or get_queue_url() returns.",
        )
    region = queue["region"] or call.region_name
    call.require(
        "sqs:SendMessage", f"arn:{call.partition}:sqs:{region}:{queue['account']}:{queue['name']}"
    )
    if call.fields.get("useBase64"):
        body = base64.b64encode(call.payload).decode("ascii")
    else:
        body = call.text()
    call.client("sqs", region).send_message(QueueUrl=url, MessageBody=body)


@action(
    "sns",
    "SnsAction",
    "publish SNS message",
    "targetArn",
    service="Amazon SNS",
    plain=("messageFormat",),
)
def sns(call: ActionCall) -> None:
    arn = call.fields["targetArn"]
    call.require("sns:Publish", arn)
    structure = {"MessageStructure": "json"} if call.fields.get("messageFormat") == "JSON" else {}
    parts = arn.split(":")
    region = parts[3] if len(parts) == 6 else None
    call.client("sns", region).publish(TargetArn=arn, Message=call.text(), **structure)


@action("kinesis", "KinesisAction", "put Kinesis record", "streamName", service="Amazon Kinesis")
def kinesis(call: ActionCall) -> None:
    name = call.fields["streamName"]
    call.require("kinesis:PutRecord", _arn(call, "kinesis", f"stream/{name}"))
    # The guide does not say which key a rule without one uses; a random one spreads the records.
    key = call.fields.get("partitionKey") or str(uuid.uuid4())
    call.client("kinesis").put_record(StreamName=name, Data=call.payload, PartitionKey=key)


@action(
    "firehose",
    "FirehoseAction",
    "put Firehose record",
    "deliveryStreamName",
    service="Amazon Data Firehose",
    plain=("separator",),
)
def firehose(call: ActionCall) -> None:
    name = call.fields["deliveryStreamName"]
    call.require("firehose:PutRecord", _arn(call, "firehose", f"deliverystream/{name}"))
    separator = call.fields.get("separator", "").encode()
    client = call.client("firehose")
    if not call.fields.get("batchMode"):
        record = {"Data": call.payload + separator}
        client.put_record(DeliveryStreamName=name, Record=record)
        return
    records = [{"Data": element + separator} for element in elements_of(call)]
    for start in range(0, len(records), _MOST_RECORDS):
        client.put_record_batch(
            DeliveryStreamName=name, Records=records[start : start + _MOST_RECORDS]
        )


def elements_of(call: ActionCall) -> list[bytes]:
    """Return the elements of an array payload as JSON, for an action in batch mode.

    Raises:
        ActionFailed: the payload is not an array.
    """
    document = read_json(call.payload, V2) if call.is_json else None
    if not isinstance(document, list):
        raise ActionFailed(
            "batchMode is true, and the payload is not a JSON array.",
            "Make the rule's SQL return an array, for example with SELECT VALUE (SELECT … FROM …).",
        )
    return [serialize(element) for element in document]


def _arn(call: ActionCall, service: str, resource: str) -> str:
    return f"arn:{call.partition}:{service}:{call.region_name}:{call.account_id}:{resource}"
