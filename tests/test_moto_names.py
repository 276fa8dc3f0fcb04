"""The names of moto's that the code uses are collected from the code, and looked for in moto."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import moto
import pytest
from support.scripts import load_script

from moto_jitp.aws.moto_check import ABSENT, UnsupportedMotoError, check_names_of, resolve
from moto_jitp.aws.moto_names import MOTO_NAMES, NAMES_ON_USE

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "python scripts/collect_moto_names.py"


@pytest.fixture(scope="module")
def collecting() -> ModuleType:
    return load_script("scripts/collect_moto_names.py")


def listed_for(collecting: ModuleType, folder: Path, code: str, **others: str) -> dict[str, Any]:
    """What is listed of a package that has this code in it."""
    package = folder / "moto_jitp"
    package.mkdir()
    for name, text in {"__init__": "", "code": code, **others}.items():
        (package / f"{name}.py").write_text(text, encoding="utf-8")
    listed: dict[str, Any] = {}
    exec(collecting.listing(folder), listed)
    return listed


@pytest.mark.slow
def test_the_list_is_what_the_code_uses(collecting: ModuleType) -> None:
    written = collecting.TARGET.read_text(encoding="utf-8")

    assert written == collecting.listing(), f"The list is out of date. Run: {COMMAND}"


def test_the_installed_moto_has_every_name_that_is_listed() -> None:
    lacking = [
        f"{module}.{path}"
        for names in (MOTO_NAMES, NAMES_ON_USE)
        for module, paths in names.items()
        for path in paths
        if resolve(module, path) is ABSENT
    ]

    assert lacking == []


@pytest.mark.parametrize(
    ("code", "module", "path"),
    [
        ("from moto.iot.models import FakeThing", "moto.iot.models", "FakeThing"),
        ("from moto.core import models\nmodels.MockAWS", "moto.core.models", "MockAWS"),
        (
            "import moto.core.models as known\nknown.MockAWS._mock_init_lock",
            "moto.core.models",
            "MockAWS._mock_init_lock",
        ),
        (
            "from moto.iot.models import FakeThing\ndef f(thing: FakeThing | None): thing.arn",
            "moto.iot.models",
            "FakeThing().arn",
        ),
        (
            "from moto.iot.models import IoTBackend\nclass B(IoTBackend):\n"
            "    def create_thing(self): ...",
            "moto.iot.models",
            "IoTBackend.create_thing",
        ),
        (
            "from moto.iot.models import IoTBackend\nclass A(IoTBackend): ...\nclass B(A):\n"
            "    def f(self): super().delete_thing(self.things)",
            "moto.iot.models",
            "IoTBackend.delete_thing",
        ),
        (
            "from .other import B\nclass C:\n    def __init__(self, b: B): self.b = b\n"
            "    def f(self):\n        b = self.b\n        b.update_thing",
            "moto.iot.models",
            "IoTBackend.update_thing",
        ),
        (
            "from moto.logs.models import logs_backends\nlogs = logs_backends['1']['2']\n"
            "logs.ensure_log_group",
            "moto.logs.models",
            "LogsBackend.ensure_log_group",
        ),
        (
            "from moto.sts.models import sts_backends\n"
            "sts_backends['1']['aws'].get_assumed_role_from_access_key('key').role_arn",
            "moto.sts.models",
            "AssumedRole().role_arn",
        ),
        (
            "from unittest.mock import patch\nfrom moto.core import responses\n"
            "patch.object(responses, 'method_names_from_class', print)",
            "moto.core.responses",
            "method_names_from_class",
        ),
        (
            "USED_OF_MOTO = ('moto.core.models.MockAWS()._orig_creds',)",
            "moto.core.models",
            "MockAWS()._orig_creds",
        ),
    ],
)
def test_each_way_to_use_a_name_is_seen(
    collecting: ModuleType, tmp_path: Path, code: str, module: str, path: str
) -> None:
    other = "from moto.iot.models import IoTBackend\nclass B(IoTBackend): ..."

    listed = listed_for(collecting, tmp_path, code, other=other)

    assert path in listed["MOTO_NAMES"][module]


def test_what_is_ours_or_for_type_checkers_alone_is_left_out(
    collecting: ModuleType, tmp_path: Path
) -> None:
    code = (
        "from typing import TYPE_CHECKING\nfrom moto.iot.models import IoTBackend\n"
        "if TYPE_CHECKING:\n    from moto.iot.models import FakeThing\n"
        "class B(IoTBackend):\n    def ours(self): self.ours()\n"
    )

    assert listed_for(collecting, tmp_path, code)["MOTO_NAMES"] == {
        "moto.iot.models": ("IoTBackend",)
    }


def test_a_module_that_is_looked_for_on_use_is_listed_apart(
    collecting: ModuleType, tmp_path: Path
) -> None:
    code = (
        "def f():\n    check_names_of('moto.awslambda.utils')\n"
        "    from moto.awslambda.utils import get_backend\n"
    )

    listed = listed_for(collecting, tmp_path, code)

    assert listed["MOTO_NAMES"] == {}
    assert listed["NAMES_ON_USE"] == {"moto.awslambda.utils": ("get_backend",)}


def test_a_name_that_moto_lacks_cannot_get_into_the_list(
    collecting: ModuleType, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match=r"moto_jitp\.code imports moto\.iot\.models\.NoSuch"):
        listed_for(collecting, tmp_path, "from moto.iot.models import NoSuch")


def test_what_is_looked_for_on_use_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from moto.awslambda import utils

    monkeypatch.delattr(utils, "get_backend")
    with pytest.raises(UnsupportedMotoError) as refused:
        check_names_of("moto.awslambda.utils")

    assert refused.value.missing == ("moto.awslambda.utils.get_backend",)
    assert moto.__version__ in str(refused.value)
