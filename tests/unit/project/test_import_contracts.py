"""Every import contract catches a violation planted in a copy of the tree."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]

#: Contract id, where the violation goes, what it says.
PLANTS = [
    ("layers", "core/planted.py", "import policies"),
    ("layers", "tools/planted.py", "from workflows import journey"),
    ("serving", "serving/planted.py", "import tools"),
    ("serving", "serving/planted.py", "from agents import spec"),
    ("playbook", "agents/playbook/planted.py", "import tools"),
    ("over-http", "workers/planted.py", "import serving"),
    ("celery", "workflows/planted.py", "import celery"),
    ("celery", "gateway/planted.py", "import kombu"),
    ("fastapi", "workers/planted.py", "import fastapi"),
    ("fastapi", "cli/planted.py", "import uvicorn"),
    ("metrics", "workflows/planted.py", "import prometheus_client"),
    ("autogen", "agents/planted.py", "from autogen_agentchat import agents"),
    ("adk", "agents/planted.py", "import google.adk"),
    ("openai", "workflows/planted.py", "import openai"),
    ("database", "workflows/planted.py", "import sqlalchemy"),
    ("database", "core/planted.py", "import alembic"),
    ("judgement", "tools/planted.py", "import presidio_analyzer"),
    ("judgement", "tools/planted.py", "import cel_expr_python"),
    ("judgement", "tools/planted.py", "import spacy"),
    ("analysis", "agents/planted.py", "import duckdb"),
    ("analysis", "policies/planted.py", "from oletools import olevba"),
    ("gpl", "tools/planted.py", "from pcodedmp import pcodedmp"),
    ("outside", "agents/planted.py", "import h11"),
    ("outside", "tools/planted.py", "import dns.resolver"),
    ("templates", "workflows/planted.py", "import jinja2"),
    ("passwords", "gateway/planted.py", "import argon2"),
    ("terminal", "workers/planted.py", "import rich"),
    ("mcp", "agents/planted.py", "import mcp"),
    ("mcp", "tools/planted.py", "import httpx"),
    ("mcp", "gateway/planted.py", "from mcp import types"),
    ("torch", "workers/planted.py", "import torch"),
    ("torch", "evals/planted.py", "import xgrammar"),
    ("names", "policies/masking/planted.py", "import onnxruntime"),
    ("training", "policies/masking/planted.py", "import policies.masking.training.generate"),
    ("transit", "core/planted.py", "import hvac"),
]


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Contracts broken by the clean copy (key "") and after each plant (key: its number)."""
    copy = tmp_path_factory.mktemp("tree")
    shutil.copy(ROOT / "pyproject.toml", copy)
    for package in CONFIG["root_packages"]:
        for file in (ROOT / package).rglob("*.py"):
            target = copy / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    plants = [(str(number), file, line) for number, (_, file, line) in enumerate(PLANTS)]
    command = [sys.executable, str(Path(__file__).parent / "lint_plants.py"), json.dumps(plants), "found.json"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads((copy / "found.json").read_text())
    return found


def test_the_tree_keeps_every_contract(verdicts: dict[str, list[str]]) -> None:
    assert verdicts[""] == []


@pytest.mark.parametrize("number", range(len(PLANTS)), ids=lambda n: f"{PLANTS[n][0]}: {PLANTS[n][2]}")
def test_a_planted_violation_breaks_its_contract_and_no_other(verdicts: dict[str, list[str]], number: int) -> None:
    assert verdicts[str(number)] == [PLANTS[number][0]]


def test_every_contract_has_a_planted_violation() -> None:
    assert {contract["id"] for contract in CONFIG["contracts"]} == {plant[0] for plant in PLANTS}
