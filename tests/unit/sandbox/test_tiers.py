"""Both tiers hold as root and as an ordinary user, and neither holds without any one of its layers."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest

from core.errors import SandboxUnavailable
from tests.unit.sandbox.as_user import can_be, run_as
from tools.sandbox import kernel, tiers
from tools.sandbox.pooled import PooledSandbox
from tools.sandbox.root import root
from tools.sandbox.sandbox import open_sandbox
from tools.sandbox.tiers import LAYERS, Profile, Tier, namespaces

#: Prints what the self-test of a tier comes to, without one of its layers.
SELFTEST = """
import dataclasses, json, sys
from core.errors import SandboxUnavailable
from tools.sandbox.pooled import PooledSandbox
from tools.sandbox.tiers import confined, namespaces
tier, without = sys.argv[1], sys.argv[2]
profile = namespaces() if tier == "namespaces" else confined()
sandbox = PooledSandbox(dataclasses.replace(profile, layers=profile.layers - {without}), size=2)
try:
    result = sandbox.selftest().as_json()
except SandboxUnavailable as error:
    result = {"ok": False, "error": str(error), "checks": []}
sandbox.close()
print(json.dumps(result))
"""
#: A layer that is none for some user: who is nobody already need not become it.
IDLE = {("confined", "nobody", "nobody")}


def selftest(user: str, tier: str, without: str = "") -> dict[str, Any]:
    if not can_be(user):
        pytest.skip("only root can be root")
    ran = run_as(user, SELFTEST, tier, without)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


@pytest.fixture
def no_landlock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "landlock_version", lambda: 0)


needs_landlock = pytest.mark.skipif(kernel.landlock_version() < 1, reason="this kernel has no Landlock")


@needs_landlock
@pytest.mark.parametrize("user", ["root", "nobody"])
@pytest.mark.parametrize("tier", ["namespaces", "confined"])
def test_every_attempt_fails_in_both_tiers_for_root_and_for_an_ordinary_user(tier: str, user: str) -> None:
    found = selftest(user, tier)
    assert [check for check in found["checks"] if not check["ok"]] == []
    assert found["ok"]
    assert found["tier"] == tier
    assert len(found["checks"]) >= 20


@needs_landlock
@pytest.mark.parametrize("user", ["root", "nobody"])
@pytest.mark.parametrize(("tier", "layer"), [(tier, layer) for tier in LAYERS for layer in sorted(LAYERS[tier])])
def test_self_test_fails_without_any_one_layer(tier: str, layer: str, user: str) -> None:
    if (tier, layer, user) in IDLE:
        pytest.skip("an ordinary user has nobody to become")
    found = selftest(user, tier, without=layer)
    assert not found["ok"]
    assert [check["name"] for check in found["checks"] if not check["ok"]] or found["error"]


def test_tools_do_not_run_in_a_tier_that_lacks_a_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is true of the self-test is true of the door: no sandbox is given out."""
    weakened = dataclasses.replace(namespaces(), layers=LAYERS["namespaces"] - {"rlimits"})
    monkeypatch.setattr("tools.sandbox.sandbox.namespaces", lambda bwrap: weakened)
    with pytest.raises(SandboxUnavailable, match="take more memory than allowed"):
        open_sandbox(size=3)


def test_weaker_tier_is_used_only_where_the_operator_allows_it(
    monkeypatch: pytest.MonkeyPatch, no_landlock: None
) -> None:
    with pytest.raises(SandboxUnavailable, match="not installed") as strict:
        open_sandbox("namespaces", bwrap="/nowhere/bwrap")
    assert "Landlock" not in str(strict.value)
    with pytest.raises(SandboxUnavailable, match=r"not installed.*Landlock"):
        open_sandbox("confined", bwrap="/nowhere/bwrap")


@needs_landlock
@pytest.mark.parametrize("user", ["root", "nobody"])
def test_confined_is_chosen_where_namespaces_are_not_to_be_had(user: str) -> None:
    if not can_be(user):
        pytest.skip("only root can be root")
    ran = run_as(
        user, "from tools.sandbox.sandbox import open_sandbox; print(open_sandbox('confined', bwrap='/nowhere').tier)"
    )
    assert ran.stdout.strip() == "confined", ran.stderr


def test_strongest_tier_is_chosen_where_a_weaker_one_would_do() -> None:
    assert open_sandbox("confined").tier == "namespaces"


def test_root_in_a_closed_home_is_told_what_to_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A tool that became nobody could not import a module any more, and would break on some inputs only."""
    (tmp_path / "python").mkdir(mode=0o700)
    inside = dataclasses.replace(root(1), shown=(str(tmp_path / "python"),))
    monkeypatch.setattr(tiers, "root", lambda size: inside)
    monkeypatch.setattr(os, "getuid", lambda: 0)
    with pytest.raises(SandboxUnavailable, match=r"may not enter .*chmod o\+rx"):
        tiers.confined()


@pytest.mark.parametrize("tier", ["namespaces", "confined"])
def test_every_layer_of_a_tier_is_one_the_nursery_knows(tier: Tier) -> None:
    assert LAYERS[tier] <= {"private", "nobody", "capabilities", "rlimits", "landlock", "seccomp"}


def test_nursery_that_ends_at_once_is_one_sentence() -> None:
    sandbox = PooledSandbox(Profile(tier="confined", command=("/bin/false",), layers=frozenset()))
    with pytest.raises(SandboxUnavailable, match="does not start here"):
        sandbox.selftest()
    sandbox.close()
