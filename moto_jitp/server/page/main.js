// Puts the page together: the open item is in the address, the state comes from live.js.

import { announcementOf } from "./announce.js";
import {
  caPath,
  devicesOf,
  markOpened,
  showCas,
  showCounts,
  showDevices,
  verdictOf,
} from "./devices.js";
import { back, CaDetail, DeviceDetail, registration } from "./detail.js";
import { command, count, el, keyed, setText, time } from "./dom.js";
import { listenToKeys } from "./keys.js";
import { ask, Live, ServerError } from "./live.js";
import { message } from "./messages.js";
import { ruleRun } from "./rules.js";

const FEW = 50; // devices at first, and as many more with each "show more"
const MOST = 1000; // the server's maximum
const FEW_CAS = 5;
const FEW_MESSAGES = 10; // of those that the server sends
const WIDE = "(min-width: 860px)"; // where the style sheet puts lists and detail side by side
const CONNECTIONS = 100; // of an opened device

const by = (id) => document.getElementById(id);
const [casList, devicesList, opened] = ["cas", "devices", "opened"].map(by);
const [search, refused] = ["search", "refused"].map(by);

let state = null;
let deviceLimit = FEW;
let caLimit = FEW_CAS;
let messageLimit = FEW_MESSAGES;
let view = null; // of what is open: {path, detail, asked, shown}; detail is null until it is found
let cause = ""; // the id of the one that filters the devices
let goneSince = null;
let isOtherQuery = false; // and what is new in the next state may have happened earlier

const live = new Live(query, show, showGone);

/** The query for the server. A provisioned device has at least two connections. */
function query() {
  const wanted = { limit: Math.min(2 * deviceLimit, MOST) };
  if (search.value.trim()) wanted.search = search.value.trim();
  if (refused.checked) wanted.refused = "true";
  if (cause) wanted.cause = cause;
  return wanted;
}

const isFiltered = () => search.value.trim() !== "" || refused.checked;

// ------------------------------------------------------------------------------ what there is

function show(now) {
  const before = isOtherQuery ? null : state;
  isOtherQuery = false;
  state = now;
  if (goneSince) tell("The server answers again.");
  else tell(announcementOf(now, before));
  goneSince = null;
  setText(by("notice"), "");
  setText(by("live"), "● live");
  by("live").classList.add("on");
  const isNothingFound = showLists() === 0;
  if (!before && !location.hash) openNewestRefused();
  // Only when the filter is set: other changes must not disturb a reader.
  if (!before && isFiltered() && isNothingFound) closeDevice();
  showOpened();
  return now.connections.some((one) => one.provisioning?.status === "IN_PROGRESS") ? 1 : undefined;
}

/** Problems are shown at once if there is room beside the lists. */
function openNewestRefused() {
  if (!matchMedia(WIDE).matches) return;
  const refused = devicesOf(state).find(({ latest }) => latest && verdictOf(latest).kind === "bad");
  if (!refused) return;
  history.replaceState(null, "", refused.path); // moves no focus, as a change of the hash does
  markOpened(devicesList, refused.path);
}

/** An item that the filter excludes does not stay open beside an empty list. */
function closeDevice() {
  if (!location.hash.startsWith("#/device/")) return;
  history.replaceState(null, "", "#/"); // leaves the focus in the filter
}

function showGone(error) {
  const reason =
    error instanceof ServerError
      ? error.message
      : `The server at ${location.origin} does not answer.`;
  if (!goneSince) {
    goneSince = new Date().toISOString();
    by("notice").replaceChildren(
      `${reason} `,
      ...(state ? ["This is what it reported at ", time(goneSince), ". "] : []),
      "This page continues as soon as it answers.",
    );
    tell(reason);
  }
  setText(by("live"), "○ no server");
  by("live").classList.remove("on");
}

function tell(text) {
  if (text) setText(by("announcer"), text);
}

