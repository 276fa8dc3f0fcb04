"""activate() puts our backend under plain moto, and deactivate() takes it out, state and all."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import moto
import pytest
from moto import backend_index, mock_aws
from moto.cloudtrail.responses import CloudTrailResponse
from moto.cloudwatch.models import CloudWatchBackend
from moto.core import responses
from moto.core.models import MockAWS
from moto.core.responses import BaseResponse
from moto.iot.models import IoTBackend, iot_backends
from moto.iot.responses import IoTResponse
from moto.iotdata.models import iotdata_backends

from moto_jitp import monitoring, settings
from moto_jitp.activation import UnsupportedMotoError, activate, deactivate
from moto_jitp.iot.models import JitpIoTBackend
from moto_jitp.mock import mock_jitp


@functools.cache
def iot(region: str = "us-east-1") -> Any:
    return boto3.Session("any-key", "any-secret", region_name=region).client("iot")


def things(region: str = "us-east-1") -> list[str]:
    return [thing["thingName"] for thing in iot(region).list_things()["things"]]


def live_backends() -> set[type]:
    return {type(backend) for account in iot_backends.values() for backend in account.values()} | {
        account.backend for account in iot_backends.values()
    }


@pytest.fixture(autouse=True)
def deactivated() -> Iterator[None]:
    yield
    deactivate()
    assert iot_backends.backend is IoTBackend


def test_plain_mocks_get_our_backend_until_it_is_deactivated() -> None:
    activate()
    with mock_aws():
        iot().create_thing(thingName="one")
        assert live_backends() == {JitpIoTBackend}
    deactivate()
    with mock_aws():
        assert things() == []
        assert live_backends() == {IoTBackend}


def test_what_is_alive_is_converted_with_its_state_both_ways() -> None:
    with mock_aws():
        iot().create_thing(thingName="before")
        iot("eu-west-1").create_thing(thingName="elsewhere")
        backend = iot_backends["123456789012"]["us-east-1"]

        activate()
        assert live_backends() == {JitpIoTBackend}
        assert iot_backends["123456789012"]["us-east-1"] is backend
        iot().create_thing(thingName="during")
        assert things() == ["before", "during"]
        # A Region that an existing account had not used yet.
        iot("ap-northeast-2").create_thing(thingName="new-region")
        assert live_backends() == {JitpIoTBackend}

        deactivate()
        assert live_backends() == {IoTBackend}
        assert things() == ["before", "during"]
        assert things("eu-west-1") == ["elsewhere"]
        assert things("ap-northeast-2") == ["new-region"]


def test_checks_that_moto_does_not_make_are_off_unless_asked_for() -> None:
    activate()
    assert settings.current().strict is False
    activate({"jitp": {"strict": True}})
    assert settings.current().strict is True
    deactivate()
    assert settings.current() == settings.JitpSettings()


def test_a_mock_inside_is_strict_and_the_activation_stays_lenient() -> None:
    activate()
    with mock_jitp():
        assert settings.current().strict is True
    assert settings.current().strict is False
    assert iot_backends.backend is JitpIoTBackend


def test_the_newest_configuration_wins_and_one_deactivation_ends_it() -> None:
    activate({"jitp": {"metrics": False}})
    activate({"jitp": {"trail": False}, "core": {"mock_credentials": True}})
    assert settings.current().metrics is True
    assert settings.current().trail is False
    deactivate()
    assert iot_backends.backend is IoTBackend


def test_deactivating_what_is_not_active_does_nothing() -> None:
    deactivate()
    with mock_jitp():
        deactivate()
        assert iot_backends.backend is JitpIoTBackend


def of_moto() -> dict[str, Any]:
    """moto's own objects in each place that an activation changes."""
    return {
        "IoT": iot_backends.backend,
        "data plane": iotdata_backends.backend,
        "endpoints": list(backend_index.backend_url_patterns),
        "statistics": CloudWatchBackend.get_metric_statistics,
        "data": CloudWatchBackend.get_metric_data,
        "LookupEvents": vars(CloudTrailResponse).get("lookup_events"),
        "dispatch": BaseResponse._dispatch,
        "method names": responses.method_names_from_class,
    }


