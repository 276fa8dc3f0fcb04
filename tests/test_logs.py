"""Log entries of devices in CloudWatch Logs, as logging is configured."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory
from moto.moto_api import state_manager
from support.bodies import GUIDE_BODY, PLAIN_BODY, ROLE
from support.cloud import ACCOUNT, client
from support.devices import refused_for
from support.monitoring import (
    event_types,
    log_entries,
    metric_sum,
    served,
    session_of_other_account,
    try_to_connect,
)

from moto_jitp import CertificateAuthority, JitpHandle, connect_device, mock_jitp
from moto_jitp.devices import NotAuthorized

AUTHN_ERROR = "Connection.AuthNError"
OPT_IN = [{"eventType": AUTHN_ERROR, "logLevel": "ERROR"}]


def set_level(iot: Any, level: str, **more: Any) -> None:
    iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel=level, **more)


@pytest.fixture
def clock() -> Iterator[FrozenDateTimeFactory]:
    with freeze_time("2026-03-01 12:00:00.5") as frozen:
        assert isinstance(frozen, FrozenDateTimeFactory)
        yield frozen


def test_nothing_is_written_until_logging_is_configured(ca: CertificateAuthority) -> None:
    connect_device(ca.issue(common_name="bulb")).disconnect()

    assert client(service="logs").describe_log_groups()["logGroups"] == []


def test_nothing_is_written_while_all_logs_are_disabled(iot: Any, ca: CertificateAuthority) -> None:
    set_level(iot, "DEBUG", disableAllLogs=True)
    connect_device(ca.issue(common_name="bulb"))
    assert event_types() == []

    iot.set_v2_logging_options(disableAllLogs=False)
    connect_device(ca.issue(common_name="lamp"))
    assert "Connect" in event_types()


def test_a_connection_is_an_entry_in_the_documented_form(
    clock: FrozenDateTimeFactory, iot: Any, ca: CertificateAuthority
) -> None:
    set_level(iot, "INFO")
    bulb = ca.issue(common_name="bulb")
    connect_device(bulb)

    entry = log_entries()[-1]

    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", entry.pop("traceId"))
    assert entry == {
        "timestamp": "2026-03-01 12:00:00.500",
        "logLevel": "INFO",
        "accountId": ACCOUNT,
        "status": "Success",
        "eventType": "Connect",
        "protocol": "MQTT",
        "clientId": "bulb",
        "principalId": bulb.certificate_id,
        "sourceIp": "127.0.0.1",
        "sourcePort": 0,
    }


def test_entries_are_read_from_a_stream_too(
    clock: FrozenDateTimeFactory, iot: Any, ca: CertificateAuthority
) -> None:
    set_level(iot, "INFO")
    connect_device(ca.issue(common_name="bulb"))
    logs = client(service="logs")

    (group,) = logs.describe_log_groups()["logGroups"]
    assert (group["logGroupName"], group["retentionInDays"]) == ("AWSIotLogsV2", 30)
    (stream,) = logs.describe_log_streams(logGroupName="AWSIotLogsV2")["logStreams"]
    found = logs.get_log_events(
        logGroupName="AWSIotLogsV2", logStreamName=stream["logStreamName"], startFromHead=True
    )["events"]
    assert len(found) == 2
    assert {event["timestamp"] for event in found} == {1772366400500}


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("DEBUG", ["ProvisionDevice", "ProvisionDevice", "Connect"]),
        ("INFO", ["ProvisionDevice", "ProvisionDevice", "Connect"]),
        ("WARN", ["ProvisionDevice"]),
        ("ERROR", ["ProvisionDevice"]),
        ("DISABLED", []),
    ],
)
def test_the_level_says_what_is_written(
    iot: Any, acme: CertificateAuthority, level: str, written: list[str]
) -> None:
    set_level(iot, level)
    failing = CertificateAuthority(common_name="Failing")
    failing.register(iot, template_body=GUIDE_BODY)
    acme.register(iot, template_body=PLAIN_BODY)
    try_to_connect(failing.issue(common_name="lamp"))
    connect_device(acme.issue(common_name="bulb"))

    assert event_types() == written


def test_a_failed_run_is_an_error_that_says_why(iot: Any, acme: CertificateAuthority) -> None:
    iot.create_provisioning_template(
        templateName="fleet", templateBody=GUIDE_BODY, provisioningRoleArn=ROLE, type="JITP"
    )
    acme.register(iot, template_name="fleet")
    set_level(iot, "ERROR")
    bulb = acme.issue(common_name="bulb")
    assert not try_to_connect(bulb)

    (entry,) = log_entries()
    assert (entry["eventType"], entry["status"]) == ("ProvisionDevice", "Failure")
    assert entry["logLevel"] == "ERROR"
    assert entry["deviceCertificateId"] == bulb.certificate_id
    assert entry["provisioningTemplateName"] == "fleet"
    assert "{Ref=AWS::IoT::Certificate::Country}" in entry["details"]


def test_a_run_that_takes_its_time_is_logged_when_it_ends(
    clock: FrozenDateTimeFactory, iot: Any, ca: CertificateAuthority
) -> None:
    state_manager.set_transition("iot::jitp", {"progression": "time", "seconds": 60})
    set_level(iot, "INFO")
    bulb = ca.issue(common_name="bulb")
    assert not try_to_connect(bulb)
    assert event_types() == []
    clock.tick(90)
    iot.describe_certificate(certificateId=bulb.certificate_id)

    (entry,) = log_entries()
    assert (entry["eventType"], entry["status"]) == ("ProvisionDevice", "Success")
    assert entry["timestamp"] == "2026-03-01 12:01:00.500"


# Connection.AuthNError.


def test_a_rejected_device_is_logged_with_the_reason_where_that_is_asked_for(
    iot: Any, ca: CertificateAuthority
) -> None:
    set_level(iot, "DISABLED", eventConfigurations=OPT_IN)
    stranger = CertificateAuthority(common_name="Nobody").issue(common_name="bulb")
    endpoint = iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    assert not try_to_connect(stranger)

    (entry,) = log_entries()

    assert (entry["eventType"], entry["logLevel"], entry["status"]) == (
        AUTHN_ERROR,
        "ERROR",
        "Failure",
    )
    assert entry["reason"] == "DEVICE_CERTIFICATE_NOT_REGISTERED"
    assert entry["details"] == "Device certificate is not registered"
    assert entry["authenticationType"] == "AWS_X509"
    assert entry["serverNameIndication"] == endpoint
    assert entry["targetPort"] == 8883
    assert entry["principalId"] == stranger.certificate_id


def test_the_accounts_level_alone_does_not_turn_them_on(iot: Any, ca: CertificateAuthority) -> None:
    set_level(iot, "DEBUG")
    assert not try_to_connect(CertificateAuthority(common_name="No").issue(common_name="bulb"))

    assert event_types() == []


@pytest.mark.parametrize(
    ("status", "reason"),
    [("INACTIVE", "DEVICE_CERTIFICATE_INACTIVE"), ("REVOKED", "DEVICE_CERTIFICATE_REVOKED")],
)
def test_the_reason_follows_the_certificate(
    iot: Any, ca: CertificateAuthority, status: str, reason: str
) -> None:
    bulb = ca.issue(common_name="bulb")
    connect_device(bulb)
    iot.update_certificate(certificateId=bulb.certificate_id, newStatus=status)
    set_level(iot, "ERROR", eventConfigurations=OPT_IN)
    assert not try_to_connect(bulb)

    assert [entry["reason"] for entry in log_entries()] == [reason]


def test_a_failed_run_and_its_rejection_share_a_trace(iot: Any, acme: CertificateAuthority) -> None:
    acme.register(iot, template_body=GUIDE_BODY)
    set_level(iot, "ERROR", eventConfigurations=OPT_IN)
    assert not try_to_connect(acme.issue(common_name="bulb"))

    entries = log_entries()
    assert [entry["eventType"] for entry in entries] == ["ProvisionDevice", AUTHN_ERROR]
    assert entries[1]["reason"] == "DEVICE_CERTIFICATE_INACTIVE"
    assert len({entry["traceId"] for entry in entries}) == 1


def test_no_server_name_no_entry(iot: Any, ca: CertificateAuthority) -> None:
    set_level(iot, "ERROR", eventConfigurations=OPT_IN)
    assert not try_to_connect(ca.issue(common_name="bulb"), server_name=None)

    assert event_types() == []


def test_another_accounts_server_name_is_logged_in_that_account(
    iot: Any, acme: CertificateAuthority
) -> None:
    acme.register(iot, template_body=PLAIN_BODY)
    elsewhere = client("eu-west-1")
    for account_client in (iot, elsewhere):
        set_level(account_client, "ERROR", eventConfigurations=OPT_IN)
    here = iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    there = elsewhere.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    assert not try_to_connect(acme.issue(common_name="b"), endpoint=here, server_name=there)

    assert event_types() == []
    (entry,) = log_entries(logs=client("eu-west-1", "logs"))
    assert entry["reason"] == "SNI_MISUSED"
    assert entry["serverNameIndication"] == there


def domain(iot: Any, name: str, **more: Any) -> None:
    """Create a domain configuration for ``<name>.example.com``."""
    region = iot.meta.region_name
    iot.create_domain_configuration(
        domainConfigurationName=name,
        domainName=f"{name}.example.com",
        serverCertificateArns=[f"arn:aws:acm:{region}:{ACCOUNT}:certificate/{'a' * 8}"],
        **more,
    )


def domain_refusal(iot: Any, ca: CertificateAuthority, name: str) -> str:
    """Connect with the domain's name to the default endpoint, and return what the refusal says."""
    endpoint = iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    bulb = ca.issue(common_name="bulb")
    refusal = refused_for("SNI_MISUSED", bulb, endpoint=endpoint, server_name=f"{name}.example.com")
    return str(refusal)


