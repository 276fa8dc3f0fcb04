"""``parse_time``, which writes a moment by a pattern of Joda-Time, and ``time_to_epoch``, which
reads one by a pattern of Java's DateTimeFormatter.

https://www.joda.org/joda-time/apidocs/org/joda/time/format/DateTimeFormat.html
https://docs.oracle.com/en/java/javase/11/docs/api/java.base/java/time/format/DateTimeFormatter.html
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from moto_jitp.sql.evaluation import Evaluation
from moto_jitp.sql.values import UNDEFINED, V2, Value, to_int, to_string

from .table import function

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MONTHS = list(calendar.month_name)
_DAYS = list(calendar.day_name)
_OFFSET = re.compile(r"(?:UTC|GMT|UT)?([+-])(\d{1,2}):?(\d{2})?(?::?(\d{2}))?")
_NORTH_AMERICAN = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6}
_NORTH_AMERICAN.update({"PST": -8, "PDT": -7})


@function("parse_time", 2, 3, since=V2)
def parse_time(_: Evaluation, arguments: Sequence[Value]) -> Value:
    pattern, milliseconds = to_string(arguments[0]), to_int(arguments[1])
    zone = read_zone(to_string(arguments[2])) if len(arguments) == 3 else timezone.utc
    if pattern is UNDEFINED or not isinstance(milliseconds, int) or zone is None:
        return UNDEFINED
    try:
        moment = (_EPOCH + timedelta(milliseconds=milliseconds)).astimezone(zone)
        return "".join(_written(pattern, moment))
    except (ValueError, OverflowError):
        return UNDEFINED


@function("time_to_epoch", 2, since=V2)
def time_to_epoch(_: Evaluation, arguments: Sequence[Value]) -> Value:
    text, pattern = map(to_string, arguments)
    if UNDEFINED in (text, pattern):
        return UNDEFINED
    try:
        return _read(text, pattern)
    except (ValueError, OverflowError):
        return UNDEFINED


def read_zone(text: Value) -> tzinfo | None:
    """Read a time zone: its name (``America/Belize``), an offset (``UTC+01:00``), ``Z``.

    Returns:
        The zone; ``None`` if there is no such zone, or this machine has no data for it.
    """
    if not isinstance(text, str):
        return None
    if text in ("Z", "UTC", "GMT", "UT"):
        return timezone.utc
    if text in _NORTH_AMERICAN:
        return timezone(timedelta(hours=_NORTH_AMERICAN[text]), text)
    offset = _OFFSET.fullmatch(text)
    if offset is not None:
        sign, hours, minutes, seconds = offset.groups()
        size = timedelta(hours=int(hours), minutes=int(minutes or 0), seconds=int(seconds or 0))
        return timezone(-size if sign == "-" else size) if size < timedelta(days=1) else None
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        return None


def _tokens(pattern: str) -> Iterator[tuple[str, int]]:
    """Parse a pattern: a letter with its number of repetitions, or a text with 0."""
    for token in re.finditer(r"([A-Za-z])\1*|''|'((?:[^']|'')*)'|(.)", pattern, re.DOTALL):
        letter, quoted, plain = token.groups()
        if letter is not None:
            yield letter, len(token[0])
        elif plain == "'":
            raise ValueError("a quotation mark has no partner")
        else:
            yield (quoted or "'").replace("''", "'") if plain is None else plain, 0


def _written(pattern: str, moment: datetime) -> Iterator[str]:
    for symbol, count in _tokens(pattern):
        if count == 0:
            yield symbol
        elif symbol == "S":
            yield f"{moment.microsecond:06}".ljust(count, "0")[:count]
        elif symbol in _TEXTS:
            yield _TEXTS[symbol](moment, count)
        else:
            value = _NUMBERS[symbol](moment) if symbol in _NUMBERS else None
            if value is None:
                raise ValueError(f"{symbol} is not a letter of Joda-Time's patterns")
            if symbol in "yYx" and count == 2:
                value %= 100
            yield str(value).zfill(count)


def _month(moment: datetime, count: int) -> str:
    if count < 3:
        return str(moment.month).zfill(count)
    return _MONTHS[moment.month][: None if count > 3 else 3]


def _offset(moment: datetime, count: int) -> str:
    if count > 2:
        return str(moment.tzinfo)
    text = moment.strftime("%z")
    return f"{text[:3]}:{text[3:5]}" if count == 2 else text[:5]


def _zone_name(moment: datetime, count: int) -> str:
    return moment.tzname() or str(moment.tzinfo)


_TEXTS: Mapping[str, Callable[[datetime, int], str]] = {
    "G": lambda moment, count: "AD",
    "M": _month,
    "E": lambda moment, count: _DAYS[moment.weekday()][: None if count > 3 else 3],
    "a": lambda moment, count: "AM" if moment.hour < 12 else "PM",
    "z": _zone_name,
    "Z": _offset,
}
_NUMBERS: Mapping[str, Callable[[datetime], int]] = {
    "C": lambda moment: moment.year // 100,
    "Y": lambda moment: moment.year,
    "y": lambda moment: moment.year,
    "x": lambda moment: moment.isocalendar()[0],
    "w": lambda moment: moment.isocalendar()[1],
    "e": lambda moment: moment.isoweekday(),
    "D": lambda moment: moment.timetuple().tm_yday,
    "d": lambda moment: moment.day,
    "K": lambda moment: moment.hour % 12,
    "h": lambda moment: moment.hour % 12 or 12,
    "H": lambda moment: moment.hour,
    "k": lambda moment: moment.hour or 24,
    "m": lambda moment: moment.minute,
    "s": lambda moment: moment.second,
}

_FIELDS = {
    **dict.fromkeys("yu", "year"),
    **dict.fromkeys("ML", "month"),
    "d": "day",
    "D": "day_of_year",
    **dict.fromkeys("Hk", "hour"),
    **dict.fromkeys("hK", "half_day_hour"),
    "m": "minute",
    "s": "second",
    "S": "fraction",
    "n": "nano",
    "E": "weekday",
    "a": "half_day",
    "G": "era",
    **dict.fromkeys("VzOXxZ", "zone"),
}


def _read(text: str, pattern: str) -> int:
    parts, symbols_seen = [], set()
    for symbol, count in _tokens(pattern):
        if count == 0:
            parts.append({"[": "(?:", "]": ")?"}.get(symbol, re.escape(symbol)))
            continue
        name = _FIELDS.get(symbol)
        if name is None or name in symbols_seen:
            raise ValueError(f"{symbol} is not a letter that is read here, or stands twice")
        symbols_seen.add(name)
        parts.append(f"(?P<{name}>{_expression(symbol, count)})")
    match = re.compile("".join(parts), re.IGNORECASE).fullmatch(text)
    if match is None:
        raise ValueError("the text does not fit the pattern")
    return _moment({name: value for name, value in match.groupdict().items() if value}, pattern)


def _expression(symbol: str, count: int) -> str:
    if symbol in "ML" and count > 2:
        return "|".join(_short_or_full(_MONTHS[1:], count))
    if symbol == "E":
        return "|".join(_short_or_full(_DAYS, count))
    if symbol == "a":
        return "AM|PM"
    if symbol == "G":
        return "AD|BC"
    if symbol in "VzOXxZ":
        return r"[A-Za-z_]+(?:[/+-][\w:+-]+)*|[+-][\d:]+"
    if symbol in "yu" and count == 4:
        return r"\d{4}"
    return r"\d+" if count == 1 else rf"\d{{{count}}}"


def _short_or_full(names: Sequence[str], count: int) -> list[str]:
    return [name if count > 3 else name[:3] for name in names]


def _moment(fields_read: Mapping[str, str], pattern: str) -> int:
    if "year" not in fields_read or fields_read.get("era", "AD").upper() == "BC":
        raise ValueError("there is no year, or one before our era")
    year = int(fields_read["year"])
    if re.search(r"(?<![yu])(?:yy|uu)(?![yu])", pattern):
        year += 2000
    if "day_of_year" in fields_read:
        date = datetime(year, 1, 1) + timedelta(days=int(fields_read["day_of_year"]) - 1)
    else:
        month = _month_number(fields_read.get("month", "1"))
        day = int(fields_read.get("day", "1"))
        if not 1 <= day <= 31:
            raise ValueError("there is no such day")
        # As Java's default has it: the 31st of a shorter month is its last day.
        date = datetime(year, month, min(day, calendar.monthrange(year, month)[1]))
    hour = int(fields_read.get("hour", "0")) % 24 if int(fields_read.get("hour", "0")) <= 24 else 25
    if "half_day_hour" in fields_read:
        hour = int(fields_read["half_day_hour"]) % 12
        hour += 12 * (fields_read.get("half_day", "AM").upper() == "PM")
    microseconds = int(fields_read.get("fraction", "0").ljust(6, "0")[:6])
    microseconds += int(fields_read.get("nano", "0")) // 1000
    zone = read_zone(fields_read["zone"]) if "zone" in fields_read else timezone.utc
    if zone is None:
        raise ValueError("there is no such time zone")
    moment = date.replace(
        hour=hour,
        minute=int(fields_read.get("minute", "0")),
        second=int(fields_read.get("second", "0")),
        microsecond=microseconds,
        tzinfo=zone,
    )
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _month_number(text: str) -> int:
    if text.isdigit():
        return int(text)
    return next(at for at, name in enumerate(_MONTHS) if name[:3].lower() == text[:3].lower())
