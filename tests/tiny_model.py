"""The tiny model of `serving.noise`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from serving.noise import make_model


def make_tiny_model(folder: Path, *, seed: int = 0, **changes: Any) -> Path:
    """Write the model into `folder`; `changes` go to its configuration."""
    return make_model(folder, seed=seed, **changes)