def test_a_disabled_domain_is_logged_in_its_own_account(iot: Any, ca: CertificateAuthority) -> None:
    set_level(iot, "ERROR", eventConfigurations=OPT_IN)
    domain(iot, "off")
    iot.update_domain_configuration(
        domainConfigurationName="off", domainConfigurationStatus="DISABLED"
    )
    text = domain_refusal(iot, ca, "off")

    (entry,) = log_entries()
    assert entry["reason"] == "DOMAIN_CONFIGURATION_DISABLED"
    assert entry["details"] == (
        "Domain configuration for the Server Name Indication (SNI) provided is disabled"
    )
    assert entry["serverNameIndication"] == "off.example.com"
    assert metric_sum(AUTHN_ERROR, by_protocol="MQTT") == 1
    assert "the domain configuration off, which is DISABLED" in text
    assert "domainConfigurationStatus='ENABLED'" in text


def test_a_domain_for_another_service_is_logged(iot: Any, ca: CertificateAuthority) -> None:
    set_level(iot, "ERROR", eventConfigurations=OPT_IN)
    domain(iot, "jobs", serviceType="JOBS")
    text = domain_refusal(iot, ca, "jobs")

    (entry,) = log_entries()
    assert entry["reason"] == "DOMAIN_CONFIGURATION_INVALID"
    assert entry["details"] == "The endpoint type in domain configuration is invalid"
    assert metric_sum(AUTHN_ERROR, by_protocol="MQTT") == 1
    assert "whose service type is JOBS" in text


