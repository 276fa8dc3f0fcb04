"""Logging options and levels: set, listed and deleted as on AWS."""

from __future__ import annotations

from typing import Any

import pytest
from support.bodies import ROLE
from support.cloud import client, client_of, refused

from moto_jitp import mock_jitp

OTHER_ROLE = "arn:aws:iam::123456789012:role/OtherLogging"


@pytest.fixture
def logging(iot: Any) -> Any:
    """A client of an account whose logging is configured."""
    iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="WARN")
    return iot


def options(iot: Any, **arguments: Any) -> dict[str, Any]:
    answer = dict(iot.get_v2_logging_options(**arguments))
    del answer["ResponseMetadata"]
    return answer


def levels(iot: Any, **arguments: Any) -> list[tuple[str, str | None, str]]:
    listed = iot.list_v2_logging_levels(**arguments)["logTargetConfigurations"]
    return [
        (level["logTarget"]["targetType"], level["logTarget"].get("targetName"), level["logLevel"])
        for level in listed
    ]


def test_options_are_answered_as_they_were_set(logging: Any) -> None:
    assert options(logging) == {
        "roleArn": ROLE,
        "defaultLogLevel": "WARN",
        "disableAllLogs": False,
    }


def test_what_is_not_given_stays(logging: Any) -> None:
    logging.set_v2_logging_options(disableAllLogs=True)
    logging.set_v2_logging_options(defaultLogLevel="DEBUG")
    logging.set_v2_logging_options(roleArn=OTHER_ROLE)

    assert options(logging) == {
        "roleArn": OTHER_ROLE,
        "defaultLogLevel": "DEBUG",
        "disableAllLogs": True,
    }
    logging.set_v2_logging_options(disableAllLogs=False)
    assert options(logging)["disableAllLogs"] is False


@pytest.mark.parametrize(
    ("given", "missing"),
    [({"defaultLogLevel": "INFO"}, "roleArn"), ({"roleArn": ROLE}, "defaultLogLevel")],
)
def test_the_first_time_needs_a_role_and_a_level(
    iot: Any, given: dict[str, str], missing: str
) -> None:
    with refused("InvalidRequestException", 400, f"{missing} is missing"):
        iot.set_v2_logging_options(**given)
    with refused("NotConfiguredException", 404, "Logging is not configured"):
        iot.get_v2_logging_options()


def test_a_level_that_there_is_not_is_refused(iot: Any) -> None:
    with refused("InvalidRequestException", 400, "1 validation error detected: Value 'LOUD'"):
        iot.set_v2_logging_options(roleArn=ROLE, defaultLogLevel="LOUD")


def test_nothing_is_configured_at_first(iot: Any) -> None:
    target = {"targetType": "THING_GROUP", "targetName": "bulbs"}
    with refused("NotConfiguredException", 404, "Logging is not configured"):
        iot.get_v2_logging_options()
    with refused("NotConfiguredException", 404, "Logging is not configured"):
        iot.list_v2_logging_levels()
    with refused("NotConfiguredException", 404, "Logging is not configured"):
        iot.set_v2_logging_level(logTarget=target, logLevel="INFO")


def test_event_types_can_have_a_level_and_a_log_group_of_their_own(logging: Any) -> None:
    events = [
        {"eventType": "Connect", "logLevel": "DEBUG"},
        {"eventType": "Publish-In", "logDestination": "publishing"},
    ]
    logging.set_v2_logging_options(eventConfigurations=events)

    assert options(logging)["eventConfigurations"] == events
    verbose = {
        event["eventType"]: (event["logLevel"], event["logDestination"])
        for event in options(logging, verbose=True)["eventConfigurations"]
    }
    assert verbose["Connect"] == ("DEBUG", "AWSIotLogsV2")
    assert verbose["Publish-In"] == ("WARN", "publishing")
    assert verbose["Disconnect"] == ("WARN", "AWSIotLogsV2")
    assert verbose["Connection.AuthNError"] == ("DISABLED", "AWSIotLogsV2")

    logging.set_v2_logging_options(eventConfigurations=[])
    assert "eventConfigurations" not in options(logging)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Nonsense", "There are: Connect, "),
        ("connect", "Did you mean Connect?"),
        ("Publish", "Did you mean Publish-In?"),
        ("Connection.AuthenticationError", "Did you mean Connection.AuthNError?"),
    ],
)
def test_an_event_type_that_aws_does_not_have_is_refused(
    logging: Any, name: str, hint: str
) -> None:
    event = {"eventType": name, "logLevel": "INFO"}
    text = f"'{name}' is not an event type of AWS IoT's log entries. {hint}"
    with refused("InvalidRequestException", 400, text):
        logging.set_v2_logging_options(eventConfigurations=[event])

    assert "eventConfigurations" not in options(logging)


