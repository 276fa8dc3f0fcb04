"""The documentation is complete, builds without a network, and has no broken links."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.documents import ROOT, documents
from support.patience import HANG
from support.scripts import load_script

import moto_jitp
from moto_jitp.cli import COMMANDS
from moto_jitp.settings import KEYS

DOCS = ROOT / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_every_public_name_is_in_the_reference() -> None:
    shown = re.findall(r"^::: moto_jitp\.(\w+)$", page("reference/python.md"), re.MULTILINE)
    assert sorted(shown) == sorted(moto_jitp.__all__)


def test_every_setting_is_in_the_reference() -> None:
    missing = [key for key in KEYS if f"`{key}`" not in page("reference/settings.md")]
    assert not missing


def test_every_fixture_and_keyword_of_the_marker_is_in_the_reference() -> None:
    text = page("reference/fixtures.md")
    tree = ast.parse((ROOT / "conftest_plugin" / "fixtures.py").read_text(encoding="utf-8"))
    fixtures = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("jitp")
    ]
    keywords = importlib.import_module("conftest_plugin.marker").KEYS
    assert not [name for name in (*fixtures, *keywords) if f"`{name}`" not in text]


def test_every_route_is_in_the_reference() -> None:
    pytest.importorskip("flask", reason="the extra [server] is not installed")
    importlib.import_module("moto_jitp.server.application")
    routes = importlib.import_module("moto_jitp.server.routing").routes
    text = page("reference/routes.md")
    wanted = {route.path for route in routes}
    assert len(wanted) > 10
    ends = {path: f"…/{path.rpartition('/')[2]}" for path in wanted}
    assert not [path for path, end in ends.items() if path not in text and end not in text]


def test_every_command_is_in_the_reference() -> None:
    text = page("reference/commands.md")
    assert not [name for name in COMMANDS if not re.search(rf"`{name}[ `]", text)]


def test_the_drawing_of_the_layers_is_that_of_the_import_contracts() -> None:
    drawn = page("project/architecture.md")
    assert drawn == load_script("scripts/draw_layers.py").with_drawing(drawn), (
        "docs/project/architecture.md is not what the contracts in pyproject.toml call for. "
        "Run: python scripts/draw_layers.py"
    )


def test_the_table_of_folders_is_that_of_the_checkout() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w/.]+)/`", text))
    assert not [name for name in named if not (ROOT / name).is_dir()]
    packages = {
        path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("moto_jitp/*/__init__.py")
    }
    assert not packages - named


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.stem)
def test_links_lead_to_files(document: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.M | re.S)
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    assert not [target for target in targets if not (document.parent / target).exists()]


def test_every_page_is_in_the_navigation() -> None:
    listed = re.findall(r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    there = [path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")]
    assert sorted(listed) == sorted(there)


def test_the_version_has_a_section_in_the_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{moto_jitp.__version__}]" in text


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="needs the extra [docs]")
def test_the_site_is_built_and_asks_no_other_host_for_anything(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=HANG
    )
    assert done.returncode == 0, done.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert pages
    elements = r"<(?:script|img|link [^>]*stylesheet)[^>]*"
    loaded = re.compile(elements + r"""(?:src|href)="?(https?:[^" >]+)""")
    assert not {found for page in pages for found in loaded.findall(page.read_text("utf-8"))}
    assert "connect_device" in (tmp_path / "reference" / "python" / "index.html").read_text("utf-8")


# What runs it elsewhere.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.compose-spec", "compose.yaml"),
        ("vendor.github-actions", "action.yml"),
        ("vendor.github-workflows", ".github/workflows/release.yml"),
        ("vendor.readthedocs", ".readthedocs.yaml"),
    ],
)
def test_a_file_for_another_program_is_what_that_program_takes(schema: str, file: str) -> None:
    pytest.importorskip("check_jsonschema", reason="check-jsonschema is not installed")
    assert_schema(schema, ROOT / file)


@pytest.mark.slow
def test_the_workflows_in_the_documentation_are_what_github_takes(tmp_path: Path) -> None:
    pytest.importorskip("check_jsonschema", reason="check-jsonschema is not installed")
    shown = re.findall(r"^```yaml\n(.*?)^```$", page("how-to/ci.md"), re.MULTILINE | re.DOTALL)
    assert shown
    for number, text in enumerate(shown):
        file = tmp_path / f"{number}.yml"
        file.write_text(text, encoding="utf-8")
        assert_schema("vendor.github-workflows", file)


def assert_schema(schema: str, file: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANG)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_shell_of_the_action_can_be_read() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    for step in action["runs"]["steps"]:
        done = subprocess.run(
            ["bash", "-n"], input=step["run"], text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_the_image_runs_as_a_user_without_rights_and_tells_whether_it_is_ready() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    by_word = {line.split()[0]: line.partition(" ")[2] for line in lines}
    known = {"FROM", "WORKDIR", "COPY", "RUN", "USER", "ENV", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT"}
    assert set(by_word) <= known
    assert by_word["USER"] not in ("root", "0")
    assert "-slim" in by_word["FROM"]
    assert "/moto-api/jitp/ready" in by_word["HEALTHCHECK"]
    entry = json.loads(by_word["ENTRYPOINT"])
    assert entry[0] == "moto-jitp"
    assert entry[1] in COMMANDS
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            assert all((ROOT / source).exists() for source in line.split()[1:-1])


@pytest.mark.slow
def test_the_device_of_the_compose_file_provisions_itself() -> None:
    from support.servers import clean_environment

    from moto_jitp.server import ThreadedJitpServer

    with ThreadedJitpServer() as server:
        done = subprocess.run(
            [sys.executable, str(ROOT / "examples" / "compose_device.py")],
            env=clean_environment(
                AWS_ENDPOINT_URL=server.endpoint_url,
                AWS_ACCESS_KEY_ID="testing",
                AWS_SECRET_ACCESS_KEY="testing",
                AWS_DEFAULT_REGION="us-east-1",
            ),
            capture_output=True,
            text=True,
            check=False,
            timeout=HANG,
        )
    assert (done.returncode, done.stdout) == (0, "provisioned: bulb-1\n"), done.stderr
