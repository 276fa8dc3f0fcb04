"""Actions that store the message in S3, DynamoDB and Timestream.

https://docs.aws.amazon.com/iot/latest/developerguide/s3-rule-action.html
https://docs.aws.amazon.com/iot/latest/developerguide/dynamodb-rule-action.html
https://docs.aws.amazon.com/iot/latest/developerguide/dynamodb-v2-rule-action.html
https://docs.aws.amazon.com/iot/latest/developerguide/timestream-rule-action.html
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from moto_jitp.sql.values import V2, read_json, write_json

from .table import ActionCall, ActionFailed, Fields, action

_MOST_TIMESTREAM_RECORDS = 100
_MILLISECONDS = {"SECONDS": 1000, "MILLISECONDS": 1, "MICROSECONDS": 1e-3, "NANOSECONDS": 1e-6}


@action(
    "s3",
    "S3Action",
    "put S3 object",
    "bucketName",
    service="Amazon S3",
    plain=("cannedAcl",),
    place=lambda fields: f'Bucket: {fields["bucketName"]}, Key: "{fields["key"]}"',
)
def s3(call: ActionCall) -> None:
    bucket, key = call.fields["bucketName"], call.fields["key"]
    call.require("s3:PutObject", f"arn:{call.partition}:s3:::{bucket}/{key}")
    acl = {"ACL": call.fields["cannedAcl"]} if "cannedAcl" in call.fields else {}
    call.client("s3").put_object(Bucket=bucket, Key=key, Body=call.payload, **acl)


@action(
    "dynamoDB", "DynamoAction", "change DynamoDB item", "tableName", service="Amazon DynamoDBv2"
)
def dynamodb(call: ActionCall) -> None:
    fields = call.fields
    table = fields["tableName"]
    # The guide requires this permission for every operation.
    call.require("dynamodb:PutItem", _table_arn(call, table))
    key = {fields["hashKeyField"]: _key_value(fields, "hashKey")}
    if fields.get("rangeKeyField"):
        key[fields["rangeKeyField"]] = _key_value(fields, "rangeKey")
    column = fields.get("payloadField") or "payload"
    operation = fields.get("operation") or "INSERT"
    client = call.client("dynamodb")
    if operation == "DELETE":
        client.delete_item(TableName=table, Key=key)
        return
    value = attribute(read_json(call.payload, V2)) if call.is_json else {"B": call.payload}
    if operation == "INSERT":
        client.put_item(TableName=table, Item={**key, column: value})
    elif operation == "UPDATE":
        client.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET #payload = :payload",
            ExpressionAttributeNames={"#payload": column},
            ExpressionAttributeValues={":payload": value},
        )
    else:
        raise ActionFailed(
            f"The operation {operation!r} is not a valid DynamoDB operation.",
            "The field operation must be INSERT, UPDATE or DELETE.",
        )


@action(
    "dynamoDBv2",
    "DynamoDBv2Action",
    "put DynamoDB item",
    lambda fields: str(fields["putItem"]["tableName"]),
    service="Amazon DynamoDBv2",
)
def dynamodb_v2(call: ActionCall) -> None:
    table = call.fields["putItem"]["tableName"]
    call.require("dynamodb:PutItem", _table_arn(call, table))
    document = call.document()
    if not isinstance(document, dict):
        raise ActionFailed(
            "The payload is not a JSON object, whose attributes would be the columns.",
            "Make the rule's SQL select attributes.",
        )
    item = attribute(read_json(call.payload, V2))["M"]
    call.client("dynamodb").put_item(TableName=table, Item=item)


def attribute(value: Any) -> dict[str, Any]:
    """Return a JSON value in the types of DynamoDB."""
    if isinstance(value, bool):
        return {"BOOL": value}
    if value is None:
        return {"NULL": True}
    if isinstance(value, (int, Decimal)):
        return {"N": str(value)}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, list):
        return {"L": [attribute(item) for item in value]}
    return {"M": {key: attribute(item) for key, item in value.items()}}


def _key_value(fields: Fields, key: str) -> dict[str, str]:
    is_number = (fields.get(f"{key}Type") or "STRING") == "NUMBER"
    return {"N" if is_number else "S": fields[f"{key}Value"]}


def _table_arn(call: ActionCall, table: str) -> str:
    return f"arn:{call.partition}:dynamodb:{call.region_name}:{call.account_id}:table/{table}"


@action(
    "timestream",
    "TimestreamAction",
    "write Timestream records",
    lambda fields: f"{fields['databaseName']}/{fields['tableName']}",
    service="Amazon Timestream",
)
def timestream(call: ActionCall) -> None:
    database, table = call.fields["databaseName"], call.fields["tableName"]
    call.require(
        "timestream:WriteRecords",
        f"arn:{call.partition}:timestream:{call.region_name}:{call.account_id}:"
        f"database/{database}/table/{table}",
    )
    call.require("timestream:DescribeEndpoints", "*")
    document = read_json(call.payload, V2) if call.is_json else None
    if not isinstance(document, dict):
        raise ActionFailed(
            "The payload is not a JSON object, whose attributes would be the measures.",
            "Make the rule's SQL select attributes.",
        )
    names = {dimension["name"] for dimension in call.fields["dimensions"]}
    records = [
        {"MeasureName": name, **_measure(value)}
        for name, value in document.items()
        if name not in names and value is not None
    ]
    time, unit = _time(call)
    common = {
        "Dimensions": [
            {"Name": dimension["name"], "Value": dimension["value"]}
            for dimension in call.fields["dimensions"]
        ],
        "Time": time,
        "TimeUnit": unit,
    }
    client = call.client("timestream-write")
    for start in range(0, len(records), _MOST_TIMESTREAM_RECORDS):
        client.write_records(
            DatabaseName=database,
            TableName=table,
            CommonAttributes=common,
            Records=records[start : start + _MOST_TIMESTREAM_RECORDS],
        )


def _measure(value: Any) -> dict[str, str]:
    if isinstance(value, bool):
        return {"MeasureValue": json.dumps(value), "MeasureValueType": "BOOLEAN"}
    if isinstance(value, int):
        return {"MeasureValue": str(value), "MeasureValueType": "BIGINT"}
    if isinstance(value, Decimal):
        return {"MeasureValue": str(value), "MeasureValueType": "DOUBLE"}
    text = value if isinstance(value, str) else write_json(value)
    return {"MeasureValue": text, "MeasureValueType": "VARCHAR"}


def _time(call: ActionCall) -> tuple[str, str]:
    timestamp = call.fields.get("timestamp")
    if timestamp is None:
        return str(int(call.moment.timestamp() * 1000)), "MILLISECONDS"
    unit = timestamp.get("unit") or "MILLISECONDS"
    if unit not in _MILLISECONDS:
        raise ActionFailed(
            f"{unit!r} is not a unit of time.", f"Use one of {', '.join(_MILLISECONDS)}."
        )
    return timestamp["value"], unit