/** @returns {number} how many devices there are to list. */
function showLists() {
  const { totals } = state;
  const accounts = [...state.cas, ...state.devices, ...state.connections];
  const several = new Set(accounts.map((one) => one.accountId)).size > 1;
  const how = { opened: location.hash, several, limit: deviceLimit, caLimit };
  const isEmpty = !totals.devices && !totals.connections && !state.registrations.length;
  document.title = totals.refusedDevices ? `(${totals.refusedDevices} refused) moto_jitp` : "moto_jitp";
  showCounts(by("counts"), totals);
  showCas(casList, state.cas, how);
  const none = "None. Devices of a CA that is not registered are refused.";
  setText(by("cas-hint"), state.cas.length ? "" : none);
  by("cas-more").hidden = state.cas.length <= caLimit;
  const found = showDevices(devicesList, state, how);
  setText(by("refused-label"), `Refused only (${totals.refusedDevices.toLocaleString("en")})`);
  const { limit } = query();
  const isCut = found >= limit || state.connections.length >= limit;
  by("devices-more").hidden = !(found > deviceLimit || (isCut && limit < MOST));
  setText(by("devices-hint"), hint(found, isCut));
  showCauses();
  by("filter").hidden = isEmpty && !isFiltered();
  by("registrations").hidden = !state.registrations.length;
  keyed(by("registered"), [...state.registrations].reverse(), ({ id }) => String(id), registration);
  by("rules").hidden = !state.ruleRuns.length;
  keyed(by("rule-runs"), newestFirst(state.ruleRuns), ({ key }) => key, ({ run }) => ruleRun(run));
  showMessages();
  by("start").hidden = !isEmpty;
  document.body.classList.toggle("is-empty", isEmpty);
  return found;
}

/** The newest messages; all of them are JSON at another address. */
function showMessages() {
  const newest = [...state.messages].reverse();
  by("messages").hidden = !newest.length;
  keyed(by("published"), newest.slice(0, messageLimit), ({ id }) => String(id), message);
  const isMore = newest.length > messageLimit;
  by("messages-more").hidden = !isMore;
  const all = "Only the newest messages; events, at the foot of this page, has all of them.";
  setText(by("messages-hint"), isMore || newest.length <= FEW_MESSAGES ? "" : all);
}

/** Refusals of one cause with their number; one that is chosen filters the devices. */
function showCauses() {
  const causes = state.causes.map((one) => ({ ...one, isChosen: one.causeId === cause }));
  by("causes").hidden = !cause && !causes.some(({ devices }) => devices > 1);
  const name = ({ causeId }) => causeId;
  keyed(by("causes"), causes, name, ({ causeId, reason, place, message, devices, isChosen }) => {
    const button = el(
      "button.cause",
      { type: "button", "aria-pressed": String(isChosen) },
      el("strong", {}, `${devices.toLocaleString("en")} × ${reason}`),
      place && el("code", {}, ` ${place}`),
      el("span", {}, ` ${message}`),
    );
    button.addEventListener("click", () => {
      cause = isChosen ? "" : causeId;
      refused.checked = Boolean(cause);
      filter();
    });
    return el("li", {}, button);
  });
}

/** The runs of rules, each with a key: several of one rule may share a moment. */
function newestFirst(runs) {
  const seen = new Map();
  const keyed = runs.map((run) => {
    const name = `${run.timestamp} ${run.ruleName} ${run.topic}`;
    seen.set(name, (seen.get(name) ?? 0) + 1);
    return { key: `${name} ${seen.get(name)}`, run };
  });
  return keyed.reverse();
}

function hint(found, isCut) {
  if (!found) return isFiltered() ? "No device matches the filter." : "No device has connected yet.";
  if (found > deviceLimit || isCut) {
    const shown = count(Math.min(found, deviceLimit), "device");
    return `The ${shown} with the newest connections; the filter finds the rest.`;
  }
  return isFiltered() ? `${count(found, "device")} found.` : "";
}

// ------------------------------------------------------------------------------ what is open