def test_an_event_type_that_is_never_written_here_is_kept_all_the_same(logging: Any) -> None:
    event = {"eventType": "RuleMatch", "logLevel": "INFO"}
    logging.set_v2_logging_options(eventConfigurations=[event])

    assert options(logging)["eventConfigurations"] == [event]


def test_levels_by_resource_are_listed_after_the_default(logging: Any) -> None:
    targets = [("THING_GROUP", "bulbs"), ("CLIENT_ID", "bulb-1"), ("PRINCIPAL_ID", "ab" * 32)]
    for kind, name in targets:
        target = {"targetType": kind, "targetName": name}
        logging.set_v2_logging_level(logTarget=target, logLevel="DEBUG")

    assert levels(logging) == [
        ("DEFAULT", None, "WARN"),
        *((kind, name, "DEBUG") for kind, name in targets),
    ]
    assert levels(logging, targetType="CLIENT_ID") == [("CLIENT_ID", "bulb-1", "DEBUG")]


def test_a_level_is_replaced_and_deleted(logging: Any) -> None:
    target = {"targetType": "THING_GROUP", "targetName": "bulbs"}
    logging.set_v2_logging_level(logTarget=target, logLevel="DEBUG")
    logging.set_v2_logging_level(logTarget=target, logLevel="ERROR")
    assert levels(logging, targetType="THING_GROUP") == [("THING_GROUP", "bulbs", "ERROR")]

    logging.delete_v2_logging_level(**target)
    logging.delete_v2_logging_level(**target)
    assert levels(logging) == [("DEFAULT", None, "WARN")]


def test_the_default_target_is_the_default_level(logging: Any) -> None:
    logging.set_v2_logging_level(logTarget={"targetType": "DEFAULT"}, logLevel="ERROR")

    assert options(logging)["defaultLogLevel"] == "ERROR"
    with refused("InvalidRequestException", 400, "The default level cannot be deleted"):
        logging.delete_v2_logging_level(targetType="DEFAULT", targetName="x")


def test_a_target_needs_a_name(logging: Any) -> None:
    with refused("InvalidRequestException", 400, "A log target of the type THING_GROUP needs"):
        logging.set_v2_logging_level(logTarget={"targetType": "THING_GROUP"}, logLevel="INFO")


def test_levels_come_in_pages(logging: Any) -> None:
    for number in range(4):
        target = {"targetType": "THING_GROUP", "targetName": f"group-{number}"}
        logging.set_v2_logging_level(logTarget=target, logLevel="INFO")

    first = logging.list_v2_logging_levels(maxResults=3)
    second = logging.list_v2_logging_levels(maxResults=3, nextToken=first["nextToken"])

    assert len(first["logTargetConfigurations"]) == 3
    assert len(second["logTargetConfigurations"]) == 2
    assert "nextToken" not in second
    with refused("InvalidRequestException", 400, "The token 'x' was not returned"):
        logging.list_v2_logging_levels(nextToken="x")


def test_the_first_generation_has_one_level(iot: Any) -> None:
    assert iot.get_logging_options()["logLevel"] == "DISABLED"

    iot.set_logging_options(loggingOptionsPayload={"roleArn": ROLE, "logLevel": "INFO"})

    answer = iot.get_logging_options()
    assert (answer["roleArn"], answer["logLevel"]) == (ROLE, "INFO")
    with refused("NotConfiguredException", 404, "Logging is not configured"):
        iot.get_v2_logging_options()


def test_the_first_generations_level_is_checked(iot: Any) -> None:
    with refused("InvalidRequestException", 400, "1 validation error detected: Value 'LOUD'"):
        iot.set_logging_options(loggingOptionsPayload={"roleArn": ROLE, "logLevel": "LOUD"})


def test_accounts_and_regions_are_configured_for_themselves(logging: Any) -> None:
    for other in (client("eu-west-1"), client_of("210987654321")):
        with refused("NotConfiguredException", 404, "Logging is not configured"):
            other.get_v2_logging_options()


def test_an_inner_block_keeps_the_logging_options(logging: Any) -> None:
    logging.set_v2_logging_options(disableAllLogs=True)
    with mock_jitp():
        assert options(client())["disableAllLogs"] is True
    assert options(logging)["disableAllLogs"] is True


def test_the_next_block_knows_nothing_of_the_last_one() -> None:
    with mock_jitp():
        client().set_v2_logging_options(roleArn=ROLE, defaultLogLevel="INFO")
    with mock_jitp(), refused("NotConfiguredException", 404, "Logging is not configured"):
        client().get_v2_logging_options()
