"""The sender of a request, and its address."""

from __future__ import annotations

import re
from urllib.parse import unquote

from moto.core.responses import BaseResponse
from moto.iot.models import IoTBackend

from moto_jitp.monitoring import Identity, caller, records_of

_CREDENTIAL = re.compile(r"Credential=([^/,\s&]+)/")


def signing_key(request: BaseResponse) -> str | None:
    """The access key id that signed a request, in whatever form; ``None`` for an unsigned one.

    moto itself only recognises keys in AWS's form.
    """
    signed = _CREDENTIAL.search(request.headers.get("Authorization", ""))
    credential = signed or _CREDENTIAL.search(unquote(request.parsed_url.query))
    return credential[1] if credential else None


def identity_of(request: BaseResponse, backend: IoTBackend) -> Identity:
    """The sender of a request, as far as moto's IAM and STS know it.

    Args:
        request: the request.
        backend: the account and Region that it was sent to.
    """
    sessions = records_of(backend).sessions
    return caller(backend.account_id, backend.region_name, signing_key(request), sessions)


def source_address(request: BaseResponse) -> str:
    """The address from which a request came."""
    # A request within the process has no address, nor has any request in moto before 5.2.5.
    normalized = getattr(request, "normalized_request", None)
    return getattr(normalized, "remote_addr", None) or "127.0.0.1"