def test_moto_is_found_again_as_it_was_before() -> None:
    before = of_moto()
    for _turn in range(2):
        activate()
        assert not any(of_moto()[place] == before[place] for place in before)
        deactivate()
        assert of_moto() == before


def test_an_activation_that_fails_midway_leaves_moto_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = of_moto()
    with mock_aws():
        iot().create_thing(thingName="before")
        with monkeypatch.context() as patching:
            patching.delattr(monitoring, "lookup_events")
            with pytest.raises(ImportError):
                activate()
        assert of_moto() == before
        assert live_backends() == {IoTBackend}
        activate()
        assert things() == ["before"]


@pytest.mark.parametrize("config", [{"jitp": {"strikt": True}}, {"strict": True}, {"jipt": {}}, 7])
def test_a_wrong_configuration_changes_nothing(config: Any) -> None:
    with pytest.raises(ValueError):
        activate(config)
    assert iot_backends.backend is IoTBackend


def test_a_wrong_configuration_leaves_an_activation_as_it_was() -> None:
    activate({"jitp": {"metrics": False}})
    with pytest.raises(ValueError):
        activate({"jitp": {"strikt": True}})
    assert settings.current().metrics is False
    assert iot_backends.backend is JitpIoTBackend


@pytest.mark.parametrize(
    ("owner", "name", "called"),
    [
        (iot_backends, "backend", "moto.iot.models.iot_backends.backend"),
        (MockAWS, "_mock_init_lock", "moto.core.models.MockAWS._mock_init_lock"),
        (IoTResponse, "iot_backend", "moto.iot.responses.IoTResponse.iot_backend"),
        (IoTBackend, "_validation_delete", "moto.iot.models.IoTBackend._validation_delete"),
        (moto.iot.models, "FakeEndpoint", "moto.iot.models.FakeEndpoint"),
        (moto.core.models, "ServerModeMockAWS", "moto.core.models.ServerModeMockAWS"),
    ],
)
@pytest.mark.parametrize("start", [activate, mock_jitp().start], ids=["activate", "mock_jitp"])
def test_a_moto_that_lacks_a_name_is_refused_by_that_name_and_version(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, called: str, start: Any
) -> None:
    with monkeypatch.context() as patching:
        patching.delattr(owner, name)
        with pytest.raises(UnsupportedMotoError) as refused:
            start()
    assert refused.value.missing == (called,)
    for expected in (called, moto.__version__, "5.2.0 to 5.2.5", "Nothing was changed"):
        assert expected in str(refused.value)
    assert iot_backends.backend is IoTBackend
    assert settings.current() == settings.JitpSettings()
    with mock_jitp():
        assert things() == []


def test_all_names_that_a_moto_lacks_are_reported_together(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patching:
        patching.delattr(moto.iot.models, "FakeEndpoint")
        patching.delattr(IoTBackend, "_validation_delete")
        patching.delattr(MockAWS, "_mock_init_lock")
        with pytest.raises(UnsupportedMotoError) as refused:
            activate()
    assert refused.value.missing == (
        "moto.core.models.MockAWS._mock_init_lock",
        "moto.iot.models.FakeEndpoint",
        "moto.iot.models.IoTBackend._validation_delete",
    )


def test_a_moto_whose_mock_lacks_an_attribute_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    construct = MockAWS.__init__

    def without(self: Any, *args: Any) -> None:
        construct(self, *args)
        del self._orig_creds

    with monkeypatch.context() as patching:
        patching.setattr(MockAWS, "__init__", without)
        with pytest.raises(UnsupportedMotoError, match=r"MockAWS\(\)\._orig_creds"):
            activate()


def test_threads_may_activate_and_use_iot_at_once() -> None:
    barrier = threading.Barrier(4)
    iot()

    def switch(_: int) -> None:
        barrier.wait()
        for _turn in range(50):
            activate()
            deactivate()

    def use(number: int) -> None:
        barrier.wait()
        for turn in range(50):
            account = f"{turn:012d}"
            assert isinstance(iot_backends[account]["us-east-1"], IoTBackend)

    with mock_aws(), ThreadPoolExecutor(4) as pool:
        tasks = [pool.submit(work, n) for n, work in enumerate([switch, switch, use, use])]
        for task in tasks:
            task.result()
        deactivate()
        assert live_backends() == {IoTBackend}
