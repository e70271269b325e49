"""The gate's decisions in the log: masked, and what masking changed under the ticket's key."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.decision import ArgumentFacts, Decision, Facts, Outcome
from core.decision_log import LoggedDecision, seal_context
from core.errors import TriageError, VaultError
from core.vault import unseal
from policies.compiled import CompiledRule
from policies.vocabulary import facts_over_strictest
from tests.unit.tools.house import House
from tests.unit.tools.test_gate import TICKET, host_token, opened
from tools.decision_log import DecisionLog

MakeHouse = Callable[..., House]

ALLOWED = Decision(outcome=Outcome.ALLOW, rules=("r",), reason="So.", bundle_hash="b" * 64)


def logged(house: House) -> list[LoggedDecision]:
    with house.store.read() as tx:
        return tx.decisions.of(house.case.ticket_id)


def refusals(house: House) -> list[dict[str, Any]]:
    with house.store.read() as tx:
        return [e["data"] for e in tx.audit.of(house.case.ticket_id) if e["action"] == "tool.refused"]


def real(house: House, one: LoggedDecision) -> Facts:
    """What policy saw, opened with the ticket's data key."""
    if one.sealed is None:
        return Facts.from_json(one.facts)
    with house.store.read() as tx:
        key = tx.vault.data_key(house.case.ticket_id)
    return Facts.from_json(json.loads(unseal(key, one.sealed, context=seal_context(one.id, house.case.ticket_id))))


def without(compiled: CompiledRule, tool: str) -> CompiledRule:
    """A rule that does not speak of a tool any more."""
    tools = [name for name in compiled.rule.tools if name != tool]
    return dataclasses.replace(compiled, rule=compiled.rule.model_copy(update={"tools": tools}))


def some_facts(**args: Any) -> Facts:
    given = {name: ArgumentFacts(value=value, trusted=True, sources=("E1",)) for name, value in args.items()}
    asset: dict[str, Any] = {
        "known": True,
        "tier": 3,
        "kind": "workstation",
        "owner": "a.lindqvist",
        "environment": "production",
    }
    return facts_over_strictest("isolate_host", given, {"asset": asset, "time": {"hour": 9}})


# --- at the gate


async def test_a_call_is_logged_with_the_evidence_it_led_to(house: MakeHouse) -> None:
    made = house(**TICKET)
    gate = await opened(made)
    token = await host_token(gate)
    await gate.call("lookup_asset", {"host": token}, agent="investigator")
    entries = logged(made)
    assert [(one.door, one.tool, one.decision.outcome) for one in entries] == [
        ("tool", tool, Outcome.ALLOW) for tool in ("read_ticket", "search_logs", "lookup_asset")
    ]
    with made.store.read() as tx:
        named = [e["data"]["decision"] for e in tx.audit.of(made.case.ticket_id) if e["action"] == "evidence.recorded"]
    assert named == [one.id for one in entries]
    first, *_, last = entries
    assert (first.sealed, last.proposal_id) == (None, None)
    assert last.facts["args"]["host"]["value"] == token
    assert real(made, last).args["host"].value == "WS-TRE-014"


async def test_the_same_question_asked_again_is_no_second_decision(house: MakeHouse) -> None:
    made = house(**TICKET)
    gate = await opened(made)
    for _ in range(2):
        await gate.call("search_logs", {"sql": "SELECT * FROM events"}, agent="a")
    assert [one.tool for one in logged(made)] == ["read_ticket", "search_logs"]


async def test_a_look_at_the_case_file_is_logged(house: MakeHouse) -> None:
    made = house(**TICKET)
    gate = await opened(made)
    await gate.call("case_file", {}, agent="reviewer")
    assert [one.tool for one in logged(made)] == ["read_ticket", "case_file"]


async def test_policys_refusal_is_logged_with_its_facts(house: MakeHouse) -> None:
    made = house(**TICKET)
    bare = tuple(without(rule, "search_logs") for rule in made.bundle.rules)
    gate = await opened(made, bundle=dataclasses.replace(made.bundle, rules=bare))
    answer = await gate.call("search_logs", {"sql": "SELECT * FROM events"}, agent="a")
    assert "No rule speaks of search_logs" in answer["error"]
    one = logged(made)[-1]
    assert (one.tool, one.decision.outcome, one.decision.rules) == ("search_logs", Outcome.DENY, ())
    assert one.facts["args"]["sql"]["value"] == "SELECT * FROM events"
    assert refusals(made) == [{"tool": "search_logs", "decision": one.id}]


