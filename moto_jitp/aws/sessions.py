"""boto3 sessions for tests that do not read the service models again.

moto gives each test a fresh default session. A fresh session registers botocore's own handlers one
by one, and its first client parses the model of the service, megabytes of JSON: most of a short
test's time, and megabytes of garbage. The sessions made here are just as fresh, but start with a
copy of the handlers and share the parsed models.
"""

from __future__ import annotations

import copy
import functools
import os
from typing import Any

import boto3
import botocore.session
from botocore import handlers
from botocore.exceptions import BotoCoreError
from botocore.hooks import EventAliaser, HierarchicalEmitter
from botocore.loaders import create_loader

_NOWHERE = (None, None, os.devnull, None)
_ISOLATED: dict[str, Any] = {
    "profile": (None, None, None, None),
    "config_file": _NOWHERE,
    "credentials_file": _NOWHERE,
}

_default: boto3.Session | None = None


def put_default_session() -> None:
    """Make ``boto3.client(...)`` use a session that shares the models, if none is set.

    Call it when a mock has begun. By then moto has removed the user's default session, so that
    ``boto3`` would make a new one; with moto's setting ``reset_boto3_session`` off, sessions are
    the user's, and nothing is done.
    """
    global _default
    # Not at the top: clients of a server in a separate process do not need moto.
    from moto.core import config as moto_config

    core = moto_config.default_user_config.get("core", {})
    if boto3.DEFAULT_SESSION is None and core.get("reset_boto3_session", True):
        try:
            _default = boto3.Session(botocore_session=new_session())
        except BotoCoreError:
            # boto3 cannot use the configuration. The user's own call will say so, as without us.
            return
        boto3.DEFAULT_SESSION = _default


def take_default_session() -> None:
    """Undo :func:`put_default_session`, unless another session has replaced it meanwhile."""
    global _default
    if _default is not None and boto3.DEFAULT_SESSION is _default:
        boto3.DEFAULT_SESSION = None
    _default = None


def isolated_session(key: str) -> botocore.session.Session:
    """Make a botocore session that reads neither the environment nor any file.

    Args:
        key: its access key id and secret key, a dummy.
    """
    session = new_session(_ISOLATED)
    session.set_credentials(key, key)
    return session


def new_session(session_vars: dict[str, Any] | None = None) -> botocore.session.Session:
    """Make a botocore session that shares models and handlers with the other sessions made here.

    Args:
        session_vars: as for ``botocore.session.Session``.

    Raises:
        BotoCoreError: the configuration of the AWS CLI cannot be read, or lacks the profile.
    """
    # All sessions share the handlers in any case; only the registrations are copied.
    session = botocore.session.Session(
        session_vars, copy.copy(_built_in(tuple(handlers.BUILTIN_HANDLERS))), False
    )
    path = session.get_config_variable("data_path")
    session.register_component("data_loader", _loader(path))
    return session


@functools.lru_cache(maxsize=1)
def _built_in(specs: tuple[Any, ...]) -> HierarchicalEmitter:
    """Return botocore's own handlers, including those that other libraries have added."""
    emitter = HierarchicalEmitter()
    events = EventAliaser(emitter)
    register = {
        None: events.register,
        handlers.REGISTER_FIRST: events.register_first,
        handlers.REGISTER_LAST: events.register_last,
    }
    for event, handler, *order in specs:
        register[order[0] if order else None](event, handler)
    return emitter


@functools.lru_cache(maxsize=8)
def _loader(path: str | None) -> Any:
    return create_loader(path)
