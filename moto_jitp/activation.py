"""Puts our IoT backend under moto, and takes it out again.

The only module that changes moto's registries. A ``mock_jitp`` block and :func:`activate` both hold
the backend in place; it goes back to moto's when the last of them lets go, in whatever order they
end. What is alive at that moment keeps its state, in both directions: moto copies the backend class
into every account it has created, and a live Region keeps the backend it has, so registering a
class alone would only concern the backends made afterwards.
"""

from __future__ import annotations

import difflib
import importlib
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from moto_jitp import settings
from moto_jitp.moto_names import UnsupportedMotoError as UnsupportedMotoError
from moto_jitp.moto_names import check_moto as check_moto

if TYPE_CHECKING:
    from moto.core.base_backend import AccountSpecificBackend
    from moto.iot.models import IoTBackend
    from moto.iotdata.models import IoTDataPlaneBackend

_lock = threading.RLock()
_holders = 0
_activated: settings.SettingsLayer | None = None
_found: type[IoTBackend] | None = None
_found_data: type[IoTDataPlaneBackend] | None = None
_found_lookup: Any = None
_found_queries: dict[str, Any] = {}
_LOOKUP = "lookup_events"
_found_dispatch: Any = None
_DISPATCH = "_dispatch"


def activate(config: Mapping[str, Any] | None = None) -> None:
    """Put the just-in-time provisioning backend under plain ``mock_aws`` and moto's server.

    What IoT has stored so far stays. Under a server, call this before its first request, because a
    server builds the application of a service once. ``strict`` is off unless the config says
    otherwise, so that tests written for plain moto go on passing.

    It may be called again at any time: the backend stays, and the newest config replaces the one
    before. One :func:`deactivate` undoes it, however often it was called.

    Args:
        config: moto's configuration mapping, or one with the section ``"jitp"`` alone, as in
            ``{"jitp": {"strict": True}}``. Only that section is read: moto's own sections belong to
            ``mock_aws``.

    Raises:
        ValueError: the section has an unknown key or a value of the wrong type.
        UnsupportedMotoError: the installed moto lacks a name we hook; nothing has been changed.
    """
    global _activated
    _, keys = split_config(config)
    with _lock:
        if _activated is None:
            hold()
        else:
            settings.pop(_activated)
        _activated = settings.push(keys, lenient=True)


def deactivate() -> None:
    """Undo :func:`activate`: moto's own backend again, with the state that moto knows kept.

    While a ``mock_jitp`` block is active its backend stays until that block ends. Without a
    preceding :func:`activate` it does nothing.
    """
    global _activated
    with _lock:
        if _activated is not None:
            settings.pop(_activated)
            _activated = None
            let_go()


def hold() -> None:
    """Put our backend in place for one more user of it; see :func:`let_go`.

    Raises:
        UnsupportedMotoError: the installed moto lacks a name we hook; nothing has been changed.
    """
    global _holders
    check_moto()
    with _lock:
        if _holders == 0:
            _switch_on()
        _holders += 1


def let_go() -> None:
    """End one :func:`hold`; the last one puts moto's own backend back."""
    global _holders
    with _lock:
        _holders -= 1
        if _holders == 0:
            _switch_off()


def add_control_route(path: str, handler: Callable[..., Any]) -> None:
    """Add a route beside moto's own under ``/moto-api/``.

    It must come before the first such request: a server builds the application once.

    Args:
        path: a pattern as in moto's ``urls`` modules, with ``{0}`` for the base.
        handler: called with request, URL and headers; returns status, headers and body.

    Raises:
        UnsupportedMotoError: the installed moto keeps its routes elsewhere.
    """
    module_name = "moto.moto_api._internal.urls"
    try:
        url_paths = importlib.import_module(module_name).url_paths
    except (ImportError, AttributeError):
        import moto

        raise UnsupportedMotoError((f"{module_name}.url_paths",), moto.__version__) from None
    url_paths[path] = handler