async function showOpened({ moveFocus = false } = {}) {
  const path = location.hash;
  const [, kind, accountId, regionName, certificateId] = path.split("/");
  const isOpen = Boolean(certificateId);
  document.body.classList.toggle("is-open", isOpen);
  if (!isOpen) {
    view = null;
    opened.replaceChildren(el("p.hint", {}, "Open a device to see the timeline of its connections."));
    return;
  }
  if (view?.path !== path) view = { path, detail: null, asked: 0, shown: 0 };
  const mine = view;
  const turn = ++view.asked;
  let now;
  try {
    now = await ask({ search: kind === "device" ? certificateId : "", limit: CONNECTIONS });
  } catch {
    if (view === mine && !view.detail) {
      opened.replaceChildren(back(), el("p", {}, "It cannot be shown now: the server does not answer."));
    }
    return;
  }
  // Answers may overtake each other.
  if (view !== mine || turn < view.shown) return;
  view.shown = turn;
  const key = `${accountId}/${regionName}/${certificateId}`;
  const found =
    kind === "device"
      ? devicesOf(now).find((device) => device.key === key)
      : now.cas.find((ca) => caPath(ca) === path);
  if (!found) {
    view.detail = null;
    opened.replaceChildren(
      back(),
      el("h2", { tabindex: "-1" }, "It no longer exists"),
      el("p", {}, "The server's state was reset, or it was deleted."),
    );
  } else {
    if (!view.detail) {
      view.detail = kind === "device" ? new DeviceDetail() : new CaDetail();
      opened.replaceChildren(view.detail.element);
    }
    view.detail.update(found, now.cas);
  }
  if (moveFocus) opened.querySelector("h2").focus();
}

function close() {
  const row = [casList, devicesList]
    .flatMap((list) => [...list.querySelectorAll("a")])
    .find((link) => link.hash === location.hash);
  location.hash = "#/";
  // No longer hidden in a narrow window, so that it can have the focus.
  document.body.classList.remove("is-open");
  (row ?? by("devices-heading")).focus();
}

// ------------------------------------------------------------------------------ what one does

addEventListener("hashchange", () => {
  for (const list of [casList, devicesList]) markOpened(list, location.hash);
  showOpened({ moveFocus: true });
});
opened.addEventListener("click", (event) => {
  if (!event.target.closest(".back a")) return;
  event.preventDefault();
  close();
});
by("skip").addEventListener("click", (event) => {
  event.preventDefault();
  by("devices-heading").focus();
});
by("filter").addEventListener("submit", (event) => event.preventDefault());
let typing;
search.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(filter, 150);
});
refused.addEventListener("change", () => {
  cause = "";
  filter();
});
function filter() {
  askFor(FEW);
}
by("devices-more").addEventListener("click", () => askFor(deviceLimit + FEW));
function askFor(limit) {
  deviceLimit = limit;
  isOtherQuery = true;
  live.refresh();
}
by("messages-more").addEventListener("click", () => {
  messageLimit = state.messages.length;
  showMessages();
  by("published").children[FEW_MESSAGES]?.querySelector("summary").focus();
});
by("cas-more").addEventListener("click", () => {
  caLimit += FEW;
  showLists();
});
listenToKeys({ search, isOpen: () => document.body.classList.contains("is-open"), close });

const server = `--endpoint-url ${location.origin}${
  location.protocol === "https:" ? " --no-verify-ssl" : ""
}`;
by("start").append(
  el("p", {}, "Five made-up devices, one of which is refused, and a CA for them:"),
  command(`moto-jitp fleet --devices 5 --without-country 20 ${server}`),
  el("p", {}, "Your own device, with its certificate:"),
  command(`moto-jitp connect certificate.pem ${server}`),
  el("p", {}, "The same over plain HTTP, as a test in any language can:"),
  command(
    `jq -Rs '{certificatePem: .}' certificate.pem | curl -d @- ${new URL("connect", location)}`,
  ),
);
live.run();
