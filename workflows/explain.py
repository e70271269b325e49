"""A logged decision explained: by the bundle that took it, from the facts it was given, with masked values only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.decision import Facts
from core.decision_log import LoggedDecision
from core.errors import BundleInvalid, NotFound, VaultError
from core.evidence import Fact
from core.store.transaction import Transaction
from workflows.replay import Recall, Unknown

if TYPE_CHECKING:
    from core.canonical import JsonObject
    from policies.compiled import Bundle
    from policies.explain import Explanation
    from tools.registry import Registry


@dataclass(frozen=True, kw_only=True, slots=True)
class PastExplained:
    """A logged decision and what led to it."""

    logged: LoggedDecision
    #: None: policy was not asked, or nothing is left to ask it with; a note says why.
    explanation: Explanation | None
    #: Hash of the bundle that explains.
    bundle_hash: str
    #: What a reader must know before believing the explanation, in whole sentences.
    notes: tuple[str, ...]

    def as_json(self) -> JsonObject:
        return {
            "logged": self.logged.as_json(),
            "bundle_hash": self.bundle_hash,
            "notes": list(self.notes),
            "explanation": self.explanation.as_json() if self.explanation else None,
        }


def find_decisions(tx: Transaction, name: str) -> list[LoggedDecision]:
    """The decision with this id, the newest on this proposal, or those of this ticket that are about acting or refuse.

    Raises:
        NotFound: there is none.
    """
    if name.startswith("prp_"):
        newest = tx.decisions.latest_of_proposal(name)
        if newest is None:
            raise NotFound(f"No decision on proposal {name[:64]} is in the log; `casemate policy log` lists them.")
        return [newest]
    if not name.startswith("tkt_"):
        return [tx.decisions.get(name[:64])]
    found = tx.decisions.of(name)
    told = _worth_telling(found)
    if not told:
        what = "only let tools look; name one of them" if found else "none"
        raise NotFound(f"Decisions about ticket {name[:64]}: {what}; `casemate policy log` lists them.")
    return told


def _worth_telling(decisions: Sequence[LoggedDecision]) -> list[LoggedDecision]:
    """Of each proposal the newest, and of the calls of tools those that were not simply allowed."""
    newest = {one.proposal_id: one.id for one in decisions if one.proposal_id is not None}
    refused = {one.id for one in decisions if one.proposal_id is None and one.decision.outcome.value != "allow"}
    return [one for one in decisions if one.id in refused or newest.get(one.proposal_id or "") == one.id]


def explain_logged(
    tx: Transaction, logged: LoggedDecision, registry: Registry, *, live: Bundle, candidate: Bundle | None = None
) -> PastExplained:
    """Explain by the bundle that decided, as far as the store has it, or by `candidate`."""
    from policies.explain import explain

    bundle, notes = _bundle(tx, logged, live) if candidate is None else (candidate, [])
    if candidate is not None and candidate.hash != logged.decision.bundle_hash:
        notes.append(f"This is what the bundle {candidate.hash[:12]} answers; {_hash(logged)} decided.")
    if not logged.facts:
        notes.append("Policy was not asked: a token was refused before there were facts.")
        return PastExplained(logged=logged, explanation=None, bundle_hash=bundle.hash, notes=tuple(notes))
    shown = Facts.from_json(logged.facts)
    exact = Recall(tx).one(logged)
    if isinstance(exact, Unknown):
        notes.append(
            "The real values are gone with the ticket's key, so this looks at masked ones: "
            "what is said of an argument's value may differ from what was decided."
        )
    facts = shown if isinstance(exact, Unknown) else exact
    if bundle.hash != logged.decision.bundle_hash:
        facts, shown = _moved(bundle, registry, facts, shown)
    explanation = explain(bundle, facts, shown=shown)
    if explanation.decision.outcome is not logged.decision.outcome:
        here, then = explanation.decision.outcome.value, logged.decision.outcome.value
        notes.append(f"It answers {here}, and the answer in the log is {then}.")
    return PastExplained(logged=logged, explanation=explanation, bundle_hash=bundle.hash, notes=tuple(notes))


def _bundle(tx: Transaction, logged: LoggedDecision, live: Bundle) -> tuple[Bundle, list[str]]:
    """The bundle that decided; the live one when that one cannot be had, and a note that says so."""
    from policies.bundle import load_bundle
    from policies.source import BundleSource

    hash_ = logged.decision.bundle_hash
    if hash_ == live.hash:
        return live, []
    instead = f"so the live bundle ({live.hash[:12]}) explains what it would answer"
    try:
        files = tx.bundles.get(hash_).files
        bundle = load_bundle(BundleSource.from_files(files, name=f"bundle {hash_[:12]}"))
    except NotFound:
        return live, [f"{_hash(logged)} decided, and it is not in the store, {instead}."]
    except VaultError:
        return live, [f"{_hash(logged)} decided, and its files cannot be opened here, {instead}."]
    except BundleInvalid:
        return live, [f"{_hash(logged)} decided, and it does not load in this version of casemate, {instead}."]
    return bundle, [f"{_hash(logged)} decided; it is no longer live, {live.hash[:12]} is."]


def _moved(bundle: Bundle, registry: Registry, facts: Facts, shown: Facts) -> tuple[Facts, Facts]:
    """The facts as another bundle's organization has them; a word that is new there is not shown, nobody masked it."""
    from tools.facts import under

    target = registry.get(facts.tool).target if facts.tool in registry.names() else {}
    moved = under(bundle, facts, target)
    shown = replace(
        shown,
        asset=_shown_anew(shown.asset, facts.asset, moved.asset),
        identity=_shown_anew(shown.identity, facts.identity, moved.identity),
    )
    return moved, shown


def _shown_anew(shown: dict[str, Fact], before: dict[str, Fact], after: dict[str, Fact]) -> dict[str, Fact]:
    new = {name: value for name, value in after.items() if value != before.get(name)}
    return {**shown, **{name: "…" if isinstance(value, str) else value for name, value in new.items()}}


def _hash(logged: LoggedDecision) -> str:
    return f"The bundle {logged.decision.bundle_hash[:12]}"
