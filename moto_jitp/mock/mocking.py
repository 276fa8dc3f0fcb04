"""``mock_jitp``: ``mock_aws`` with just-in-time provisioning in its IoT.

It composes moto's mock rather than extending it, because moto counts nesting per class: a subclass
would not notice a ``mock_aws`` around it and would clear its state.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeVar, overload

from moto_jitp import configuration

from . import decorating, overlap
from .block import Block, reset_state
from .handle import JitpHandle

F = TypeVar("F", bound=Callable[..., Any])


class MockJitp:
    """One ``mock_jitp``: a context manager, a decorator, and ``start()`` with ``stop()``.

    It can be used any number of times, even within itself and from several threads.
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        self._moto_config, self._keys = configuration.split_config(config)
        self._started: list[Block] = []

    def __call__(self, func: F, reset: bool = True, remove_data: bool = True) -> F:
        """Decorate a function, coroutine function, generator function or class.

        Args:
            func: what to decorate. No argument is added to it.
            reset: clear all state at the start of each call, if no other mock is active.
            remove_data: clear all state at the end of each call, if no other mock is active.

        Returns:
            A function of the same kind and signature, or the same class with its methods decorated.

        Raises:
            TypeError: it is neither a function nor a class.
        """
        if inspect.isclass(func):
            decorating.decorate_class(func, self.__call__)
            return func
        decorated: F = decorating.decorate_callable(func, lambda: self._block(reset, remove_data))
        return decorated

    def start(self, reset: bool = True) -> None:
        """Begin a block.

        Args:
            reset: clear all state first, if no other mock is active.

        Raises:
            UnsupportedMotoError: the installed moto lacks a name that we hook; nothing was changed.
            ConnectionError: under ``TEST_SERVER_MODE``, no server answers.
            RuntimeError: under ``TEST_SERVER_MODE``, the server has no just-in-time provisioning
                and so cannot have this block's settings.
        """
        self._begin(reset)

    def _begin(self, reset: bool) -> Block:
        block = Block(self._moto_config, self._keys, reset)
        self._started.append(block)
        return block

    def stop(self, remove_data: bool = True) -> None:
        """End the block that was begun last, by the calling thread if it has begun one.

        Args:
            remove_data: clear all state, if no other mock is active.

        Raises:
            RuntimeError: no block has been begun.
        """
        with overlap.lock:
            if not self._started:
                raise RuntimeError("Called stop() before start().")
            thread = threading.get_ident()
            own_blocks = [block for block in self._started if block.thread == thread]
            block = (own_blocks or self._started)[-1]
            self._started.remove(block)
        block.end(remove_data)

    def reset(self) -> None:
        """Clear the state of all services, as the ``reset()`` of a :class:`JitpHandle` does."""
        reset_state()

    def __enter__(self) -> JitpHandle:
        return self._begin(reset=True).known_handle()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> JitpHandle:
        return self.__enter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @contextmanager
    def _block(self, reset: bool, remove_data: bool) -> Generator[None]:
        # Held here and not in _started: two calls of a decorated function may end in any order.
        block = Block(self._moto_config, self._keys, reset)
        try:
            yield
        finally:
            block.end(remove_data)


@overload
def mock_jitp(func: F, config: Mapping[str, Any] | None = None) -> F: ...


@overload
def mock_jitp(func: None = None, config: Mapping[str, Any] | None = None) -> MockJitp: ...


def mock_jitp(func: F | None = None, config: Mapping[str, Any] | None = None) -> F | MockJitp:
    """Mock AWS as ``mock_aws`` does, and add just-in-time provisioning to AWS IoT.

    It is a decorator with and without arguments, for functions, ``async def``, generators (pytest
    fixtures that yield) and classes; a context manager for ``with`` and ``async with``; and it has
    ``start()`` and ``stop()``. It may be nested in a ``mock_aws``, enclose one, or overlap with one
    in any order: they share their state, and each removes its own configuration.

    Under moto's ``TEST_SERVER_MODE`` the calls go to that server, whose settings apply. Keys of the
    section ``"jitp"`` override them until the block ends; as a server has one set of settings, they
    apply to everyone else who uses it, too.

    Args:
        func: what to decorate, when used as ``@mock_jitp`` without arguments.
        config: moto's configuration, as ``mock_aws`` takes it, plus the section ``"jitp"``, as in
            ``{"core": {...}, "jitp": {"strict": False}}``. If blocks are nested, the keys of the
            innermost win, and keys that it does not name keep their value.
            :class:`moto_jitp.settings.JitpSettings` says what each key means; for AWS's request
            quotas with one of them changed: ``{"throttling": {"*": True, "CreateThing": 1}}``.

    Returns:
        The decorated function or class; without ``func`` a :class:`MockJitp`, which gives a
        :class:`JitpHandle` on entry.

    Raises:
        ValueError: the config has an unknown key or a value of the wrong type.
        TypeError: ``func`` is neither a function nor a class.

    Examples:
        >>> @mock_jitp
        ... def test_a_bulb_provisions_itself():
        ...     ca = CertificateAuthority("Acme")
        ...     ca.register(boto3.client("iot", "us-east-1"), template_body=BODY, role_arn=ROLE)
        ...     assert connect_device(ca.issue("bulb-1")).thing_name == "bulb-1"
        >>> test_a_bulb_provisions_itself()

    Under ``TEST_SERVER_MODE`` the start of a block raises a ``ConnectionError`` if no server
    answers, and a ``RuntimeError`` if the block has settings of its own and the server has no
    just-in-time provisioning.
    """
    mock = MockJitp(config)
    return mock if func is None else mock(func)
