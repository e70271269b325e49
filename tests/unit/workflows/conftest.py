"""A store in which a policy is live."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.store.engine import Store
from tests.bundles import live_of


@pytest.fixture
def started(any_store: Store, tmp_path: Path) -> Store:
    """A store in which the shipped bundle is live."""
    live_of(any_store, tmp_path)()
    return any_store