def test_a_domain_of_another_region_is_logged_there(iot: Any, ca: CertificateAuthority) -> None:
    elsewhere = client("eu-west-1")
    for account_client in (iot, elsewhere):
        set_level(account_client, "ERROR", eventConfigurations=OPT_IN)
    domain(elsewhere, "theirs")
    domain_refusal(iot, ca, "theirs")
    domain_refusal(iot, ca, "nobodys")

    assert event_types() == []
    (entry,) = log_entries(logs=client("eu-west-1", "logs"))
    assert entry["reason"] == "SNI_MISUSED"
    assert metric_sum(AUTHN_ERROR) == 0
    assert metric_sum(AUTHN_ERROR, cloudwatch=client("eu-west-1", "cloudwatch")) == 1


def test_an_enabled_domain_lets_devices_in(iot: Any, ca: CertificateAuthority) -> None:
    set_level(iot, "ERROR", eventConfigurations=OPT_IN)
    domain(iot, "ours")
    connect_device(ca.issue(common_name="bulb"), server_name="ours.example.com")

    assert event_types() == []
    assert metric_sum(AUTHN_ERROR) == 0


# What connected devices do.


def test_a_session_is_logged_from_connect_to_disconnect(iot: Any, ca: CertificateAuthority) -> None:
    bulb = ca.issue(common_name="bulb")
    connect_device(bulb)
    set_level(iot, "INFO")
    connection = connect_device(bulb)
    subscription = connection.subscribe("orders/bulb")
    connection.publish("status/bulb", "on", retain=True)
    subscription.cancel()
    connection.disconnect()
    connection.disconnect()

    entries = log_entries()
    # The earlier connection of the same client ends when the new one comes.
    assert [entry["eventType"] for entry in entries if entry.get("reason") is None] == [
        "Connect",
        "Subscribe",
        "Publish-In",
        "Unsubscribe",
        "Disconnect",
    ]
    by_type = {entry["eventType"]: entry for entry in entries if entry.get("reason") is None}
    assert by_type["Subscribe"]["topicName"] == "orders/bulb"
    assert "topicName" not in by_type["Unsubscribe"]
    assert by_type["Publish-In"]["topicName"] == "status/bulb"
    assert by_type["Publish-In"]["retain"] == "True"
    assert by_type["Disconnect"]["disconnectReason"] == "CLIENT_INITIATED_DISCONNECT"
    (taken_over,) = (entry for entry in entries if entry.get("reason"))
    assert (taken_over["eventType"], taken_over["reason"]) == ("Disconnect", "DUPLICATE_CLIENT_ID")
    assert (taken_over["logLevel"], taken_over["status"]) == ("ERROR", "Failure")


