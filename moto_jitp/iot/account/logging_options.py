"""Logging options: what AWS IoT writes to CloudWatch Logs, and for whom.

Nothing is written until SetV2LoggingOptions has named a role and a level. A resource's level
overrides that of an event type, which overrides the account's.
https://docs.aws.amazon.com/iot/latest/developerguide/configure-logging.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moto_jitp import settings
from moto_jitp.iot.api.operations import Input, Output, operation
from moto_jitp.iot.api.paging import Page
from moto_jitp.iot.exceptions import InvalidRequest, NotConfigured
from moto_jitp.iot.registry.thing_principals import ThingPrincipals
from moto_jitp.monitoring.logs import (
    EVENT_TYPES,
    LEVELS,
    LOG_GROUP,
    LOG_GROUP_V1,
    OPT_IN,
    OTHER_EVENT_TYPES,
    Client,
    LogEntry,
    LogWriter,
    new_trace_id,
)
from moto_jitp.names import did_you_mean
from moto_jitp.ordered_tables import ListedTable

_DEFAULT_TARGET = "DEFAULT"


@dataclass
class LoggingV1:
    """The options of SetLoggingOptions: one level for everything, entries in plain text."""

    role_arn: str
    level: str = "DISABLED"


@dataclass
class LoggingV2:
    """The options of SetV2LoggingOptions and SetV2LoggingLevel.

    Attributes:
        role_arn: the role with which AWS IoT writes; it is not looked up.
        default_level: the account's level.
        disabled: whether logging is off, whatever the levels say.
        events: event type to its entry in ``eventConfigurations``.
        levels: target type and name to the level of that resource.
    """

    role_arn: str
    default_level: str
    disabled: bool = False
    events: dict[str, dict[str, str]] = field(default_factory=dict)
    levels: ListedTable[tuple[str, str], str] = field(default_factory=ListedTable)

    def level_of(self, event_type: str) -> str:
        """The level of an event type if no resource has its own."""
        inherited = "DISABLED" if event_type in OPT_IN else self.default_level
        return self.events.get(event_type, {}).get("logLevel", inherited)

    def destination_of(self, event_type: str) -> str:
        """The log group of an event type."""
        return self.events.get(event_type, {}).get("logDestination", LOG_GROUP)


class LoggingOptions:
    """Knows what is logged, and logs it.

    Args:
        principals: the attachments of certificates to things, to find a client's thing.
    """

    def __init__(self, principals: ThingPrincipals) -> None:
        self._principals = principals
        self._registry = principals.registry
        self.logging_v1: LoggingV1 | None = None
        self.logging_v2: LoggingV2 | None = None

    @property
    def is_logging(self) -> bool:
        """Whether anything might be written."""
        if self.logging_v2 is not None:
            return not self.logging_v2.disabled
        return self.logging_v1 is not None

    def set_logging_options(self, role_arn: str, level: str | None) -> None:
        """Set the options of the first generation, which apply until the second is set.

        Raises:
            InvalidRequest: AWS IoT has no such level.
        """
        _check_levels(level)
        self.logging_v1 = LoggingV1(role_arn, level or "DISABLED")

    def set_v2_logging_options(
        self,
        role_arn: str | None,
        default_level: str | None,
        disabled: bool | None,
        events: list[dict[str, str]] | None,
    ) -> None:
        """Set the given options and leave the rest; the first call needs a role and a level.

        Raises:
            InvalidRequest: it is the first call, and one of these is missing; or AWS IoT has no
                such event type or level.
        """
        _check_levels(default_level, *(event.get("logLevel") for event in events or ()))
        for event in events or ():
            _check_event_type(event["eventType"])
        options = self.logging_v2
        if options is None:
            if role_arn is None or default_level is None:
                missing = "roleArn" if role_arn is None else "defaultLogLevel"
                raise InvalidRequest(
                    f"{missing} is missing: the first SetV2LoggingOptions of an account and Region "
                    "needs roleArn and defaultLogLevel."
                )
            options = self.logging_v2 = LoggingV2(role_arn, default_level)
        options.role_arn = role_arn or options.role_arn
        options.default_level = default_level or options.default_level
        options.disabled = options.disabled if disabled is None else disabled
        if events is not None:
            options.events = {event["eventType"]: event for event in events}

    def require_v2_logging(self) -> LoggingV2:
        """Return the options of the second generation.

        Raises:
            NotConfigured: they have never been set.
        """
        if self.logging_v2 is None:
            raise NotConfigured(
                "Logging is not configured: set a role and a level with SetV2LoggingOptions first."
            )
        return self.logging_v2

    def set_v2_logging_level(self, target_type: str, target_name: str | None, level: str) -> None:
        """Set the level of one resource, or the account's with the target type DEFAULT.

        Raises:
            NotConfigured: SetV2LoggingOptions must be called first.
            InvalidRequest: the target has a type but no name, or AWS IoT has no such level.
        """
        _check_levels(level)
        options = self.require_v2_logging()
        if target_type == _DEFAULT_TARGET:
            options.default_level = level
            return
        if not target_name:
            raise InvalidRequest(f"A log target of the type {target_type} needs a targetName.")
        options.levels[target_type, target_name] = level

    def delete_v2_logging_level(self, target_type: str, target_name: str) -> None:
        """Delete the level of one resource, if it has one.

        Raises:
            InvalidRequest: the target is the account's default level, which can only be changed.
        """
        if target_type == _DEFAULT_TARGET:
            raise InvalidRequest(
                "The default level cannot be deleted; set another one with SetV2LoggingOptions."
            )
        if self.logging_v2 is not None:
            self.logging_v2.levels.pop((target_type, target_name), None)

    def log(self, client: Client, moment: datetime, entries: Iterable[LogEntry]) -> None:
        """Write those entries that the options select.

        Args:
            client: the client that they are about.
            moment: when, in UTC.
            entries: the entries of one request.
        """
        if not self.is_logging:
            return
        writer, trace_id = (
            LogWriter(self._registry.account_id, self._registry.region_name),
            new_trace_id(),
        )
        options, first_generation = self.logging_v2, self.logging_v1
        if options is not None:
            client_level = self._level_of_client(options, client)
            for entry in entries:
                if _reaches(client_level or options.level_of(entry.event_type), entry):
                    group = options.destination_of(entry.event_type)
                    writer.write(group, moment, entry, trace_id)
        elif first_generation is not None:
            for entry in entries:
                if entry.event_type not in OPT_IN and _reaches(first_generation.level, entry):
                    writer.write_plain(LOG_GROUP_V1, moment, entry, trace_id)

    def _level_of_client(self, options: LoggingV2, client: Client) -> str | None:
        """The level of a client by its attributes; the most verbose if it has several."""
        if not options.levels:
            return None
        client_levels = [
            options.levels.get(("CLIENT_ID", client.client_id or "")),
            options.levels.get(("SOURCE_IP", client.address)),
            options.levels.get(("PRINCIPAL_ID", client.principal_id)),
            *self._levels_of_groups(options, client),
        ]
        return max((level for level in client_levels if level), key=LEVELS.index, default=None)

    def _levels_of_groups(self, options: LoggingV2, client: Client) -> Iterator[str]:
        """Yield, for each group of the client's thing, its level or the nearest one above."""
        # A client counts as the thing with its name, or the one exclusively attached to it.
        certificate_arn = self._registry.arn(f"cert/{client.principal_id}")
        name = self._principals.exclusive_thing_of(certificate_arn) or client.client_id
        thing = None if name is None else self._registry.find_thing(name)
        if thing is None:
            return
        for group in self._registry.thing_groups.of_thing(thing.arn):
            above = group.metadata.get("rootToParentThingGroups") or []
            names = [group.thing_group_name, *(g["groupName"] for g in reversed(above))]
            levels = (options.levels.get(("THING_GROUP", name)) for name in names)
            yield from [level for level in levels if level][:1]


