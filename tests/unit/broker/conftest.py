"""The real sandbox, made once."""

from __future__ import annotations

import pytest

from tools.sandbox.sandbox import Sandbox, open_sandbox


@pytest.fixture(scope="session")
def sandbox() -> Sandbox:
    return open_sandbox()
