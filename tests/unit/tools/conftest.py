"""The real sandbox, opened once, and the outside mails where they are present."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools.sandbox.sandbox import Sandbox, open_sandbox

DATA = Path(os.environ.get("CASEMATE_DATA", Path(__file__).parents[3] / ".." / "shared" / "data")).resolve()


@pytest.fixture(scope="session")
def sandbox() -> Sandbox:
    return open_sandbox()


def outside(*parts: str) -> list[Path]:
    """Files of an outside data set, in a fixed order; empty where the data is absent."""
    folder = DATA.joinpath(*parts)
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in {"README.md", "LICENSE"})


def needs(paths: list[Path]) -> list[Path]:
    if not paths:
        pytest.skip("the outside data set is not here; set CASEMATE_DATA to its folder")
    return paths