def split_config(
    config: Mapping[str, Any] | None,
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Take the ``jitp`` section out of a configuration.

    Args:
        config: moto's configuration mapping, with or without a section ``"jitp"``, or ``None``.

    Returns:
        moto's sections, each copied, and the checked keys of the ``jitp`` section.

    Raises:
        ValueError: it is no mapping of sections, or the ``jitp`` section is misspelt or wrong.
    """
    if config is None:
        return {}, {}
    if not isinstance(config, Mapping):
        raise ValueError(
            "The configuration must be a mapping of section names to sections, as in "
            f"{{'core': {{...}}, '{settings.SECTION}': {{...}}}}, not {type(config).__name__}."
        )
    sections = {name: _section(name, value) for name, value in config.items()}
    return sections, checked_section(sections.pop(settings.SECTION, None))


def checked_section(section: Any) -> dict[str, Any]:
    """Check a ``jitp`` section, also the names of operations in it.

    Args:
        section: a mapping of setting names to values, or ``None``.

    Returns:
        A new dict with the given keys only, operations in the spelling of the service model.

    Raises:
        ValueError: a key or an operation is misspelt, or a value is wrong.
    """
    keys = settings.parse_section(section)
    if isinstance(keys.get("throttling"), Mapping):
        keys["throttling"] = _checked_quotas(keys["throttling"])
    return keys


def _checked_quotas(quotas: Mapping[str, float]) -> dict[str, float]:
    from moto_jitp.iot.operation_names import operation_name

    return {
        name if name == settings.ALL_OTHERS else operation_name(name): rate
        for name, rate in quotas.items()
    }


def _section(name: Any, value: Any) -> Any:
    if name == settings.SECTION:
        return value
    if name in settings.KEYS:
        raise ValueError(
            f"{name!r} is a key of the section {settings.SECTION!r}: write "
            f"{{'{settings.SECTION}': {{{name!r}: {value!r}}}}}."
        )
    from moto.core.config import default_user_config

    # Other unknown sections pass, as they do in moto, which ignores them.
    if name not in default_user_config and difflib.get_close_matches(
        str(name).lower(), [settings.SECTION]
    ):
        raise ValueError(
            f"Unknown configuration section {name!r}. Did you mean {settings.SECTION!r}?"
        )
    if not isinstance(value, Mapping):
        raise ValueError(
            f"The configuration section {name!r} must be a mapping of setting names to values, "
            f"not {type(value).__name__}."
        )
    return dict(value)


def _switch_on() -> None:
    global _found, _found_data
    from moto import backend_index
    from moto.core.base_backend import backend_lock
    from moto.iot.models import iot_backends
    from moto.iotdata.models import iotdata_backends

    from moto_jitp.iot.data_plane.models import JitpIoTDataBackend
    from moto_jitp.iot.models import JitpIoTBackend, adopt

    # moto creates accounts and Regions under this lock, so none slips in unconverted.
    with backend_lock:
        _found = iot_backends.backend
        iot_backends.backend = JitpIoTBackend
        for account in _accounts():
            account.backend = JitpIoTBackend
            for backend in account.values():
                if not isinstance(backend, JitpIoTBackend):
                    adopt(backend)
        _found_data = iotdata_backends.backend
        _set_data_class(JitpIoTDataBackend)
        backend_index.backend_url_patterns.append(_data_endpoints())
    _switch_monitoring_on()
    _switch_time_on()


def _switch_off() -> None:
    global _found, _found_data
    from moto import backend_index
    from moto.core.base_backend import backend_lock
    from moto.iot.models import IoTBackend, iot_backends
    from moto.iotdata.models import IoTDataPlaneBackend

    from moto_jitp.iot.models import JitpIoTBackend, release

    with backend_lock:
        plain = _found or IoTBackend
        _found = None
        iot_backends.backend = plain
        for account in _accounts():
            account.backend = plain
            for backend in account.values():
                if isinstance(backend, JitpIoTBackend):
                    release(backend)
        _set_data_class(_found_data or IoTDataPlaneBackend)
        _found_data = None
        backend_index.backend_url_patterns.remove(_data_endpoints())
    _switch_monitoring_off()
    _switch_time_off()


def _switch_monitoring_on() -> None:
    """Give CloudWatch the metrics, and CloudTrail the action that moto's lacks."""
    global _found_lookup
    from moto.cloudtrail.responses import CloudTrailResponse
    from moto.cloudwatch.models import CloudWatchBackend

    from moto_jitp.monitoring import (
        IoTMetrics,
        as_cloudwatch_finds_data,
        as_cloudwatch_finds_statistics,
        lookup_events,
    )

    IoTMetrics.switched_on = True
    wrappers = {
        "get_metric_statistics": as_cloudwatch_finds_statistics,
        "get_metric_data": as_cloudwatch_finds_data,
    }
    for name, wrapped in wrappers.items():
        _found_queries[name] = CloudWatchBackend.__dict__[name]
        setattr(CloudWatchBackend, name, wrapped(_found_queries[name]))
    _found_lookup = CloudTrailResponse.__dict__.get(_LOOKUP)
    setattr(CloudTrailResponse, _LOOKUP, lookup_events)


def _switch_monitoring_off() -> None:
    from moto.cloudtrail.responses import CloudTrailResponse
    from moto.cloudwatch.models import CloudWatchBackend

    from moto_jitp.monitoring import IoTMetrics

    IoTMetrics.switched_on = False
    for name, found in _found_queries.items():
        setattr(CloudWatchBackend, name, found)
    _found_queries.clear()
    if _found_lookup is None:
        delattr(CloudTrailResponse, _LOOKUP)
    else:
        setattr(CloudTrailResponse, _LOOKUP, _found_lookup)


def _switch_time_on() -> None:
    """Have the calls of all services see what time has finished in AWS IoT.

    Those of S3 alone do not: moto serves them by another way, and nothing of AWS IoT shows in them.
    """
    global _found_dispatch
    from moto.core.responses import BaseResponse

    from moto_jitp.iot.provisioning.deferred_runs import carry_out_all_due_runs

    found = _found_dispatch = BaseResponse._dispatch

    def dispatch(response: Any, *args: Any, **kwargs: Any) -> Any:
        carry_out_all_due_runs()
        return found(response, *args, **kwargs)

    setattr(BaseResponse, _DISPATCH, dispatch)


def _switch_time_off() -> None:
    from moto.core.responses import BaseResponse

    setattr(BaseResponse, _DISPATCH, _found_dispatch)


def _data_endpoints() -> tuple[str, re.Pattern[str]]:
    """Where clients of iot-data are sent by ``endpoint_url=``, as moto lists such places.

    That is what ``describe_endpoint`` answers, which moto knows for no service.
    """
    from moto_jitp.iot.data_plane.urls import ENDPOINTS

    return "iotdata", re.compile(ENDPOINTS)


def _set_data_class(wanted: type[IoTDataPlaneBackend]) -> None:
    """Make this the class of the data plane's backends; ours has no state that moto's lacks."""
    from moto.iotdata.models import iotdata_backends

    iotdata_backends.backend = wanted
    for account in iotdata_backends.values():
        account.backend = wanted
        for backend in account.values():
            backend.__class__ = wanted


def _accounts() -> Iterator[AccountSpecificBackend[IoTBackend]]:
    from moto.iot.models import iot_backends

    yield from iot_backends.values()
