"""boto3 sessions for tests that do not read the service models again.

moto gives each test a fresh default session. A fresh session registers botocore's own handlers one
by one, and its first client parses the model of the service, megabytes of JSON: most of a short
test's time, and megabytes of garbage. The sessions made here are just as fresh, but start with a
copy of the handlers and share the parsed models; and the default session is made when it is used,
which many tests never do.
"""

from __future__ import annotations

import copy
import functools
import os
from typing import Any

import boto3
import botocore.session
from botocore import handlers
from botocore.hooks import EventAliaser, HierarchicalEmitter
from botocore.loaders import create_loader

from moto_jitp.locks import new_rlock

_NOWHERE = (None, None, os.devnull, None)
_ISOLATED: dict[str, Any] = {
    "profile": (None, None, None, None),
    "config_file": _NOWHERE,
    "credentials_file": _NOWHERE,
}

_default: boto3.Session | None = None
_making = new_rlock()


class _SessionOnUse(boto3.Session):  # type: ignore[misc]
    """A session that is made when something asks for it; from then on it is a ``boto3.Session``.

    Where the configuration cannot be used, boto3's error comes from the user's own call, as without
    us.
    """

    def __init__(self) -> None:
        """Do not make it yet."""

    def __getattr__(self, name: str) -> Any:
        # Code that looks for attributes that sessions lack must not create one.
        if name.startswith("__"):
            raise AttributeError(name)
        with _making:
            if type(self) is _SessionOnUse:
                session = boto3.Session(botocore_session=new_session())
                # At once: another thread that finds a part of it need not come here for the rest.
                self.__dict__.update(vars(session))
                self.__class__ = boto3.Session
        return getattr(self, name)


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
        boto3.DEFAULT_SESSION = _default = _SessionOnUse()


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
    loader = _loader(session.get_config_variable("data_path"))
    # Each session of boto3's adds the folder of its own models to the loader that it is given.
    loader.search_paths[:] = dict.fromkeys(loader.search_paths)
    session.register_component("data_loader", loader)
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
