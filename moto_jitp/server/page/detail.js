// The open item: a device with the timeline of each of its connections, or a CA with its template.

import { caName, badge, keyOf, rejectedRun, templateOf, verdictOf } from "./devices.js";
import { el, facts, keyed, time } from "./dom.js";
import { scrollToPlace, templateView } from "./template.js";

/** A device and its history; unchanged parts are kept. */
export class DeviceDetail {
  constructor() {
    this.head = el("div");
    this.connections = el("ol.connections", { "aria-label": "Connections, the newest first" });
    this.element = el("article", {}, back(), this.head, this.connections);
  }

  /**
   * @param {Object} device as devicesOf() returns it, with all its connections.
   * @param {Array} cas the CA certificates.
   */
  update(device, cas) {
    const { certificate, attempts, latest, where } = device;
    const ca = certificate && issuerOf(certificate, cas);
    const looks = JSON.stringify([device.name, certificate, latest?.id, ca]);
    if (this.looks !== looks) {
      this.looks = looks;
      const hadFocus = this.head.contains(document.activeElement);
      this.head.replaceChildren(
        el("h2", { tabindex: "-1" }, device.name, " ", latest && badge(verdictOf(latest))),
        facts([
          ["Certificate", certificate ? certificate.status : "not registered"],
          ["Thing", certificate?.thingName],
          ["Subject", device.subject],
          ["CA", ca && el("a", { href: `#/ca/${keyOf(ca)}` }, caName(ca))],
          ["Account, Region", `${where.accountId}, ${where.regionName}`],
          ["Certificate id", el("code", {}, where.certificateId)],
        ]),
        certificate && picture(certificate, ca),
        el("h3", {}, attempts.length ? "Connections" : "It has not connected yet."),
      );
      if (hadFocus) this.focus();
    }
    const unfolded = firstStory(attempts);
    keyed(
      this.connections,
      attempts.map((attempt, index) => ({
        attempt,
        number: attempts.length - index,
        isFollowed: index > 0,
        template: attempt.provisioning && templateOfRun(attempt, ca, cas),
      })),
      ({ attempt }) => String(attempt.id),
      (item) => connection(item, unfolded.has(item.attempt.id)),
    );
  }

  focus() {
    this.element.querySelector("h2")?.focus();
  }
}

/** How a device is connected in the account: from its CA to its sessions. */
function picture(certificate, ca) {
  const node = (what, ...names) =>
    el(
      "li.node",
      {},
      el("span.what", {}, what),
      names.length ? names.map((name) => el("span.item", {}, name)) : el("span.item.none", {}, "none"),
    );
  const { thingName, groups, policies, sessions } = certificate;
  return el(
    "ol.picture",
    { "aria-label": "From the CA to the sessions" },
    node("CA", ...(ca ? [caName(ca)] : [])),
    node("Certificate", certificate.status),
    node("Policies", ...policies),
    node("Thing", ...(thingName ? [thingName] : [])),
    node("Thing groups", ...groups),
    node("Sessions", ...sessions.map(sessionText)),
  );
}

function sessionText({ clientId, address, port, subscriptions }) {
  const from = port ? `${address}:${port}` : address;
  const topics = subscriptions.length ? subscriptions.join(", ") : "nothing";
  return `${clientId} from ${from}, subscribed to ${topics}`;
}

/**
 * The newest connection, the run before it, and refused fleet provisioning: everything that
 * must be visible at first sight.
 */
function firstStory(attempts) {
  const [newest, before] = attempts;
  const ids = new Set(attempts.filter(rejectedRun).map(({ id }) => id));
  if (newest) ids.add(newest.id);
  if (newest?.accepted && before?.provisioning) ids.add(before.id);
  return ids;
}

function issuerOf(certificate, cas) {
  return cas.find(
    (ca) => keyOf(ca) === keyOf({ ...certificate, certificateId: certificate.caCertificateId }),
  );
}

/** The template's text as it is now, if it is still known: runs do not keep it. */
function templateOfRun({ provisioning, accountId, regionName }, ca, cas) {
  const name = provisioning.templateName;
  const candidates = name
    ? cas.filter((other) => other.accountId === accountId && other.regionName === regionName)
    : [ca];
  return candidates.find((candidate) => candidate && candidate.templateName === name)?.templateBody ?? null;
}

