"""The answers of control routes, including refusals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from moto_jitp.history.json_form import ERROR, ErrorAnswer


class Answer(NamedTuple):
    """An HTTP answer.

    Attributes:
        status: the HTTP status.
        body: the bytes.
        content_type: their media type.
        headers: further headers.
    """

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, document: Any, status: int = 200) -> Answer:
        """Answer with a JSON document."""
        return cls(status, json.dumps(document).encode("ascii") + b"\n")


class RequestRefused(Exception):  # noqa: N818 - the request's fault, not the server's
    """A request that cannot be carried out; answered as JSON with a 4xx status.

    Args:
        message: what was expected, what was found, what to change.
        status: the HTTP status.
        code: the error's name in the answer.
        headers: further headers.
        details: ``action`` and ``resource`` of what the policies do not allow.
    """

    def __init__(
        self,
        message: str,
        status: int = 400,
        code: str = "InvalidRequest",
        headers: tuple[tuple[str, str], ...] = (),
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers
        self.details = details or {}

    def answer(self) -> Answer:
        """Return this error as an HTTP answer."""
        error = ErrorAnswer(self.code, str(self), **self.details)
        return Answer.of(ERROR.to_json(error), self.status)._replace(headers=self.headers)
