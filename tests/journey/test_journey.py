"""A ticket from intake to report, on both frameworks, with nothing replaced but the clock."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agents.prompting import static_texts
from cli.leaks import leaks, originals
from cli.samples import load_intel
from core.action import EffectState, Proposal, ProposalState
from core.errors import ApprovalRefused, ToolRefused
from core.ticket import TicketState
from tests.demo_cases import TWINS, demo_ticket, named
from tests.house import House
from workflows import approvals, deliver, intake, sweep
from workflows.edit import edit

pytestmark = pytest.mark.journey

FRAMEWORKS = ["autogen", "adk"]
SETTLED = {TicketState.CLOSED, TicketState.AWAITING_APPROVAL}


@pytest.fixture(autouse=True)
def _intel(house: House) -> None:
    load_intel(house.services.store)


def reports(house: House) -> list[dict[str, Any]]:
    """What has been delivered to the file drop."""
    deliver.send_due(house.services)
    files = sorted(house.settings.report_folder.rglob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    return [json.loads(path.read_text()) for path in files]


def proposals(house: House, ticket_id: str, tool: str) -> list[Proposal]:
    """A ticket's proposals of one tool."""
    with house.services.store.read() as tx:
        return [p for p in tx.proposals.of(ticket_id) if p.tool == tool]


def effects(house: House, ticket_id: str) -> dict[str, EffectState]:
    """What was done for a ticket, by tool."""
    with house.services.store.read() as tx:
        return {effect.tool: effect.state for effect in tx.effects.of(ticket_id)}


def answer_all(house: House, ticket_id: str, *, approve: bool) -> None:
    """Give every answer that the ticket's open questions take, from as many people as it takes."""
    store = house.services.store
    while True:
        with store.read() as tx:
            open_ones = [p for p in tx.proposals.of(ticket_id) if p.state is ProposalState.PENDING]
        if not open_ones:
            return
        asked = open_ones[0]
        assert asked.decision is not None
        with store.read() as tx:
            given = len(tx.proposals.answers(asked.id))
        approvals.answer(
            store,
            asked.id,
            person=f"person{given}",
            roles=[*asked.decision.roles, "approver"],
            approve=approve,
            reason="Checked by hand.",
            digest=asked.digest,
            ring=house.rung.append,
            masker=house.services.masker,
        )


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("kind", sorted(TWINS))
def test_twins_that_differ_in_a_few_facts_get_different_verdicts(house: House, kind: str, framework: str) -> None:
    bad = house.triage(demo_ticket(kind, "malicious"), framework=framework)
    good = house.triage(demo_ticket(kind, "benign"), framework=framework)
    assert (bad.verdict, good.verdict) == ("malicious", "benign")
    assert bad.framework == good.framework == framework
    assert {bad.state, good.state} <= SETTLED


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_changing_the_decisive_fact_flips_the_verdict(house: House, framework: str) -> None:
    first, later = named("identity-unfamiliar"), named("identity-unfamiliar-v2")
    assert house.triage(first, framework=framework).verdict == "benign"
    assert house.triage({**later, "external_id": "another"}, framework=framework).verdict == "malicious"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_reason_of_a_verdict_cites_evidence_that_exists(house: House, framework: str) -> None:
    done = house.triage(demo_ticket("endpoint", "malicious"), framework=framework)
    with house.services.store.read() as tx:
        run = tx.assessments.latest(done.id)
        known = {item.id for item in tx.evidence.of(done.id)}
    assert run is not None
    assert run.assessment.findings
    assert all(finding.evidence and set(finding.evidence) <= known for finding in run.assessment.findings)