function connection({ attempt, number, template, isFollowed }, isOpen) {
  const asked = verdictOf(attempt);
  // A device that did as advised has nothing left to do.
  const verdict =
    asked.kind === "again" && isFollowed ? { kind: "none", mark: "↻", word: "Reconnected" } : asked;
  const run = attempt.provisioning;
  const isInTemplate = Boolean(run?.place);
  const templated = run && template !== null && templatePart(run, template);
  const details = el(
    "details",
    { open: isOpen },
    el(
      "summary",
      {},
      el("span.number", {}, `Connection ${number}`),
      " ",
      badge(verdict),
      attempt.reason && el("code.reason", {}, ` ${attempt.reason} `),
      time(attempt.timestamp),
    ),
    decision(attempt, verdict),
    // The place of a problem belongs beside its description; otherwise the template is secondary.
    isInTemplate ? [templated, timeline(attempt, verdict)] : [timeline(attempt, verdict), templated],
  );
  // Also fired for those that begin unfolded; before that, a template has no height to scroll in.
  details.addEventListener("toggle", () => {
    details.querySelectorAll("pre.template").forEach(scrollToPlace);
  });
  return el("li", {}, details);
}

/** A run of RegisterThing, called by boto3 or another client. */
export function registration(run) {
  const failed = run.status === "FAILED";
  const verdict = failed
    ? { kind: "bad", mark: "✗", word: "Failed" }
    : { kind: "good", mark: "✓", word: "Succeeded" };
  return el(
    "li",
    {},
    el(
      "details",
      {},
      el(
        "summary",
        {},
        el("span.number", {}, run.thingName ?? `Run ${run.id}`),
        " ",
        badge(verdict),
        failed && el("code.reason", {}, ` ${run.errorCode} `),
        time(run.timestamp),
      ),
      failed && trouble("bad", run, run.place),
      el("ol.timeline", { "aria-label": "Timeline" }, registerSteps(run, "the call")),
    ),
  );
}

function decision(attempt, verdict) {
  if (attempt.accepted) {
    const refused = rejectedRun(attempt);
    return [
      el("p.decision.good", {}, attempt.message),
      refused && trouble("bad", refused, refused.place),
    ];
  }
  if (verdict.kind === "none") {
    return el("p.decision.none", {}, attempt.message, " The device has connected again.");
  }
  return trouble(
    verdict.kind,
    attempt,
    attempt.provisioning?.place,
    attempt.awsReason &&
      attempt.awsReason !== attempt.reason &&
      el("p.aside", {}, "AWS's log calls it ", el("code", {}, attempt.awsReason), "."),
  );
}

/** The advice of an attempt or a run. */
function trouble(kind, { advice, message }, place, ...more) {
  return el(
    `div.decision.${kind}`,
    {},
    el("p", {}, el("strong", {}, "What happened: "), message),
    advice && el("p.advice", {}, el("strong", {}, "What to do: "), advice),
    place && el("p", {}, el("strong", {}, "In the template: "), el("code", {}, place)),
    ...more,
  );
}

function timeline(attempt, verdict) {
  const run = attempt.provisioning;
  return el(
    "ol.timeline",
    { "aria-label": "Timeline" },
    step(
      "none",
      "The device connects",
      facts([
        ["Client id", attempt.clientId],
        ["Server name", attempt.serverName ?? "none sent"],
      ]),
    ),
    run && runSteps(run, "the certificate"),
    step(
      attempt.accepted ? "good" : verdict.kind,
      attempt.ending,
      run?.certificateStatus && el("p", {}, `The certificate is now ${run.certificateStatus}.`),
    ),
    attempt.fleetRuns.map((fleetRun) => registerSteps(fleetRun, "the device")),
  );
}

/** RegisterThing, called over MQTT or by the API: its steps and its outcome. */
function registerSteps(run, giver) {
  const failed = run.status === "FAILED";
  return [
    runSteps(run, giver),
    step(
      failed ? "bad" : "good",
      run.ending,
      facts([
        ["Thing", run.thingName],
        ["Certificate", run.certificateStatus],
        ["Certificate id", run.certificateId && el("code", {}, run.certificateId)],
      ]),
      failed && el("p.error", {}, el("strong", {}, run.errorCode), ` ${run.message}`),
    ),
  ];
}

