"""Fails a test that passed without looking at a refused connection, or warns of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .marker import UNSEEN_REFUSALS, options_of

if TYPE_CHECKING:
    from .connections import Connections
    from .server import JitpServer


class UnseenRefusalWarning(pytest.PytestWarning):
    """A test passed without looking at a refused connection."""


def judge(
    item: pytest.Item,
    report: pytest.TestReport,
    connections: Connections,
    server: JitpServer | None,
) -> frozenset[int]:
    """Treat the refusals that a test did not look at as the ini option or the marker says.

    Args:
        item: the test.
        report: that of its call, which has passed; it becomes that of a failure.
        connections: those of the test.
        server: the server, if it runs.

    Returns:
        The ids of the attempts that the report now shows, so that no section repeats them.

    Raises:
        pytest.UsageError: the ini option has an unknown value.
    """
    suite_choice = item.config.getini("jitp_unseen_refusals")
    if suite_choice not in UNSEEN_REFUSALS:
        raise pytest.UsageError(
            f"jitp_unseen_refusals must be one of {', '.join(UNSEEN_REFUSALS)}, not "
            f"{suite_choice!r}."
        )
    choice = options_of(item).get("unseen_refusals", suite_choice)
    if choice == "ignore":
        return frozenset()
    unseen = connections.unseen(() if server is None else server.attempts())
    if not unseen:
        return frozenset()
    from moto_jitp.history.explanation import explain

    # With other values of this option no section is shown, so the report itself has to say it all.
    is_told_below = choice == "fail" and item.config.getoption("showcapture", "all") == "all"
    stories = map(explain, unseen)
    # The reason comes first, as pytest's summary has room for little more unless the variable CI is
    # set.
    text = "\n".join(
        [
            *(story.partition("\n")[0] if is_told_below else story for story in stories),
            "A connection was refused and the test did not look at it: read the reason of "
            "ConnectionRefused, or jitp.connections.",
        ]
    )
    if choice == "warn":
        item.warn(UnseenRefusalWarning(text))
        return frozenset()
    report.outcome = "failed"
    report.longrepr = text
    return frozenset() if is_told_below else frozenset(attempt.attempt_id for attempt in unseen)