def test_no_request_to_the_model_shows_an_original_of_any_ticket(house: House) -> None:
    before = len(house.record.read_bytes()) if house.record.exists() else 0
    for name in ("customer-data", "phishing-lure", "secret-live"):
        house.triage(named(name))
    requests = [json.loads(line) for line in house.record.read_bytes()[before:].splitlines()]
    hidden = originals(house.services.store)
    ours = [text for spec in house.services.teams.by_name.values() for text in static_texts(spec)]
    assert len(hidden) > 20
    assert len(requests) > 10
    assert list(leaks(hidden, requests, ours=ours)) == []
    assert list(leaks(hidden, [{"messages": [min(hidden)]}])) != [], "the search itself finds what it looks for"


def test_an_action_that_policy_allows_is_carried_out_once_and_seen_by_a_probe(house: House) -> None:
    done = house.triage(demo_ticket("endpoint", "malicious"))
    done_once = effects(house, done.id)
    assert done_once["isolate_host"] is EffectState.CONFIRMED
    assert set(done_once.values()) == {EffectState.CONFIRMED}
    lab = house.services.connectors["lab"]
    assert lab.probe("isolate_host", {"host": "WS-TRE-014"}).state == "yes"
    house.work(done.id)
    assert effects(house, done.id) == done_once


def test_a_question_waits_for_its_quorum_and_is_then_carried_out(house: House) -> None:
    asked = house.triage(demo_ticket("leaked_credential", "malicious"))
    assert asked.state is TicketState.AWAITING_APPROVAL
    sent = [json.loads(path.read_text()) for path in house.settings.report_folder.rglob("*.json")]
    assert [r["type"] for r in sent] == ["report.interim"], "the verdict goes back at once"
    assert "rotate_secret" not in effects(house, asked.id)
    answer_all(house, asked.id, approve=True)
    assert asked.id in house.rung
    done = house.work(asked.id)
    assert done.state is TicketState.CLOSED
    assert effects(house, asked.id)["rotate_secret"] is EffectState.CONFIRMED
    with house.services.store.read() as tx:
        assert tx.audit.verify() > 0
    assert [r["type"] for r in reports(house)] == ["report.interim", "report.final"]


def test_a_denied_action_never_happens_and_the_ticket_is_reported(house: House) -> None:
    asked = house.triage(demo_ticket("leaked_credential", "malicious"))
    answer_all(house, asked.id, approve=False)
    done = house.work(asked.id)
    assert done.state is TicketState.CLOSED
    assert "rotate_secret" not in effects(house, asked.id)
    assert [p.state for p in proposals(house, asked.id, "rotate_secret")] == [ProposalState.DENIED]


def test_a_question_nobody_answers_expires_and_the_ticket_goes_on(house: House) -> None:
    asked = house.triage(demo_ticket("leaked_credential", "malicious"))
    house.clock.advance(seconds=14 * 24 * 3600)
    sweep.run(house.services)
    done = house.work(asked.id)
    assert done.state is TicketState.CLOSED
    assert [p.state for p in proposals(house, asked.id, "rotate_secret")] == [ProposalState.EXPIRED]
    assert "rotate_secret" not in effects(house, asked.id)


def test_containment_reverts_by_itself_when_its_lease_runs_out(house: House) -> None:
    done = house.triage(demo_ticket("endpoint", "malicious"))
    lab = house.services.connectors["lab"]
    assert lab.probe("isolate_host", {"host": "WS-TRE-014"}).state == "yes"
    house.clock.advance(seconds=30 * 24 * 3600)
    sweep.run(house.services)
    assert lab.probe("isolate_host", {"host": "WS-TRE-014"}).state == "no"
    assert effects(house, done.id)["isolate_host"] is EffectState.REVERTED


def test_names_are_back_in_the_report_and_nowhere_else(house: House) -> None:
    done = house.triage(demo_ticket("endpoint", "malicious"))
    [report] = [r for r in reports(house) if r["ticket"]["id"] == done.id]
    assert "WS-TRE-014" in json.dumps(report)
    with house.services.store.read() as tx:
        stored = json.dumps(
            [
                [item.as_json() for item in tx.evidence.of(done.id)],
                [str(p) for p in tx.proposals.of(done.id)],
                [str(e) for e in tx.effects.of(done.id)],
                tx.audit.of(done.id),
            ]
        )
    assert "WS-TRE-014" not in stored