/** @param {string} giver who offers the parameters. */
function runSteps(run, giver) {
  const owner = giver === "the call" ? "call" : "CA";
  const name = run.templateName ? `the template ${run.templateName}` : `the ${owner}'s template`;
  const running = run.status === "IN_PROGRESS";
  const isMissing = run.wanted.some((parameter) => !(parameter in run.parameters));
  return [
    step(
      isMissing && run.status === "FAILED" ? "bad" : "none",
      running ? `Provisioning with ${name} is under way` : `Provisioning with ${name}`,
      parameters(run, giver),
    ),
    run.steps.map(({ action, resource, result, errorCode, message }) =>
      step(
        { SUCCEEDED: "good", UNCHANGED: "none", FAILED: "bad" }[result],
        [el("code.action", {}, action), " ", el("code.resource", { title: resource }, resource)],
        result === "UNCHANGED" && el("p", {}, "It exists with these values."),
        errorCode && el("p.error", {}, el("strong", {}, errorCode), ` ${message ?? ""}`),
      ),
    ),
  ];
}

const MARKS = { good: ["✓", "done"], bad: ["✗", "failed"], again: ["↻", ""], none: ["·", ""] };

function step(kind, title, ...more) {
  const [mark, word] = MARKS[kind];
  return el(
    `li.step.${kind}`,
    {},
    el("span.mark", { "aria-hidden": "true" }, mark),
    el("div", {}, el("p.title", {}, title, word && el("span.unseen", {}, ` ${word}`)), ...more),
  );
}

/** The parameters that the template requires, beside those that the certificate or device provides. */
function parameters(run, giver) {
  const others = Object.keys(run.parameters).filter((name) => !run.wanted.includes(name));
  const row = (name, isWanted) => {
    const value = run.parameters[name];
    return el(
      `tr${isWanted ? "" : ".aside"}`,
      {},
      el("th", { scope: "row" }, shortName(name)),
      value === undefined
        ? el("td.missing", {}, "missing")
        : el("td", {}, el("code", {}, value), isWanted ? "" : " unused"),
    );
  };
  if (!run.wanted.length && !others.length) return null;
  return el(
    "table.parameters",
    {},
    el("caption", {}, `Parameters, and what ${giver} provides for them`),
    el("tbody", {}, run.wanted.map((name) => row(name, true)), others.map((name) => row(name))),
  );
}

function shortName(name) {
  const [, prefix, rest] = /^(AWS::IoT::Certificate::)?(.*)$/s.exec(name);
  return [prefix && el("span.prefix", {}, prefix), rest];
}

function templatePart(run, body) {
  const { element, found } = templateView(body, run.place);
  const isElsewhere = run.place && found !== run.place;
  const note = isElsewhere
    ? found
      ? `The template has no ${run.place}; ${found}, where it belongs, is highlighted.`
      : `The template has no ${run.place}.`
    : null;
  return el(
    "details.template",
    { open: Boolean(run.place) },
    el("summary", {}, "The template as it is now"),
    note && el("p.aside", {}, note),
    element,
  );
}

/** A CA certificate with its template. */
export class CaDetail {
  constructor() {
    this.element = el("article");
  }

  update(ca) {
    const looks = JSON.stringify(ca);
    if (this.looks === looks) return;
    this.looks = looks;
    const hadFocus = this.element.contains(document.activeElement);
    this.element.replaceChildren(
      back(),
      el("h2", { tabindex: "-1" }, caName(ca), " ", badge(caVerdict(ca))),
      ca.trouble ? el("p.decision.again", {}, ca.trouble) : "",
      facts([
        ["Auto-registration", ca.autoRegistrationStatus],
        ["Certificate mode", ca.certificateMode],
        ["Template", templateOf(ca)],
        ["Provisioning role", ca.roleArn && el("code", {}, ca.roleArn)],
        ["Account, Region", `${ca.accountId}, ${ca.regionName}`],
        ["Certificate id", el("code", {}, ca.certificateId)],
      ]),
      ca.templateBody === null ? "" : el("h3", {}, "Template"),
      ca.templateBody === null ? "" : templateView(ca.templateBody).element,
    );
    if (hadFocus) this.focus();
  }

  focus() {
    this.element.querySelector("h2")?.focus();
  }
}

function caVerdict(ca) {
  return ca.status === "ACTIVE"
    ? { kind: "good", mark: "✓", word: "ACTIVE" }
    : { kind: "bad", mark: "✗", word: ca.status };
}

/** The way back, for windows without room for the lists beside the open item. */
export const back = () => el("p.back", {}, el("a", { href: "#/" }, "← Back to the lists"));
