"""The page for people who would rather look, with its files beside this module.

A file here is served at ``/moto-api/jitp/<its name>``, ``index.html`` also at ``/moto-api/jitp/``.
No other file can be reached: the names come from this folder, never from a request.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib.resources import files

from moto_jitp.server.answers import Answer

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Nothing from other origins, and nothing that a certificate's subject could smuggle in.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page_file(path: str) -> Answer | None:
    """Return the file at a path after the prefix; ``None`` if there is none."""
    return _files().get(path or "index.html")


@functools.cache
def _files() -> Mapping[str, Answer]:
    contents = {}
    for file in files(__name__).iterdir():
        suffix = file.name[file.name.rfind(".") :]
        if suffix in _TYPES and file.is_file():
            headers = (("Content-Security-Policy", _POLICY), ("Referrer-Policy", "no-referrer"))
            contents[file.name] = Answer(200, file.read_bytes(), _TYPES[suffix], headers)
    return contents
