"""Fixtures every level of the suite shares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.clock import FixedClock
from core.store.engine import Store
from core.vault import Keyring


@pytest.fixture
def clock() -> FixedClock:
    """A clock that a test moves by hand."""
    return FixedClock()


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring.from_file(tmp_path / "master.key", create=True)


@pytest.fixture
def store(tmp_path: Path, clock: FixedClock, keyring: Keyring) -> Iterator[Store]:
    """A migrated SQLite store on the fixed clock."""
    opened = Store.open(f"sqlite:///{tmp_path / 'casemate.db'}", clock=clock, keyring=keyring)
    opened.migrate()
    yield opened
    opened.close()
