"""A path in place of text is read, and common mistakes in texts are explained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.bodies import PLAIN_BODY

from moto_jitp import (
    CertificateAuthority,
    CertificateError,
    DeviceIdentity,
    TemplateError,
    connect_device,
    render,
)

TEXT = PLAIN_BODY if isinstance(PLAIN_BODY, str) else json.dumps(PLAIN_BODY)


def test_paths_are_read_wherever_text_is_wanted(
    acme: CertificateAuthority, iot: Any, tmp_path: Path
) -> None:
    files = acme.issue(common_name="bulb-1").write(tmp_path / "bulb")
    (tmp_path / "ca.pem").write_text(acme.certificate_pem)
    (tmp_path / "ca.key").write_text(acme.private_key_pem)
    (tmp_path / "template.json").write_text(TEXT)
    certificate, key = Path(files.certificate), Path(files.private_key)

    ca = CertificateAuthority.from_pem(tmp_path / "ca.pem", tmp_path / "ca.key")
    ca.register(iot, template_body=tmp_path / "template.json")
    assert DeviceIdentity.from_pem(certificate, key).presented.common_name == "bulb-1"
    plan = render(tmp_path / "template.json", certificate)
    assert plan.thing is not None
    assert connect_device(certificate).thing_name == plan.thing.name


def test_a_text_that_names_a_file_is_told_so(iot: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("x")
    told = "is the name of a file: pass pathlib.Path"
    with pytest.raises(CertificateError, match=told):
        connect_device(str(file))
    with pytest.raises(TemplateError) as caught:
        render(str(file), {})
    assert told in caught.value.advice


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{\n  "a": 1,\n}', "Line 2 ends with a comma that nothing follows"),
        ('{\n  "a": [1,\n\n  ]}', "Line 2 ends with a comma that nothing follows"),
        ("{\n  'a': 1}", "Line 2 has single quotes"),
        ('{\n  // of the thing\n  "a": 1}', "Line 2 has a comment"),
        ('{\n  "a": 1,\n  # of the thing\n  "b": 2}', "Line 3 has a comment"),
        ('{\n  "a": 1\n  "b": 2}', "A comma is missing at the end of line 2"),
        ('{\n  "a": {\n    "b": 1\n}', "The { of line 1 is not closed"),
        ('{\n  "a": [\n    "b"', "The [ of line 2 is not closed"),
        ("Parameters:\n  a:\n    Type: String\n", "The text is YAML"),
    ],
)
def test_a_slip_in_json_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render(text, {})
    assert told in caught.value.advice
    assert "Json" in str(caught.value) or "JSON" in str(caught.value)
