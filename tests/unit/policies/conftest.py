from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.vault import MemoryVault
from policies.actions import Rule
from policies.bundle import Bundle, default_bundle_path, load_bundle
from policies.compiled import CompiledRule
from policies.condition import Compiler
from policies.masking.masker import Masker
from policies.masking.session import MaskSession


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return load_bundle(default_bundle_path())


@pytest.fixture(scope="session")
def masker(bundle: Bundle) -> Masker:
    return Masker(bundle)


@pytest.fixture
def session(masker: Masker) -> MaskSession:
    return masker.session(MemoryVault())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the default bundle that a test may spoil."""
    target = tmp_path / "bundle"
    shutil.copytree(default_bundle_path(), target)
    return target


BundleOf = Callable[..., Bundle]


@pytest.fixture(scope="session")
def bundle_of(bundle: Bundle) -> BundleOf:
    """Makes a bundle of the given rules; each takes a harmless example, which is not run."""
    compiler = Compiler(bundle.organization)

    def make(*rows: dict[str, Any]) -> Bundle:
        rules = []
        for number, row in enumerate(rows):
            example = {"given": {}, "expect": "deny"}
            rule = Rule.model_validate({"id": f"r{number}", "tools": ["isolate_host"], "examples": [example], **row})
            condition = compiler.compile(rule.when) if rule.when is not None else None
            rules.append(CompiledRule(rule=rule, condition=condition))
        return replace(bundle, rules=tuple(rules))

    return make
