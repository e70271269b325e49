"""The gate: a team's only door, with every part behind it real."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from core.action import ProposalState
from core.assessment import Assessment, Severity, Verdict
from core.canonical import JsonObject
from core.errors import TriageError
from core.evidence import Trust
from core.intel import IntelRow
from tests.unit.tools.house import EVENT, House
from tools.binding import bind
from tools.gate import Gate
from tools.limits import Limits
from tools.registry import default_registry
from tools.runner import Runner
from tools.sandbox.sandbox import SelfTest
from tools.sandbox.tiers import Tier

MAIL = (
    b'From: "IT Helpdesk" <help@harb0urbank.example>\nTo: anna.lindqvist@harbourbank.example\n'
    b"Subject: Action required\nMessage-ID: <x1@harb0urbank.example>\nDate: Mon, 5 Jan 2026 08:00:00 +0000\n"
    b"Authentication-Results: mx.harbourbank.example; spf=fail; dmarc=fail\n\n"
    b"Dear Anna Lindqvist, verify your account: https://harb0urbank.example/login\n"
)
TICKET: dict[str, Any] = {
    "title": "Phishing reported by Anna Lindqvist",
    "body": "She opened it on WS-TRE-014.",
    "fields": {"events": [{"user": "a.lindqvist", "host": "WS-TRE-014", "ip": "198.51.100.7"}]},
    "attachments": {"mail.eml": MAIL},
}
ORIGINALS = ("a.lindqvist", "Anna", "Lindqvist", "WS-TRE-014", "10.20.14.31", "anna.lindqvist@harbourbank.example")
MALICIOUS = Assessment(verdict=Verdict.MALICIOUS, severity=Severity.HIGH, confidence=0.95, summary="An attack.")

MakeHouse = Callable[..., House]


async def opened(house: House, **changes: Any) -> Gate:
    gate = house.gate(**changes)
    await gate.open()
    return gate


async def host_token(gate: Gate) -> str:
    row = await gate.call("search_logs", {"sql": "SELECT host, user FROM events"}, agent="investigator")
    return str(row["facts"]["host"])


async def test_first_evidence_is_the_ticket_and_is_untrusted(house: MakeHouse) -> None:
    evidence = await house(**TICKET).gate().open()
    assert (evidence.id, evidence.tool, evidence.trust) == ("E1", "read_ticket", Trust.UNTRUSTED)
    assert evidence.facts["emails"] == 1
    assert evidence.sandbox == "namespaces"


async def test_no_original_leaves_through_the_gate(house: MakeHouse) -> None:
    made = house(**TICKET)
    gate = await opened(made)
    shown: list[JsonObject] = [
        await gate.call("read_email", {"attachment": 0}, agent="investigator"),
        await gate.call("extract_indicators", {"text": ""}, agent="investigator"),
        await gate.call("search_logs", {"sql": "SELECT * FROM events"}, agent="investigator"),
        await gate.call("search_logs", {"sql": "SELECT nonsense_a_lindqvist FROM events"}, agent="investigator"),
        await gate.call("lookup_asset", {"host": await host_token(gate)}, agent="investigator"),
        await gate.call("case_file", {}, agent="reviewer"),
    ]
    text = json.dumps([*shown, [e.as_json() for e in gate.evidence]])
    assert [original for original in ORIGINALS if original in text] == []


async def test_tool_gets_the_real_value_behind_a_token(house: MakeHouse) -> None:
    gate = await opened(house(**TICKET))
    asset = await gate.call("lookup_asset", {"host": await host_token(gate)}, agent="investigator")
    assert asset["facts"] == {
        "known": True,
        "tier": 3,
        "kind": "workstation",
        "environment": "production",
        "has_owner": True,
    }
    assert asset["trust"] == "internal"


async def test_evidence_is_numbered_stored_and_audited(house: MakeHouse) -> None:
    made = house(**TICKET)
    gate = await opened(made)
    await asyncio.gather(
        *(gate.call("inspect_url", {"url": f"https://evil{n}.example/"}, agent="investigator") for n in range(6))
    )
    with made.store.read() as tx:
        stored = tx.evidence.of(made.case.ticket_id)
    assert [e.id for e in stored] == [f"E{n}" for n in range(1, 8)]
    assert stored == gate.evidence
    assert made.actions().count("evidence.recorded") == 7


async def test_same_question_is_asked_once(house: MakeHouse) -> None:
    gate = await opened(house(**TICKET))
    answers = await asyncio.gather(*(gate.call("read_email", {"attachment": 0}, agent=a) for a in ("a", "b", "c")))
    assert {answer["evidence"] for answer in answers} == {"E2"}
    assert gate.evidence_ids() == {"E1", "E2"}


async def test_run_after_a_crash_uses_the_stored_evidence_and_proposals(house: MakeHouse) -> None:
    made = house(**TICKET)
    gate = await opened(made)
    first = await gate.call("read_email", {"attachment": 0}, agent="investigator")
    proposal = await gate.call("quarantine_email", _quarantine(first), agent="responder")
    again = await opened(made, runner=Runner(sandbox=Broken()))
    assert await again.call("read_email", {"attachment": 0}, agent="investigator") == first
    repeated = await again.call("quarantine_email", _quarantine(first), agent="responder")
    assert (repeated["proposal"], repeated["status"]) == (proposal["proposal"], "recorded before")
    assert len(again.proposals) == 1


def _quarantine(email: JsonObject, **changes: Any) -> JsonObject:
    return {
        "message_id": email["detail"]["message_id"],
        "reason": "It collects passwords.",
        "evidence": [email["evidence"]],
        **changes,
    }


class Broken:
    """A sandbox that stopped working after start-up."""

    tier: Tier = "namespaces"

    async def run(self, entry: str, payload: JsonObject, limits: Limits = Limits(), *, ask: Any = None) -> JsonObject:
        del entry, payload, limits, ask
        raise TriageError("The sandbox is gone.")

    def selftest(self) -> SelfTest:
        raise NotImplementedError


class Lying:
    """A sandbox whose tool was taken over and answers what it likes."""

    tier: Tier = "namespaces"

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def run(self, entry: str, payload: JsonObject, limits: Limits = Limits(), *, ask: Any = None) -> JsonObject:
        del entry, payload, limits, ask
        return self._answer  # type: ignore[no-any-return]

    def selftest(self) -> SelfTest:
        raise NotImplementedError


async def test_failed_tool_leaves_evidence_of_the_failure_and_is_tried_again_by_the_next_run(house: MakeHouse) -> None:
    made = house(**TICKET)
    broken = await made.gate(runner=Runner(sandbox=Broken())).open()
    assert broken.error == "The sandbox is gone."
    repaired = await made.gate().open()
    assert (repaired.id, repaired.error) == ("E2", None)


#: Facts as read_ticket declares them.
GLANCE = {"manipulation": False, "manipulation_phrases": 0, "attachments": 0, "emails": 0, "events": 0, "scripts": 0,
          "urls": 0}  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"summary": "s", "facts": {}, "detail": {}, "trust": "internal"},
        {"summary": 1, "facts": {}, "detail": {}},
        {"summary": "s", "facts": {"a": [1]}, "detail": {}},
        {"summary": "s", "facts": {"a": None}, "detail": {}},
        {"summary": "s", "facts": {str(n): n for n in range(200)}, "detail": {}},
        {"summary": "s", "facts": [], "detail": {}},
        {"summary": "s", "facts": {**GLANCE, "emails": "1"}, "detail": {}},
        {"summary": "s", "facts": {**GLANCE, "approved": True}, "detail": {}},
    ],
)
async def test_answer_of_the_wrong_shape_is_not_used(house: MakeHouse, answer: Any) -> None:
    evidence = await house(**TICKET).gate(runner=Runner(sandbox=Lying(answer))).open()
    assert evidence.error is not None
    assert evidence.facts == {}


async def test_answer_of_a_tool_that_was_taken_over_is_masked_and_stays_untrusted(house: MakeHouse) -> None:
    made = house(**TICKET)
    answer = {"summary": "of Anna Lindqvist", "facts": GLANCE, "detail": {"a.lindqvist": "WS-TRE-014 " * 20_000}}
    evidence = await made.gate(runner=Runner(sandbox=Lying(answer))).open()
    assert evidence.facts == GLANCE
    assert evidence.trust is Trust.UNTRUSTED
    text = json.dumps(evidence.as_json())
    assert [original for original in ORIGINALS if original in text] == []
    assert "cut:" in text
    assert len(text) < 30_000


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("no_such_tool", {}),
        ("read_email", {}),
        ("read_email", {"attachment": "0"}),
        ("read_email", {"attachment": 0, "path": "/etc/passwd"}),
        ("read_email", []),
        ("read_email", None),
        ("search_logs", {"sql": "x" * 5000}),
        ("inspect_url", {"url": "\ud800"}),
        ("case_file", {"ticket": "other"}),
        ("lookup_asset", {"host": "HOST_ZZZZZZ"}),
        ("isolate_host", {"host": "HOST_ZZZZZZ", "reason": "r", "evidence": ["E1"]}),
        ("isolate_host", {"host": "WS-TRE-014"}),
        ("isolate_host", {"host": "WS-TRE-014", "reason": "r", "evidence": []}),
        ("isolate_host", {"host": "WS-TRE-014", "reason": "r", "evidence": ["E9"]}),
        ("isolate_host", {"host": "WS-TRE-014", "reason": "r", "evidence": ["E1"], "approved": True}),
        ("close_ticket", {"resolution": "whatever", "reason": "r", "evidence": ["E1"]}),
    ],
)
async def test_refusal_is_an_answer_never_an_exception(house: MakeHouse, name: str, arguments: Any) -> None:
    made = house(**TICKET)
    gate = await opened(made)
    answer = await gate.call(name, arguments, agent="investigator")
    assert set(answer) == {"error"}
    assert gate.evidence_ids() == {"E1"}
    assert gate.proposals == []
    assert made.actions()[-1] == "tool.refused"


async def test_token_of_another_ticket_is_refused(house: MakeHouse) -> None:
    first = house(**TICKET)
    other = house(**TICKET, store=first.store, external_id="T-2")
    token = await host_token(await opened(first))
    answer = await (await opened(other)).call("lookup_asset", {"host": token}, agent="investigator")
    assert "never issued" in answer["error"]


async def test_value_is_not_restored_where_policy_does_not_permit_it(house: MakeHouse) -> None:
    gate = await opened(house(**TICKET))
    answer = await gate.call("lookup_identity", {"user": await host_token(gate)}, agent="investigator")
    assert "may not receive a HOST" in answer["error"]


async def test_spent_budget_is_said_politely(house: MakeHouse) -> None:
    gate = await opened(house(**TICKET), max_calls=2)
    await gate.call("case_file", {}, agent="a")
    await gate.call("case_file", {}, agent="a")
    assert "budget of 2 tool calls is spent" in (await gate.call("case_file", {}, agent="a"))["error"]
    assert "evidence" in await gate.call("extract_indicators", {"text": ""}, agent="casemate")


async def test_cancelled_call_is_cancelled(house: MakeHouse) -> None:
    gate = await opened(house(**TICKET))
    call = asyncio.create_task(gate.call("search_logs", {"sql": "SELECT * FROM events"}, agent="a"))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_bundle_without_a_rule_for_a_tool_denies_it(house: MakeHouse) -> None:
    made = house(**TICKET)
    bare = tuple(rule for rule in made.bundle.rules if "read_ticket" not in rule.rule.tools)
    with pytest.raises(TriageError, match="No rule speaks of read_ticket"):
        await made.gate(bundle=dataclasses.replace(made.bundle, rules=bare)).open()
    assert "evidence.recorded" not in made.actions()


# --- proposals


async def test_acting_tool_only_records_a_proposal(house: MakeHouse) -> None:
    made = house(**TICKET)
    gate = await opened(made)
    token = await host_token(gate)
    answer = await gate.call(
        "isolate_host", {"host": token, "reason": "Anna Lindqvist clicked", "evidence": ["E1", "E2"]}, agent="r"
    )
    with made.store.read() as tx:
        stored = tx.proposals.get(answer["proposal"])
        effects = tx.effects.of(made.case.ticket_id)
    assert stored.state is ProposalState.PROPOSED
    assert stored.decision is None
    assert stored.arguments == {"host": token}
    assert stored.proposed_by == "team:phishing/r"
    assert "Lindqvist" not in stored.reason
    assert effects == []
    assert "proposal.recorded" in made.actions()


async def test_binding_is_the_one_the_executor_will_compute(house: MakeHouse) -> None:
    made = house(**TICKET)
    gate = await opened(made)
    await gate.call("isolate_host", {"host": await host_token(gate), "reason": "r", "evidence": ["E1"]}, agent="r")
    proposal = gate.proposals[0]
    parts: dict[str, Any] = {
        "tool": proposal.tool,
        "arguments": proposal.arguments,
        "cited": proposal.evidence,
        "evidence": gate.evidence,
        "registry": default_registry(),
        "bundle": made.bundle,
        "session": made.session,
        "sandbox": "namespaces",
    }
    assert bind(**parts).digest == proposal.digest
    assert bind(**{**parts, "evidence": []}).digest != proposal.digest
    assert bind(**{**parts, "cited": ["E1", "E2"]}).digest != proposal.digest
    assert bind(**{**parts, "sandbox": "none"}).digest != proposal.digest


async def test_case_file_shows_draft_and_proposals(house: MakeHouse) -> None:
    gate = await opened(house(**TICKET))
    gate.note_assessment(MALICIOUS, agent="investigator")
    await gate.call("isolate_host", {"host": await host_token(gate), "reason": "r", "evidence": ["E1"]}, agent="r")
    file = await gate.call("case_file", {}, agent="reviewer")
    assert file["assessment"]["verdict"] == "malicious"
    assert [e["evidence"] for e in file["evidence"]] == ["E1", "E2"]
    assert file["proposals"][0]["tool"] == "isolate_host"


async def test_threat_intelligence_is_found_by_any_spelling(house: MakeHouse) -> None:
    made = house(**TICKET)
    row = IntelRow(value="harb0urbank.example", type="domain", source="cert", confidence=95, malicious=True)
    with made.store.begin() as tx:
        tx.intel.add([row], EVENT)
    gate = await opened(made)
    for value in ("HARB0URBANK.example", "hxxps://harb0urbank[.]example/x", "help@harb0urbank.example"):
        answer = await gate.call("lookup_indicator", {"value": value}, agent="i")
        assert answer["facts"]["malicious"] is True, value


async def test_earlier_tickets_with_the_same_indicators_are_found(house: MakeHouse) -> None:
    gate = await opened(house(**TICKET))
    assert (await gate.call("similar_cases", {}, agent="i"))["facts"]["cases"] == 0


def test_specs_of_a_team_are_those_it_names(house: MakeHouse) -> None:
    gate = house(**TICKET).gate()
    specs = gate.specs(["case_file", "isolate_host"])
    assert [(s.name, s.acts) for s in specs] == [("case_file", False), ("isolate_host", True)]