@pytest.mark.parametrize("tool", ["lookup_asset", "isolate_host"])
async def test_a_forged_token_is_logged_as_a_denial_without_facts(house: MakeHouse, tool: str) -> None:
    made = house(**TICKET)
    gate = await opened(made)
    grounds = {"reason": "r", "evidence": ["E1"]} if tool == "isolate_host" else {}
    answer = await gate.call(tool, {"host": "HOST_AAAAAA", **grounds}, agent="a")
    assert "is garbled" in answer["error"]
    one = logged(made)[-1]
    assert (one.tool, one.decision.outcome, one.facts, one.sealed) == (tool, Outcome.DENY, {}, None)
    assert one.decision.bundle_hash == made.bundle.hash
    assert refusals(made) == [{"tool": tool, "decision": one.id}]


async def test_what_never_reached_policy_is_no_decision(house: MakeHouse) -> None:
    made = house(**TICKET)
    gate = await opened(made)
    await gate.call("search_logs", {"nonsense": 1}, agent="a")
    await gate.call("no_such_tool", {}, agent="a")
    assert len(logged(made)) == 1
    assert refusals(made) == [{"tool": "search_logs"}, {"tool": "unknown"}]


async def test_a_ticket_that_may_not_be_read_leaves_the_refusal(house: MakeHouse) -> None:
    made = house(**TICKET)
    with pytest.raises(TriageError, match="cannot be read"):
        await made.gate(bundle=dataclasses.replace(made.bundle, rules=())).open()
    [one] = logged(made)
    assert (one.tool, one.decision.outcome) == ("read_ticket", Outcome.DENY)


async def test_without_its_log_entry_a_result_is_neither_kept_nor_shown(house: MakeHouse, tmp_path: Path) -> None:
    made = house(**TICKET)
    gate = await opened(made)
    database = sqlite3.connect(tmp_path / "casemate.db")
    with database:
        database.execute("CREATE TRIGGER broken BEFORE INSERT ON decisions BEGIN SELECT RAISE(ABORT, 'full'); END")
    database.close()
    for name, arguments in (("search_logs", {"sql": "SELECT * FROM events"}), ("case_file", {})):
        answer = await gate.call(name, arguments, agent="a")
        assert list(answer) == ["error"]
    assert [one.tool for one in logged(made)] == ["read_ticket"]
    with made.store.read() as tx:
        assert [e.tool for e in tx.evidence.of(made.case.ticket_id)] == ["read_ticket"]


# --- masking and sealing


def test_only_what_masking_changed_is_sealed_and_it_opens_only_in_its_place(house: MakeHouse) -> None:
    made = house(**TICKET)
    log = DecisionLog(made.session, made.case.ticket_id)
    facts = some_facts(host="WS-TRE-014")
    masked = made.session.mask_json({"host": "WS-TRE-014"})
    shown = log.masked(facts, masked)
    assert shown["args"]["host"] == {"value": masked["host"], "trusted": True, "sources": ["E1"]}
    assert shown["asset"]["owner"].startswith("USERNAME_")
    assert {group: shown[group] for group in ("time", "evidence", "history", "ticket", "verdict")} == {
        group: facts.as_json()[group] for group in ("time", "evidence", "history", "ticket", "verdict")
    }
    entry = log.entry(door="tool", facts=facts, shown=shown, decision=ALLOWED, microseconds=3)
    assert entry.sealed is not None
    with made.store.read() as tx:
        key = tx.vault.data_key(made.case.ticket_id)
    place = seal_context(entry.id, made.case.ticket_id)
    assert Facts.from_json(json.loads(unseal(key, entry.sealed, context=place))) == facts
    for elsewhere in (seal_context("dec_other", made.case.ticket_id), seal_context(entry.id, "tkt_other")):
        with pytest.raises(VaultError):
            unseal(key, entry.sealed, context=elsewhere)


def test_exact_facts_are_not_sealed(house: MakeHouse) -> None:
    made = house(**TICKET)
    log = DecisionLog(made.session, made.case.ticket_id)
    facts = facts_over_strictest("read_ticket", {}, {})
    shown = log.masked(facts, {})
    assert shown == facts.as_json()
    assert log.entry(door="tool", facts=facts, shown=shown, decision=ALLOWED, microseconds=1).sealed is None


def test_what_a_database_cannot_hold_counts_as_changed(house: MakeHouse) -> None:
    made = house(**TICKET)
    log = DecisionLog(made.session, made.case.ticket_id)
    facts = some_facts(host="x\ud800")
    shown = log.masked(facts, {"host": "x\ud800"})
    entry = log.entry(door="tool", facts=facts, shown=shown, decision=ALLOWED, microseconds=1)
    with made.store.begin() as tx:
        tx.decisions.add(dataclasses.replace(entry, ticket_id=made.case.ticket_id))
    [one] = logged(made)
    assert one.facts["args"]["host"]["value"] == "x\ufffd"
    assert real(made, one) == facts
