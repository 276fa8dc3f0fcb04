// The two lists: CA certificates, and devices with the outcome of their newest connection.

import { count, el, keyed, setText, time } from "./dom.js";

const NO_NAME = "AWS IoT Certificate"; // the common name of all certificates that AWS IoT issues
const AGAIN = "RECONNECT_REQUIRED"; // the only refusal that is not a problem

/** The failed run of fleet provisioning of a connection, if any. */
export function rejectedRun({ fleetRuns }) {
  const last = fleetRuns.at(-1);
  return last?.status === "FAILED" ? last : null;
}

/** The outcome of an attempt, in three kinds. */
export function verdictOf(attempt) {
  if (rejectedRun(attempt)) return { kind: "bad", mark: "✗", word: "Provisioning rejected" };
  if (attempt.accepted) return { kind: "good", mark: "✓", word: "Accepted" };
  if (attempt.reason === AGAIN) return { kind: "again", mark: "↻", word: "To reconnect" };
  return { kind: "bad", mark: "✗", word: "Refused" };
}

export function badge({ kind, mark, word }) {
  return el(
    `span.badge.${kind}`,
    {},
    el("span", { "aria-hidden": "true" }, mark),
    ` ${word}`,
  );
}

/**
 * The devices of a state, those with the newest connections first.
 *
 * A device is a certificate at one account's and Region's endpoint, registered or not.
 *
 * @returns {Array<{key, path, name, certificate, attempts, latest}>} "certificate" is null for one
 *   that is not registered; "attempts" has the newest first.
 */
export function devicesOf(state) {
  const devices = new Map();
  const deviceAt = (where) => {
    const key = keyOf(where);
    if (!devices.has(key)) {
      devices.set(key, { key, certificate: null, attempts: [], latest: null, where });
    }
    return devices.get(key);
  };
  for (const attempt of [...state.connections].reverse()) {
    const device = deviceAt(attempt);
    device.attempts.push(attempt);
    device.latest ??= attempt;
  }
  for (const certificate of [...state.devices].reverse()) {
    deviceAt(certificate).certificate = certificate;
  }
  for (const device of devices.values()) {
    device.path = `#/device/${device.key}`;
    device.subject = device.certificate?.subject ?? device.latest?.subject ?? null;
    device.name =
      [device.certificate?.thingName, device.latest?.clientId, device.subject].find(
        (name) => name && !name.endsWith(NO_NAME),
      ) || `certificate ${shortId(device.where.certificateId)}`;
  }
  return [...devices.values()];
}

/** Account, Region and certificate id: the identity of a device or CA. */
export const keyOf = (where) => `${where.accountId}/${where.regionName}/${where.certificateId}`;

export const shortId = (id) => (id.length > 12 ? `${id.slice(0, 12)}…` : id);

/**
 * Shows the devices.
 *
 * @param {HTMLElement} list
 * @param {Object} state
 * @param {{opened: string, several: boolean, limit: number}} view the path of what is open;
 *   whether there are several accounts; how many devices are listed.
 * @returns {number} how many the state has.
 */
export function showDevices(list, state, view) {
  const devices = devicesOf(state);
  const shown = devices.slice(0, view.limit);
  keyed(list, shown, (device) => device.path, (device) => deviceRow(device, view.several));
  markOpened(list, view.opened);
  return devices.length;
}

/** Marks the row of the open item. */
export function markOpened(list, opened) {
  for (const link of list.querySelectorAll("a")) {
    if (link.hash === opened) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

function deviceRow(device, several) {
  const { latest, certificate, where } = device;
  const verdict = latest ? verdictOf(latest) : { kind: "none", mark: "–", word: "Never connected" };
  return el(
    "li",
    {},
    el(
      `a.row.${verdict.kind}`,
      { href: device.path },
      el("span.line", {}, el("span.name", {}, device.name), " ", badge(verdict)),
      latest && verdict.kind !== "good" && why(latest, verdict),
      el(
        "span.meta",
        {},
        latest ? [time(latest.timestamp), " · "] : null,
        certificate ? certificate.status : "not registered",
        ` · ${several ? `${where.accountId} · ` : ""}${where.regionName}`,
        device.subject && device.subject !== `CN=${device.name}` ? ` · ${device.subject}` : null,
      ),
    ),
  );
}

/** What happened; the advice is shown with the connection when it is open. */
function why(attempt, verdict) {
  const rejected = rejectedRun(attempt);
  return el(
    "span.why",
    {},
    verdict.kind === "bad" && [el("strong", {}, attempt.reason ?? rejected.errorCode), " "],
    (rejected ?? attempt.provisioning)?.message ?? attempt.message,
  );
}

/** Shows the newest CA certificates. */
export function showCas(list, cas, view) {
  const shown = [...cas].reverse().slice(0, view.caLimit);
  keyed(list, shown, caPath, (ca) => caRow(ca, view.several));
  markOpened(list, view.opened);
}

export const caPath = (ca) => `#/ca/${keyOf(ca)}`;

export const caName = (ca) => ca.subject || shortId(ca.certificateId);

function caRow(ca, several) {
  const { trouble } = ca;
  return el(
    "li",
    {},
    el(
      `a.row.${trouble ? "again" : "none"}`,
      { href: caPath(ca) },
      el(
        "span.line",
        {},
        el("span.name", {}, caName(ca)),
        " ",
        el(`span.badge.${ca.status === "ACTIVE" ? "good" : "bad"}`, {}, ca.status),
      ),
      trouble && el("span.why", {}, trouble),
      el("span.meta", {}, templateOf(ca), ` · ${several ? `${ca.accountId} · ` : ""}${ca.regionName}`),
    ),
  );
}

export function templateOf(ca) {
  if (ca.templateName) return `template ${ca.templateName}`;
  return ca.templateBody === null ? "no template" : "its own template";
}

/** The line at the top of the page, with the totals. */
export function showCounts(element, totals) {
  setText(
    element,
    [
      count(totals.cas, "CA"),
      count(totals.devices, "registered device"),
      count(totals.connections, "connection"),
      `${count(totals.refusedDevices, "device")} refused`,
    ].join(" · "),
  );
}
