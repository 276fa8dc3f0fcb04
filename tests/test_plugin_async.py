"""The fixtures in tests that are ``async def``."""

from __future__ import annotations

from support.plugin_runs import Run, needs, run, run_apart

pytest_plugins = ["pytester"]
__all__ = ["run", "run_apart"]


BODY = """
            bulb = jitp.issue(common_name="bulb-1")
            await asyncio.sleep(0)
            assert jitp.connect(bulb).thing_name == "bulb-1"
            await asyncio.sleep(0)
            assert jitp.describe(bulb).status == "ACTIVE"
            assert len(jitp.connections) == 2
"""

FIXTURE = """
            bulb = jitp.issue(common_name="bulb-1")
            await asyncio.sleep(0)
            jitp.connect(bulb)
            yield bulb
            assert jitp.describe(bulb).status == "ACTIVE"
"""


@needs("pytest_asyncio")
def test_they_work_with_pytest_asyncio(run: Run) -> None:
    run(
        f"""
        import asyncio, pytest, pytest_asyncio

        @pytest.mark.asyncio
        async def test_first(jitp):{BODY}

        @pytest.mark.asyncio
        async def test_second(jitp):{BODY}

        @pytest_asyncio.fixture
        async def online(jitp):{FIXTURE}

        @pytest.mark.asyncio
        async def test_fixture(jitp, online):
            assert jitp.describe(online).thing == "bulb-1"
        """
    ).assert_outcomes(passed=3)


@needs("anyio")
def test_they_work_with_anyio(run: Run) -> None:
    run(
        f"""
        import asyncio, pytest

        pytestmark = pytest.mark.anyio

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        async def test_first(jitp):{BODY}

        async def test_second(jitp):{BODY}

        @pytest.fixture
        async def online(jitp):{FIXTURE}

        async def test_fixture(jitp, online):
            assert jitp.describe(online).thing == "bulb-1"
        """
    ).assert_outcomes(passed=3)


@needs("pytest_asyncio")
def test_the_marker_and_the_report_work_there_too(run: Run) -> None:
    result = run(
        """
        import pytest

        @pytest.mark.asyncio
        @pytest.mark.jitp(template=None)
        async def test_it(jitp):
            jitp.connect(jitp.issue(common_name="bulb-1"))
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E * moto_jitp.ConnectionRefused: DEVICE_CERTIFICATE_PENDING_ACTIVATION: *"]
    )
    result.stdout.no_fnmatch_line("*/moto_jitp/*")


@needs("pytest_asyncio")
@needs("aiobotocore")
def test_aiobotocore_speaks_to_the_server(run_apart: Run) -> None:
    run_apart(
        """
        import asyncio, pytest
        from aiobotocore.session import get_session

        @pytest.mark.asyncio
        @pytest.mark.parametrize("number", range(2))
        async def test_it(jitp_server, jitp_template, number):
            from moto_jitp import CertificateAuthority

            ca = CertificateAuthority()
            ca.register(jitp_server.client("iot"), template_body=jitp_template)
            connection = await asyncio.to_thread(jitp_server.connect, ca.issue("bulb-1"))
            client = get_session().create_client(
                "iot",
                region_name="us-east-1",
                endpoint_url=jitp_server.endpoint_url,
                aws_access_key_id="testing",
                aws_secret_access_key="testing",
            )
            async with client as iot:
                things = await iot.list_things()
                found = await iot.describe_certificate(certificateId=connection.certificate_id)
            assert [thing["thingName"] for thing in things["things"]] == ["bulb-1"]
            assert found["certificateDescription"]["status"] == "ACTIVE"
        """
    ).assert_outcomes(passed=2)
