"""mock_jitp decorates what mock_aws decorates, and the body runs inside the block."""

from __future__ import annotations

import asyncio
import functools
import inspect
import unittest
from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.iot.models import IoTBackend, iot_backends

from moto_jitp.activation import activate, deactivate
from moto_jitp.iot.models import JitpIoTBackend
from moto_jitp.mock import JitpHandle, current, mock_jitp


@functools.cache
def iot() -> Any:
    return boto3.Session("any-key", "any-secret", region_name="us-east-1").client("iot")


def names() -> list[str]:
    """The things that exist; works only inside a block of ours."""
    assert iot_backends.backend is JitpIoTBackend
    return [thing["thingName"] for thing in iot().list_things()["things"]]


def add(name: str) -> list[str]:
    iot().create_thing(thingName=name)
    return names()


def active() -> bool:
    return iot_backends.backend is JitpIoTBackend


@pytest.fixture(autouse=True)
def ends_without_a_mock() -> Iterator[None]:
    yield
    assert iot_backends.backend is IoTBackend
    with pytest.raises(RuntimeError):
        current()


# --- functions ------------------------------------------------------------------------------------


@mock_jitp
def test_a_function_runs_in_a_block() -> None:
    assert add("one") == ["one"]


@mock_jitp()
def test_the_next_function_finds_clean_state() -> None:
    assert names() == []


@mock_jitp(config={"jitp": {"strict": False}})
def test_a_configuration_may_be_given() -> None:
    assert add("one") == ["one"]


@mock_jitp
@pytest.mark.parametrize("number", [1, 2])
def test_pytest_still_sees_the_arguments(number: int, tmp_path: Any) -> None:
    assert number in (1, 2)
    assert tmp_path.exists()
    assert names() == []


def test_name_signature_and_result_are_kept() -> None:
    @mock_jitp
    def answer(question: str, *, loud: bool = False) -> str:
        """Answers."""
        return question.upper() if loud else question

    assert answer.__name__ == "answer"
    assert answer.__doc__ == "Answers."
    assert list(inspect.signature(answer).parameters) == ["question", "loud"]
    assert answer("so", loud=True) == "SO"


def test_a_decorated_function_may_call_itself_and_others_decorated() -> None:
    @mock_jitp
    def count_down(number: int) -> list[str]:
        add(f"thing-{number}")
        return count_down(number - 1) if number else names()

    assert count_down(2) == ["thing-2", "thing-1", "thing-0"]


def test_static_and_class_methods_may_be_decorated_one_by_one() -> None:
    class Helpers:
        @mock_jitp
        @staticmethod
        def static() -> list[str]:
            return add("static")

        @classmethod
        @mock_jitp
        def of_class(cls) -> list[str]:
            return add(cls.__name__)

    assert Helpers.static() == ["static"]
    assert Helpers().of_class() == ["Helpers"]


@pytest.mark.parametrize("wrong", [{"jitp": {}}, "core", 7])
def test_what_cannot_be_decorated_is_refused_with_the_right_way(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"mock_jitp\(config=\{\.\.\.\}\)"):
        mock_jitp(wrong)


# --- asynchronous ---------------------------------------------------------------------------------


def test_a_coroutine_runs_in_a_block_from_its_start_to_its_end() -> None:
    @mock_jitp
    async def use(name: str) -> list[str]:
        found = add(name)
        await asyncio.sleep(0)
        assert active()
        return found

    assert inspect.iscoroutinefunction(use)
    coroutine = use("one")
    assert not active()
    assert asyncio.run(coroutine) == ["one"]


def test_a_block_stands_in_asynchronous_code() -> None:
    async def use() -> list[str]:
        async with mock_jitp() as jitp:
            assert isinstance(jitp, JitpHandle)
            await asyncio.sleep(0)
            return add("one")

    assert asyncio.run(use()) == ["one"]


