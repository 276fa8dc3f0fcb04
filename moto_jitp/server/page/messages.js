// The messages that devices, other clients and AWS IoT have published.

import { count, el, time } from "./dom.js";

/** The list item of a message: topic, sender and time at a glance, the payload when unfolded. */
export function message(published) {
  const size = count(published.bytes, "byte");
  const text = published.payloadText;
  const isCut = text !== null && new TextEncoder().encode(text).length < published.bytes;
  return el(
    "li",
    {},
    el(
      "details",
      {},
      el(
        "summary",
        {},
        el("code.topic", {}, published.topic),
        " ",
        el("span.reason", {}, published.sender),
        time(published.timestamp),
      ),
      text ? el("pre.payload", { tabindex: "0", "aria-label": "Payload" }, text) : null,
      el(
        "p.hint",
        {},
        text === null ? `${size}, not text` : isCut ? `the beginning of ${size}` : size,
        ` · ${published.accountId}, ${published.regionName}`,
      ),
    ),
  );
}
