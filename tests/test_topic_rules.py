"""What follows a device's message: rules run, and each action's effect can be read back."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from moto_jitp import JitpHandle, mock_jitp
from moto_jitp.history.rule_runs import RuleRun

REGION = "eu-west-1"
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/rules"
V2 = "2016-03-23"


@pytest.fixture(autouse=True)
def _region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)


@pytest.fixture
def mock() -> Iterator[JitpHandle]:
    with mock_jitp() as handle:
        yield handle


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


def make_rule(
    *actions: dict[str, Any], sql: str = "SELECT * FROM 'plant/#'", name: str = "rule", **more: Any
) -> None:
    payload = {"sql": sql, "actions": list(actions), "awsIotSqlVersion": V2, **more}
    client("iot").create_topic_rule(ruleName=name, topicRulePayload=payload)


def publish(payload: Any = None, topic: str = "plant/boiler") -> None:
    data = payload if isinstance(payload, bytes) else json.dumps(payload or {"t": 60}).encode()
    client("iot-data").publish(topic=topic, payload=data)


def make_queue(name: str = "queue") -> str:
    return str(client("sqs").create_queue(QueueName=name)["QueueUrl"])


def to_queue(url: str, **more: Any) -> dict[str, Any]:
    return {"sqs": {"queueUrl": url, "roleArn": ROLE, **more}}


def bodies(url: str) -> list[str]:
    found = client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [message["Body"] for message in found.get("Messages", ())]


def only_run(mock: JitpHandle) -> RuleRun:
    (run,) = [run for run in mock.rules if run.clause != "FROM"]
    return run


def error_of(mock: JitpHandle) -> str:
    (action,) = only_run(mock).actions
    assert action.error is not None
    return action.error


# -- the actions ----------------------------------------------------------------------------------


def test_a_matching_message_arrives_in_the_queue(mock: JitpHandle) -> None:
    url = make_queue()
    make_rule(to_queue(url), sql="SELECT *, topic(2) AS unit FROM 'plant/+' WHERE t > 50")

    publish({"t": 60})
    publish({"t": 40})
    publish({"t": 60}, topic="other/boiler")

    assert bodies(url) == ['{"t":60,"unit":"boiler"}']
    assert [run.matched for run in mock.rules] == [True, False, False]
    assert [run.clause for run in mock.rules] == [None, "WHERE", "FROM"]
    assert mock.rules[0].document == {"t": 60, "unit": "boiler"}
    assert [str(action) for action in mock.rules[0].actions] == [f"sqs {url}: done"]
    assert "t > 50 is false: t is 40." in str(mock.rules[1])


def test_a_queue_can_get_base64_and_be_in_another_region(mock: JitpHandle) -> None:
    far = boto3.client("sqs", region_name="us-west-2")
    url = far.create_queue(QueueName="far")["QueueUrl"]
    make_rule(to_queue(url, useBase64=True))

    publish(b"\xff\x00")

    (message,) = far.receive_message(QueueUrl=url)["Messages"]
    assert base64.b64decode(message["Body"]) == b"\xff\x00"


def test_sns_publishes_the_document(mock: JitpHandle) -> None:
    topic = client("sns").create_topic(Name="alarms")["TopicArn"]
    url = make_queue()
    client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue"
    )
    make_rule(
        {"sns": {"targetArn": topic, "roleArn": ROLE}},
        {"sns": {"targetArn": topic, "roleArn": ROLE, "messageFormat": "JSON"}},
    )

    publish({"default": "hot", "sqs": "very hot"})

    messages = [json.loads(body)["Message"] for body in bodies(url)]
    assert sorted(messages) == ["very hot", '{"default":"hot","sqs":"very hot"}']


def test_kinesis_gets_a_record_with_the_filled_key(mock: JitpHandle) -> None:
    kinesis = client("kinesis")
    kinesis.create_stream(StreamName="readings", ShardCount=1)
    make_rule(
        {"kinesis": {"streamName": "readings", "partitionKey": "${topic(2)}", "roleArn": ROLE}},
        {"kinesis": {"streamName": "readings", "roleArn": ROLE}},
    )

    publish({"t": 60})

    shard = kinesis.describe_stream(StreamName="readings")["StreamDescription"]["Shards"][0]
    iterator = kinesis.get_shard_iterator(
        StreamName="readings", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = kinesis.get_records(ShardIterator=iterator)["Records"]
    assert [record["Data"] for record in records] == [b'{"t":60}', b'{"t":60}']
    assert records[0]["PartitionKey"] == "boiler"
    assert len(records[1]["PartitionKey"]) == 36


def test_firehose_gets_records_with_separators_and_in_batches(mock: JitpHandle) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": REGION})
    client("firehose").create_delivery_stream(
        DeliveryStreamName="to-lake",
        S3DestinationConfiguration={"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake"},
    )
    fields = {"deliveryStreamName": "to-lake", "roleArn": ROLE, "separator": "\n"}
    make_rule({"firehose": fields}, sql="SELECT * FROM 'plant/one'", name="one")
    make_rule(
        {"firehose": {**fields, "batchMode": True}}, sql="SELECT * FROM 'plant/many'", name="many"
    )

    publish({"t": 60}, topic="plant/one")
    publish([{"t": 1}, {"t": 2}], topic="plant/many")
    publish({"t": 3}, topic="plant/many")

    contents = [
        s3.get_object(Bucket="lake", Key=entry["Key"])["Body"].read()
        for entry in s3.list_objects_v2(Bucket="lake")["Contents"]
    ]
    assert sorted(b"".join(contents).splitlines()) == [b'{"t":1}', b'{"t":2}', b'{"t":60}']
    failed = mock.rules[-1].actions[0] if mock.rules[-1].actions else mock.rules[-2].actions[0]
    assert "batchMode is true, and the payload is not a JSON array" in str(failed.error)


def test_s3_gets_the_message_under_the_filled_key(mock: JitpHandle) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": REGION})
    key = "${topic(2)}/${parse_time('yyyy', 0)}/${t}.json"
    make_rule({"s3": {"bucketName": "lake", "key": key, "roleArn": ROLE, "cannedAcl": "private"}})

    publish(b"\xff", topic="plant/raw")
    publish({"t": 60.5})

    assert s3.get_object(Bucket="lake", Key="raw/1970/.json")["Body"].read() == b"\xff"
    body = s3.get_object(Bucket="lake", Key="boiler/1970/60.5.json")["Body"].read()
    assert body == b'{"t":60.5}'


def make_table(name: str, hash_type: str = "S", *, with_range: bool = False) -> Any:
    keys = [("id", "HASH", hash_type)] + ([("at", "RANGE", "N")] if with_range else [])
    dynamodb = boto3.resource("dynamodb", region_name=REGION)
    return dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind, _ in keys],
        AttributeDefinitions=[
            {"AttributeName": key, "AttributeType": attribute} for key, _, attribute in keys
        ],
        BillingMode="PAY_PER_REQUEST",
    )


def test_dynamodb_keeps_the_message_in_one_column(mock: JitpHandle) -> None:
    table = make_table("readings", with_range=True)
    fields = {
        "tableName": "readings",
        "hashKeyField": "id",
        "hashKeyValue": "${topic(2)}",
        "rangeKeyField": "at",
        "rangeKeyValue": "${at}",
        "rangeKeyType": "NUMBER",
        "roleArn": ROLE,
    }
    make_rule({"dynamoDB": fields}, sql="SELECT t, tags FROM 'plant/+'")
    make_rule(
        {"dynamoDB": {**fields, "operation": "UPDATE", "payloadField": "late"}},
        sql="SELECT t FROM 'late/+'",
        name="late",
    )
    make_rule(
        {"dynamoDB": {**fields, "operation": "DELETE"}}, sql="SELECT * FROM 'gone/+'", name="gone"
    )
    make_rule(
        {"dynamoDB": {**fields, "operation": "${how}"}}, sql="SELECT * FROM 'how/+'", name="how"
    )

    publish({"at": 7, "t": 1.5, "tags": ["a", None, True]})
    publish({"at": 7, "t": 2}, topic="late/boiler")

    item = table.get_item(Key={"id": "boiler", "at": 7})["Item"]
    assert item["payload"]["tags"] == ["a", None, True]
    assert float(item["payload"]["t"]) == 1.5
    assert item["late"] == {"t": 2}
    publish({"at": 7}, topic="gone/boiler")
    assert "Item" not in table.get_item(Key={"id": "boiler", "at": 7})
    publish({"at": 7, "how": "PAINT"}, topic="how/boiler")
    assert "The field operation must be INSERT, UPDATE or DELETE" in str(mock.rules)


def test_dynamodb_keeps_bytes_as_binary(mock: JitpHandle) -> None:
    table = make_table("readings")
    make_rule({"dynamoDB": {
        "tableName": "readings", "hashKeyField": "id", "hashKeyValue": "x", "roleArn": ROLE,
    }})  # fmt: skip

    publish(b"\xff")

    assert table.get_item(Key={"id": "x"})["Item"]["payload"].value == b"\xff"


def test_dynamodb_v2_makes_a_column_of_each_attribute(mock: JitpHandle) -> None:
    table = make_table("readings")
    make_rule(
        {"dynamoDBv2": {"putItem": {"tableName": "readings"}, "roleArn": ROLE}},
        sql="SELECT topic(2) AS id, * FROM 'plant/+'",
    )

    publish({"t": 60, "on": True, "deep": {"a": [1]}, "none": None})

    assert table.get_item(Key={"id": "boiler"})["Item"] == {
        "id": "boiler",
        "t": 60,
        "on": True,
        "deep": {"a": [1]},
        "none": None,
    }


def test_dynamodb_v2_refuses_what_has_no_attributes(mock: JitpHandle) -> None:
    make_table("readings")
    make_rule({"dynamoDBv2": {"putItem": {"tableName": "readings"}, "roleArn": ROLE}})

    publish(b"hot")
    assert "accepts JSON only" in error_of(mock)


def test_cloudwatch_gets_the_metric(mock: JitpHandle) -> None:
    make_rule({"cloudwatchMetric": {
        "metricNamespace": "Plant",
        "metricName": "${topic(2)}",
        "metricValue": "${t}",
        "metricUnit": "None",
        "metricTimestamp": "${floor(timestamp() / 1000)}",
        "roleArn": ROLE,
    }})  # fmt: skip

    publish({"t": 61.5})

    (metric,) = client("cloudwatch").list_metrics(Namespace="Plant")["Metrics"]
    assert metric["MetricName"] == "boiler"
    publish({"t": "hot"})
    assert "metricValue gives 'hot', which is not a number" in str(mock.rules[-1])


def test_cloudwatch_sets_the_alarm(mock: JitpHandle) -> None:
    cloudwatch = client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="hot",
        EvaluationPeriods=1,
        ComparisonOperator="GreaterThanThreshold",
        MetricName="t",
        Namespace="Plant",
        Period=60,
        Statistic="Sum",
        Threshold=1,
    )
    make_rule({"cloudwatchAlarm": {
        "alarmName": "hot", "stateReason": "t is ${t}", "stateValue": "ALARM", "roleArn": ROLE,
    }})  # fmt: skip

    publish({"t": 60})

    (alarm,) = cloudwatch.describe_alarms(AlarmNames=["hot"])["MetricAlarms"]
    assert (alarm["StateValue"], alarm["StateReason"]) == ("ALARM", "t is 60")


def test_cloudwatch_logs_get_events_alone_and_in_batches(mock: JitpHandle) -> None:
    logs = client("logs")
    logs.create_log_group(logGroupName="plant")
    fields = {"logGroupName": "plant", "roleArn": ROLE}
    make_rule({"cloudwatchLogs": fields}, sql="SELECT * FROM 'plant/one'")
    make_rule(
        {"cloudwatchLogs": {**fields, "batchMode": True}},
        sql="SELECT * FROM 'plant/many'",
        name="many",
    )
    now = int(time.time() * 1000)

    publish({"t": 60}, topic="plant/one")
    publish(
        [{"timestamp": now, "message": "two"}, {"timestamp": now - 5, "message": "one"}],
        topic="plant/many",
    )

    events = logs.filter_log_events(logGroupName="plant")["events"]
    assert {event["message"] for event in events} == {'{"t":60}', "one", "two"}
    publish({"t": 60}, topic="plant/many")
    assert "batchMode is true" in str(mock.rules[-1])


def test_step_functions_start_an_execution(mock: JitpHandle) -> None:
    states = client("stepfunctions")
    definition = {"StartAt": "end", "States": {"end": {"Type": "Succeed"}}}
    machine = states.create_state_machine(
        name="machine", definition=json.dumps(definition), roleArn=ROLE
    )["stateMachineArn"]
    make_rule({"stepFunctions": {
        "stateMachineName": "machine", "executionNamePrefix": "from-${topic(2)}-", "roleArn": ROLE,
    }})  # fmt: skip

    publish({"t": 60})

    (execution,) = states.list_executions(stateMachineArn=machine)["executions"]
    assert execution["name"].startswith("from-boiler-")
    described = states.describe_execution(executionArn=execution["executionArn"])
    assert json.loads(described["input"]) == {"t": 60}


def test_timestream_gets_a_record_for_each_attribute(
    mock: JitpHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    timestream = client("timestream-write")
    timestream.create_database(DatabaseName="db")
    timestream.create_table(DatabaseName="db", TableName="readings")
    make_rule({"timestream": {
        "databaseName": "db",
        "tableName": "readings",
        "dimensions": [{"name": "unit", "value": "${topic(2)}"}],
        "timestamp": {"value": "${at}", "unit": "MILLISECONDS"},
        "roleArn": ROLE,
    }}, sql="SELECT t, on, n, s FROM 'plant/+'")  # fmt: skip

    publish({"t": 1.5, "on": True, "n": 3, "s": "x", "at": 1700000000000})

    from moto.timestreamwrite.models import timestreamwrite_backends

    records = timestreamwrite_backends[ACCOUNT][REGION].databases["db"].tables["readings"].records
    measures = {record["MeasureName"]: record for record in records}
    assert measures["t"]["MeasureValueType"] == "DOUBLE"
    assert measures["on"]["MeasureValue"] == "true"
    assert measures["n"]["MeasureValueType"] == "BIGINT"
    assert measures["s"]["MeasureValueType"] == "VARCHAR"


# -- republishing ---------------------------------------------------------------------------------


def republish(topic: str, **more: Any) -> dict[str, Any]:
    return {"republish": {"topic": topic, "roleArn": ROLE, **more}}


def test_a_republished_message_reaches_other_rules_and_handlers(mock: JitpHandle) -> None:
    url = make_queue()
    heard: list[Any] = []
    mock.subscribe("copies/#", lambda topic, payload: heard.append((topic, payload)))
    make_rule(republish("copies/${topic(2)}"), sql="SELECT t FROM 'plant/+'")
    make_rule(to_queue(url), sql="SELECT * FROM 'copies/+'", name="second")

    publish({"t": 60, "x": 1})

    assert heard == [("copies/boiler", b'{"t":60}')]
    assert bodies(url) == ['{"t":60}']


def test_a_loop_of_republishing_ends(mock: JitpHandle) -> None:
    make_rule(republish("plant/again"))

    publish()

    runs = [run for run in mock.rules if run.matched]
    assert len(runs) == 11
    errors = [run.actions[0].error for run in runs if run.actions[0].error]
    assert len(errors) == 1
    assert "republished 10 times" in errors[0]


def test_a_rule_can_change_a_shadow(mock: JitpHandle) -> None:
    client("iot").create_thing(thingName="boiler")
    make_rule(
        republish("$$aws/things/${topic(2)}/shadow/update"),
        sql="SELECT {'reported': {'t': t}} AS state FROM 'plant/+'",
    )

    publish({"t": 60})

    shadow = client("iot-data").get_thing_shadow(thingName="boiler")["payload"].read()
    assert json.loads(shadow)["state"] == {"reported": {"t": 60}}


@pytest.mark.parametrize("topic", ["", "a/+", "$$aws/events/x", "$$aws/things/a/jobs/get", "$$x"])
def test_topics_that_rules_cannot_publish_on(mock: JitpHandle, topic: str) -> None:
    make_rule(republish(topic or "${missing}"))

    publish()

    assert "cannot be republished on" in error_of(mock)


def test_an_action_whose_template_has_no_result_fails_without_an_error_for_the_publisher(
    mock: JitpHandle,
) -> None:
    make_rule(republish("copies/${(SELECT *, 1 AS x FROM many)}"))

    publish({"many": [1, {"b": 2}]})

    assert "A substitution template failed: * is selected beside other items" in error_of(mock)


# -- Lambda ---------------------------------------------------------------------------------------

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:activate"


def to_lambda(arn: str = FUNCTION) -> dict[str, Any]:
    return {"lambda": {"functionArn": arn}}


@pytest.mark.parametrize("name", ["activate", FUNCTION, f"{FUNCTION}:live"])
def test_a_handler_gets_the_event_and_a_context(mock: JitpHandle, name: str) -> None:
    calls: list[Any] = []

    def activate(event: Any, context: Any) -> None:
        assert context.get_remaining_time_in_millis() > 0
        calls.append((event, context.function_name, context.invoked_function_arn))

    arn = f"{FUNCTION}:live" if name.endswith("live") else FUNCTION
    mock.lambda_handler(name, activate)
    make_rule(to_lambda(arn), sql="SELECT *, clientid() AS client FROM 'plant/+'")

    publish({"t": 60})

    assert calls == [({"t": 60, "client": "n/a"}, "activate", arn)]
    assert mock.rules[0].actions[0].succeeded


def test_what_a_handler_raises_is_recorded_and_does_not_fail_the_action(mock: JitpHandle) -> None:
    url = make_queue()

    def activate(event: Any) -> None:
        raise KeyError("certificateId")

    mock.lambda_handler("activate", activate)
    make_rule(to_lambda(), errorAction=to_queue(url))

    publish()

    run = only_run(mock)
    assert run.failed
    assert run.actions[0].succeeded
    assert run.actions[0].function_error == "KeyError: 'certificateId'"
    assert "the function failed: KeyError: 'certificateId'" in str(run)
    assert bodies(url) == []


def test_without_function_and_handler_the_action_fails_with_advice(mock: JitpHandle) -> None:
    make_rule(to_lambda())

    publish()

    (action,) = only_run(mock).actions
    assert "The error code is 404" in str(action.error)
    assert "jitp.lambda_handler('activate', handler)" in str(action.advice)


def test_a_cancelled_handler_is_not_called(mock: JitpHandle) -> None:
    calls: list[Any] = []
    mock.lambda_handler("activate", calls.append)
    mock.lambda_handler("activate", lambda event: None).cancel()
    make_rule(to_lambda())

    publish({"t": 1})

    assert calls == [{"t": 1}]


def test_handlers_end_with_their_block() -> None:
    with mock_jitp() as outer:
        outer.lambda_handler("activate", lambda event: None)
    with mock_jitp() as inner:
        make_rule(to_lambda())
        publish()
        assert "There is no Lambda function" in error_of(inner)
    with pytest.raises(RuntimeError, match="has ended"):
        outer.lambda_handler("activate", lambda event: None)


@pytest.mark.parametrize(
    ("function", "handler", "error"),
    [("a b", print, ValueError), ("arn:aws:sqs:x", print, ValueError), ("activate", 3, TypeError)],
)
def test_handlers_are_checked(
    mock: JitpHandle, function: str, handler: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"Lambda function|called"):
        mock.lambda_handler(function, handler)


def make_function() -> Any:
    functions = client("lambda")
    client("iam").create_role(RoleName="runs", AssumeRolePolicyDocument="{}", Path="/")
    functions.create_function(
        FunctionName="activate",
        Runtime="python3.11",
        Role=f"arn:aws:iam::{ACCOUNT}:role/runs",
        Handler="a.b",
        Code={"ZipFile": b"PK\x05\x06" + bytes(18)},
    )
    return functions


def allow(functions: Any, statement: str, **more: str) -> None:
    functions.add_permission(
        FunctionName="activate",
        StatementId=statement,
        Action="lambda:InvokeFunction",
        Principal="iot.amazonaws.com",
        **more,
    )


def test_a_function_of_moto_must_let_aws_iot_invoke_it() -> None:
    with mock_jitp(config={"lambda": {"use_docker": False}}) as mock:
        calls: list[Any] = []
        mock.lambda_handler("activate", calls.append)
        make_rule(to_lambda())
        functions = make_function()

        publish()
        run = only_run(mock)
        assert "The error code is 403" in str(run.actions[0].error)
        assert "add_permission(FunctionName='activate'" in str(run.actions[0].advice)
        allow(functions, "other", SourceArn=f"arn:aws:iot:{REGION}:{ACCOUNT}:rule/other")
        allow(functions, "foreign", SourceAccount="210987654321")
        publish()
        assert "The error code is 403" in str(mock.rules[-1])
        assert not calls

        rule = f"arn:aws:iot:{REGION}:{ACCOUNT}:rule/rule"
        allow(functions, "mine", SourceArn=rule, SourceAccount=ACCOUNT)
        publish({"t": 1})
        assert calls == [{"t": 1}]


def test_with_strict_off_no_permission_is_asked_for() -> None:
    config = {"lambda": {"use_docker": False}, "jitp": {"strict": False}}
    with mock_jitp(config=config) as mock:
        calls: list[Any] = []
        mock.lambda_handler("activate", calls.append)
        make_rule(to_lambda())
        make_function()

        publish({"t": 1})

        assert calls == [{"t": 1}]


def test_sql_can_ask_a_function(mock: JitpHandle) -> None:
    url = make_queue()
    mock.lambda_handler("activate", lambda event: {"twice": event["n"] * 2})
    make_rule(
        to_queue(url), sql=f"SELECT aws_lambda('{FUNCTION}', {{'n': t}}).twice AS t2 FROM 'plant/+'"
    )

    publish({"t": 4})

    assert bodies(url) == ['{"t2":8}']


def test_a_function_that_fails_in_sql_stops_the_rule(mock: JitpHandle) -> None:
    url = make_queue()

    def broken(event: Any) -> Any:
        raise ValueError("no")

    mock.lambda_handler("activate", broken)
    make_rule(
        to_queue(url),
        sql=f"SELECT aws_lambda('{FUNCTION}', *) AS x FROM 'plant/+'",
        errorAction=to_queue(url),
    )

    publish()

    run = only_run(mock)
    assert (run.matched, run.failed, run.clause) == (False, True, "SELECT")
    assert "the function failed: ValueError: no" in run.reason
    assert bodies(url) == []


# -- what SQL asks of the account ------------------------------------------------------------------


def test_sql_reads_shadows_tables_the_registry_and_secrets(mock: JitpHandle) -> None:
    url = make_queue()
    iot = client("iot")
    iot.create_thing_type(thingTypeName="boiler")
    iot.create_thing(
        thingName="b1", thingTypeName="boiler", attributePayload={"attributes": {"hall": "B"}}
    )
    iot.create_thing_group(thingGroupName="hot")
    iot.add_thing_to_thing_group(thingGroupName="hot", thingName="b1")
    client("iot-data").update_thing_shadow(
        thingName="b1", payload=b'{"state": {"desired": {"t": 5}}}'
    )
    client("iot-data").update_thing_shadow(
        thingName="b1", shadowName="cfg", payload=b'{"state": {"desired": {"t": 6}}}'
    )
    make_table("limits").put_item(Item={"id": "b1", "max": 50, "tags": ["x"]})
    client("secretsmanager").create_secret(Name="key", SecretString='{"user": "u"}')
    role = f"'{ROLE}'"
    for name, expression, result in (
        ("a", f"get_thing_shadow('b1', {role}).state.desired.t", 5),
        ("b", f"get_thing_shadow('b1', 'cfg', {role}).state.desired.t", 6),
        ("c", f"get_registry_data('DescribeThing', id, {role}).attributes.hall", "B"),
        ("d", f"get(get_registry_data('ListThingGroupsForThing', id, {role}).thingGroups, 0)"
              ".groupName", "hot"),
        ("e", f"get_dynamodb('limits', 'id', id, {role}).max", 50),
        ("f", f"get_secret('key', 'SecretString', 'user', {role})", "u"),
    ):  # fmt: skip
        make_rule(to_queue(url), sql=f"SELECT {expression} AS x FROM 'plant/{name}'", name=name)
        publish({"id": "b1"}, topic=f"plant/{name}")
        assert bodies(url) == [json.dumps({"x": result}, separators=(",", ":"))], mock.rules[-1]


def test_a_lookup_that_finds_nothing_stops_the_rule(mock: JitpHandle) -> None:
    make_table("limits")
    for number, call in enumerate((
        f"get_dynamodb('limits', 'id', 'x', '{ROLE}')",
        f"get_dynamodb('none', 'id', 'x', '{ROLE}')",
        f"get_thing_shadow('none', '{ROLE}')",
        f"get_registry_data('DescribeThing', 'none', '{ROLE}')",
        f"get_secret('none', 'SecretString', '{ROLE}')",
    )):  # fmt: skip
        make_rule(sql=f"SELECT {call} AS x FROM 'plant/{number}'", name=f"r{number}")
        publish(topic=f"plant/{number}")
        (run,) = [run for run in mock.rules if run.topic == f"plant/{number}" and run.reason
                  and run.clause == "SELECT"]  # fmt: skip
        assert run.failed


# -- errors of actions -----------------------------------------------------------------------------


def test_the_error_action_gets_awss_document_and_the_other_actions_run(mock: JitpHandle) -> None:
    good, errors = make_queue("good"), make_queue("errors")
    make_rule(
        {"s3": {"bucketName": "no-such-bucket", "key": "${topic()}", "roleArn": ROLE}},
        to_lambda(),
        to_queue(good),
        errorAction=to_queue(errors),
    )

    publish({"t": 60})

    assert bodies(good) == ['{"t":60}']
    (body,) = bodies(errors)
    document = json.loads(body)
    assert document["ruleName"] == "rule"
    assert document["topic"] == "plant/boiler"
    assert document["clientId"] == "N/A"
    assert base64.b64decode(document["base64OriginalPayload"]) == b'{"t": 60}'
    first, second = document["failures"]
    assert first["failedAction"] == "S3Action"
    assert first["failedResource"] == "no-such-bucket"
    assert first["errorMessage"].startswith("Failed to put S3 object. The error received was ")
    assert (
        "(Service: Amazon S3; Status Code: 404; Error Code: NoSuchBucket;"
        in (first["errorMessage"])
    )
    assert first["errorMessage"].endswith(
        'Message arrived on: plant/boiler, Action: s3, Bucket: no-such-bucket, Key: "plant/boiler"'
    )
    assert second["failedAction"] == "LambdaAction"
    assert second["errorMessage"].startswith(
        "Failed to invoke lambda function. Received Server error from Lambda. The error code is 404"
    )
    run = only_run(mock)
    assert [action.succeeded for action in run.actions] == [False, False, True]
    assert run.error_action is not None
    assert run.error_action.succeeded


def test_an_error_action_that_fails_is_recorded(mock: JitpHandle) -> None:
    s3 = {"s3": {"bucketName": "no-such-bucket", "key": "k", "roleArn": ROLE}}
    make_rule(s3, errorAction=s3)

    publish()

    run = only_run(mock)
    assert run.error_action is not None
    assert "NoSuchBucket" in str(run.error_action.error)
    assert "error action: s3" in str(run)


# -- roles -----------------------------------------------------------------------------------------


def make_role(policy: dict[str, Any] | None, service: str = "iot.amazonaws.com") -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        ],
    }
    iam = client("iam")
    iam.create_role(RoleName="rules", AssumeRolePolicyDocument=json.dumps(trust))
    if policy is not None:
        document = {"Version": "2012-10-17", "Statement": [policy]}
        iam.put_role_policy(RoleName="rules", PolicyName="p", PolicyDocument=json.dumps(document))


ENFORCED = {"jitp": {"enforce_role": True}}


@pytest.mark.parametrize("service", [None, "lambda.amazonaws.com"])
def test_with_enforce_role_a_rule_needs_roles_that_aws_iot_can_assume(service: str | None) -> None:
    with mock_jitp(config=ENFORCED):
        if service is not None:
            make_role(None, service)
        for rule in (
            {"actions": [to_queue("https://x/y")], "sql": "SELECT * FROM 'a'"},
            {"actions": [], "errorAction": to_queue("https://x/y"), "sql": "SELECT * FROM 'a'"},
            {"actions": [], "sql": f"SELECT get_thing_shadow('t', '{ROLE}') AS s FROM 'a'"},
        ):
            with pytest.raises(ClientError, match="unable to assume role") as error:
                client("iot").create_topic_rule(
                    ruleName="rule", topicRulePayload={**rule, "awsIotSqlVersion": V2}
                )
            assert error.value.response["Error"]["Code"] == "InvalidRequestException"
            assert f"(sts:AssumeRole) on resource: {ROLE}" in str(error.value)


def test_with_enforce_role_the_role_must_allow_the_action() -> None:
    with mock_jitp(config=ENFORCED) as mock:
        queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue"
        make_role({"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue})
        good, other = make_queue(), make_queue("other")
        make_rule(to_queue(good), to_queue(other))

        publish()

        first, second = only_run(mock).actions
        assert first.succeeded
        assert "is not authorized to perform: sqs:SendMessage on resource:" in str(second.error)
        assert f"Allow sqs:SendMessage on arn:aws:sqs:{REGION}" in str(second.advice)
        assert bodies(other) == []


def test_with_enforce_role_functions_of_sql_need_permissions_too() -> None:
    with mock_jitp(config=ENFORCED) as mock:
        make_role({"Effect": "Allow", "Action": "iot:DescribeThing", "Resource": "*"})
        make_rule(sql=f"SELECT get_thing_shadow('t', '{ROLE}') AS s FROM 'plant/+'")

        publish()

        assert "not authorized to perform: iot:GetThingShadow" in only_run(mock).reason


# -- basic ingest, disabled rules ------------------------------------------------------------------


def test_basic_ingest_reaches_its_rule_alone(mock: JitpHandle) -> None:
    url, other = make_queue(), make_queue("other")
    make_rule(to_queue(url), sql="SELECT topic() AS topic, t", name="direct")
    make_rule(to_queue(other), sql="SELECT * FROM '#'", name="all")
    heard: list[Any] = []
    mock.subscribe("#", heard.append)
    mock.subscribe("$aws/#", heard.append)

    publish({"t": 1}, topic="$aws/rules/direct/plant/boiler")

    assert bodies(url) == ['{"topic":"plant/boiler","t":1}']
    assert bodies(other) == []
    assert heard == []


@pytest.mark.parametrize("state", ["missing", "disabled"])
def test_basic_ingest_for_a_rule_that_does_not_run_is_recorded(
    mock: JitpHandle, state: str
) -> None:
    if state == "disabled":
        make_rule(sql="SELECT *", name="direct", ruleDisabled=True)
    else:
        make_rule(name="another")

    publish(topic="$aws/rules/direct/plant")

    (run,) = [run for run in mock.rules if run.rule_name == "direct"]
    assert run.failed
    assert "Rule direct not found" in run.reason


def test_disabled_rules_do_not_run_until_they_are_enabled(mock: JitpHandle) -> None:
    url, iot = make_queue(), client("iot")
    make_rule(to_queue(url), ruleDisabled=True)

    publish({"n": 1})
    iot.enable_topic_rule(ruleName="rule")
    publish({"n": 2})
    iot.disable_topic_rule(ruleName="rule")
    publish({"n": 3})
    iot.enable_topic_rule(ruleName="rule")
    iot.delete_topic_rule(ruleName="rule")
    publish({"n": 4})

    assert bodies(url) == ['{"n":2}']


def test_a_replaced_rule_runs_as_it_is_now(mock: JitpHandle) -> None:
    url, iot = make_queue(), client("iot")
    make_rule(to_queue(url))
    publish({"n": 1})
    made = iot.get_topic_rule(ruleName="rule")["rule"]["createdAt"]
    iot.replace_topic_rule(
        ruleName="rule",
        topicRulePayload={"sql": "SELECT n AS now FROM 'plant/+'", "actions": [to_queue(url)]},
    )
    publish({"n": 2})

    assert sorted(bodies(url)) == ['{"n":1}', '{"now":2}']
    assert iot.get_topic_rule(ruleName="rule")["rule"]["createdAt"] == made


def test_rules_run_in_the_order_in_which_they_were_made(mock: JitpHandle) -> None:
    calls: list[str] = []
    for name in ("c", "a", "b"):
        mock.lambda_handler(name, lambda event, context: calls.append(context.function_name))
        make_rule(to_lambda(f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"), name=name)

    publish()

    assert calls == ["c", "a", "b"]


# -- making rules ----------------------------------------------------------------------------------


def refused(code: str, **payload: Any) -> str:
    definition = {"sql": "SELECT * FROM 'a'", "actions": [], **payload}
    with pytest.raises(ClientError) as error:
        client("iot").create_topic_rule(ruleName="rule", topicRulePayload=definition)
    assert error.value.response["Error"]["Code"] == code
    return str(error.value.response["Error"]["Message"])


def test_sql_mistakes_are_refused_with_their_place(mock: JitpHandle) -> None:
    assert "(line 1, column 10)" in refused("SqlParseException", sql="SELECT * FORM 'a'")
    assert "machinelearning_predict() is not carried out" in refused(
        "SqlParseException", sql="SELECT machinelearning_predict('a', 'b', *) FROM 'a'"
    )
    assert "2016-03-23" in refused("SqlParseException", sql="SELECT [1] AS a FROM 'a'")
    assert "nope()" in refused("SqlParseException", actions=[republish("${nope()}")])
    assert "InfluxDB" in refused("SqlParseException", actions=[republish("@{room}")])
    assert "'beta'" in refused("InvalidRequestException", awsIotSqlVersion="beta")


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("http", {"url": "https://example.com"}),
        ("kafka", {"destinationArn": "a", "topic": "t", "clientProperties": {}}),
        ("iotAnalytics", {"channelName": "c"}),
    ],
)
def test_actions_that_are_not_emulated_are_refused_by_name(
    mock: JitpHandle, kind: str, fields: dict[str, Any]
) -> None:
    assert f"The action {kind} is not emulated" in refused(
        "InvalidRequestException", actions=[{kind: fields}]
    )


def test_with_strict_off_such_rules_are_stored_and_what_can_run_runs() -> None:
    with mock_jitp(config={"jitp": {"strict": False}}) as mock:
        url = make_queue()
        make_rule({"http": {"url": "https://example.com"}}, to_queue(url))
        make_rule(to_queue(url), sql="SELECT banana FORM 'x'", name="wrong")

        publish({"t": 1})

        assert bodies(url) == ['{"t":1}']
        assert "The action http is not emulated" in str(only_run(mock).actions[0].error)


def test_an_action_is_of_exactly_one_kind(mock: JitpHandle) -> None:
    both = {**to_queue("https://x/y"), **republish("t")}
    assert "exactly one kind" in refused("InvalidRequestException", actions=[both])


def test_a_rule_has_at_most_ten_actions(mock: JitpHandle) -> None:
    make_rule(*[republish("t")] * 10)
    with pytest.raises(ClientError):
        make_rule(*[republish("t")] * 11, name="eleven")


def test_a_rule_has_at_most_128_kib(mock: JitpHandle) -> None:
    make_rule(description="x" * 130_000)
    with pytest.raises(ClientError, match="131072 are allowed"):
        make_rule(name="larger", description="x" * 132_000)


def test_a_rules_name_is_used_once(mock: JitpHandle) -> None:
    make_rule()
    with pytest.raises(ClientError) as error:
        make_rule()
    assert error.value.response["Error"]["Code"] == "ResourceAlreadyExistsException"


def test_a_rule_without_a_version_has_the_first_as_on_aws(mock: JitpHandle) -> None:
    iot = client("iot")
    iot.create_topic_rule(
        ruleName="rule", topicRulePayload={"sql": "select a from t/#", "actions": []}
    )

    found = iot.get_topic_rule(ruleName="rule")["rule"]
    assert found["awsIotSqlVersion"] == "2015-10-08"
    assert "errorAction" not in found
    (listed,) = iot.list_topic_rules()["rules"]
    assert listed["topicPattern"] == "t/#"


def test_rules_are_listed_by_topic_and_state_and_in_pages(mock: JitpHandle) -> None:
    iot = client("iot")
    make_rule(name="a", sql="SELECT * FROM 'x/+'")
    make_rule(name="b", sql="SELECT * FROM 'y/+'", ruleDisabled=True)
    make_rule(name="c", sql="SELECT *")

    def names(**given: Any) -> list[str]:
        return [rule["ruleName"] for rule in iot.list_topic_rules(**given)["rules"]]

    assert names() == ["a", "b", "c"]
    assert names(topic="x/1") == ["a"]
    assert names(topic="x/+") == ["a"]
    assert names(ruleDisabled=True) == ["b"]
    assert names(ruleDisabled=False) == ["a", "c"]
    first = iot.list_topic_rules(maxResults=2)
    assert [rule["ruleName"] for rule in first["rules"]] == ["a", "b"]
    assert names(maxResults=2, nextToken=first["nextToken"]) == ["c"]


def test_a_missing_rule_is_not_authorized_as_on_aws(mock: JitpHandle) -> None:
    iot = client("iot")
    payload = {"sql": "SELECT * FROM 'a'", "actions": []}
    for call in (
        lambda: iot.get_topic_rule(ruleName="none"),
        lambda: iot.delete_topic_rule(ruleName="none"),
        lambda: iot.enable_topic_rule(ruleName="none"),
        lambda: iot.disable_topic_rule(ruleName="none"),
        lambda: iot.replace_topic_rule(ruleName="none", topicRulePayload=payload),
    ):
        with pytest.raises(ClientError, match="Access to topic rule 'none' was denied") as error:
            call()
        assert error.value.response["Error"]["Code"] == "UnauthorizedException"


def test_rules_have_tags(mock: JitpHandle) -> None:
    iot = client("iot")
    iot.create_topic_rule(
        ruleName="rule",
        topicRulePayload={"sql": "SELECT * FROM 'a'", "actions": []},
        tags="stage=test&empty=",
    )
    arn = iot.get_topic_rule(ruleName="rule")["ruleArn"]

    tags = iot.list_tags_for_resource(resourceArn=arn)["tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"stage": "test", "empty": ""}
