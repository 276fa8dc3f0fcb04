"""``mock_jitp``: everything that ``mock_aws`` is, with just-in-time provisioning in its IoT.

It composes moto's mock rather than extending it, because moto counts nesting per class: a subclass
would take a ``mock_aws`` around it for absent and clear its state.
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from moto_jitp import activation, configuration, settings

from . import decorating, overlap, transitions

if TYPE_CHECKING:
    from moto_jitp.broker.events import Event, Subscription
    from moto_jitp.devices import ConnectionAttempt
    from moto_jitp.devices.failures import ServerFault
    from moto_jitp.faults import Fault

F = TypeVar("F", bound=Callable[..., Any])


class JitpHandle:
    """What happened in a ``mock_jitp`` block: ``with mock_jitp() as jitp``, or :func:`current`.

    After the block it still tells what had happened until its end.
    """

    def __init__(self) -> None:
        self._is_known = False
        self._subscriptions: list[Subscription] = []
        self._faults: list[Fault | ServerFault] = []
        # Events are put together by the function, when somebody reads them.
        self._at_the_end: (
            tuple[tuple[ConnectionAttempt, ...], Callable[[], tuple[Event, ...]]] | None
        ) = None

    @property
    def connections(self) -> tuple[ConnectionAttempt, ...]:
        """All connection attempts so far, of every account and Region, the oldest first."""
        if self._at_the_end is not None:
            return self._at_the_end[0]
        from moto_jitp.devices import all_connection_attempts

        return all_connection_attempts()

    @property
    def events(self) -> tuple[Event, ...]:
        """All events so far that AWS IoT or a device has published, the oldest first."""
        if self._at_the_end is not None:
            return self._at_the_end[1]()
        from moto_jitp.devices import all_events

        return all_events()

    def subscribe(self, topic_filter: str, handler: Callable[..., Any]) -> Subscription:
        """Call a handler for each message on matching topics, until the block ends.

        Args:
            topic_filter: an MQTT topic filter; ``+`` stands for one level and a final ``#`` for
                all that follow.
            handler: called with each message.

        Returns:
            The subscription; its ``cancel()`` ends it before the block does.

        Raises:
            RuntimeError: the block has ended.
            NotImplementedError: under moto's ``TEST_SERVER_MODE``, where messages are published in
                the server's process.
        """
        if self._at_the_end is not None:
            raise RuntimeError(
                "This mock_jitp block has ended, so nothing will be published in it any more. "
                "Subscribe inside the block."
            )
        from moto import settings as moto_settings

        from moto_jitp.broker.events import bus

        if moto_settings.TEST_SERVER_MODE:
            raise NotImplementedError(
                "Under TEST_SERVER_MODE no handler can be called: messages are published in the "
                "server's process. Read 'events' of this handle, or have a device subscribe "
                "without a handler and take them with receive()."
            )
        subscription = bus.subscribe(topic_filter, handler)
        self._subscriptions.append(subscription)
        return subscription

    def fail(
        self,
        operation: str,
        error: str | Exception | type[Exception],
        times: int | None = 1,
        *,
        message: str | None = None,
    ) -> Fault | ServerFault:
        """Have an AWS IoT operation fail, called by boto3 or as a step of a provisioning run.

        Several requests for one operation are used up in the order in which they were made; one
        with ``times=None`` holds where none of the others is left, the newest where there are two.
        A request lasts until it is used up or cancelled, or the block ends; :meth:`reset`
        leaves it.

        Each attempt of boto3's counts as a call. On some errors boto3 tries again by itself, such
        as ``ThrottlingException``, ``LimitExceededException``, ``InternalFailureException`` and
        ``ServiceUnavailableException``, so that ``times=1`` shows as a retry and not as an error.
        To see the error, make the client with
        ``config=botocore.config.Config(retries={"total_max_attempts": 1})``, or ask with
        ``times=None``. So it is with ``throttling``.

        Args:
            operation: its name, such as ``CreateThing`` or ``create_thing``.
            error: the code of an error in the service model, such as ``ThrottlingException``; a
                boto3 ``ClientError`` to fail with; or a class of the client's ``exceptions``.
            times: how many calls fail, from the next one on; ``None`` for every one until the
                request is cancelled.
            message: the error text, if it matters.

        Returns:
            The request; its ``cancel()`` ends it before the block does.

        Raises:
            ValueError: there is no such operation or error, or ``times`` is less than one.
            RuntimeError: the block has ended.
        """
        if self._at_the_end is not None:
            raise RuntimeError(
                "This mock_jitp block has ended, so nothing will be called in it any more. "
                "Call fail() inside the block."
            )
        from moto_jitp.devices.failures import request_failure

        fault = request_failure(operation, error, times, message)
        self._faults.append(fault)
        if self._at_the_end is not None:  # another thread ended the block meanwhile
            fault.cancel()
        return fault

    def reset(self) -> None:
        """Clear the state of all services, as the ``reset()`` of ``mock_aws`` does.

        What the test has asked for stays: subscriptions, failures and settings.
        """
        _reset()

    def _close(self) -> None:
        nothing: tuple[tuple[ConnectionAttempt, ...], Callable[[], tuple[Event, ...]]] = ((), tuple)
        # What was asked for ends in any case, or it would reach into the next block.
        with ExitStack() as requests:
            for request in (*self._faults, *self._subscriptions):
                requests.callback(request.cancel)
            try:
                # Where nobody has imported the devices there were none; and a decorated helper that
                # is called for each of many devices must not list them all each time.
                if self._is_known and "moto_jitp.devices" in sys.modules:
                    from moto_jitp.devices import events_until_now

                    self._at_the_end = (self.connections, events_until_now())
            finally:
                self._at_the_end = self._at_the_end or nothing


_blocks: list[_Block] = []


def current() -> JitpHandle:
    """Return the handle of the innermost active ``mock_jitp`` block.

    Raises:
        RuntimeError: no ``mock_jitp`` block is active.
    """
    blocks = _blocks[-1:]
    if not blocks:
        raise RuntimeError(
            "No mock_jitp block is active. Decorate the test with @mock_jitp, or call this inside "
            '"with mock_jitp():".'
        )
    return blocks[0].known_handle()


class MockJitp:
    """One ``mock_jitp``: a context manager, a decorator, and ``start()`` with ``stop()``.

    It can be used any number of times, also within itself and from several threads.
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        self._moto_config, self._keys = configuration.split_config(config)
        self._started: list[_Block] = []

    def __call__(self, func: F, reset: bool = True, remove_data: bool = True) -> F:
        """Decorate a function, coroutine function, generator function or class.

        Args:
            func: what to decorate. Nothing is added to its arguments.
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
            UnsupportedMotoError: the installed moto lacks a name we hook; nothing has been changed.
            ConnectionError: under ``TEST_SERVER_MODE``, no server answers.
            RuntimeError: under ``TEST_SERVER_MODE``, the server has no just-in-time provisioning
                and so cannot have this block's settings.
        """
        self._begin(reset)

    def _begin(self, reset: bool) -> _Block:
        block = _Block(self._moto_config, self._keys, reset)
        self._started.append(block)
        return block

    def stop(self, remove_data: bool = True) -> None:
        """End the block that was begun last; in the thread that calls, if it has begun one.

        Args:
            remove_data: clear all state, if no other mock is active.

        Raises:
            RuntimeError: no block has been begun.
        """
        with overlap.lock:
            if not self._started:
                raise RuntimeError("Called stop() before start().")
            thread = threading.get_ident()
            own = [block for block in self._started if block.thread == thread]
            block = (own or self._started)[-1]
            self._started.remove(block)
        block.end(remove_data)

    def reset(self) -> None:
        """Clear the state of all services, as the ``reset()`` of a :class:`JitpHandle` does."""
        _reset()

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
        block = _Block(self._moto_config, self._keys, reset)
        try:
            yield
        finally:
            block.end(remove_data)


