"""Draws the layers of the package into ``docs/project/architecture.md``, from the import contracts.

    python scripts/draw_layers.py

The contracts in ``pyproject.toml`` are what ``lint-imports`` checks; a test compares the page with
what this script would write, so it is never drawn by hand.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "project" / "architecture.md"
BEGIN = "<!-- drawing: written by scripts/draw_layers.py -->\n"
END = "<!-- end of the drawing -->"
WIDTH = 66


def main() -> None:
    PAGE.write_text(with_drawing(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def with_drawing(page: str) -> str:
    """The page, with its drawing replaced by that of the contracts."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n```text\n{drawing()}\n```\n\n{END}{tail}"


def drawing() -> str:
    """One box for each layer, the highest first; the layers of ``iot`` are inside its own."""
    layers = _layers("moto_jitp")
    width = max(WIDTH, *(len("   ".join(names)) + 4 for names in layers))
    inner = _boxes(_layers("moto_jitp.iot"), width - 4, {})
    return "\n".join(_boxes(layers, width, {"iot": inner}))


def _layers(container: str) -> list[list[str]]:
    contracts = _contracts()
    (layers,) = [c["layers"] for c in contracts if c.get("containers") == [container]]
    return [[name.strip(" ()") for name in layer.split("|")] for layer in layers]


def _contracts() -> list[dict[str, Any]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts: list[dict[str, Any]] = project["tool"]["importlinter"]["contracts"]
    return contracts


def _boxes(layers: list[list[str]], width: int, inside: dict[str, list[str]]) -> list[str]:
    lines = [f"┌{'─' * (width - 2)}┐"]
    for number, names in enumerate(layers):
        if number:
            lines.append(f"├{'─' * (width - 2)}┤")
        lines.append(f"│ {'   '.join(names):{width - 4}} │")
        lines += [f"│ {line} │" for name in names for line in inside.get(name, [])]
    return [*lines, f"└{'─' * (width - 2)}┘"]


if __name__ == "__main__":
    main()
