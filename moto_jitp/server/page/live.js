// Keeps the page up to date by polling the server for its state.

const WAIT = 25; // seconds that the server may wait for a change
const PATIENCE = 10; // seconds more until it counts as gone
const PAUSE = 400; // ms between two answers, so that a fleet of devices leaves both sides time
const RETRY = 1000; // ms between two tries while the server is away

/** The server answers, and says why there is no state. */
export class ServerError extends Error {}

/** Polls the state. The page provides the query and handles the answer. */
export class Live {
  /**
   * @param {function(): Object} query returns the query parameters.
   * @param {function(Object): (number|undefined)} onState takes the state; may return the seconds
   *   after which to look again though nothing happened.
   * @param {function(Error): void} onGone is told why there is no state: a ServerError says it.
   */
  constructor(query, onState, onGone) {
    this.query = query;
    this.onState = onState;
    this.onGone = onGone;
    this.version = null;
    this.asking = null;
    this.wake = null;
    document.addEventListener("visibilitychange", () => {
      // A hidden page must not occupy one of the browser's few connections.
      if (document.hidden) this.asking?.abort();
      else this.refresh();
    });
  }

  /** Polls at once, because something else must be shown now. */
  refresh() {
    this.version = null;
    this.asking?.abort();
    this.wake?.();
  }

  async run() {
    let wait = WAIT;
    for (;;) {
      if (document.hidden) {
        await this.pause(3600_000);
        continue;
      }
      const version = this.version;
      try {
        const query = this.query();
        if (version !== null) Object.assign(query, { after: version, wait });
        this.asking = new AbortController();
        const state = await ask(query, this.asking, version === null ? 0 : wait);
        // A newer request follows; this answer would flash up before its answer.
        if (this.asking.signal.aborted) continue;
        this.version = state.version;
        wait = this.onState(state) ?? WAIT;
        await this.pause(PAUSE);
      } catch (error) {
        if (error.name === "AbortError") continue; // by refresh(), or because the page is hidden
        this.version = null;
        this.onGone(error);
        await this.pause(RETRY);
      }
    }
  }

  pause(milliseconds) {
    return new Promise((done) => {
      const timer = setTimeout(done, milliseconds);
      this.wake = () => {
        clearTimeout(timer);
        done();
      };
    });
  }
}

/**
 * Polls the state once.
 *
 * @param {Object} query the query parameters, see openapi.json.
 * @param {AbortController} [controller] ends the wait.
 * @param {number} [wait] how many seconds the answer may take by arrangement.
 */
export async function ask(query, controller = new AbortController(), wait = 0) {
  const tooLate = new Error(`no answer within ${wait + PATIENCE} seconds`);
  const timer = setTimeout(() => controller.abort(tooLate), (wait + PATIENCE) * 1000);
  try {
    const answer = await fetch(`state?${new URLSearchParams(query)}`, {
      signal: controller.signal,
      cache: "no-store",
    });
    const document = await answer.json();
    if (!answer.ok) throw new ServerError(document.message);
    return document;
  } finally {
    clearTimeout(timer);
  }
}
