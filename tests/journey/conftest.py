"""A house for each test of a journey."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.clock import FixedClock
from tests.house import House, open_house


@pytest.fixture
def make_house(tmp_path: Path, model: tuple[str, Path]) -> Iterator[Callable[..., House]]:
    """Builds a house; keyword arguments are settings."""
    built: list[House] = []

    def make(**changes: Any) -> House:
        house = open_house(tmp_path / "home", model, FixedClock(), **changes)
        built.append(house)
        return house

    yield make
    for house in built:
        house.services.close()


@pytest.fixture
def house(make_house: Callable[..., House]) -> House:
    """A house with default settings."""
    return make_house()
