"""The real sandbox, bundle and masker, made once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from policies.bundle import default_bundle_path, load_bundle
from policies.compiled import Bundle
from policies.masking.masker import Masker
from tests.unit.tools.house import House, build
from tools.sandbox.sandbox import Sandbox, open_sandbox


@pytest.fixture(scope="session")
def sandbox() -> Sandbox:
    return open_sandbox()


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return load_bundle(default_bundle_path())


@pytest.fixture(scope="session")
def masker(bundle: Bundle) -> Masker:
    return Masker(bundle)


@pytest.fixture
def house(tmp_path: Path, bundle: Bundle, masker: Masker, sandbox: Sandbox) -> Callable[..., House]:
    """Makes a house for a ticket; keyword arguments as in `house.build`."""
    return partial(build, tmp_path, bundle=bundle, masker=masker, sandbox=sandbox)
