"""The top-level packages are this repository's, and importing them loads nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
#: What takes long or reaches out when imported; the top-level package `google` is Google ADK and its like.
HEAVY = (
    "presidio_analyzer", "spacy", "autogen_agentchat", "autogen_core", "autogen_ext", "google.adk", "google.genai",
    "openai", "sqlalchemy", "alembic", "duckdb", "celery", "kombu", "fastapi", "uvicorn", "torch", "transformers",
    "cel_expr_python",
)  # fmt: skip
WHERE = """
import importlib, json, sys
where = {name: importlib.import_module(name).__file__ for name in sys.argv[1:]}
print(json.dumps({"where": where, "loaded": sorted(sys.modules)}))
"""


def report(*names: str) -> dict[str, dict[str, str] | list[str]]:
    """Import modules in a fresh interpreter, away from the repository's folder, and say what that loaded."""
    command = [sys.executable, "-c", WHERE, *names]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True, timeout=120)
    found: dict[str, dict[str, str] | list[str]] = json.loads(done.stdout)
    return found


def test_every_package_is_imported_from_this_repository() -> None:
    where = report(*PACKAGES)["where"]
    assert where == {name: str(ROOT / name / "__init__.py") for name in PACKAGES}


@pytest.mark.parametrize("package", PACKAGES)
def test_package_files_are_empty(package: str) -> None:
    full = [file for file in (ROOT / package).rglob("__init__.py") if file.read_text().strip()]
    assert full == []


def test_the_command_line_starts_without_anything_heavy() -> None:
    loaded = report("cli.main")["loaded"]
    assert [name for name in HEAVY if name in loaded] == []


def test_help_answers() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "casemate"), "--help"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    for command in ("ticket", "approvals", "policy", "doctor", "demo", "serve"):
        assert command in done.stdout


def test_every_data_file_is_part_of_the_installed_package() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["*"]
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*") if file.is_file()]
    data = [file for file in files if file.suffix not in {".py", ".pyc"}]
    left_out = [str(file.relative_to(ROOT)) for file in data if not any(file.match(pattern) for pattern in patterns)]
    assert data
    assert left_out == []
