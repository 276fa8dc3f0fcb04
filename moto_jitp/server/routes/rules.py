"""The control route of topic rules' runs."""

from __future__ import annotations

from collections.abc import Iterator

from moto_jitp.broker.rules.run_list import all_rule_runs
from moto_jitp.history.order import walk
from moto_jitp.history.rule_json import RULE_RUN
from moto_jitp.history.rule_runs import RuleRun
from moto_jitp.server.answers import Answer
from moto_jitp.server.routing import PAGING, ControlRequest, Parameter, route, text

from .paging import page


@route(
    "GET",
    "rules",
    "What topic rules did with messages",
    "RuleRuns",
    query=(
        *PAGING,
        text("ruleName", "Only of this rule."),
        Parameter("matched", "Only of messages that matched, or did not.", {"type": "boolean"}),
    ),
)
def list_rule_runs(request: ControlRequest) -> Answer:
    name, matched = request.query["ruleName"], request.query["matched"]
    numbered = [
        (number, run)
        for number, run in enumerate(all_rule_runs(), 1)
        if name in (None, run.rule_name) and matched in (None, run.matched)
    ]

    def walk_numbered(after: int | None, ascending: bool) -> Iterator[tuple[int, RuleRun]]:
        return walk(numbered, _number, after, ascending=ascending)

    return page(request, "rules", walk_numbered, lambda entry: RULE_RUN.to_json(entry[1]), _number)


def _number(numbered: tuple[int, RuleRun]) -> int:
    return numbered[0]
