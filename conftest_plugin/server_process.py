"""The process of ``jitp_server``, which runs this module as a program.

It says where it listens in one line on stdout, and ends when stdin does.
"""

from __future__ import annotations

import os
import threading

#: How often to check that the parent lives: a process that it forked may hold the pipe open.
_LOOK_EVERY = 0.5


def main() -> None:
    """Serve until the parent process closes the pipe or is gone."""
    parent = os.getppid()
    let_go = threading.Event()
    threading.Thread(target=_wait_for_end, args=(let_go,), daemon=True).start()
    from moto_jitp.server import ThreadedJitpServer

    with ThreadedJitpServer(port=0) as server:
        print(server.endpoint_url, flush=True)
        while not let_go.wait(_LOOK_EVERY) and os.getppid() == parent:
            pass


def _wait_for_end(let_go: threading.Event) -> None:
    # Not sys.stdin, whose lock would be held when the interpreter ends.
    while os.read(0, 1):
        pass
    let_go.set()


if __name__ == "__main__":
    main()
