"""CloudWatch counts the outcomes of devices in the namespace AWS/IoT."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory
from moto import mock_aws
from moto.moto_api import state_manager
from support.bodies import GUIDE_BODY, PLAIN_BODY
from support.cloud import client
from support.monitoring import (
    metric_names,
    metric_sum,
    served,
    session_of_other_account,
    try_to_connect,
)

from moto_jitp import (
    CertificateAuthority,
    JitpHandle,
    activate,
    connect_device,
    deactivate,
    mock_jitp,
)

SUCCESS, CLIENT_ERROR, SERVER_ERROR = (
    f"ProvisionThing.{kind}" for kind in ("Success", "ClientError", "ServerError")
)
AUTHN_ERROR = "Connection.AuthNError"


@pytest.fixture
def clock() -> Iterator[FrozenDateTimeFactory]:
    with freeze_time("2026-03-01 12:00:10") as frozen:
        assert isinstance(frozen, FrozenDateTimeFactory)
        yield frozen


def test_a_device_that_provisions_itself_is_a_success(ca: CertificateAuthority) -> None:
    connect_device(ca.issue(common_name="bulb-1"))
    connect_device(ca.issue(common_name="bulb-2"))

    assert metric_sum(SUCCESS) == 2
    assert metric_sum(CLIENT_ERROR) == metric_sum(SERVER_ERROR) == 0


def test_each_failed_run_is_a_client_error(iot: Any, acme: CertificateAuthority) -> None:
    acme.register(iot, template_body=GUIDE_BODY)
    bulb = acme.issue(common_name="bulb", country="KR")  # neither type nor groups exist

    assert not try_to_connect(bulb)
    assert not try_to_connect(bulb)

    assert metric_sum(CLIENT_ERROR) == 2
    assert metric_sum(SUCCESS) == metric_sum(SERVER_ERROR) == 0


@pytest.mark.parametrize("operation", ["RegisterThing", "CreateThing", "UpdateCertificate"])
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("InternalFailureException", SERVER_ERROR),
        ("InternalException", SERVER_ERROR),
        ("InternalServerException", SERVER_ERROR),
        ("ServiceUnavailableException", SERVER_ERROR),
        ("ThrottlingException", CLIENT_ERROR),
        ("LimitExceededException", CLIENT_ERROR),
    ],
)
def test_a_run_that_aws_itself_fails_is_a_server_error(
    mocked: JitpHandle, ca: CertificateAuthority, operation: str, code: str, kind: str
) -> None:
    mocked.fail(operation, code)

    assert not try_to_connect(ca.issue(common_name="bulb"))

    assert metric_sum(kind) == 1
    assert metric_sum(SUCCESS) + metric_sum(CLIENT_ERROR) + metric_sum(SERVER_ERROR) == 1


def test_registration_without_a_template_is_not_provisioning(
    iot: Any, acme: CertificateAuthority
) -> None:
    acme.register(iot)

    assert not try_to_connect(acme.issue(common_name="bulb"))

    assert not [name for name in metric_names() if name.startswith("ProvisionThing")]


def test_register_thing_by_boto3_is_not_just_in_time_provisioning(
    iot: Any, ca: CertificateAuthority
) -> None:
    bulb = ca.issue(common_name="bulb")
    iot.register_certificate(certificatePem=bulb.certificate_pem, status="ACTIVE")
    parameters = {
        "AWS::IoT::Certificate::CommonName": "bulb",
        "AWS::IoT::Certificate::Id": bulb.certificate_id,
    }
    iot.register_thing(templateBody=PLAIN_BODY, parameters=parameters)

    assert metric_sum(SUCCESS) == 0


def test_connections_are_counted_by_protocol(ca: CertificateAuthority) -> None:
    bulb = ca.issue(common_name="bulb")
    connect_device(bulb)
    connect_device(bulb)

    assert metric_sum("Connect.Success", by_protocol="MQTT") == 2
    assert metric_sum("Connect.Success", by_protocol="HTTP") == 0


def test_the_connection_that_is_dropped_after_provisioning_is_neither_success_nor_error(
    ca: CertificateAuthority,
) -> None:
    try_to_connect(ca.issue(common_name="bulb"), reconnect=False)

    assert metric_names() == [SUCCESS]


def test_an_unknown_device_is_an_authentication_error(
    ca: CertificateAuthority, acme: CertificateAuthority
) -> None:
    stranger = CertificateAuthority(common_name="Nobody").issue(common_name="bulb")

    assert not try_to_connect(stranger)

    assert metric_sum(AUTHN_ERROR, by_protocol="MQTT") == 1
    assert metric_names() == [AUTHN_ERROR]


def test_a_device_without_a_server_name_is_not_counted(ca: CertificateAuthority) -> None:
    assert not try_to_connect(ca.issue(common_name="bulb"), server_name=None)

    assert metric_names() == []


def test_a_device_with_another_accounts_server_name_counts_in_that_account(
    iot: Any, acme: CertificateAuthority
) -> None:
    acme.register(iot, template_body=PLAIN_BODY, certificate_mode="SNI_ONLY")
    here = iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    there = client("eu-west-1").describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]

    assert not try_to_connect(acme.issue(common_name="b"), endpoint=here, server_name=there)
    assert not try_to_connect(acme.issue(common_name="b"), endpoint=here, server_name="no.where")

    assert metric_names() == []
    assert metric_sum(AUTHN_ERROR, cloudwatch=client("eu-west-1", "cloudwatch")) == 1


def test_a_device_whose_policies_do_not_let_it_in_is_an_authorization_error(
    acme: CertificateAuthority,
) -> None:
    with mock_jitp(config={"jitp": {"enforce_policies": True}}):
        acme.register(client(), template_body=PLAIN_BODY)
        assert not try_to_connect(acme.issue(common_name="bulb"))

        assert metric_sum("Connect.AuthError", by_protocol="MQTT") == 1
        assert metric_names() == ["Connect.AuthError", SUCCESS]


def test_values_carry_the_minute_in_which_they_were_counted(
    clock: FrozenDateTimeFactory, ca: CertificateAuthority
) -> None:
    bulb = ca.issue(common_name="bulb")
    connect_device(bulb)
    clock.tick(30)
    connect_device(bulb)
    clock.tick(timedelta(minutes=2))
    connect_device(bulb)

    query = {
        "Id": "connections",
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/IoT",
                "MetricName": "Connect.Success",
                "Dimensions": [{"Name": "Protocol", "Value": "MQTT"}],
            },
            "Period": 60,
            "Stat": "Sum",
        },
    }
    noon = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
    until = noon + timedelta(minutes=5)
    (data,) = client(service="cloudwatch").get_metric_data(
        MetricDataQueries=[query], StartTime=noon, EndTime=until, ScanBy="TimestampAscending"
    )["MetricDataResults"]
    statistics = client(service="cloudwatch").get_metric_statistics(
        Namespace="AWS/IoT",
        MetricName="Connect.Success",
        Dimensions=[{"Name": "Protocol", "Value": "MQTT"}],
        StartTime=noon,
        EndTime=until,
        Period=60,
        Statistics=["Sum", "SampleCount", "Average", "Maximum"],
    )["Datapoints"]

    assert data["Timestamps"] == [noon, noon + timedelta(minutes=2)]
    assert data["Values"] == [2.0, 1.0]
    assert [(p["Timestamp"], p["Sum"], p["SampleCount"]) for p in statistics] == [
        (noon, 2.0, 2.0),
        (noon + timedelta(minutes=2), 1.0, 1.0),
    ]
    assert [(p["Average"], p["Maximum"], p["Unit"]) for p in statistics] == [(1, 1, "Count")] * 2


def points_since(start: datetime, namespace: str, name: str) -> list[tuple[datetime, float]]:
    """The values of a metric from get_metric_statistics for an hour from a moment on."""
    found = client(service="cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        StartTime=start,
        EndTime=start + timedelta(hours=1),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    return [(point["Timestamp"], point["Sum"]) for point in found]


def data_since(start: datetime, **metrics: tuple[str, str]) -> dict[str, Any]:
    """What one get_metric_data has of metrics (namespace, name) from a moment on, for an hour."""
    queries = [
        {
            "Id": id_,
            "MetricStat": {
                "Metric": {"Namespace": namespace, "MetricName": name},
                "Period": 60,
                "Stat": "Sum",
            },
        }
        for id_, (namespace, name) in metrics.items()
    ]
    found = client(service="cloudwatch").get_metric_data(
        MetricDataQueries=queries,
        StartTime=start,
        EndTime=start + timedelta(hours=1),
    )["MetricDataResults"]
    return {one["Id"]: list(zip(one["Timestamps"], one["Values"], strict=True)) for one in found}


def test_a_query_that_starts_just_before_a_connection_finds_it(
    clock: FrozenDateTimeFactory, ca: CertificateAuthority
) -> None:
    start = datetime.now(timezone.utc)  # ten seconds into the minute
    noon = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
    clock.tick(20)
    connect_device(ca.issue(common_name="bulb"))

    assert points_since(start, "AWS/IoT", SUCCESS) == [(noon, 1.0)]
    assert data_since(start, runs=("AWS/IoT", SUCCESS)) == {"runs": [(noon, 1.0)]}
    later = noon + timedelta(minutes=1)
    assert points_since(later, "AWS/IoT", SUCCESS) == []
    assert data_since(later, runs=("AWS/IoT", SUCCESS)) == {"runs": []}


def test_a_query_must_name_the_dimension_of_a_metric_that_has_one(
    clock: FrozenDateTimeFactory, ca: CertificateAuthority
) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
    connect_device(ca.issue(common_name="bulb"))

    assert metric_sum("Connect.Success", by_protocol="MQTT") == 1
    assert points_since(noon, "AWS/IoT", "Connect.Success") == []
    both = {"connected": ("AWS/IoT", "Connect.Success"), "runs": ("AWS/IoT", SUCCESS)}
    assert data_since(noon, **both) == {"connected": [], "runs": [(noon, 1.0)]}


def test_metrics_of_the_tests_own_namespaces_are_found_as_by_plain_moto(
    clock: FrozenDateTimeFactory, ca: CertificateAuthority
) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
    cloudwatch = client(service="cloudwatch")
    for second, value in ((5, 1.0), (30, 2.0)):
        put = {"MetricName": "Own", "Value": value, "Timestamp": noon + timedelta(seconds=second)}
        cloudwatch.put_metric_data(Namespace="Tests", MetricData=[put])
    connect_device(ca.issue(common_name="bulb"))
    start = noon + timedelta(seconds=10)

    assert points_since(start, "Tests", "Own") == [(noon + timedelta(seconds=30), 2.0)]
    both = {"own": ("Tests", "Own"), "runs": ("AWS/IoT", SUCCESS)}
    assert data_since(start, **both) == {"own": [(start, 2.0)], "runs": [(noon, 1.0)]}


def test_plain_moto_reads_the_clock_to_the_second_again_afterwards(
    clock: FrozenDateTimeFactory,
) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
    with mock_jitp():
        pass
    with mock_aws():
        put = {"MetricName": "Own", "Value": 1.0, "Timestamp": noon}
        client(service="cloudwatch").put_metric_data(Namespace="AWS/IoT", MetricData=[put])
        assert points_since(noon + timedelta(seconds=10), "AWS/IoT", "Own") == []


def test_each_metric_is_listed_once(clock: FrozenDateTimeFactory, ca: CertificateAuthority) -> None:
    for number in range(3):
        connect_device(ca.issue(common_name=f"bulb-{number}"))
        clock.tick(timedelta(minutes=5))

    assert metric_names() == ["Connect.Success", SUCCESS]


def test_a_run_that_takes_its_time_counts_when_it_ends(
    clock: FrozenDateTimeFactory, iot: Any, ca: CertificateAuthority
) -> None:
    state_manager.set_transition("iot::jitp", {"progression": "time", "seconds": 120})
    bulb = ca.issue(common_name="bulb")

    assert not try_to_connect(bulb)
    assert metric_names() == [AUTHN_ERROR]
    clock.tick(150)
    iot.describe_certificate(certificateId=bulb.certificate_id)

    (point,) = client(service="cloudwatch").get_metric_statistics(
        Namespace="AWS/IoT",
        MetricName=SUCCESS,
        StartTime=datetime(2026, 3, 1, 12, tzinfo=timezone.utc),
        EndTime=datetime(2026, 3, 1, 13, tzinfo=timezone.utc),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    assert point["Timestamp"] == datetime(2026, 3, 1, 12, 2, tzinfo=timezone.utc)


def test_without_metrics_nothing_is_counted(acme: CertificateAuthority) -> None:
    with mock_jitp(config={"jitp": {"metrics": False}}):
        acme.register(client(), template_body=PLAIN_BODY)
        connect_device(acme.issue(common_name="bulb"))

        assert metric_names() == []


def test_a_block_without_metrics_leaves_those_of_the_block_around_it(
    ca: CertificateAuthority,
) -> None:
    bulb = ca.issue(common_name="bulb")
    connect_device(bulb)
    with mock_jitp(config={"jitp": {"metrics": False}}):
        connect_device(bulb)
    connect_device(bulb)

    assert metric_sum("Connect.Success") == 2


def test_accounts_and_regions_count_for_themselves(iot: Any, ca: CertificateAuthority) -> None:
    other = session_of_other_account()
    elsewhere = CertificateAuthority(common_name="Elsewhere")
    elsewhere.register(other.client("iot"), template_body=PLAIN_BODY)
    connect_device(elsewhere.issue(common_name="bulb"))
    connect_device(elsewhere.issue(common_name="lamp"))
    connect_device(ca.issue(common_name="bulb"))

    assert metric_sum(SUCCESS) == 1
    assert metric_sum(SUCCESS, cloudwatch=other.client("cloudwatch")) == 2
    assert metric_names(client("eu-west-1", "cloudwatch")) == []


def test_metrics_of_the_test_itself_stay_beside_ours(ca: CertificateAuthority) -> None:
    connect_device(ca.issue(common_name="bulb"))
    client(service="cloudwatch").put_metric_data(
        Namespace="AWS/IoT", MetricData=[{"MetricName": "Own", "Value": 1.0}]
    )

    assert metric_names() == ["Connect.Success", "Own", SUCCESS]


def test_each_block_starts_from_nothing(acme: CertificateAuthority) -> None:
    for _ in range(2):
        with mock_jitp():
            assert metric_names() == []
            acme.register(client(), template_body=PLAIN_BODY)
            connect_device(acme.issue(common_name="bulb"))
            assert metric_sum(SUCCESS) == 1


def test_plain_moto_has_the_metrics_while_the_backend_is_activated(
    acme: CertificateAuthority,
) -> None:
    with mock_aws():
        activate({"jitp": {"strict": True}})
        try:
            acme.register(client(), template_body=PLAIN_BODY)
            connect_device(acme.issue(common_name="bulb"))
            assert metric_sum(SUCCESS) == 1
        finally:
            deactivate()
        assert metric_names() == []


def test_a_server_answers_with_them(acme: CertificateAuthority) -> None:
    with mock_jitp(), served() as session:
        acme.register(session.client("iot"), template_body=PLAIN_BODY)
        connect_device(acme.issue(common_name="bulb"))

        assert metric_sum(SUCCESS, cloudwatch=session.client("cloudwatch")) == 1
