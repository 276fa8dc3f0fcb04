"""boto3 sessions for tests that need not read the service models again.

moto gives each test a fresh default session. A fresh session registers botocore's own handlers one
by one, and its first client parses the model of the service, megabytes of JSON: most of the time of
a short test, and megabytes of garbage. The sessions made here are as fresh, but begin with a copy
of the handlers and share the parsed models.
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
    """Make ``boto3.client(...)`` use a session that shares the models, where none is set.

    To be called when a mock has begun. moto has taken the user's default session away then, so that
    ``boto3`` would make one of its own; with moto's setting ``reset_boto3_session`` off, sessions
    are the user's, and nothing is done.
    """
    global _default
    # Not above: clients of a server in a process of its own need nothing of moto.
    from moto.core import config as moto_config

    core = moto_config.default_user_config.get("core", {})
    if boto3.DEFAULT_SESSION is None and core.get("reset_boto3_session", True):
        try:
            _default = boto3.Session(botocore_session=new_session())
        except BotoCoreError:
            # A configuration that boto3 cannot use. The user's own call says so, as without us.
            return
        boto3.DEFAULT_SESSION = _default


def take_default_session() -> None:
    """Undo :func:`put_default_session`, unless another session has taken the place meanwhile."""
    global _default
    if _default is not None and boto3.DEFAULT_SESSION is _default:
        boto3.DEFAULT_SESSION = None
    _default = None


def isolated_session(key: str) -> botocore.session.Session:
    """Make a botocore session that asks neither the environment nor any file.

    Args:
        key: its access key id and secret key, a dummy.
    """
    session = new_session(_ISOLATED)
    session.set_credentials(key, key)
    return session


def new_session(session_vars: dict[str, Any] | None = None) -> botocore.session.Session:
    """Make a botocore session that shares models and handlers with the other sessions made here.

    Args:
        session_vars: as of ``botocore.session.Session``.

    Raises:
        BotoCoreError: the configuration of the AWS CLI cannot be read, or lacks the profile.
    """
    # The handlers are shared by all sessions in any case; what is copied is who listens to what.
    session = botocore.session.Session(
        session_vars, copy.copy(_built_in(tuple(handlers.BUILTIN_HANDLERS))), False
    )
    path = session.get_config_variable("data_path")
    session.register_component("data_loader", _loader(path))
    return session


@functools.lru_cache(maxsize=1)
def _built_in(specs: tuple[Any, ...]) -> HierarchicalEmitter:
    """Return botocore's own handlers, those that other libraries have added among them."""
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
