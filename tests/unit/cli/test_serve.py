"""`casemate serve`: one command for the playbook model and for models of one's own."""

from __future__ import annotations

import re
import socket
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from cli.main import app
from tests.unit.cli.conftest import Casemate


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "MODEL"),
        (("playbook", "--device", "cpu"), "--device"),
        (("playbook", "--no-prefix-sharing"), "--prefix-sharing"),
        (("playbook", "--api-key-file", "keys"), "--api-key-file"),
        (("some/model", "--record", "file"), "--record"),
        (("some/model", "--adapter", "name"), "NAME=PATH"),
        (("some/model", "--adapter", "a=x", "--adapter", "a=y"), "same name"),
        (("some/model", "--quantize", "int3"), "int3"),
        (("some/model", "--max-concurrency", "0"), "--max-concurrency"),
        (("some/model", "--max-queue", "-1"), "--max-queue"),
    ],
)
def test_a_wrong_question_names_the_option(casemate: Casemate, arguments: tuple[str, ...], told: str) -> None:
    ran = casemate("serve", *arguments)
    assert ran.code == 2
    assert told.lower() in ran.err.lower()


@pytest.mark.parametrize("model", ["playbook", "some/model"])
def test_a_taken_port_is_said_before_anything_is_loaded(casemate: Casemate, model: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = casemate("serve", model, "--port", str(taken.getsockname()[1]))
    assert ran.code == 1
    assert "cannot be used" in ran.err


def test_without_the_packages_it_says_what_to_install(casemate: Casemate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "serving.server", None)
    ran = casemate("serve", "some/model", "--port", "0")
    assert ran.code == 1
    assert "pip install 'casemate[serving]'" in ran.err


def test_no_key_is_ever_an_argument(casemate: Casemate, tmp_path: Path) -> None:
    assert casemate("serve", "some/model", "--api-key", "secret").code == 2
    ran = casemate("serve", "some/model", "--port", "0", "--api-key-file", str(tmp_path / "missing"))
    assert ran.code == 1
    assert "cannot be read" in ran.err


def test_every_option_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "serving.md").read_text()
    options = {name for parameter in get_command(app).commands["serve"].params for name in parameter.opts}  # type: ignore[attr-defined]
    assert {name for name in options if name.startswith("--")} - {"--prefix-sharing"} <= set(
        re.findall(r"--[a-z-]+", page)
    )
