"""No test leaves anything behind for the next, in any order, in parallel, again and again."""

from __future__ import annotations

import pytest
from support.plugin_runs import PLAIN, Run, needs, run, run_apart

pytestmark = pytest.mark.slow

pytest_plugins = ["pytester"]
__all__ = ["run", "run_apart"]

#: Each test must find the world empty, and leaves it full.
CROWD = """
    import boto3, pytest

    @pytest.mark.parametrize("number", range(8))
    def test_alone(jitp, number):
        assert jitp.iot.list_things()["things"] == []
        assert len(jitp.iot.list_ca_certificates()["certificates"]) == 1
        assert jitp.connections == () and jitp.events == ()
        jitp.connect(jitp.issue(common_name="bulb"))
        assert len(jitp.connections) == 2
"""


def test_repeated_in_one_process_each_test_starts_clean(run: Run) -> None:
    run(CROWD).assert_outcomes(passed=8)
    run(CROWD).assert_outcomes(passed=8)


@needs("xdist")
def test_in_parallel_each_test_starts_clean(run_apart: Run) -> None:
    run_apart(CROWD, "-n", "2").assert_outcomes(passed=8)


@needs("pytest_randomly")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_in_random_order_each_test_starts_clean(
    pytester: pytest.Pytester, run: Run, seed: int
) -> None:
    pytester.makepyfile(CROWD)
    result = pytester.runpytest_inprocess(*_without("no:randomly"), f"--randomly-seed={seed}")
    result.assert_outcomes(passed=8)


DYING = """
    import os, boto3, pytest
    from moto_jitp import mock_jitp

    def test_1_dies_inside_the_block(jitp):
        jitp.connect(jitp.issue(common_name="bulb"))
        with mock_jitp():
            raise KeyError("inside")

    def test_2_fails_with_the_systems_exit(jitp):
        jitp.connect(jitp.issue(common_name="bulb"))
        raise SystemExit(3)

    def test_3_is_skipped_half_way(jitp):
        jitp.connect(jitp.issue(common_name="bulb"))
        pytest.skip("enough")

    @pytest.fixture
    def breaks(jitp):
        jitp.connect(jitp.issue(common_name="bulb"))
        raise OSError("in a fixture")

    def test_4_dies_in_a_fixture(breaks): pass

    def test_5_finds_no_mock():
        from moto.core.models import MockAWS, botocore_stubber
        from moto.iot.models import IoTBackend, iot_backends
        assert MockAWS._nested_count == 0 and not botocore_stubber.enabled
        assert iot_backends.backend is IoTBackend
        assert os.environ.get("AWS_ACCESS_KEY_ID") not in ("testing", "FOOBARKEY")

    def test_6_starts_clean(jitp):
        assert jitp.iot.list_things()["things"] == []
"""


def test_a_test_that_dies_inside_leaves_nothing_behind(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    run(DYING).assert_outcomes(passed=2, failed=2, skipped=1, errors=1)


def test_the_failed_ones_can_be_run_again(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(CROWD + "        assert number != 3\n")
    options = _without("no:cacheprovider")
    pytester.runpytest_inprocess(*options).assert_outcomes(passed=7, failed=1)
    again = pytester.runpytest_inprocess(*options, "--lf")
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["2. CN=bulb: accepted*"])


def _without(plugin: str) -> list[str]:
    """The options of a plain run, without the one that disables a plugin."""
    at = PLAIN.index(plugin)
    return [*PLAIN[: at - 1], *PLAIN[at + 1 :]]


def test_a_mock_around_the_whole_module_is_as_before_after_each_test(run: Run) -> None:
    run(
        """
        import boto3, pytest
        from moto import mock_aws

        @pytest.fixture(scope="module", autouse=True)
        def cloud():
            with mock_aws():
                boto3.client("iot", region_name="us-east-1").create_thing(thingName="older")
                yield

        def names():
            things = boto3.client("iot", region_name="us-east-1").list_things()["things"]
            return [thing["thingName"] for thing in things]

        def test_before(): assert names() == ["older"]
        def test_with(jitp):
            jitp.connect(jitp.issue("newer"))
            assert names() == ["older", "newer"]
        def test_after(): assert names() == ["older", "newer"]
        """
    ).assert_outcomes(passed=3)
