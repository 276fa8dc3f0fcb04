"""One active ``mock_jitp`` block: what its start puts in place and its end removes."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from moto_jitp import activation, settings
from moto_jitp.aws import sessions

from . import overlap, transitions
from .handle import JitpHandle

if TYPE_CHECKING:
    from moto_jitp.disturbances import Disturbance
    from moto_jitp.faults import Fault
    from moto_jitp.remote.faults import ServerDisturbance, ServerFault

_blocks: list[Block] = []


def current() -> JitpHandle:
    """Return the handle of the innermost active ``mock_jitp`` block.

    Raises:
        RuntimeError: no ``mock_jitp`` block is active.

    Examples:
        >>> with mock_jitp() as jitp:
        ...     current() is jitp
        True
    """
    blocks = _blocks[-1:]
    if not blocks:
        raise RuntimeError(
            "No mock_jitp block is active. Decorate the test with @mock_jitp, or call this inside "
            '"with mock_jitp():".'
        )
    return blocks[0].known_handle()


class Block:
    """One active block, from its construction to :meth:`end`.

    Raises:
        UnsupportedMotoError: the installed moto lacks a name that we hook.
        ConnectionError: under ``TEST_SERVER_MODE``, no server answers.
        RuntimeError: under ``TEST_SERVER_MODE``, the server has no just-in-time provisioning.
    """

    def __init__(
        self, moto_config: Mapping[str, Mapping[str, Any]], keys: Mapping[str, Any], reset: bool
    ) -> None:
        activation.check_moto()
        self._handle = JitpHandle(reset_state)
        self.thread = threading.get_ident()
        self._mock = _moto_mock()
        with overlap.lock, ExitStack() as undo:
            # A server has settings and a backend of its own.
            in_process = _in_process(self._mock)
            if in_process:
                undo.callback(settings.pop, settings.push(keys))
                activation.hold()
                undo.callback(activation.let_go)
                undo.callback(transitions.leave, transitions.enter())
            elif keys:
                from moto_jitp.remote.settings import push_at_server

                undo.callback(push_at_server(keys).pop)
            try:
                overlap.start(self._mock, reset=reset, config=moto_config)
            except OSError as error:
                if in_process:
                    raise
                raise _no_answer(error) from None
            if in_process:
                sessions.put_default_session()
            _blocks.append(self)
            self._undo = undo.pop_all()

    @property
    def faults(self) -> Sequence[Fault | ServerFault | Disturbance | ServerDisturbance]:
        """The faults and disturbances that were requested of its handle."""
        return self._handle._faults

    def known_handle(self) -> JitpHandle:
        self._handle._is_known = True
        return self._handle

    def end(self, remove_data: bool) -> None:
        with overlap.lock, self._undo:
            try:
                self._handle._close()
            finally:
                _blocks.remove(self)
                if not _blocks:
                    sessions.take_default_session()
                overlap.stop(self._mock, remove_data=remove_data)


def reset_state() -> None:
    """Clear the state of all services but keep what tests have requested."""
    # Those of all blocks: they share one state, with which a server drops all requests.
    block_faults = [fault for block in list(_blocks) for fault in block.faults]
    if not block_faults:
        _moto_mock().reset()
        return
    from moto_jitp.where import kept_over_reset

    with kept_over_reset(block_faults):
        _moto_mock().reset()


def _moto_mock() -> Any:
    from moto import mock_aws

    return mock_aws()


def _no_answer(error: OSError) -> ConnectionError:
    """The error to raise if moto, which resets the server first, finds none."""
    from moto import settings as moto_settings

    from moto_jitp.remote.client import SERVER_MODE, no_answer

    return no_answer(moto_settings.test_server_mode_endpoint(), error, SERVER_MODE)


def _in_process(mock: Any) -> bool:
    from moto.core import models

    return not isinstance(mock, (models.ServerModeMockAWS, models.ProxyModeMockAWS))
