"""boto3 clients with which the emulation itself calls other services of moto.

AWS IoT acts on a message by an API call of another service: it puts an object, sends a message,
starts an execution. Such a call reaches moto like a user's, so that it is checked, carried out and
refused in the same way, but within this process, even where no mock intercepts boto3, as in moto's
server.
"""

from __future__ import annotations

import functools
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse
from moto.core.models import botocore_stubber

from moto_jitp.locks import new_lock

from .sessions import isolated_session

_ACCOUNT_HEADER = "x-moto-account-id"
_DUMMY = "moto-jitp"
_lock = new_lock()


def client_of(service: str, account_id: str, region_name: str) -> Any:
    """Return a client of one of moto's services.

    Args:
        service: its name in boto3, such as ``sqs``.
        account_id: the account to call.
        region_name: the Region.

    Returns:
        The client. It raises ``botocore.exceptions.ClientError``, as for a user, but does not retry
        by itself.
    """
    with _lock:  # making clients of one session is not thread-safe
        return _make_client(service, account_id, region_name)


@functools.lru_cache(maxsize=64)
def _make_client(service: str, account_id: str, region_name: str) -> Any:
    from botocore.config import Config

    config = Config(
        ignore_configured_endpoint_urls=True,
        retries={"total_max_attempts": 1},
        s3={"addressing_style": "path"},
    )
    client = isolated_session(_DUMMY).create_client(service, region_name=region_name, config=config)

    def name_account(request: Any, **_: Any) -> None:
        request.headers[_ACCOUNT_HEADER] = account_id

    client.meta.events.register_first("before-sign", name_account)
    # Every handler of this event is called: with the mock's own, a call would be carried out twice.
    client.meta.events.unregister("before-send", botocore_stubber)
    client.meta.events.register("before-send", _answer)
    return client


def _answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
    """Have moto answer a request, whether or not a mock is active in this process."""
    answer = BotocoreStubber().process_request(request)
    status, headers, body = (
        (404, {}, "moto does not know this service") if answer is None else answer
    )
    return AWSResponse(request.url, status, headers, MockRawResponse(body))
