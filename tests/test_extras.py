"""The error about a missing extra has the command that installs it."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path

import pytest

from moto_jitp.commands.output import USAGE
from moto_jitp.extras import command_for, is_installed
from moto_jitp.json_slips import pointed_at

EDITABLE = {"url": "file:///home/me/my%20src", "dir_info": {"editable": True}}
FOLDER = {"url": "file:///home/me/src", "dir_info": {}}
GIT = {"url": "https://example.com/x.git", "vcs_info": {"vcs": "git", "commit_id": "0"}}


class Installed:
    """A distribution that has been installed in some way."""

    def __init__(self, origin: object) -> None:
        self._origin = origin

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return json.dumps(self._origin) if self._origin else None


@pytest.mark.parametrize(
    ("origin", "tool", "command"),
    [
        (None, "", "pip install 'moto_jitp[server]'"),
        (EDITABLE, "", "pip install -e '/home/me/my src[server]'"),
        (FOLDER, "", "pip install '/home/me/src[server]'"),
        (GIT, "", "pip install 'moto_jitp[server] @ git+https://example.com/x.git'"),
        (None, "uv-receipt.toml", "uv tool install --force 'moto_jitp[server]'"),
        (None, "pipx_metadata.json", "pipx install --force 'moto_jitp[server]'"),
    ],
)
def test_the_command_fits_how_the_package_was_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, origin: object, tool: str, command: str
) -> None:
    if tool:
        (tmp_path / tool).touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(metadata, "distribution", lambda _: Installed(origin))
    assert command_for("server") == command


@pytest.mark.parametrize("extra", ["server", "mqtt"])
def test_an_extra_is_there_where_all_that_it_brings_is(
    monkeypatch: pytest.MonkeyPatch, extra: str
) -> None:
    assert is_installed(extra)
    monkeypatch.setattr("moto_jitp.extras.find_spec", lambda _: None)
    assert not is_installed(extra)


def test_serve_says_what_is_missing_before_it_listens(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from moto_jitp.cli import main

    monkeypatch.setattr("moto_jitp.extras.find_spec", lambda _: None)
    assert main(["serve", "--port", "0", "--mqtt-port", "0"]) != 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "The device endpoint needs an extra: " in printed.err
    assert "[mqtt]" in printed.err


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('{"a": 1,\n}', ["line 1:", '{"a": 1,', "       ^"]),
        ('{\n  "a": 1\n  "b": 2}', ["line 2:", '  "a": 1', "        ^"]),
        ("{\n 'a': 1}", ["line 2:", " 'a': 1}", " ^"]),
        ('{"a": [1', ["line 1:", '{"a": [1', "      ^"]),
        ('{"a": 1, // b\n}', ["line 1:", '{"a": 1, // b', "         ^"]),
    ],
)
def test_a_mistake_in_json_is_pointed_at(text: str, lines: list[str]) -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads(text)
    assert pointed_at(text, caught.value) == lines


def test_of_a_long_line_the_part_around_the_mistake_is_shown() -> None:
    text = '{"a": "' + "x" * 500 + '" "b": 1, "c": "' + "y" * 500 + '"}'
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads(text)
    _, line, caret = pointed_at(text, caught.value)
    assert len(line) == 78
    assert line[len(caret) - 2] == '"'


def test_render_does_not_echo_a_long_body(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from moto_jitp.cli import main

    file = tmp_path / "t.json"
    file.write_text('{"Parameters": {},\n' + "\n" * 90 + '"Resources": {},\n}')
    assert main(["render", str(file)]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[1:] == [
        "  line 92:",
        '  "Resources": {},',
        "                 ^",
        "  fix: Line 92 ends with a comma that nothing follows: remove the comma.",
    ]


def test_serve_points_at_a_mistake_in_its_configuration(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from moto_jitp.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["serve", "--config", '{"strict": true,}'])
    assert ended.value.code == USAGE
    lines = capsys.readouterr().err.splitlines()
    assert lines[-2:] == ['  {"strict": true,}', "                 ^"]