class _Block:
    """One active block, from its construction to :meth:`end`."""

    def __init__(
        self, moto_config: Mapping[str, Mapping[str, Any]], keys: Mapping[str, Any], reset: bool
    ) -> None:
        activation.check_moto()
        self._handle = JitpHandle()
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
            _blocks.append(self)
            self._undo = undo.pop_all()

    @property
    def faults(self) -> Sequence[Fault | ServerFault]:
        """What its handle was asked to have fail."""
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
                overlap.stop(self._mock, remove_data=remove_data)


def _reset() -> None:
    # Of all blocks: the state is one, and so is what a server drops with it.
    asked = [fault for block in list(_blocks) for fault in block.faults]
    if not asked:
        _moto_mock().reset()
        return
    from moto_jitp.devices.failures import kept_over_reset

    with kept_over_reset(asked):
        _moto_mock().reset()


def _moto_mock() -> Any:
    from moto import mock_aws

    return mock_aws()


def _no_answer(error: OSError) -> ConnectionError:
    """What to raise where moto, which resets the server first, finds none."""
    from moto import settings as moto_settings

    from moto_jitp.remote.client import no_answer

    return no_answer(moto_settings.test_server_mode_endpoint(), error)


def _in_process(mock: Any) -> bool:
    from moto.core import models

    return not isinstance(mock, (models.ServerModeMockAWS, models.ProxyModeMockAWS))


@overload
def mock_jitp(func: F, config: Mapping[str, Any] | None = None) -> F: ...


@overload
def mock_jitp(func: None = None, config: Mapping[str, Any] | None = None) -> MockJitp: ...


def mock_jitp(func: F | None = None, config: Mapping[str, Any] | None = None) -> F | MockJitp:
    """Mock AWS as ``mock_aws`` does, with just-in-time provisioning in AWS IoT.

    A decorator with and without arguments, for functions, ``async def``, generators (pytest
    fixtures that yield) and classes; a context manager for ``with`` and ``async with``; and
    ``start()`` with ``stop()``. It may be nested in a ``mock_aws``, stand around one, or overlap
    with one in any order: they share their state, and each takes out its own configuration.

    Under moto's ``TEST_SERVER_MODE`` the calls go to that server, whose settings count. Keys of the
    section ``"jitp"`` are laid over them until the block ends; as a server has one set of settings,
    they hold for whoever else uses it, too.

    Args:
        func: what to decorate, when used as ``@mock_jitp`` without arguments.
        config: moto's configuration, as ``mock_aws`` takes it, plus the section ``"jitp"``, as in
            ``{"core": {...}, "jitp": {"strict": False}}``. Where blocks are nested, the keys of
            the innermost win, and keys that it does not name keep their value.
            :class:`moto_jitp.settings.JitpSettings` says what each key means; AWS's request
            quotas with one of them changed are ``{"throttling": {"*": True, "CreateThing": 1}}``.

    Returns:
        The decorated function or class; without ``func`` a :class:`MockJitp`, which gives a
        :class:`JitpHandle` on entry.

    Raises:
        ValueError: the config has an unknown key or a value of the wrong type.
        TypeError: ``func`` is neither a function nor a class.

    Under ``TEST_SERVER_MODE`` the start of a block raises a ``ConnectionError`` where no server
    answers, and a ``RuntimeError`` where the block has settings of its own and the server has no
    just-in-time provisioning.
    """
    mock = MockJitp(config)
    return mock if func is None else mock(func)
