"""The handle of a ``mock_jitp`` block: what happened, handlers, faults."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from moto_jitp.names import did_you_mean

if TYPE_CHECKING:
    from moto_jitp.aws.lambda_functions import HandlerRegistration
    from moto_jitp.broker.handlers import Subscription
    from moto_jitp.disturbances import Disturbance
    from moto_jitp.faults import Fault
    from moto_jitp.history.attempts import ConnectionAttempt
    from moto_jitp.history.messages import Event
    from moto_jitp.history.rule_runs import RuleRun
    from moto_jitp.remote.faults import ServerDisturbance, ServerFault


_OF_THE_FIXTURE = {
    "ca": "CertificateAuthority(common_name=…), and its register(iot, template_body=…)",
    "client": "boto3.client(service)",
    "connect": "moto_jitp.connect_device(device)",
    "describe": "describe_certificate, describe_thing and similar methods of boto3.client('iot')",
    "iot": "boto3.client('iot')",
    "issue": "issue(common_name=…) of your CertificateAuthority",
    "mock": "this handle itself",
    "region": "the Region of your boto3 clients",
}
"""Names that only the pytest fixture has, and what to use instead."""


class JitpHandle:
    """What happened in a ``mock_jitp`` block: ``with mock_jitp() as jitp``, or :func:`current`.

    After the block it still has everything that happened up to its end.

    Args:
        reset: what :meth:`reset` calls, which keeps the requests of all blocks.

    Examples:
        >>> connection = connect_device(bulb)
        >>> [attempt.accepted for attempt in jitp.connections]
        [False, True]
    """

    def __init__(self, reset: Callable[[], None]) -> None:
        self._reset = reset
        self._is_known = False
        self._subscriptions: list[Subscription] = []
        self._handlers: list[HandlerRegistration] = []
        self._faults: list[Fault | ServerFault | Disturbance | ServerDisturbance] = []
        # The function composes the events when they are read.
        self._at_the_end: (
            tuple[
                tuple[ConnectionAttempt, ...],
                Callable[[], tuple[Event, ...]],
                Callable[[], tuple[RuleRun, ...]],
            ]
            | None
        ) = None

    if not TYPE_CHECKING:  # so that a type checker knows the attributes that exist

        def __getattr__(self, name: str) -> Any:
            if name in _OF_THE_FIXTURE:
                raise AttributeError(
                    f"{name} belongs to the pytest fixture jitp; the handle that mock_jitp "
                    "returns, often also called jitp, does not have it. Use "
                    f"{_OF_THE_FIXTURE[name]}."
                )
            public_names = [name for name in dir(self) if not name.startswith("_")]
            text = f"{type(self).__name__!r} object has no attribute {name!r}."
            raise AttributeError(did_you_mean(name, public_names, after=text))

    @property
    def connections(self) -> tuple[ConnectionAttempt, ...]:
        """All connection attempts so far, of every account and Region, oldest first.

        They include refused requests over HTTPS, whose transport is ``HTTP``.
        """
        from moto_jitp.history.looking import look_at

        if self._at_the_end is not None:
            return look_at(self._at_the_end[0])
        from moto_jitp.where import all_connection_attempts

        return look_at(all_connection_attempts())

    @property
    def events(self) -> tuple[Event, ...]:
        """All events so far that AWS IoT or a device has published, oldest first."""
        if self._at_the_end is not None:
            return self._at_the_end[1]()
        from moto_jitp.where import all_events

        return all_events()

    @property
    def rules(self) -> tuple[RuleRun, ...]:
        """What topic rules have done so far: a :class:`RuleRun` for each message and rule.

        Each says whether the message matched, which clause dropped it and why, the resulting
        document, and for each action its error and what to change.
        """
        if self._at_the_end is not None:
            return self._at_the_end[2]()
        from moto_jitp.where import all_rule_runs

        return all_rule_runs()

    def lambda_handler(
        self, function_name_or_arn: str, handler: Callable[..., Any]
    ) -> HandlerRegistration:
        """Use a Python callable in place of a Lambda function, until the block ends.

        It is called where AWS IoT would invoke the function: by a topic rule's ``lambda`` action,
        as a pre-provisioning hook, and by ``aws_lambda()`` in a rule's SQL. Without one, moto's
        Lambda decides. An exception from it is recorded and shown as a failed invocation.

        Args:
            function_name_or_arn: the function's name, in any account and Region, or
                its ARN, with or without a version or alias.
            handler: called with the event and a context like Lambda's, or with the event alone if
                it takes one argument.

        Returns:
            The registration; its ``cancel()`` ends it before the block does. Of two for the same
            function, the newer is used.

        Raises:
            RuntimeError: the block has ended.
            NotImplementedError: under moto's ``TEST_SERVER_MODE``, where functions are invoked in
                the server's process: give handlers to it with ``moto-jitp serve --lambda``.
            ValueError: the text is neither the name nor the ARN of a function.
            TypeError: the handler cannot be called.

        Examples:
            >>> registration = jitp.lambda_handler("activate", lambda event: None)

        https://docs.aws.amazon.com/iot/latest/developerguide/lambda-rule-action.html
        """
        if self._at_the_end is not None:
            raise RuntimeError(
                "This mock_jitp block has ended, so it invokes nothing. Register handlers inside "
                "the block."
            )
        from moto_jitp.where import register_lambda_handler

        registration = register_lambda_handler(function_name_or_arn, handler)
        self._handlers.append(registration)
        return registration

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
            ValueError: the topic filter is not valid.

        Examples:
            >>> heard = []
            >>> subscription = jitp.subscribe("sensors/#", heard.append)
            >>> connect_device(bulb).publish("sensors/1", b"21")
            >>> heard[0].payload
            b'21'
        """
        if self._at_the_end is not None:
            raise RuntimeError(
                "This mock_jitp block has ended, so nothing is published in it. Subscribe inside "
                "the block."
            )
        from moto_jitp import where

        subscription = where.subscribe(topic_filter, handler)
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
        """Make an AWS IoT operation fail, called by boto3 or as a step of a provisioning run.

        Several requests for one operation are used up in the order in which they were made; one
        with ``times=None`` applies once the other requests are used up; of two such, the newer
        applies. A request lasts until it is used up or cancelled, or the block ends; :meth:`reset`
        leaves it.

        Each attempt of boto3's counts as a call. On some errors boto3 retries on its own, such as
        ``ThrottlingException``, ``LimitExceededException``, ``InternalFailureException`` and
        ``ServiceUnavailableException``, so that ``times=1`` shows as a retry and not as an error.
        To see the error, make the client with
        ``config=botocore.config.Config(retries={"total_max_attempts":
        1})``, or pass ``times=None``. The same goes for ``throttling``.

        Args:
            operation: its name, such as ``CreateThing`` or ``create_thing``.
            error: the code of an error in the service model, such as ``ThrottlingException``; a
                boto3 ``ClientError`` to fail with; or a class of the client's ``exceptions``.
            times: how many calls fail, from the next one on; ``None`` for all until the request is
                cancelled.
            message: the error text, if it matters.

        Returns:
            The request; its ``cancel()`` ends it before the block does.

        Raises:
            ValueError: there is no such operation or error, or ``times`` is less than one.
            RuntimeError: the block has ended.

        Examples:
            >>> fault = jitp.fail("CreateThing", "UnauthorizedException")
            >>> iot.create_thing(thingName="bulb-1")
            Traceback (most recent call last):
            ...
            botocore.errorfactory.UnauthorizedException: ...
        """
        if self._at_the_end is not None:
            raise RuntimeError(
                "This mock_jitp block has ended, so no operation is called in it. Call fail() "
                "inside the block."
            )
        from moto_jitp.where import request_fault

        fault = request_fault(operation, error, times, message)
        self._faults.append(fault)
        if self._at_the_end is not None:  # another thread has ended the block
            fault.cancel()
        return fault

    def disturb(
        self,
        kind: str,
        client_id: str | None = None,
        times: int | None = 1,
        *,
        every: int = 1,
        seconds: float | None = None,
        packets: int | None = None,
    ) -> Disturbance | ServerDisturbance:
        """Disturb connections between devices and AWS IoT, through no fault of either side.

        It affects simulated devices and those of a device endpoint alike. Simulated devices wait by
        the test's clock, real ones by the time of day. As with :meth:`fail`, several requests of
        one kind are used up in the order in which they were made, and each lasts until it is used
        up or cancelled, or the block ends.

        The kinds are:

        - ``"delay"``: the CONNECT is processed ``seconds`` later. A simulated device is refused
          meanwhile, with ``CONNECT_DELAYED``.
        - ``"drop"``: the connection breaks after ``packets`` packets of the client (1 unless given;
          0 stands for its CONNECT). The last one is processed but not answered; a simulated
          device gets a ConnectionError.
        - ``"half-open"``: after ``packets`` packets (0 unless given) nothing gets through, and
          neither side notices before the keep alive runs out.
        - ``"lose-puback"``: ``packets`` messages (1 unless given) arrive, but their PUBACKs do not;
          a simulated device gets a TimeoutError.
        - ``"throttle"``: the CONNECT is refused, with ``CONNECT_THROTTLED``.
        - ``"slow-provisioning"``: the provisioning run that the connection sets off takes
          ``seconds`` (30 unless given).

        Args:
            kind: one of these.
            client_id: the MQTT client id whose connections are disturbed; ``None`` for all.
            times: how many connections are disturbed, from the next one on; ``None`` for all until
                the request is cancelled.
            every: one in how many connections is disturbed: 3 for the third, the sixth and so on.
            seconds: see above.
            packets: see above.

        Returns:
            The request; its ``calls`` is the number of connections disturbed so far, and its
            ``cancel()`` ends it before the block does.

        Raises:
            ValueError: there is no such kind, a number is out of range, or the kind does not take
                that number.
            RuntimeError: the block has ended.

        Examples:
            >>> broken = jitp.disturb("drop", "bulb-1", packets=1)
            >>> throttled = jitp.disturb("throttle", times=None, every=3)
        """
        if self._at_the_end is not None:
            raise RuntimeError(
                "This mock_jitp block has ended, so no device connects in it. Call disturb() "
                "inside the block."
            )
        from moto_jitp.disturbances import checked_disturbance
        from moto_jitp.where import request_disturbance

        request = checked_disturbance(
            kind, client_id, times, every=every, seconds=seconds, packets=packets
        )
        disturbance = request_disturbance(request)
        self._faults.append(disturbance)
        if self._at_the_end is not None:  # another thread has ended the block
            disturbance.cancel()
        return disturbance

    def reset(self) -> None:
        """Clear the state of all services, as the ``reset()`` of ``mock_aws`` does.

        Whatever the test has requested stays: subscriptions, failures, disturbances and settings.
        """
        self._reset()

    def _close(self) -> None:
        nothing: tuple[
            tuple[ConnectionAttempt, ...],
            Callable[[], tuple[Event, ...]],
            Callable[[], tuple[RuleRun, ...]],
        ] = ((), tuple, tuple)
        # The requests end in any case, or they would reach into the next block.
        with ExitStack() as requests:
            for request in (*self._faults, *self._subscriptions, *self._handlers):
                requests.callback(request.cancel)
            try:
                # If the devices were never imported there were none; and a decorated helper called
                # for each of many devices must not list them all each time.
                if self._is_known and "moto_jitp.devices" in sys.modules:
                    from moto_jitp.where import events_until_now, rule_runs_until_now

                    self._at_the_end = (
                        self.connections,
                        events_until_now(),
                        rule_runs_until_now(),
                    )
            finally:
                self._at_the_end = self._at_the_end or nothing
