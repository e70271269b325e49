"""What a bundle would change if it went live, for those who answer: proofs, differences, and history replayed."""

from __future__ import annotations

from collections.abc import Callable
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
    return look_at(store, registry, candidate, live, own=check_kept)


def look_at(
    store: Store,
    registry: Registry,
    candidate: Bundle,
    live: Bundle,
    *,
    own: Callable[[Proof], None] = lambda _proof: None,
    tell: Callable[[str], None] = lambda _stage: None,
    limit: int = EXAMPLES,
) -> JsonObject:
    """What `review` gives, for somebody who is still writing: a broken invariant is told, not refused.

    `own` is given the proof of the candidate's own invariants before anything else is done, `tell` a few words on each
    stage as it begins; what either raises ends it. At most `limit` flips are given; counts are of all.
    """
    from policies.difference import difference
    from policies.prove import prove
    from workflows.simulate import simulate

    tools = registry.shapes()
    tell("Proving its invariants")
    proof = prove(candidate, tools)
    own(proof)
    # An invariant can be dropped together with what it forbade, so what was promised before is looked at as well.
    kept = prove(candidate, tools, invariants=live.invariants)
    tell("Comparing it with the live bundle")
    differs = difference(live, candidate, tools)
    tell("Deciding the past again")
    simulated = simulate(
        store, registry, candidate, live=live, tell=lambda done: tell(f"Deciding the past again: {done:,} decisions")
    )
    return {
        "files": _changed_files(live.files, candidate.files),
        "proof": proof.as_json(),
        "live_invariants": kept.as_json(),
        "difference": differs.as_json(),
        "simulation": simulated.as_json(limit=limit),
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
