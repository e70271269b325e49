"""The tiny model, made once for each process of the test run, loaded and run once for each file of tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.tiny_model import make_tiny_model

if TYPE_CHECKING:  # torch loads where a test of the server runs
    from serving.engine import Engine
    from serving.loading import Loaded


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, as one would download it."""
    return make_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    """The tiny model's matrices are too small to be worth sharing among threads."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def loaded(tiny_model: Path) -> Loaded:
    """The tiny model, loaded."""
    from tests.unit.serving.engines import load_tiny

    return load_tiny(tiny_model)


@pytest.fixture(scope="module")
def engine(loaded: Loaded) -> Iterator[Engine]:
    """An engine that runs it."""
    from tests.unit.serving.engines import running

    with running(loaded) as engine:
        yield engine
