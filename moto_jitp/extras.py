"""Which extra is missing, and the command that installs it, however the package came here."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

_PACKAGE = "moto_jitp"
#: The modules without which nothing that needs the extra can start.
_MODULES = {"server": ("flask", "flask_cors"), "mqtt": ("OpenSSL",)}


def is_installed(extra: str) -> bool:
    """Return whether an extra is installed, so that what needs it can start.

    Args:
        extra: ``"server"`` or ``"mqtt"``.
    """
    return all(find_spec(module) is not None for module in _MODULES[extra])


def command_for(extra: str) -> str:
    """Return the command that adds an extra to the installed package.

    Args:
        extra: the extra's name.

    Returns:
        A command that fits how the package was installed: by pip, by pipx, as a uv tool, or from a
        checkout.
    """
    requirement = _requirement(extra)
    if (Path(sys.prefix) / "uv-receipt.toml").exists():
        return f"uv tool install --force {requirement}"
    if (Path(sys.prefix) / "pipx_metadata.json").exists():
        return f"pipx install --force {requirement}"
    return f"pip install {requirement}"


def _requirement(extra: str) -> str:
    try:
        record = metadata.distribution(_PACKAGE).read_text("direct_url.json")
    except metadata.PackageNotFoundError:  # on the path, and not installed
        record = None
    origin = json.loads(record) if record else {}
    url, folder = origin.get("url", ""), origin.get("dir_info")
    if folder is not None:
        option = "-e " if folder.get("editable") else ""
        return f"{option}'{unquote(urlsplit(url).path)}[{extra}]'"
    if url:
        vcs = origin.get("vcs_info", {}).get("vcs")
        return f"'{_PACKAGE}[{extra}] @ {f'{vcs}+' if vcs else ''}{url}'"
    return f"'{_PACKAGE}[{extra}]'"
