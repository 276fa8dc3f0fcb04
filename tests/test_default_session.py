"""``boto3.client(...)`` in a block is quick, and uses the session and handlers that exist."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import botocore.loaders
import botocore.session
import pytest
from botocore.exceptions import ProfileNotFound
from botocore.handlers import BUILTIN_HANDLERS
from moto import mock_aws
from support.plugin_runs import Run, run, run_apart

from moto_jitp import mock_jitp

pytest_plugins = ["pytester"]
__all__ = ["run", "run_apart"]

KEPT = {"core": {"reset_boto3_session": False}}


@pytest.fixture(autouse=True)
def no_default_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


@pytest.fixture
def handler_of_another_library() -> Iterator[list[str]]:
    heard: list[str] = []

    def listen(model: Any, **_: Any) -> None:
        heard.append(model.name)

    BUILTIN_HANDLERS.append(("before-call.iot", listen))
    yield heard
    BUILTIN_HANDLERS.remove(("before-call.iot", listen))


def models_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    read: list[str] = []
    # Sessions of this suite share a loader, unlike those of a user.
    monkeypatch.setattr(botocore.session, "create_loader", botocore.loaders.create_loader)
    loader = botocore.loaders.JSONFileLoader.load_file

    def load(self: Any, path: str) -> Any:
        read.append(path)
        return loader(self, path)

    monkeypatch.setattr(botocore.loaders.JSONFileLoader, "load_file", load)
    return read


def test_the_second_test_does_not_read_the_service_model_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with mock_jitp():
        boto3.client("iot", "us-east-1").create_thing(thingName="bulb")
    read = models_read(monkeypatch)
    with mock_jitp():
        boto3.client("iot", "us-east-1").create_thing(thingName="bulb")
    assert read == []


def test_each_block_has_a_fresh_session() -> None:
    seen = []
    for _ in range(2):
        with mock_jitp():
            seen.append(boto3.DEFAULT_SESSION)
    assert seen[0] is not seen[1]
    assert boto3.DEFAULT_SESSION is None


def test_a_block_that_makes_no_client_makes_no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    construct = botocore.session.Session.__init__

    def note(self: Any, *args: Any, **kwargs: Any) -> None:
        made.append(self)
        construct(self, *args, **kwargs)

    monkeypatch.setattr(botocore.session.Session, "__init__", note)
    with mock_jitp():
        assert isinstance(boto3.DEFAULT_SESSION, boto3.Session)
    assert made == []
    with mock_jitp():
        boto3.client("iot", "us-east-1")
    assert len(made) == 1


def test_the_environment_counts_that_is_there_when_boto3_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with mock_jitp():
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        assert boto3.client("iot").meta.region_name == "eu-central-1"


def test_threads_that_use_it_first_find_the_same_complete_session() -> None:
    with mock_jitp():
        session = boto3.DEFAULT_SESSION
        assert session is not None
        with ThreadPoolExecutor(4) as pool:
            emitters = set(pool.map(lambda _: session.events, range(4)))
        assert len(emitters) == 1
        assert type(session) is boto3.Session


def test_the_models_are_looked_for_in_no_more_folders_after_many_blocks() -> None:
    folders = []
    for _ in range(3):
        with mock_jitp():
            boto3.client("iot", "us-east-1")
            session = boto3.DEFAULT_SESSION
            assert session is not None
            loader = session._session.get_component("data_loader")  # type: ignore[attr-defined]
            folders.append(list(loader.search_paths))
    assert folders[0] == folders[-1]


def test_what_one_test_listens_to_does_not_reach_the_next() -> None:
    heard: list[str] = []
    for _ in range(2):
        with mock_jitp():
            session = boto3.DEFAULT_SESSION
            assert session is not None
            session.events.register("before-call.iot", lambda **_: heard.append("call"))
            boto3.client("iot", "us-east-1").list_things()
    assert heard == ["call", "call"]


def test_a_session_that_the_test_sets_up_wins() -> None:
    with mock_jitp():
        boto3.setup_default_session(region_name="eu-central-1")
        own = boto3.DEFAULT_SESSION
        with mock_jitp():
            assert boto3.DEFAULT_SESSION is own
        assert boto3.DEFAULT_SESSION is own
        assert boto3.client("iot").meta.region_name == "eu-central-1"


def test_a_session_set_before_wins_where_moto_is_told_to_keep_it() -> None:
    boto3.setup_default_session(region_name="eu-west-2")
    own = boto3.DEFAULT_SESSION
    with mock_jitp(config=KEPT):
        assert boto3.DEFAULT_SESSION is own
    assert boto3.DEFAULT_SESSION is own


def test_a_session_set_before_comes_back() -> None:
    boto3.setup_default_session(region_name="eu-west-2")
    own = boto3.DEFAULT_SESSION
    with mock_jitp():
        assert boto3.DEFAULT_SESSION is not own
    assert boto3.DEFAULT_SESSION is own


def test_without_the_reset_of_sessions_none_is_installed() -> None:
    with mock_jitp(config=KEPT):
        assert boto3.DEFAULT_SESSION is None


def test_none_is_left_in_a_mock_aws_around_it() -> None:
    with mock_aws():
        with mock_jitp():
            assert boto3.DEFAULT_SESSION is not None
        assert boto3.DEFAULT_SESSION is None


def test_overlapping_blocks_share_one_until_the_last_ends() -> None:
    first, second = mock_jitp(), mock_jitp()
    first.start()
    second.start()
    session = boto3.DEFAULT_SESSION
    first.stop()
    assert boto3.DEFAULT_SESSION is session
    second.stop()
    assert boto3.DEFAULT_SESSION is None


def test_handlers_that_another_library_adds_later_are_called(
    handler_of_another_library: list[str],
) -> None:
    with mock_jitp():
        boto3.client("iot", "us-east-1").list_things()
    assert handler_of_another_library == ["ListThings"]


def test_handlers_that_are_gone_again_are_not_called(
    handler_of_another_library: list[str],
) -> None:
    with mock_jitp():
        boto3.client("iot", "us-east-1")
    spec = BUILTIN_HANDLERS.pop()
    with mock_jitp():
        boto3.client("iot", "us-east-1").list_things()
    BUILTIN_HANDLERS.append(spec)
    assert handler_of_another_library == []


def test_models_of_the_users_own_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bulbs" / "2020-01-01").mkdir(parents=True)
    (tmp_path / "bulbs" / "2020-01-01" / "service-2.json").write_text("{}")
    with mock_jitp():
        assert "bulbs" not in boto3.Session().get_available_services()
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    with mock_jitp():
        session = boto3.DEFAULT_SESSION
        assert session is not None
        assert "bulbs" in session.get_available_services()


def test_a_missing_profile_is_reported_where_boto3_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "gone")
    with mock_jitp(), pytest.raises(ProfileNotFound, match="gone"):
        boto3.client("iot", "us-east-1")


CALLS = """
    import boto3, pytest
    from botocore.handlers import BUILTIN_HANDLERS

    calls = []
    BUILTIN_HANDLERS.append(("before-call.iot", lambda model, **_: calls.append(model.name)))
"""


@pytest.mark.slow
def test_the_fixture_does_not_ask_for_the_ca_that_it_has_registered(run: Run) -> None:
    result = run(
        CALLS
        + """
    def test_one(jitp):
        assert calls == ["GetRegistrationCode", "RegisterCACertificate"]
    """
    )
    result.assert_outcomes(passed=1)


@pytest.mark.slow
def test_the_fixture_registers_a_ca_that_a_suite_has_only_made(run: Run) -> None:
    result = run(
        CALLS
        + """
    from moto_jitp import CertificateAuthority

    @pytest.fixture
    def jitp_ca(jitp_ca):
        return CertificateAuthority()

    def test_one(jitp):
        assert calls[2:] == [
            "DescribeCACertificate", "GetRegistrationCode", "RegisterCACertificate"
        ]
        jitp.connect(jitp.issue())
    """
    )
    result.assert_outcomes(passed=1)