def test_coroutines_that_overlap_leave_nothing() -> None:
    @mock_jitp
    async def use(turns: int) -> bool:
        handle = current()
        for _ in range(turns):
            await asyncio.sleep(0)
            assert active()
        return handle.subscribe is not None

    async def together() -> list[bool]:
        return list(await asyncio.gather(use(5), use(1), use(3)))

    assert asyncio.run(together()) == [True, True, True]


# --- generators and fixtures ----------------------------------------------------------------------


@pytest.fixture
@mock_jitp
def fleet() -> Iterator[str]:
    add("of-the-fixture")
    yield "of-the-fixture"
    assert active()


def test_a_fixture_that_yields_keeps_the_block_for_the_test(fleet: str) -> None:
    assert names() == [fleet]


@mock_jitp
def test_a_fixtures_block_takes_in_that_of_the_test(fleet: str) -> None:
    assert names() == [fleet]


def test_a_generator_gets_what_is_sent_and_thrown_and_returns() -> None:
    @mock_jitp
    def talk() -> Generator[Any, Any, str]:
        try:
            received = yield "first"
            assert active()
            yield received
        except KeyError:
            yield "caught"
        return "result"

    assert inspect.isgeneratorfunction(talk)
    generator: Any = talk()
    assert not active()
    assert next(generator) == "first"
    assert generator.send("sent") == "sent"
    assert generator.throw(KeyError()) == "caught"
    with pytest.raises(StopIteration) as stopped:
        next(generator)
    assert stopped.value.value == "result"


def test_a_generator_that_is_closed_early_ends_its_block() -> None:
    @mock_jitp
    def endless() -> Iterator[int]:
        while True:
            yield 1

    generator: Any = endless()
    next(generator)
    assert active()
    generator.close()
    assert not active()


def test_an_asynchronous_generator_gets_what_is_sent_and_thrown() -> None:
    closed: list[bool] = []

    @mock_jitp
    async def talk() -> AsyncIterator[Any]:
        try:
            received = yield "first"
            assert active()
            try:
                yield received
            except KeyError:
                yield "caught"
        finally:
            closed.append(active())

    async def use() -> None:
        generator: Any = talk()
        assert not active()
        assert await generator.__anext__() == "first"
        assert await generator.asend("sent") == "sent"
        assert await generator.athrow(KeyError()) == "caught"
        assert [value async for value in generator] == []
        assert not active()

        another: Any = talk()
        await another.__anext__()
        await another.aclose()
        assert not active()

    assert inspect.isasyncgenfunction(talk)
    asyncio.run(use())
    assert closed == [True, True]


def test_decorating_a_finished_fixture_says_how_it_is_done() -> None:
    @pytest.fixture
    def some_fixture() -> int:
        return 1

    if type(some_fixture).__name__ != "FixtureFunctionDefinition":
        pytest.skip("this pytest keeps fixtures as functions")
    with pytest.raises(TypeError, match="Put @mock_jitp below"):
        mock_jitp(some_fixture)


# --- classes --------------------------------------------------------------------------------------


@mock_jitp
class TestPytestClass:
    def test_each_test_starts_clean(self) -> None:
        assert add("one") == ["one"]

    def test_each_test_starts_clean_again(self) -> None:
        assert add("one") == ["one"]

    async def helper(self) -> list[str]:
        return add("from-a-coroutine")

    def test_a_helper_shares_the_block_of_the_test(self) -> None:
        add("one")
        assert asyncio.run(self.helper()) == ["one", "from-a-coroutine"]

    @staticmethod
    def static(*args: Any) -> int:
        return len(args)

    @classmethod
    def of_class(cls, *args: Any) -> tuple[type, int]:
        return cls, len(args)

    def test_static_and_class_methods_get_their_own_arguments(self) -> None:
        assert self.static() == 0
        assert self.of_class(1) == (TestPytestClass, 1)


@mock_jitp
class TestPytestClassWithSetup:
    def setup_method(self) -> None:
        assert add("from-setup") == ["from-setup"]

    def teardown_method(self) -> None:
        assert "from-setup" in names()

    def test_it_finds_what_setup_made(self) -> None:
        assert add("one") == ["from-setup", "one"]

    def test_it_finds_no_more_than_that(self) -> None:
        assert names() == ["from-setup"]