def test_what_policies_do_not_allow_is_an_authorization_failure(
    acme: CertificateAuthority,
) -> None:
    policy = (
        '{"Version": "2012-10-17", "Statement": '
        '[{"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}]}'
    )
    with mock_jitp(config={"jitp": {"enforce_policies": True}}):
        iot = client()
        acme.register(iot, template_body=PLAIN_BODY)
        set_level(iot, "ERROR")
        bulb = acme.issue(common_name="bulb")
        assert not try_to_connect(bulb)
        (refused,) = log_entries()
        assert (refused["eventType"], refused["reason"]) == ("Connect", "AUTHORIZATION_FAILURE")

        iot.create_policy(policyName="p", policyDocument=policy)
        certificate = iot.describe_certificate(certificateId=bulb.certificate_id)
        iot.attach_policy(
            policyName="p", target=certificate["certificateDescription"]["certificateArn"]
        )
        connection = connect_device(bulb)
        with pytest.raises(NotAuthorized):
            connection.publish("a", "x")
        with pytest.raises(NotAuthorized):
            connection.subscribe("a")
        assert event_types() == ["Connect", "Publish-In", "Subscribe"]
        assert {entry["status"] for entry in log_entries()} == {"Failure"}


def test_what_a_device_receives_is_logged_for_it(iot: Any, ca: CertificateAuthority) -> None:
    bulb = ca.issue(common_name="bulb")
    listening, talking = connect_device(bulb), connect_device(ca.issue(common_name="lamp"))
    talking.publish("orders/kept", "later", retain=True)
    set_level(iot, "INFO")
    for topic in ("orders/bulb", "orders/kept"):
        listening.subscribe(topic)
    talking.publish("orders/bulb", "on")
    talking.publish("orders/nobody", "on")

    assert event_types() == [
        "Subscribe",
        "Subscribe",
        "Publish-Out",
        "Publish-In",
        "Publish-Out",
        "Publish-In",
    ]
    received = [entry for entry in log_entries() if entry["eventType"] == "Publish-Out"]
    assert [entry["topicName"] for entry in received] == ["orders/kept", "orders/bulb"]
    for entry in received:
        assert (entry["clientId"], entry["principalId"]) == ("bulb", bulb.certificate_id)
        assert (entry["protocol"], entry["sourceIp"]) == ("MQTT", "127.0.0.1")


