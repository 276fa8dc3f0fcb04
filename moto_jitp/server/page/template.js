// Shows a provisioning template, with one place in it highlighted.

import { el } from "./dom.js";

const INLINE = 64; // up to so many characters, an object with one entry stays on one line
const TOKEN = /\s*("(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+)/y;

/**
 * Makes the element that shows a template.
 *
 * @param {string} body the template's text; what is not JSON is shown as it is.
 * @param {string} [place] such as "Resources.thing.Properties.ThingName"; empty for none.
 * @returns {{element: HTMLElement, found: string}} "found" is the part of the place that exists in it.
 */
export function templateView(body, place = "") {
  const code = el("code");
  const element = el("pre.template", { tabindex: "0", "aria-label": "Provisioning template" }, code);
  let root;
  try {
    root = parse(body);
  } catch {
    code.append(body);
    return { element, found: "" };
  }
  const target = place ? locate(root, place) : { node: null, found: "" };
  write(code, root, 0, target.node);
  return { element, found: target.found };
}

/** Scrolls a template, and nothing else, to its highlighted place. */
export function scrollToPlace(element) {
  const mark = element.querySelector("mark");
  if (mark) element.scrollTop = Math.max(0, mark.offsetTop - 60);
}

// Not JSON.parse: it would lose the order of the keys, and how values are written.
function parse(text) {
  TOKEN.lastIndex = 0;
  let end = 0;
  const next = () => {
    const match = TOKEN.exec(text);
    if (!match) throw new SyntaxError("no JSON");
    end = TOKEN.lastIndex;
    return match[1];
  };
  const value = (token) => {
    if (token === "{") return list("}", entry);
    if (token === "[") return list("]", value);
    if ("}]:,".includes(token)) throw new SyntaxError("no value");
    return { raw: token };
  };
  const entry = (token) => {
    const key = JSON.parse(token);
    if (next() !== ":") throw new SyntaxError("no colon");
    return { ...value(next()), key, rawKey: token };
  };
  const list = (closing, item) => {
    const items = [];
    let token = next();
    while (token !== closing) {
      items.push(item(token));
      token = next();
      if (token === ",") token = next();
      else if (token !== closing) throw new SyntaxError("no comma");
    }
    return { closing, items };
  };
  const root = value(next());
  if (text.slice(end).trim()) throw new SyntaxError("more than one value");
  return root;
}

/** Finds the node at a place, or the innermost one on the way there. */
function locate(root, place) {
  let node = root;
  let rest = place;
  while (rest && node.items) {
    const step = node.closing === "]" ? intoList(node, rest) : intoObject(node, rest);
    if (!step) break;
    node = step.node;
    rest = rest.slice(step.length).replace(/^\./, "");
  }
  const found = rest ? place.slice(0, place.length - rest.length).replace(/\.$/, "") : place;
  return { node: node === root ? null : node, found };
}

function intoList(node, rest) {
  const match = /^\[(\d+)\]/.exec(rest);
  const item = match && node.items[Number(match[1])];
  return item ? { node: item, length: match[0].length } : null;
}

function intoObject(node, rest) {
  // Keys may contain dots: the longest match counts.
  const fitting = node.items.filter(
    ({ key }) => rest.startsWith(key) && ["", ".", "["].includes(rest.charAt(key.length)),
  );
  const longest = fitting.sort((one, other) => other.key.length - one.key.length)[0];
  return longest ? { node: longest, length: longest.key.length } : null;
}

function write(parent, node, depth, target) {
  if (node === target) {
    const mark = el("mark", { "aria-label": "the place in question" });
    writeEntry(mark, node, depth, target);
    parent.append(mark);
  } else {
    writeEntry(parent, node, depth, target);
  }
}

function writeEntry(parent, node, depth, target) {
  if (node.rawKey !== undefined) parent.append(el("span.key", {}, node.rawKey), ": ");
  if (!node.items) {
    parent.append(node.raw.startsWith('"') ? el("span.text", {}, node.raw) : node.raw);
    return;
  }
  const opening = node.closing === "}" ? "{" : "[";
  if (!node.items.length) {
    parent.append(opening + node.closing);
    return;
  }
  const [first] = node.items;
  const isShort =
    node.items.length === 1 && first.raw && (first.rawKey ?? "").length + first.raw.length < INLINE;
  const gap = (level) => (isShort ? "" : `\n${"  ".repeat(level)}`);
  parent.append(opening);
  node.items.forEach((item, index) => {
    parent.append(gap(depth + 1));
    write(parent, item, depth + 1, target);
    if (index < node.items.length - 1) parent.append(",");
  });
  parent.append(gap(depth), node.closing);
}
