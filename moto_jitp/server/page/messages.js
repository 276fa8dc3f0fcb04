// The messages that devices, other clients and AWS IoT have published.

import { count, el, time } from "./dom.js";

/** The list item of a message: topic, sender and time at a glance, the payload when it is unfolded. */
export function message(one) {
  const size = count(one.bytes, "byte");
  const text = one.payloadText;
  const isCut = text !== null && new TextEncoder().encode(text).length < one.bytes;
  return el(
    "li",
    {},
    el(
      "details",
      {},
      el(
        "summary",
        {},
        el("code.topic", {}, one.topic),
        " ",
        el("span.reason", {}, one.sender),
        time(one.timestamp),
      ),
      text ? el("pre.payload", { tabindex: "0", "aria-label": "Payload" }, text) : null,
      el(
        "p.hint",
        {},
        text === null ? `${size} that are not text` : isCut ? `the beginning of ${size}` : size,
        ` · ${one.accountId}, ${one.regionName}`,
      ),
    ),
  );
}
