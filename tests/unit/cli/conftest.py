"""Runs the command in this process, as a person would, with a home of its own."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from cli.main import run
from core.settings import Settings
from core.store.engine import Store
from tests.tables import with_tables
from workers.wiring import open_store


@dataclass(frozen=True)
class Ran:
    """How one command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Casemate = Callable[..., Ran]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CASEMATE_DATABASE_URL", "CASEMATE_BROKER_URL", "CASEMATE_API_KEYS", "CASEMATE_POLICY_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CASEMATE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def untouched_logging() -> Iterator[None]:
    """Commands set up logging for their process; here that is everybody's."""
    handlers, level = list(logging.getLogger().handlers), logging.getLogger().level
    yield
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def casemate(
    untouched_logging: None, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Casemate:
    def call(*arguments: str, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr(sys, "argv", ["casemate", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = 0
        try:
            run()
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return Ran(code=code, out=said.out, err=said.err)

    return call


@pytest.fixture
def opened(home: Path) -> Iterator[Store]:
    """The same store that the commands use."""
    if not (home / "casemate.db").exists():
        with_tables(home / "casemate.db")
    store = open_store(Settings())
    yield store
    store.close()
