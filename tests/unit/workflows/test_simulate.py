"""Simulation tells exactly what a plain loop over the past would, and guesses nothing it cannot know."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from benchmarks._policy_history import fill
from core import keyfile
from core.action import ProposalState
from core.audit import AuditEvent
from core.bundle_change import StoredBundle
from core.clock import FixedClock
from core.decision import ArgumentFacts, Decision, EmptyFacts, Facts, Outcome
from core.decision_log import DecisionEntry, Door, seal_context
from core.ids import new_id
from core.store.engine import Store
from core.vault import Keyring, new_line, seal, unseal
from policies.actions import Ask
from policies.bundle import Bundle, BundleSource, default_bundle_path, load_bundle
from policies.compiled import CompiledRule
from policies.condition import Compiler
from policies.engine import decide
from policies.organization import Organization
from policies.vocabulary import facts_over_strictest
from tests.samples import keep, proposal, stored_ticket
from tools.registry import default_registry
from workflows.replay import past_facts
from workflows.rotate import rotate
from workflows.simulate import simulate
from workflows.simulation import Simulation

EVENT = AuditEvent(action="test", actor="test")
HOST = "WS-TRE-014"
MANY = 10_000
MALICIOUS: dict[str, dict[str, Any]] = {
    "verdict": {"label": "malicious", "confidence": 0.97, "severity": "high"},
    "evidence": {"count": 4, "internal": 2, "manipulation": False},
    "asset": {"known": True, "tier": 3, "kind": "workstation", "owner": "a.lindqvist", "environment": "production"},
}


@cache
def live() -> Bundle:
    return load_bundle(default_bundle_path(), tools=default_registry().shapes())


def candidate(seed: int, *, organization: bool = False) -> Bundle:
    """The live bundle with rules dropped, turned round and made laxer, and perhaps with another organization."""
    draw = random.Random(seed)
    ours = live().organization.model_dump()
    if organization:
        for asset in ours["assets"]:
            asset["tier"] = draw.randrange(5)
        for person in ours["people"]:
            person |= {"privileged": draw.random() < 0.5, "vip": draw.random() < 0.5}
        ours["assets"] = ours["assets"][1:]
    changed = Organization.model_validate(ours)
    compiler = Compiler(changed)
    rules: list[CompiledRule] = []
    for compiled in live().rules:
        if draw.random() < 0.15:
            continue
        rule, when = compiled.rule, compiled.rule.when
        if when is not None and draw.random() < 0.5:
            when = when.replace(">= 0.9", ">= 0.6").replace("asset.tier >= 2", "asset.tier >= 3")
        if draw.random() < 0.3:
            roles: tuple[str, ...] = draw.choice(((), ("soc-lead",)))
            asks = Ask.model_validate({"approvals": draw.choice((1, 2)), "from": roles, "expires": "1h"})
            rule = rule.model_copy(update={"then": draw.choice(("allow", "deny", asks))})
        rules.append(CompiledRule(rule=rule, condition=compiler.compile(when) if when is not None else None))
    return replace(live(), hash=f"{seed:064x}", organization=changed, rules=tuple(rules))


# --- against brute force


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with ten thousand decisions of the live bundle."""
    folder = tmp_path_factory.mktemp("busy")
    keyring = Keyring.from_file(folder / "master.key", create=True)
    store = Store.open(f"sqlite:///{folder / 'casemate.db'}", clock=FixedClock(), keyring=keyring)
    store.migrate()
    fill(store, default_registry(), live(), decisions=MANY)
    yield store
    store.close()


def by_hand(bundle: Bundle, facts: Facts) -> Facts:
    """What the bundle's organization says of the target, looked up independently of the product."""
    target = {
        "isolate_host": ("asset", "host"),
        "disable_account": ("identity", "account"),
        "revoke_sessions": ("identity", "account"),
        "rotate_secret": ("identity", "owner"),
    }.get(facts.tool)
    if target is None:
        return facts
    group, argument = target
    find = bundle.organization.find_asset if group == "asset" else bundle.organization.find_person
    known: Any = find(str(facts.args[argument].value))
    strict: dict[str, Any] = getattr(EmptyFacts(), group)
    says = strict if known is None else {"known": True, **{k: getattr(known, k) for k in strict if k != "known"}}
    return replace(facts, asset=says) if group == "asset" else replace(facts, identity=says)


