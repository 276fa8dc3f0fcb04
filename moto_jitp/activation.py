"""Plugs our IoT service into moto, and takes it out again.

It is the only module that changes moto's registries. A ``mock_jitp`` block and :func:`activate`
both hold the service in place; moto's own comes back when the last of them lets go, in whatever
order they end.

Each function in ``_PLUGS`` makes one change to moto and puts its undoing on the stack that it is
given. Anything else to be plugged into moto becomes another such function.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from moto_jitp import settings
from moto_jitp.aws.moto_check import UnsupportedMotoError as UnsupportedMotoError
from moto_jitp.aws.moto_check import check_moto as check_moto
from moto_jitp.aws.moto_check import check_names_of
from moto_jitp.configuration import split_config
from moto_jitp.due_work import carry_out_due_work
from moto_jitp.locks import new_rlock, renew_after_fork

# What _use_backend does, for the backends of any service.
USED_OF_MOTO = (
    "moto.core.base_backend.AccountSpecificBackend().backend",
    "moto.core.base_backend.AccountSpecificBackend.values",
    "moto.core.base_backend.BackendDict.values",
)

_lock = new_rlock()
_holders = 0
_undo = ExitStack()
_activated: settings.SettingsLayer | None = None


def activate(config: Mapping[str, Any] | None = None) -> None:
    """Put the just-in-time provisioning backend under plain ``mock_aws`` and moto's server.

    What IoT has stored so far stays. In a server, call this before the first request, because a
    server builds each service's application only once. ``strict`` is off unless the config says
    otherwise, so that tests written for plain moto go on passing.

    It may be called again at any time: the backend stays, and the new config replaces the previous
    one. A single :func:`deactivate` undoes it, however often it was called.

    Args:
        config: moto's configuration mapping, or one with the section ``"jitp"`` alone, as in
            ``{"jitp": {"strict": True}}``. Only that section is read: moto's own sections belong to
            ``mock_aws``.

    Raises:
        ValueError: the section has an unknown key or a value of the wrong type.
        UnsupportedMotoError: the installed moto lacks a name that we hook; nothing was changed.

    Examples:
        >>> activate({"jitp": {"strict": True}})
        >>> deactivate()
    """
    global _activated
    _, keys = split_config(config)
    with _lock:
        if _activated is None:
            check_moto()
            hold()
        else:
            settings.pop(_activated)
        _activated = settings.push(keys, lenient=True)


def deactivate() -> None:
    """Undo :func:`activate`: restore moto's own backend and keep the state that moto knows.

    While a ``mock_jitp`` block is active its backend stays until that block ends. Without a
    preceding :func:`activate` it does nothing.

    Examples:
        >>> activate()
        >>> deactivate()
    """
    global _activated
    with _lock:
        if _activated is not None:
            settings.pop(_activated)
            _activated = None
            let_go()


def hold() -> None:
    """Put our service in place for one more user, who has called :func:`check_moto`.

    See :func:`let_go`, which ends it.
    """
    global _holders
    with _lock:
        if _holders == 0:
            _plug_in()
        _holders += 1


def let_go() -> None:
    """End one :func:`hold`; the last one puts moto's own service back."""
    global _holders
    with _lock:
        _holders -= 1
        if _holders == 0:
            _undo.close()


def add_control_route(path: str, handler: Callable[..., Any]) -> None:
    """Add a route beside moto's own under ``/moto-api/``.

    It must come before the first such request: a server builds the application once.

    Args:
        path: a pattern as in moto's ``urls`` modules, with ``{0}`` for the base.
        handler: called with request, URL and headers; returns status, headers and body.

    Raises:
        UnsupportedMotoError: the installed moto keeps its routes elsewhere.
    """
    check_names_of("moto.moto_api._internal.urls")
    from moto.moto_api._internal.urls import url_paths

    url_paths[path] = handler


def _plug_in() -> None:
    with ExitStack() as undo:
        for plug in _PLUGS:
            plug(undo)
        # All of them succeeded: what they changed stays until the last holder lets go.
        _undo.push(undo.pop_all())


def _plug_in_iot(undo: ExitStack) -> None:
    from moto.iot.models import iot_backends

    from moto_jitp.iot.api.cloud_control import ENDPOINTS
    from moto_jitp.iot.models import JitpIoTBackend, adopt, release
    from moto_jitp.iot.urls import answer_operations

    answer_operations()
    undo.callback(_use_backend, iot_backends, iot_backends.backend, release)
    _use_backend(iot_backends, JitpIoTBackend, adopt)
    # moto has no Cloud Control, so its requests would go to AWS.
    _add_endpoints(undo, "iot", ENDPOINTS)