def test_what_is_published_over_https_is_logged_with_its_caller(
    iot: Any, ca: CertificateAuthority
) -> None:
    iam = client(service="iam")
    alice = iam.create_user(UserName="alice")["User"]
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name="us-east-1")
    session.client("iot-data").publish(topic="before", payload=b"1")
    set_level(iot, "INFO")
    session.client("iot-data").publish(topic="orders/bulb", payload=b"1", retain=True)

    (entry,) = log_entries()
    del entry["traceId"], entry["timestamp"]
    assert entry == {
        "logLevel": "INFO",
        "accountId": ACCOUNT,
        "status": "Success",
        "eventType": "Publish-In",
        "protocol": "HTTP",
        "principalId": alice["UserId"],
        "sourceIp": "127.0.0.1",
        "sourcePort": 0,
        "topicName": "orders/bulb",
        "retain": "True",
    }


def test_a_caller_over_https_can_have_a_level_of_its_own(iot: Any, mocked: JitpHandle) -> None:
    set_level(iot, "DISABLED")
    iam = client(service="iam")
    for name in ("alice", "bob"):
        user = iam.create_user(UserName=name)["User"]
        key = iam.create_access_key(UserName=name)["AccessKey"]
        session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name="us-east-1")
        if name == "alice":
            target = {"targetType": "PRINCIPAL_ID", "targetName": user["UserId"]}
            iot.set_v2_logging_level(logTarget=target, logLevel="INFO")
        session.client("iot-data").publish(topic=name, payload=b"1")

    assert [entry["topicName"] for entry in log_entries()] == ["alice"]


SHADOW = b'{"state": {"desired": {"on": true}}}'


def shadow_entries() -> list[tuple[str, ...]]:
    return [
        tuple(entry[key] for key in ("eventType", "status", "protocol", "deviceShadowName"))
        for entry in log_entries()
        if entry["eventType"].endswith("ThingShadow")
    ]


def test_requests_to_shadows_over_https_are_logged(iot: Any) -> None:
    iot.create_thing(thingName="bulb")
    set_level(iot, "INFO")
    data = client(service="iot-data")
    data.update_thing_shadow(thingName="bulb", payload=SHADOW)
    data.update_thing_shadow(thingName="bulb", shadowName="lamp", payload=SHADOW)
    data.get_thing_shadow(thingName="bulb")
    data.delete_thing_shadow(thingName="bulb")
    with pytest.raises(data.exceptions.ResourceNotFoundException):
        data.get_thing_shadow(thingName="bulb")

    assert shadow_entries() == [
        ("UpdateThingShadow", "Success", "HTTP", "bulb"),
        ("UpdateThingShadow", "Success", "HTTP", "bulb~lamp"),
        ("GetThingShadow", "Success", "HTTP", "bulb"),
        ("DeleteThingShadow", "Success", "HTTP", "bulb"),
        ("GetThingShadow", "Failure", "HTTP", "bulb"),
    ]
    assert log_entries()[1]["topicName"] == "$aws/things/bulb/shadow/name/lamp/update"
    assert log_entries()[-1]["details"]


