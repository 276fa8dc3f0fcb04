// Makes and updates elements. Whatever comes from the server becomes text, never markup.

/**
 * Makes an element.
 *
 * @param {string} tag its name, with its classes: "span.badge.good".
 * @param {Object} [attributes] name to value; null and false leave it out, true makes it empty.
 *   Of "href" only what begins with "#" is taken.
 * @param {...(Node|string|null|undefined|false|Array)} children texts become text nodes.
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "href" && !String(value).startsWith("#")) throw new Error(`foreign link: ${value}`);
    element.setAttribute(key, value === true ? "" : String(value));
  }
  add(element, children);
  return element;
}

function add(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) add(element, child);
    else element.append(child);
  }
}

/** Replaces the text of an element if it differs: live regions announce every change. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Updates a list's elements to match the items, and keeps unchanged ones with their focus, what is
 * unfolded in it, how far it is scrolled.
 *
 * @param {HTMLElement} parent
 * @param {Array} items
 * @param {function(any): string} keyOf says which item it is.
 * @param {function(any): HTMLElement} make makes an item's element.
 * @param {function(any): string} [looksOf] differs when the element must be rebuilt.
 */
export function keyed(parent, items, keyOf, make, looksOf = JSON.stringify) {
  const focus = parent.contains(document.activeElement) ? document.activeElement : null;
  const focusedKey = focus?.closest("[data-key]")?.dataset.key;
  const before = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const keys = new Set(items.map(keyOf));
  for (const [key, element] of before) if (!keys.has(key)) element.remove();
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    const looks = looksOf(item);
    let element = before.get(key);
    if (element && element.looks !== looks) {
      const rebuilt = make(item);
      if (place === element) place = rebuilt;
      element.replaceWith(rebuilt);
      element = rebuilt;
    }
    element ??= make(item);
    element.dataset.key = key;
    element.looks = looks;
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  // Moving or rebuilding an element takes the focus away from it.
  if (focus && document.activeElement !== focus) {
    const heir = focus.isConnected
      ? focus
      : [...parent.children].find((child) => child.dataset.key === focusedKey)?.querySelector("a, button");
    heir?.focus({ preventScroll: true });
  }
}

/** A time of day, with its date if that is not today. */
export function time(iso) {
  const moment = new Date(iso);
  const date = (day) => `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
  const clock = [moment.getHours(), moment.getMinutes(), moment.getSeconds()].map(two).join(":");
  const today = date(moment) === date(new Date());
  return el("time", { datetime: iso, title: iso }, today ? clock : `${date(moment)} ${clock}`);
}

const two = (number) => String(number).padStart(2, "0");

/** A command line with a button that copies it. */
export function command(text) {
  const code = el("code", {}, text);
  const button = el("button.copy", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      // Browsers only allow the clipboard for https and this machine.
      getSelection().selectAllChildren(code);
      button.textContent = "Press Ctrl+C";
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  return el("div.command", {}, el("pre", {}, code), button);
}

/** Names and values side by side, without entries that have no value. */
export function facts(entries) {
  return el(
    "dl.facts",
    {},
    entries
      .filter(([, value]) => value !== null && value !== undefined && value !== "")
      .map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
  );
}

/** 1 device, 2 devices. */
export function count(number, singular, plural = `${singular}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? singular : plural}`;
}