def _plug_in_data_plane(undo: ExitStack) -> None:
    from moto.iotdata.models import iotdata_backends

    from moto_jitp.iot.data_plane.models import JitpIoTDataBackend
    from moto_jitp.iot.data_plane.urls import ENDPOINTS

    undo.callback(_use_backend, iotdata_backends, iotdata_backends.backend)
    _use_backend(iotdata_backends, JitpIoTDataBackend)
    # The addresses that describe_endpoint gives clients of iot-data; moto maps them to no service.
    _add_endpoints(undo, "iotdata", ENDPOINTS)


def _add_endpoints(undo: ExitStack, service: str, pattern: str) -> None:
    """Have moto route further addresses to one of its services."""
    from moto import backend_index

    endpoints = (service, re.compile(pattern))
    backend_index.backend_url_patterns.append(endpoints)
    undo.callback(backend_index.backend_url_patterns.remove, endpoints)


def _plug_in_metrics(undo: ExitStack) -> None:
    from moto.cloudwatch.models import CloudWatchBackend as CloudWatch

    from moto_jitp import monitoring

    statistics = monitoring.as_cloudwatch_finds_statistics(CloudWatch.get_metric_statistics)
    data = monitoring.as_cloudwatch_finds_data(CloudWatch.get_metric_data)
    undo.enter_context(patch.object(monitoring.IoTMetrics, "switched_on", True))
    undo.enter_context(patch.object(CloudWatch, "get_metric_statistics", statistics))
    undo.enter_context(patch.object(CloudWatch, "get_metric_data", data))


def _plug_in_trail(undo: ExitStack) -> None:
    from moto.cloudtrail.responses import CloudTrailResponse

    from moto_jitp.monitoring import lookup_events

    # moto has no such action.
    undo.enter_context(
        patch.object(CloudTrailResponse, "lookup_events", lookup_events, create=True)
    )


def _plug_in_calls(undo: ExitStack) -> None:
    """Make calls of every service carry out due work, and stacks create our types.

    Only calls of S3 do not: moto serves them in another way, and they show nothing of AWS IoT.
    CloudFormation is plugged in by its first request and not before: its module loads the models of
    every service, which takes more than a second.
    """
    from moto.core.responses import BaseResponse

    plain = BaseResponse._dispatch
    stacks = undo.enter_context(ExitStack())
    plugged: list[bool] = []

    def dispatch(response: Any, *args: Any, **kwargs: Any) -> Any:
        carry_out_due_work()
        if response.service_name == "cloudformation" and not plugged:
            with _lock:
                if not plugged:
                    _plug_in_stacks(stacks)
                    plugged.append(True)
        return plain(response, *args, **kwargs)

    undo.enter_context(patch.object(BaseResponse, "_dispatch", dispatch))


def _plug_in_stacks(undo: ExitStack) -> None:
    check_names_of("moto.cloudformation.exceptions")
    check_names_of("moto.cloudformation.models")
    check_names_of("moto.cloudformation.parsing")
    from moto_jitp.iot.cloudformation.stacks import plug_in_cloudformation

    plug_in_cloudformation(undo)


def _plug_in_method_names(undo: ExitStack) -> None:
    """Have moto list the methods of a response class once instead of at each call."""
    from moto.core import responses

    undo.enter_context(patch.object(responses, "method_names_from_class", _method_names))


def _method_names(response_class: type) -> list[str]:
    """Return what moto's function does, which takes long for a class of hundreds of methods."""
    # A class that has got another method since is looked through again.
    return _listed(response_class, tuple(len(vars(base)) for base in response_class.__mro__))


@functools.cache
def _listed(response_class: type, _sizes: tuple[int, ...]) -> list[str]:
    from moto.core.utils import method_names_from_class

    return method_names_from_class(response_class)


_PLUGS: tuple[Callable[[ExitStack], None], ...] = (
    _plug_in_iot,
    _plug_in_data_plane,
    _plug_in_metrics,
    _plug_in_trail,
    _plug_in_calls,
    _plug_in_method_names,
)


def _use_backend(
    backends: Any, backend_class: type, convert: Callable[[Any], object] | None = None
) -> None:
    """Make this the class of a service's backends, both new and existing ones.

    moto copies the class into every account that it creates, and a live Region keeps the backend
    that it has, so registering the class alone would affect only backends that are created later.

    Args:
        backends: moto's registry of the service, such as ``iot_backends``.
        backend_class: the class of backends that are created from now on.
        convert: converts a live backend to that class, with its state; ``None`` where the class has
            no state of its own.
    """
    from moto.core.base_backend import backend_lock

    renew_after_fork(backend_lock)
    # moto creates accounts and Regions under this lock, so none slips in unconverted.
    with backend_lock:
        backends.backend = backend_class
        for account in backends.values():
            account.backend = backend_class
            for backend in account.values():
                if convert is None:
                    backend.__class__ = backend_class
                else:
                    convert(backend)