def test_requests_to_shadows_by_devices_are_logged(iot: Any, ca: CertificateAuthority) -> None:
    connection = connect_device(ca.issue(common_name="bulb"))
    set_level(iot, "INFO")
    topic = "$aws/things/bulb/shadow"
    connection.publish(f"{topic}/update", SHADOW)
    connection.publish(f"{topic}/get", b"")
    connection.publish(f"{topic}/delete", b"")
    connection.publish(f"{topic}/update", b"{}")

    assert shadow_entries() == [
        ("UpdateThingShadow", "Success", "MQTT", "bulb"),
        ("GetThingShadow", "Success", "MQTT", "bulb"),
        ("DeleteThingShadow", "Success", "MQTT", "bulb"),
        ("UpdateThingShadow", "Failure", "MQTT", "bulb"),
    ]
    last = log_entries()[-1]
    assert (last["topicName"], last["details"]) == (
        f"{topic}/update",
        "Missing required node: state",
    )
    assert (last["logLevel"], "clientId" in last) == ("ERROR", False)


def test_a_groups_level_counts_for_the_shadows_of_its_things(iot: Any, grouped: Any) -> None:
    set_group_level(iot, "bulbs", "INFO")
    for name in ("bulb", "lamp"):
        client(service="iot-data").update_thing_shadow(thingName=name, payload=SHADOW)

    assert [name for *_, name in shadow_entries()] == ["bulb"]


# Levels of one event type, and of one resource.


def test_an_event_type_can_have_a_log_group_of_its_own(iot: Any, ca: CertificateAuthority) -> None:
    events = [
        {"eventType": "Connect", "logDestination": "connections"},
        {"eventType": "ProvisionDevice", "logLevel": "DISABLED"},
    ]
    set_level(iot, "INFO", eventConfigurations=events)
    connect_device(ca.issue(common_name="bulb")).disconnect()

    assert event_types() == ["Disconnect"]
    assert event_types("connections") == ["Connect"]


@pytest.fixture
def grouped(iot: Any, ca: CertificateAuthority) -> Any:
    """The things bulb, in bulbs below lights, and lamp in no group, both provisioned."""
    iot.create_thing_group(thingGroupName="lights")
    iot.create_thing_group(thingGroupName="bulbs", parentGroupName="lights")
    devices = {name: ca.issue(common_name=name) for name in ("bulb", "lamp")}
    for device in devices.values():
        connect_device(device).disconnect()
    iot.add_thing_to_thing_group(thingGroupName="bulbs", thingName="bulb")
    set_level(iot, "DISABLED")
    return devices


def clients_logged() -> list[str]:
    return [entry["clientId"] for entry in log_entries()]


def set_group_level(iot: Any, group: str, level: str) -> None:
    target = {"targetType": "THING_GROUP", "targetName": group}
    iot.set_v2_logging_level(logTarget=target, logLevel=level)


@pytest.mark.parametrize("group", ["bulbs", "lights"])
def test_a_groups_level_counts_for_its_things_and_those_below(
    iot: Any, grouped: Any, group: str
) -> None:
    set_group_level(iot, group, "INFO")
    for device in grouped.values():
        connect_device(device)

    assert clients_logged() == ["bulb"]


def test_a_childs_level_takes_precedence_over_its_parents(iot: Any, grouped: Any) -> None:
    set_group_level(iot, "lights", "INFO")
    set_group_level(iot, "bulbs", "ERROR")
    connect_device(grouped["bulb"])

    assert clients_logged() == []


def test_without_the_groups_level_the_default_counts_again(iot: Any, grouped: Any) -> None:
    set_group_level(iot, "bulbs", "INFO")
    iot.delete_v2_logging_level(targetType="THING_GROUP", targetName="bulbs")
    connect_device(grouped["bulb"])

    assert clients_logged() == []


def test_a_group_can_be_quieter_than_the_rest(iot: Any, grouped: Any) -> None:
    set_level(iot, "INFO")
    set_group_level(iot, "bulbs", "DISABLED")
    for device in grouped.values():
        connect_device(device)

    assert clients_logged() == ["lamp"]


