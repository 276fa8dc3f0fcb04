// Announces connected devices to screen readers.

import { devicesOf, verdictOf } from "./devices.js";
import { count } from "./dom.js";

const FEW = 3; // up to this many devices are announced one by one

/**
 * Says what has happened between two states.
 *
 * @param {Object} now a state.
 * @param {Object|null} before the one before it, null for none.
 * @returns {string} empty if there is nothing to announce.
 */
export function announcementOf(now, before) {
  const run = (state) => state.version.split("-")[0];
  // Another run of the server starts counting its connections again.
  if (!before || run(now) !== run(before)) return "";
  const known = before.totals.connections <= now.totals.connections ? last(before) : 0;
  const devices = devicesOf(now).filter(({ latest }) => latest && latest.id > known);
  if (devices.length > FEW) {
    const bad = devices.filter(({ latest }) => verdictOf(latest).kind === "bad").length;
    return `${count(devices.length, "device")} connected, ${bad} of them refused.`;
  }
  return devices
    .map(({ name, latest }) => {
      const reason = latest.reason ? `, ${latest.reason}` : "";
      return `${name}: ${verdictOf(latest).word}${reason}.`;
    })
    .join(" ");
}

const last = (state) => Math.max(0, ...state.connections.map((attempt) => attempt.id));