def brute_force(store: Store, bundle: Bundle, before: Bundle | None) -> dict[str, Any]:
    """Everything a simulation says, by a plain loop."""
    flips, asked, tools, rules, rechecks = [], Counter[Any](), Counter[str](), Counter[Any](), [0, 0]
    with store.read() as tx:
        logged = sorted(tx.decisions.search(limit=10 * MANY), key=lambda one: one.sequence)
        for one in logged:
            given = one.facts
            if one.sealed is not None:
                assert one.ticket_id is not None
                key = tx.vault.data_key(one.ticket_id)
                given = json.loads(unseal(key, one.sealed, context=seal_context(one.id, one.ticket_id)))
            facts = Facts.from_json(given)
            then = decide(before, by_hand(before, facts)) if before else one.decision
            now = decide(bundle, by_hand(bundle, facts))
            differs = answer(then) != answer(now)
            if one.door == "execution":
                rechecks[0] += 1
                rechecks[1] += differs
                continue
            tools[one.tool] += 1
            for when, decision in (("before", then), ("after", now)):
                rules.update((rule, when) for rule in decision.rules or ("(no rule)",))
                if decision.outcome is Outcome.ASK and one.door != "tool":
                    asked[decision.roles, decision.approvals, when] += 1
            if differs:
                flips.append((one.id, one.ticket_id, one.tool, then, now))
    return {"flips": flips, "asked": asked, "tools": tools, "rules": rules, "rechecks": tuple(rechecks)}


def answer(decision: Decision) -> tuple[Any, ...]:
    """What makes a difference to anybody."""
    return tuple(value for name, value in decision.as_json().items() if name not in {"rules", "reason", "bundle_hash"})


def told(found: Simulation) -> dict[str, Any]:
    asked = Counter[Any]()
    for question in found.questions:
        asked[question.roles, question.approvals, "before"] = question.before
        asked[question.roles, question.approvals, "after"] = question.after
    return {
        "flips": [(f.decision_id, f.ticket_id, f.tool, f.before, f.after) for f in found.flips],
        "asked": +asked,
        "tools": Counter({tool: counts["replayed"] for tool, counts in found.tools.items()}),
        "rules": +Counter({(rule, when): n for rule, counts in found.rules.items() for when, n in counts.items()}),
        "rechecks": (found.rechecks, found.rechecks_flipped),
    }


@pytest.mark.parametrize(("seed", "organization"), [(1, False), (2, True), (3, True)])
def test_it_equals_brute_force_on_ten_thousand_decisions(busy: Store, seed: int, organization: bool) -> None:
    bundle = candidate(seed, organization=organization)
    found = simulate(busy, default_registry(), bundle)
    wanted = brute_force(busy, bundle, None)
    assert told(found) == wanted
    assert found.replayed + found.rechecks == MANY
    assert len(found.kinds) > 3, found.kinds
    assert found.rechecks_flipped > 0
    assert found.minutes_before == 5 * sum(n * a for (_, a, when), n in wanted["asked"].items() if when == "before")
    assert found.minutes_after == 5 * sum(n * a for (_, a, when), n in wanted["asked"].items() if when == "after")


def test_against_the_live_bundle_both_sides_are_decided_anew(busy: Store) -> None:
    drifted, bundle = candidate(4, organization=True), candidate(5)
    found = simulate(busy, default_registry(), bundle, live=drifted)
    assert told(found) == brute_force(busy, bundle, drifted)
    assert found.as_json()["against"] == drifted.hash


def test_the_bundle_that_decided_would_decide_everything_the_same_again(busy: Store) -> None:
    for against in (None, live()):
        found = simulate(busy, default_registry(), live(), live=against)
        assert (found.flips, found.rechecks_flipped, found.not_replayable) == ([], 0, Counter())
        assert found.minutes_before == found.minutes_after > 0


def test_a_report_is_cut_where_it_must_be_and_its_counts_are_not(busy: Store) -> None:
    found = simulate(busy, default_registry(), candidate(2), minutes=12)
    cut = found.as_json(limit=3)
    whole = found.as_json()
    assert len(cut["flips"]) == 3
    assert cut["flipped"] == whole["flipped"] == len(whole["flips"]) == sum(whole["kinds"].values())
    assert json.loads(json.dumps(whole)) == whole
    assert whole["minutes"]["saved"] == whole["minutes"]["before"] - whole["minutes"]["after"]
    assert any("12 minutes" in sentence for sentence in whole["assumptions"])


