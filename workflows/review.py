"""What a bundle would change if it went live, for those who answer: proofs, differences, and history replayed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.canonical import JsonObject
from core.errors import ApprovalRefused
from core.store.engine import Store

if TYPE_CHECKING:
    from policies.bundle import Bundle
    from policies.proof import Proof
    from tools.registry import Registry

#: Examples of each kind that a review keeps; counts are of all.
EXAMPLES = 20


class InvariantBroken(ApprovalRefused):
    """A bundle that answers what it says itself it must never answer."""


def review(store: Store, registry: Registry, candidate: Bundle, live: Bundle) -> JsonObject:
    """Everything an approver needs to know of `candidate` in the place of `live`.

    Raises:
        InvariantBroken: the candidate breaks an invariant of its own; the sentence holds a counterexample.
        Temporary: the store is away.
    """
    from policies.difference import difference
    from policies.prove import prove
    from workflows.simulate import simulate

    tools = registry.shapes()
    own = prove(candidate, tools)
    check_kept(own)
    return {
        "files": _changed_files(live.files, candidate.files),
        "proof": own.as_json(),
        # An invariant can be dropped together with what it forbade, so what was promised before is looked at as well.
        "live_invariants": prove(candidate, tools, invariants=live.invariants).as_json(),
        "difference": difference(live, candidate, tools).as_json(),
        "simulation": simulate(store, registry, candidate, live=live).as_json(limit=EXAMPLES),
    }


def check_kept(proof: Proof) -> None:
    """Raises:
    InvariantBroken: an invariant does not hold; the sentence holds a counterexample.
    """
    for shown in proof.invariants:
        if shown.status == "violated":
            assert shown.counterexample is not None
            raise InvariantBroken(
                f"The bundle breaks its own invariant `{shown.invariant.id}` (never {shown.invariant.never}): "
                f"{shown.sentence()}, for example when {shown.counterexample.given}."
            )


def _changed_files(before: dict[str, str], after: dict[str, str]) -> JsonObject:
    """Which files differ. Texts may differ in layout alone, and tests decide nothing."""
    return {
        "added": sorted(after.keys() - before.keys()),
        "removed": sorted(before.keys() - after.keys()),
        "changed": sorted(name for name in after.keys() & before.keys() if after[name] != before[name]),
    }
