"""Finds moto's application for a request, and refuses requests that no service could handle.

moto derives the service from the request's signature. A request that it cannot make sense of ends
in a Python error, in its dispatcher or behind it; here it gets an answer that says what was
expected.
"""

from __future__ import annotations

import re
from typing import Any

from flask import Flask, request
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from .answers import Answer, RequestRefused

_SIGNED = "AWS4-HMAC-SHA256"
_SCOPE = re.compile(r"Credential=[^\s,/]*(/[^\s,/]+){3}/aws4_request", re.ASCII)
_EXPECTED = (
    f"Expected is the header Authorization: {_SIGNED} Credential=KEY/DATE/REGION/SERVICE/"
    "aws4_request, SignedHeaders=..., Signature=..., as every AWS SDK sends it."
)
# Older versions of moto decompress requests to any service, and fail on other bytes.
_READ_COMPRESSED_BODIES = ("iot", "iotdata")
# These make moto's own routes fail, which only expect a well-formed request.
_MALFORMED = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)


class Dispatcher:
    """moto's applications, one per service, each made at its first use."""

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(_create_app)

    def application_for(self, environ: dict[str, Any]) -> Any:
        """Return the WSGI application that a request is for.

        Args:
            environ: the request's WSGI environment.

        Raises:
            RequestRefused: the signature is malformed, or is for a service that moto does not
                emulate.
        """
        authorization = str(environ.get("HTTP_AUTHORIZATION", ""))
        if _SIGNED in authorization and not _SCOPE.search(authorization):
            raise RequestRefused(
                f"The signature of the request is incomplete. {_EXPECTED}",
                400,
                "IncompleteSignature",
            )
        # An HTTP/1.0 request may have none, and moto reads it.
        environ.setdefault("HTTP_HOST", environ.get("SERVER_NAME", "localhost"))
        try:
            return self._moto.get_application(environ)
        except Exception as error:
            raise RequestRefused(
                f"moto finds no service that this request is for ({type(error).__name__}). "
                f"{_EXPECTED}",
                400,
                "UnknownService",
            ) from None


def _create_app(service: Any) -> Flask:
    app = create_backend_app(service)
    if service in _READ_COMPRESSED_BODIES:
        app.before_request_funcs.clear()
    if service == "moto_api":
        for kind in _MALFORMED:
            app.register_error_handler(kind, _refuse)
    if service == "s3":
        app.register_error_handler(KeyError, _refuse_unsigned)
    return app


def _refuse_unsigned(error: KeyError) -> tuple[bytes, int, dict[str, str]]:
    """Refuse a request that moto takes for S3's because nothing says which service it is for."""
    if _SIGNED in request.headers.get("Authorization", "") or "X-Amz-Algorithm" in request.args:
        raise error
    refusal = RequestRefused(
        "The request has no signature, so moto takes it for one of S3's, which has no such "
        f"operation. {_EXPECTED}",
        400,
        "MissingAuthenticationToken",
    )
    return _as_flask_takes_it(refusal.answer())


def _refuse(error: Exception) -> tuple[bytes, int, dict[str, str]]:
    refusal = RequestRefused(
        f"moto cannot read this request ({type(error).__name__}: {str(error)[:200]!a}). Look into "
        "moto's documentation for what the route takes."
    )
    return _as_flask_takes_it(refusal.answer())


def _as_flask_takes_it(answer: Answer) -> tuple[bytes, int, dict[str, str]]:
    return answer.body, answer.status, {"Content-Type": answer.content_type}
