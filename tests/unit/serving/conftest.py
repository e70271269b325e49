"""The tiny model, made once for each process of the test run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_model import make_tiny_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, as one would download it."""
    return make_tiny_model(tmp_path_factory.mktemp("tiny"))
