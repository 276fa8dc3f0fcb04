"""A boto3 session for each test that need not read the service models again."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .environment import DUMMY


@contextmanager
def default_session() -> Iterator[None]:
    """Make ``boto3.client(...)`` use a fresh session, and take it away again.

    moto gives each test a fresh default session. The first client of a session parses the service
    model, megabytes of JSON, which is most of the time of a short test; here the sessions are
    fresh, and the parsed models are shared.
    """
    import boto3
    import botocore.session

    found = boto3.DEFAULT_SESSION
    boto3.DEFAULT_SESSION = new_session(botocore.session.Session())
    try:
        yield
    finally:
        boto3.DEFAULT_SESSION = found


def isolated_session(region: str) -> Any:
    """Make a session with dummy credentials that asks neither the environment nor any file.

    Args:
        region: its Region.
    """
    import botocore.session

    nowhere = (None, None, os.devnull, None)
    session = botocore.session.Session(
        {"profile": (None, None, None, None), "config_file": nowhere, "credentials_file": nowhere}
    )
    session.set_credentials(DUMMY, DUMMY)
    return new_session(session, region_name=region)


def new_session(session: Any, **options: Any) -> Any:
    """Make a boto3 session that shares the parsed service models.

    Args:
        session: botocore's.
        **options: what ``boto3.Session`` takes, such as ``region_name``.
    """
    import boto3

    session.register_component("data_loader", _loader())
    return boto3.Session(botocore_session=session, **options)


@functools.cache
def _loader() -> Any:
    from botocore.loaders import create_loader

    return create_loader(os.environ.get("AWS_DATA_PATH"))
