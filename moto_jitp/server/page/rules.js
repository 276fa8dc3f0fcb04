// The runs of topic rules.

import { badge } from "./devices.js";
import { el, time } from "./dom.js";

/** The list item of a rule's run: the outcome at a glance, details when unfolded. */
export function ruleRun(run) {
  const actions = [...run.actions, ...(run.errorAction ? [run.errorAction] : [])];
  const failed = run.outcome.failed || actions.some((action) => action.error || action.functionError);
  return el(
    "li",
    {},
    el(
      "details",
      {},
      el(
        "summary",
        {},
        el("span.number", {}, run.ruleName),
        " ",
        badge(verdictOn(run, failed)),
        el("code.reason", {}, ` ${run.topic} `),
        time(run.timestamp),
      ),
      el("pre", {}, run.explanation),
    ),
  );
}

function verdictOn(run, failed) {
  if (failed) return { kind: "bad", mark: "✗", word: "Failed" };
  if (run.outcome.matched) return { kind: "good", mark: "✓", word: "Matched" };
  return { kind: "none", mark: "–", word: `Dropped by ${run.outcome.clause}` };
}
