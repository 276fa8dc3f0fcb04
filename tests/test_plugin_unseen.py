"""On request, a refused connection that a test did not look at makes it fail or warn."""

from __future__ import annotations

import pytest
from support.plugin_runs import Run, run

pytest_plugins = ["pytester"]
__all__ = ["run"]

INI = "jitp_unseen_refusals"

SWALLOWED = """
    import pytest
    from moto_jitp import ConnectionRefused

    pytestmark = pytest.mark.jitp(active=False)

    def firmware(jitp):
        try:
            jitp.connect(jitp.issue(common_name="bulb-1"))
        except ConnectionRefused:
            pass
"""


def test_nothing_is_asked_of_a_suite_that_has_not_asked(run: Run) -> None:
    run(SWALLOWED + "    def test_it(jitp): firmware(jitp)").assert_outcomes(passed=1)


@pytest.mark.parametrize("ci", ["", "true"], ids=["at a desk", "in CI"])
def test_a_swallowed_refusal_fails_the_test_with_its_explanation(
    run: Run, monkeypatch: pytest.MonkeyPatch, ci: str
) -> None:
    monkeypatch.setenv("CI", ci)  # there pytest's summary shows messages whole
    monkeypatch.setenv("COLUMNS", "160")  # the name of the file takes 80
    result = run(SWALLOWED + "    def test_it(jitp): firmware(jitp)", "-o", f"{INI}=fail")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "CA_CERTIFICATE_INACTIVE: *",
            "A connection was refused and the test did not look at it: *",
            "*fix: *Call update_ca_certificate(*",
            "FAILED *::test_it - CA_CERTIFICATE_INACTIVE: *",
        ]
    )
    # The explanation appears once.
    assert result.stdout.str().count("Call update_ca_certificate(") == 1


def test_the_explanation_is_there_where_no_sections_are_shown(run: Run) -> None:
    test = SWALLOWED + "    def test_it(jitp): firmware(jitp)"
    result = run(test, "-o", f"{INI}=fail", "--show-capture=no")

    result.stdout.fnmatch_lines(
        ["*fix: *Call update_ca_certificate(*", "A connection was refused*"]
    )


def test_it_can_be_a_warning(run: Run) -> None:
    result = run(SWALLOWED + "    def test_it(jitp): firmware(jitp)", "-o", f"{INI}=warn")

    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*UnseenRefusalWarning: CA_CERTIFICATE_INACTIVE: *"])


@pytest.mark.parametrize(("ini", "failed"), [("ignore", 1), ("fail", 1)])
def test_the_marker_says_it_for_one_test(run: Run, ini: str, failed: int) -> None:
    kind = {"ignore": "fail", "fail": "ignore"}[ini]
    text = (
        SWALLOWED
        + f"""
    def test_plain(jitp): firmware(jitp)

    @pytest.mark.jitp(unseen_refusals="{kind}")
    def test_marked(jitp): firmware(jitp)
"""
    )
    run(text, "-o", f"{INI}={ini}").assert_outcomes(passed=1, failed=failed)


@pytest.mark.parametrize(
    "look",
    [
        "assert jitp.connections[-1].reason",
        "assert jitp.mock.connections[-1].reason",
        "with pytest.raises(ConnectionRefused, match='INACTIVE'): jitp.connect(jitp.issue('a'))",
    ],
)
def test_a_refusal_that_the_test_looks_at_is_fine(run: Run, look: str) -> None:
    first = "" if "raises" in look else "firmware(jitp); "
    test = f"    def test_it(jitp):\n        {first}\n        {look}\n"
    run(SWALLOWED + test, "-o", f"{INI}=fail").assert_outcomes(passed=1)


def test_a_reason_that_is_read_is_looked_at_and_expecting_any_refusal_is_not(run: Run) -> None:
    text = (
        SWALLOWED
        + """
    def test_any(jitp):
        with pytest.raises(ConnectionRefused):
            jitp.connect(jitp.issue("a"))

    def test_reason(jitp):
        with pytest.raises(ConnectionRefused) as refused:
            jitp.connect(jitp.issue("a"))
        assert refused.value.reason == "CA_CERTIFICATE_INACTIVE"
"""
    )
    result = run(text, "-o", f"{INI}=fail")
    result.assert_outcomes(passed=1, failed=1)


def test_a_device_that_is_provisioned_or_comes_back_is_fine(run: Run) -> None:
    text = (
        SWALLOWED.replace("pytestmark", "ours")
        + """
    def test_provisioned(jitp):
        jitp.connect(jitp.issue("a"))

    @ours
    def test_mended(jitp):
        bulb = jitp.issue("a")
        try:
            jitp.connect(bulb)
        except ConnectionRefused:
            pass
        jitp.iot.update_ca_certificate(certificateId=jitp.ca.certificate_id, newStatus="ACTIVE")
        jitp.connect(bulb)
"""
    )
    run(text, "-o", f"{INI}=fail").assert_outcomes(passed=2)