def test_a_client_that_is_not_named_like_its_thing_is_in_no_group(iot: Any, grouped: Any) -> None:
    set_group_level(iot, "bulbs", "INFO")
    connect_device(grouped["bulb"], client_id="somebody")

    assert clients_logged() == []


@pytest.mark.parametrize("kind", ["CLIENT_ID", "PRINCIPAL_ID", "SOURCE_IP"])
def test_a_client_can_have_a_level_of_its_own(iot: Any, grouped: Any, kind: str) -> None:
    names = {
        "CLIENT_ID": "bulb",
        "PRINCIPAL_ID": grouped["bulb"].certificate_id,
        "SOURCE_IP": "127.0.0.1",
    }
    target = {"targetType": kind, "targetName": names[kind]}
    iot.set_v2_logging_level(logTarget=target, logLevel="INFO")
    for device in grouped.values():
        connect_device(device)

    assert clients_logged() == (["bulb", "lamp"] if kind == "SOURCE_IP" else ["bulb"])


def test_a_resources_level_turns_authentication_errors_on(iot: Any, grouped: Any) -> None:
    iot.update_certificate(certificateId=grouped["bulb"].certificate_id, newStatus="INACTIVE")
    set_group_level(iot, "bulbs", "ERROR")
    assert not try_to_connect(grouped["bulb"])

    assert event_types() == [AUTHN_ERROR]


# The first generation, and where entries go.


def test_the_first_generation_writes_plain_text(iot: Any, ca: CertificateAuthority) -> None:
    iot.set_logging_options(loggingOptionsPayload={"roleArn": ROLE, "logLevel": "INFO"})
    bulb = ca.issue(common_name="bulb")
    connect_device(bulb)
    assert not try_to_connect(CertificateAuthority(common_name="No").issue(common_name="x"))

    found = client(service="logs").filter_log_events(logGroupName="AWSIotLogs")["events"]
    texts = [event["message"] for event in found]
    assert len(texts) == 2  # authentication errors belong to the second generation
    assert f"PRINCIPALID:{bulb.certificate_id} [INFO] EVENT:Connect" in texts[-1]
    assert event_types() == []


def test_the_second_generation_takes_the_firsts_place(iot: Any, ca: CertificateAuthority) -> None:
    iot.set_logging_options(loggingOptionsPayload={"roleArn": ROLE, "logLevel": "INFO"})
    set_level(iot, "INFO")
    connect_device(ca.issue(common_name="bulb"))

    assert event_types("AWSIotLogs") == []
    assert event_types("AWSIotLogsV2") == ["ProvisionDevice", "Connect"]


def test_the_first_generation_without_a_level_writes_nothing(
    iot: Any, ca: CertificateAuthority
) -> None:
    iot.set_logging_options(loggingOptionsPayload={"roleArn": ROLE})
    connect_device(ca.issue(common_name="bulb"))

    assert client(service="logs").describe_log_groups()["logGroups"] == []


def test_entries_lie_in_the_account_and_region_of_the_device(
    iot: Any, ca: CertificateAuthority
) -> None:
    other = session_of_other_account()
    elsewhere = CertificateAuthority(common_name="Elsewhere")
    elsewhere.register(other.client("iot"), template_body=PLAIN_BODY)
    set_level(other.client("iot"), "INFO")
    connect_device(elsewhere.issue(common_name="theirs"))
    connect_device(ca.issue(common_name="ours"))

    assert event_types() == []
    assert event_types(logs=other.client("logs")) == ["ProvisionDevice", "Connect"]
    assert event_types(logs=client("eu-west-1", "logs")) == []


def test_a_server_has_them_too(acme: CertificateAuthority) -> None:
    with mock_jitp(), served() as session:
        iot = session.client("iot")
        acme.register(iot, template_body=PLAIN_BODY)
        set_level(iot, "INFO")
        connect_device(acme.issue(common_name="bulb"))

        assert event_types(logs=session.client("logs")) == ["ProvisionDevice", "Connect"]
