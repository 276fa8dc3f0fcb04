// The keys of this page, beside those of every page.

/**
 * @param {{search: HTMLInputElement, isOpen: function(): boolean, close: function(): void}} page
 */
export function listenToKeys({ search, isOpen, close }) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isTyping = event.target.matches?.("input[type=search], textarea");
    if (event.key === "Escape") {
      if (isTyping && search.value) {
        search.value = "";
        search.dispatchEvent(new Event("input"));
      } else if (isOpen()) {
        close();
      }
    } else if (event.key === "/" && !isTyping) {
      search.focus();
    } else if (!(isTyping ? leaveFilter(event) : moveAlongList(event))) {
      return;
    }
    event.preventDefault();
  });
}

/** From the filter to the first device found; returns whether the key was handled. */
function leaveFilter({ key }) {
  const first = document.querySelector("#devices a.row");
  if (!first || (key !== "ArrowDown" && key !== "Enter")) return false;
  if (key === "Enter") first.click();
  else first.focus();
  return true;
}

/** From one row of a list to another; returns whether the key was handled. */
function moveAlongList({ key, target }) {
  const row = target.closest?.("a.row");
  if (!row) return false;
  const rows = [...row.closest("ul").querySelectorAll("a.row")];
  const index = rows.indexOf(row);
  const to = { ArrowUp: index - 1, ArrowDown: index + 1, Home: 0, End: rows.length - 1 }[key];
  if (to === undefined) return false;
  rows[Math.min(Math.max(to, 0), rows.length - 1)].focus();
  return true;
}