# --- what cannot be known


def logged(store: Store, *, sealed: bool = True, door: Door = "proposal", **changes: Any) -> DecisionEntry:
    """One decision of the live bundle about isolating a workstation."""
    ticket_id = changes.pop("ticket_id", None) or stored_ticket(store, external_id=new_id("ref")).id
    args = {"host": ArgumentFacts(value=HOST, trusted=True, sources=("E2",))}
    facts = facts_over_strictest("isolate_host", args, MALICIOUS)
    decision_id = new_id("dec")
    with store.read() as tx:
        key = tx.vault.data_key(ticket_id)
    plain = json.dumps(facts.as_json()).encode()
    shown = facts.as_json()
    if sealed:
        shown["args"]["host"]["value"] = "HOST_K7Q2XB"
    values: dict[str, Any] = {
        "id": decision_id,
        "ticket_id": ticket_id,
        "proposal_id": None,
        "door": door,
        "tool": "isolate_host",
        "facts": shown,
        "sealed": seal(key, plain, context=seal_context(decision_id, ticket_id)) if sealed else None,
        "decision": decide(live(), facts),
        "microseconds": 9,
    }
    entry = DecisionEntry(**{**values, **changes})
    with store.begin() as tx:
        tx.decisions.add(entry)
    return entry


def of(store: Store, bundle: Bundle | None = None, **changes: Any) -> Simulation:
    return simulate(store, default_registry(), bundle or candidate(2, organization=True), **changes)


def test_a_shredded_ticket_is_decided_again_only_when_masking_changed_nothing(any_store: Store) -> None:
    gone = logged(any_store)
    exact = logged(any_store, sealed=False, ticket_id=gone.ticket_id)
    assert gone.ticket_id is not None
    with any_store.begin() as tx:
        tx.vault.shred(gone.ticket_id, EVENT)
    with any_store.read() as tx:
        assert tx.decisions.get(gone.id).sealed == b""
        assert tx.decisions.get(exact.id).sealed is None
    found = of(any_store)
    assert (found.replayed, found.not_replayable) == (1, Counter({"shredded": 1}))
    assert [facts.args["host"].value for facts in past_facts(any_store)] == [HOST]


def test_what_cannot_be_read_or_never_was_is_counted_and_not_guessed(
    store: Store, tmp_path: Path, clock: FixedClock
) -> None:
    moved = logged(store)
    logged(store, sealed=True, ticket_id=moved.ticket_id, id=new_id("dec"))  # its seal belongs to another id
    logged(store, facts={}, sealed=False)
    logged(store, facts={"tool": "isolate_host", "weather": {}}, sealed=False)
    other = Keyring.from_file(tmp_path / "other.key", create=True)
    assert of(store).not_replayable == Counter({"unreadable": 2, "refused": 1})
    elsewhere = Store.open(f"sqlite:///{tmp_path / 'casemate.db'}", clock=clock, keyring=other)
    assert of(elsewhere).not_replayable == Counter({"no-key": 2, "unreadable": 1, "refused": 1})
    elsewhere.close()


def test_what_is_known_of_a_host_is_looked_up_anew_only_under_another_organization(any_store: Store) -> None:
    # The facts say what no organization does, so that it shows where they come from.
    ticket_id = stored_ticket(any_store).id
    files = {**live().files, "actions.yaml": "rules: []\n"}
    kept = StoredBundle(
        hash="7" * 64, files=files, author="user:a", reason="r", origin="cli", created_at=any_store.clock.now()
    )
    with any_store.begin() as tx:
        tx.bundles.keep(kept)
    facts = facts_over_strictest(
        "isolate_host",
        {"host": ArgumentFacts(value="NOBODYS-HOST", trusted=True)},
        {**MALICIOUS, "asset": {"known": True, "tier": 4, "kind": "laptop"}},
    )
    then = replace(decide(live(), facts), bundle_hash=kept.hash)
    assert then.outcome is Outcome.ALLOW
    logged(any_store, ticket_id=ticket_id, sealed=False, facts=facts.as_json(), decision=then)
    assert of(any_store, live()).kinds == Counter()
    other = {**live().files, "organization.yaml": live().files["organization.yaml"] + "\n# moved\n"}
    elsewhere = load_bundle(BundleSource.from_files(other, name="other"), tools=default_registry().shapes())
    assert of(any_store, elsewhere).kinds == Counter({"allow → ask": 1})