@mock_jitp
class TestPytestClassWhoseSetupWantsTheMethod:
    def setup_method(self, method: Any) -> None:
        add(method.__name__)

    def test_it_is_told_the_method(self) -> None:
        assert names() == ["test_it_is_told_the_method"]


@mock_jitp
class TestUnittestClass(unittest.TestCase):
    def test_each_test_starts_clean(self) -> None:
        assert add("one") == ["one"]

    def test_each_test_starts_clean_again(self) -> None:
        assert add("one") == ["one"]


@mock_jitp
class BaseWithSetUp(unittest.TestCase):
    def setUp(self) -> None:
        assert add("from-setup") == ["from-setup"]

    def tearDown(self) -> None:
        assert "from-setup" in names()


@mock_jitp
class TestInheritedSetUp(BaseWithSetUp):
    def test_it_finds_what_the_bases_set_up_made(self) -> None:
        assert add("one") == ["from-setup", "one"]

    def test_it_finds_no_more_than_that(self) -> None:
        assert names() == ["from-setup"]


@mock_jitp
class TestAsyncClass(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        assert add("from-setup") == ["from-setup"]

    async def test_it_finds_what_set_up_made(self) -> None:
        await asyncio.sleep(0)
        assert add("one") == ["from-setup", "one"]

    async def test_it_finds_no_more_than_that(self) -> None:
        assert names() == ["from-setup"]


@mock_jitp
class TestAsyncClassWithBothSetUps(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        assert add("first") == ["first"]

    async def asyncSetUp(self) -> None:
        assert add("second") == ["first", "second"]

    async def test_it_finds_what_both_made(self) -> None:
        assert names() == ["first", "second"]

    async def test_it_finds_that_again(self) -> None:
        assert names() == ["first", "second"]


@mock_jitp
class TestAsyncClassWithoutSetUp(unittest.IsolatedAsyncioTestCase):
    async def test_each_test_starts_clean(self) -> None:
        assert add("one") == ["one"]

    async def test_each_test_starts_clean_again(self) -> None:
        assert add("one") == ["one"]


@mock_jitp
class TestNested:
    class TestInner:
        def test_a_nested_class_is_decorated_too(self) -> None:
            assert add("one") == ["one"]

        def test_and_starts_clean(self) -> None:
            assert add("one") == ["one"]


def test_a_class_that_only_has_a_name_in_the_decorated_one_is_left_alone() -> None:
    class Library:
        def method(self) -> bool:
            return active()

    @mock_jitp
    class Tests:
        library = Library

        def test_inside(self) -> bool:
            return active()

    assert Tests().test_inside()
    assert not Library().method()


def test_a_decorated_class_is_the_same_class() -> None:
    class Tests:
        number = 1

        def test_inside(self) -> None: ...

    assert mock_jitp(Tests) is Tests
    assert mock_jitp(config={"jitp": {"strict": False}})(Tests) is Tests
    assert Tests.number == 1


# --- start and stop -------------------------------------------------------------------------------


def test_start_and_stop_as_motos() -> None:
    mock = mock_jitp()
    mock.start()
    assert add("one") == ["one"]
    mock.stop()
    assert not active()
    with pytest.raises(RuntimeError, match="stop"):
        mock.stop()


def test_state_may_be_kept_between_stop_and_start() -> None:
    mock = mock_jitp()
    mock.start()
    add("kept")
    mock.stop(remove_data=False)
    mock.start(reset=False)
    assert names() == ["kept"]
    mock.stop(remove_data=False)
    mock.start()
    assert names() == []
    mock.stop()


def test_reset_clears_the_state_inside_a_block() -> None:
    mock = mock_jitp()
    with mock as jitp:
        add("one")
        mock.reset()
        assert names() == []
        add("two")
        jitp.reset()
        assert names() == []


def test_an_activated_backend_stays_after_a_block() -> None:
    activate()
    try:
        with mock_jitp():
            add("one")
        assert active()
        with mock_aws():
            assert names() == []
    finally:
        deactivate()