def _check_event_type(name: str) -> None:
    """Check an event type, which AWS's model does not constrain; its guide lists them (own
    wording).

    https://docs.aws.amazon.com/iot/latest/developerguide/cwl-format.html
    """
    event_types = (*EVENT_TYPES, *OTHER_EVENT_TYPES)
    if name in event_types or not settings.current().strict:
        return
    hint = did_you_mean(name, event_types) or f"There are: {', '.join(event_types)}."
    raise InvalidRequest(f"{name!r} is not an event type of AWS IoT's log entries. {hint}")


def _check_levels(*levels: str | None) -> None:
    """Check levels even if ``strict`` is off: a wrong one would break every later entry."""
    for level in levels:
        if level is not None and level not in LEVELS:
            hint = did_you_mean(str(level), LEVELS) or f"The levels are {', '.join(LEVELS)}."
            raise InvalidRequest(f"{level!r} is not a log level of AWS IoT. {hint}")


def _reaches(level: str, entry: LogEntry) -> bool:
    return LEVELS.index(level) >= LEVELS.index(entry.level)


@operation("SetLoggingOptions", LoggingOptions)
def set_logging_options(logging: LoggingOptions, arguments: Input) -> None:
    payload = arguments["loggingOptionsPayload"]
    logging.set_logging_options(payload["roleArn"], payload.get("logLevel"))