def test_an_instruction_hidden_in_a_mail_neither_closes_the_ticket_nor_escapes_a_person(house: House) -> None:
    done = house.triage(named("phishing-manipulation"))
    assert done.verdict != "benign"
    with house.services.store.read() as tx:
        closing = [p for p in tx.proposals.of(done.id) if p.tool == "close_ticket"]
        [read] = [item for item in tx.evidence.of(done.id) if item.tool == "read_ticket"]
    assert read.facts["manipulation"] is True
    assert all(p.state is ProposalState.PENDING for p in closing)


def test_a_newer_version_voids_the_questions_of_the_running_one(house: House) -> None:
    old = house.triage(demo_ticket("leaked_credential", "malicious"))
    newer = {**demo_ticket("leaked_credential", "malicious"), "version": 2, "body": "The token was revoked."}
    receipt = intake.submit(house.services.store, newer, actor="test", ring=house.rung.append)
    assert house.ticket(old.id).state is TicketState.SUPERSEDED
    assert [p.state for p in proposals(house, old.id, "rotate_secret")] == [ProposalState.SUPERSEDED]
    assert house.work(receipt.ticket_id).state in SETTLED


def test_similar_cases_are_found_by_what_they_share(house: House) -> None:
    house.triage(demo_ticket("phishing", "malicious"))
    again = {**demo_ticket("phishing", "malicious"), "external_id": "PH-again"}
    second = house.triage(again)
    with house.services.store.read() as tx:
        assert tx.tickets.similar(second.id)[0]["verdict"] == "malicious"


def test_an_edited_action_is_a_new_proposal_that_its_editor_may_not_approve(house: House) -> None:
    asked = house.triage(demo_ticket("leaked_credential", "malicious"))
    [old] = proposals(house, asked.id, "revoke_sessions")
    who: dict[str, Any] = {"person": "alice", "roles": ["identity-admin", "soc-lead"]}
    fresh = edit(
        house.services, old.id, {"account": "t.nakamura"}, **who, reason="The token is Tomo's.", digest=old.digest
    )
    assert (fresh.state, fresh.replaces, fresh.proposed_by) == (ProposalState.PENDING, old.id, "user:alice")
    assert fresh.digest != old.digest
    assert "nakamura" not in str(fresh)
    assert proposals(house, asked.id, "revoke_sessions")[0].state is ProposalState.REPLACED
    with pytest.raises(ApprovalRefused, match="somebody else"):
        approvals.answer(
            house.services.store,
            fresh.id,
            **who,
            approve=True,
            reason="",
            digest=fresh.digest,
            ring=house.rung.append,
            masker=house.services.masker,
        )
    answer_all(house, asked.id, approve=True)
    assert house.work(asked.id).state is TicketState.CLOSED
    assert effects(house, asked.id)["revoke_sessions"] is EffectState.CONFIRMED
    lab = house.services.connectors["lab"]
    assert lab.probe("revoke_sessions", {"account": "t.nakamura"}, f"casemate-{fresh.id}").state == "yes"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "changes nothing"),
        ({"account": "USERNAME_AAAAAA"}, "USERNAME_AAAAAA"),
        ({"account": ""}, "account"),
        ({"bogus": "x"}, "bogus"),
    ],
)
def test_an_edit_that_makes_no_sense_changes_nothing(house: House, changes: dict[str, Any], says: str) -> None:
    asked = house.triage(demo_ticket("leaked_credential", "malicious"))
    [old] = proposals(house, asked.id, "revoke_sessions")
    who: dict[str, Any] = {"person": "alice", "roles": ["identity-admin"], "reason": "A try.", "digest": old.digest}
    with pytest.raises((ApprovalRefused, ToolRefused), match=says):
        edit(house.services, old.id, changes, **who)
    assert proposals(house, asked.id, "revoke_sessions") == [old]