def test_a_new_master_key_changes_nothing(any_store: Store, tmp_path: Path) -> None:
    logged(any_store)
    before = of(any_store)
    keyfile.prepend(tmp_path / "master.key", new_line())
    rotate(any_store, actor="user:test")
    file = tmp_path / "master.key"
    file.write_text(file.read_text().splitlines()[0])
    assert before.replayed == 1
    assert told(of(any_store)) == told(before)


def test_only_what_is_young_enough_is_decided_again(any_store: Store, clock: FixedClock) -> None:
    logged(any_store)
    clock.advance(seconds=7200)
    young = logged(any_store)
    found = of(any_store, candidate(2, organization=True), since=clock.now() - timedelta(hours=1))
    assert found.replayed == 1
    assert {flip.decision_id for flip in found.flips} <= {young.id}
    assert found.as_json()["since"] is not None


# --- approvals that wait


def stricter() -> Bundle:
    """The live bundle with no rule that lets anything be done."""
    rules = tuple(r for r in live().rules if "isolate_host" not in r.rule.tools)
    return replace(live(), hash="5" * 64, rules=rules)


def live_asking() -> Bundle:
    """A bundle that asks what the waiting approvals were asked."""
    [rule] = [r for r in live().rules if r.rule.id == "isolate-workstation"]
    asks = rule.rule.model_copy(update={"then": Ask(approvals=1, expires="never"), "lease": 0})  # type: ignore[arg-type]
    return replace(live(), hash="8" * 64, rules=(CompiledRule(rule=asks, condition=None),))


def test_every_waiting_approval_is_put_to_the_candidate(any_store: Store) -> None:
    ticket_id = stored_ticket(any_store).id
    asks = Decision(outcome=Outcome.ASK, rules=("r",), reason="So.", bundle_hash="b" * 64, approvals=1)
    waiting = keep(any_store, proposal(ticket_id, decision=asks))
    unlogged = keep(any_store, proposal(ticket_id, decision=asks))
    keep(any_store, proposal(ticket_id, state=ProposalState.DENIED))
    first = logged(any_store, ticket_id=ticket_id, proposal_id=waiting.id, decision=asks)
    again = logged(any_store, ticket_id=ticket_id, proposal_id=waiting.id, decision=asks, door="revalidation")
    found = of(any_store, stricter())
    assert found.pending == 2
    assert of(any_store, live_asking()).pending_flips == []
    [flip] = found.pending_flips
    assert (flip.decision_id, flip.proposal_id, flip.kind) == (again.id, waiting.id, "ask → deny")
    assert found.pending_not_replayable == {unlogged.id: "unlogged"}
    # The decision it waits on was taken once; asking again after a new policy is no second question.
    assert ([one.decision_id for one in found.flips], found.rechecks) == ([first.id], 1)
    assert [(q.before, q.after) for q in found.questions] == [(1, 0)]
    with any_store.begin() as tx:
        tx.vault.shred(ticket_id, EVENT)
    assert of(any_store, stricter()).pending_not_replayable == {waiting.id: "shredded", unlogged.id: "unlogged"}


def test_a_question_put_on_other_terms_is_told_apart(any_store: Store) -> None:
    asks = Decision(outcome=Outcome.ASK, rules=("r",), reason="So.", bundle_hash="b" * 64, approvals=1, roles=("a",))
    logged(any_store, decision=asks)
    rules = tuple(
        CompiledRule(rule=r.rule.model_copy(update={"then": Ask(approvals=2, roles=("soc-lead",))}), condition=None)
        for r in live().rules
        if r.rule.id == "isolate-workstation"
    )
    found = of(any_store, replace(live(), hash="6" * 64, rules=rules))
    assert found.kinds == Counter({"ask, differently": 1})
    assert [(q.roles, q.approvals, q.before, q.after) for q in found.questions] == [
        (("a",), 1, 1, 0),
        (("soc-lead",), 2, 0, 1),
    ]
    assert (found.minutes_before, found.minutes_after) == (5, 10)
    flip = found.as_json()["flips"][0]
    assert (flip["before"]["approvals"], flip["after"]["approvals"]) == (1, 2)
    assert (flip["before"]["rules"], flip["after"]["rules"]) == (["r"], ["isolate-workstation"])