@operation("GetLoggingOptions", LoggingOptions)
def get_logging_options(logging: LoggingOptions, arguments: Input) -> Output:
    options = logging.logging_v1
    if options is None:
        return {"logLevel": "DISABLED"}
    return {"roleArn": options.role_arn, "logLevel": options.level}


@operation("SetV2LoggingOptions", LoggingOptions)
def set_v2_logging_options(logging: LoggingOptions, arguments: Input) -> None:
    logging.set_v2_logging_options(
        arguments.get("roleArn"),
        arguments.get("defaultLogLevel"),
        arguments.get("disableAllLogs"),
        arguments.get("eventConfigurations"),
    )


@operation("GetV2LoggingOptions", LoggingOptions)
def get_v2_logging_options(logging: LoggingOptions, arguments: Input) -> Output:
    options = logging.require_v2_logging()
    events = list(options.events.values())
    if arguments.get("verbose"):
        events = [
            {
                "eventType": name,
                "logLevel": options.level_of(name),
                "logDestination": options.destination_of(name),
            }
            for name in dict.fromkeys((*EVENT_TYPES, *options.events))
        ]
    return {
        "roleArn": options.role_arn,
        "defaultLogLevel": options.default_level,
        "disableAllLogs": options.disabled,
        **({"eventConfigurations": events} if events else {}),
    }


@operation("SetV2LoggingLevel", LoggingOptions)
def set_v2_logging_level(logging: LoggingOptions, arguments: Input) -> None:
    target = arguments["logTarget"]
    logging.set_v2_logging_level(
        target["targetType"], target.get("targetName"), arguments["logLevel"]
    )


@operation("DeleteV2LoggingLevel", LoggingOptions)
def delete_v2_logging_level(logging: LoggingOptions, arguments: Input) -> None:
    logging.delete_v2_logging_level(arguments["targetType"], arguments["targetName"])


@operation("ListV2LoggingLevels", LoggingOptions)
def list_v2_logging_levels(logging: LoggingOptions, arguments: Input) -> Output:
    options = logging.require_v2_logging()
    target_type = arguments.get("targetType")
    page = Page("ListV2LoggingLevels", arguments)
    items_of_page = page.cut(
        _numbered_levels(options, page.number),
        lambda level: target_type in (None, level["logTarget"]["targetType"]),
    )
    return page.output("logTargetConfigurations", items_of_page)


def _numbered_levels(
    options: LoggingV2, number: int | None
) -> Iterator[tuple[int, dict[str, Any]]]:
    if number is None:  # the default level comes first
        yield 0, {"logTarget": {"targetType": _DEFAULT_TARGET}, "logLevel": options.default_level}
    for at, (kind, name) in options.levels.order.after(number):
        level = options.levels.get((kind, name))
        yield at, {"logTarget": {"targetType": kind, "targetName": name}, "logLevel": level}
