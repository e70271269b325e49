"""Every decision of a case is in the log, as policy took it, and nothing happens that is not."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from typing import Any

import pytest

from cli.leaks import originals
from cli.samples import load_intel
from core.action import EffectState, ProposalState
from core.decision_log import LoggedDecision
from core.ticket import TicketState
from policies.engine import decide
from tests.demo_cases import demo_ticket
from tests.house import House
from tests.journey.test_journey import answer_all, effects, proposals
from workflows import journey
from workflows.edit import edit
from workflows.replay import Recall, Unknown
from workflows.simulate import simulate

pytestmark = pytest.mark.journey


@pytest.fixture(autouse=True)
def _intel(house: House) -> None:
    load_intel(house.services.store)


def log_of(house: House, ticket_id: str) -> list[LoggedDecision]:
    with house.services.store.read() as tx:
        return tx.decisions.of(ticket_id)


def events(house: House, ticket_id: str, action: str) -> list[dict[str, Any]]:
    with house.services.store.read() as tx:
        return [event["data"] for event in tx.audit.of(ticket_id) if event["action"] == action]


def break_log(house: House, door: str) -> None:
    """Make the database refuse log entries of one door."""
    with sqlite3.connect(house.settings.folder / "casemate.db") as connection:
        connection.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON decisions "
            f"WHEN NEW.door = '{door}' BEGIN SELECT RAISE(ABORT, 'the log is full'); END"
        )
    connection.close()


def mend_log(house: House) -> None:
    with sqlite3.connect(house.settings.folder / "casemate.db") as connection:
        connection.execute("DROP TRIGGER broken")
    connection.close()


@pytest.mark.parametrize("framework", ["autogen", "adk"])
def test_every_call_every_proposal_and_every_execution_is_logged_once(house: House, framework: str) -> None:
    done = house.triage(demo_ticket("endpoint", "malicious"), framework=framework)
    doors = Counter(logged.door for logged in log_of(house, done.id))
    found, decided, spent = (
        events(house, done.id, action) for action in ("evidence.recorded", "proposal.decided", "proposal.spent")
    )
    assert spent
    assert {logged.id for logged in log_of(house, done.id)} >= {data["decision"] for data in (*found, *decided, *spent)}
    assert doors["proposal"] == len(decided)
    assert doors["execution"] == len(spent) == len(effects(house, done.id))
    tools = Counter(logged.tool for logged in log_of(house, done.id) if logged.door == "tool")
    assert tools - Counter(data["tool"] for data in found) == Counter({"case_file": tools["case_file"]})
    assert all(logged.microseconds > 0 for logged in log_of(house, done.id))


def test_what_is_logged_is_what_policy_was_given_and_answered(house: House) -> None:
    for kind in ("endpoint", "leaked_credential", "identity"):
        house.triage(demo_ticket(kind, "malicious"))
    bundle = house.services.bundle()
    with house.services.store.read() as tx:
        recall = Recall(tx)
        past = [(tx.decisions.get(one.id), facts) for one, facts in recall.each(tx.decisions.all_since())]
    assert {logged.sealed is None for logged, _ in past} == {True, False}
    for logged, facts in past:
        assert not isinstance(facts, Unknown)
        assert decide(bundle, facts) == logged.decision
        if logged.sealed is None:
            assert facts.as_json() == logged.facts
    found = simulate(house.services.store, house.services.registry, bundle)
    assert (found.flips, found.not_replayable, found.rechecks_flipped) == ([], Counter(), 0)


def test_masked_facts_hold_no_original(house: House) -> None:
    for kind in ("endpoint", "leaked_credential", "phishing"):
        house.triage(demo_ticket(kind, "malicious"))
    hidden = originals(house.services.store)
    with house.services.store.read() as tx:
        shown = "\n".join(json.dumps(logged.as_json()) for logged in tx.decisions.search(limit=10_000))
    assert "HOST_" in shown
    assert len(hidden) > 10
    assert [value for value in hidden if value in shown] == []


def test_an_edit_is_a_decision_of_its_own(house: House) -> None:
    asked = house.triage(demo_ticket("leaked_credential", "malicious"))
    [old] = proposals(house, asked.id, "revoke_sessions")
    fresh = edit(
        house.services,
        old.id,
        {"account": "t.nakamura"},
        person="alice",
        roles=["identity-admin", "soc-lead"],
        reason="The token is Tomo's.",
        digest=old.digest,
    )
    with house.services.store.read() as tx:
        logged = tx.decisions.latest_of_proposal(fresh.id)
    assert logged is not None
    assert logged.door == "edit"
    assert logged.decision == fresh.decision
    assert logged.facts == fresh.provenance


def test_a_question_is_checked_again_when_it_is_carried_out(house: House) -> None:
    asked = house.triage(demo_ticket("leaked_credential", "malicious"))
    answer_all(house, asked.id, approve=True)
    house.work(asked.id)
    [proposal] = proposals(house, asked.id, "rotate_secret")
    doors = [logged.door for logged in log_of(house, asked.id) if logged.proposal_id == proposal.id]
    assert doors == ["proposal", "execution"]


def test_nothing_is_done_whose_decision_cannot_be_logged(house: House) -> None:
    asked = house.triage(demo_ticket("leaked_credential", "malicious"))
    before = effects(house, asked.id)
    answer_all(house, asked.id, approve=True)
    break_log(house, "execution")
    journey.advance(house.services, asked.id)
    assert effects(house, asked.id) == before
    assert proposals(house, asked.id, "rotate_secret")[0].state is ProposalState.APPROVED
    mend_log(house)
    house.clock.advance(seconds=7200)
    house.work(asked.id)
    assert effects(house, asked.id)["rotate_secret"] is EffectState.CONFIRMED


def test_no_proposal_is_decided_whose_decision_cannot_be_logged(house: House) -> None:
    ticket_id = house.submit(demo_ticket("endpoint", "malicious"))
    while house.ticket(ticket_id).state is not TicketState.DECIDED:
        journey.advance(house.services, ticket_id)
    break_log(house, "proposal")
    journey.advance(house.services, ticket_id)
    [proposal, *_] = proposals(house, ticket_id, "isolate_host")
    assert proposal.state is ProposalState.PROPOSED
    assert events(house, ticket_id, "proposal.decided") == []
    mend_log(house)
    house.clock.advance(seconds=7200)
    house.work(ticket_id)
    assert effects(house, ticket_id)["isolate_host"] is EffectState.CONFIRMED


def test_a_token_that_no_longer_opens_is_denied_and_logged_without_facts(house: House) -> None:
    ticket_id = house.submit(demo_ticket("endpoint", "malicious"))
    while house.ticket(ticket_id).state is not TicketState.DECIDED:
        journey.advance(house.services, ticket_id)
    with sqlite3.connect(house.settings.folder / "casemate.db") as connection:
        connection.execute("UPDATE proposals SET arguments = '{\"host\": \"HOST_AAAAAA\"}' WHERE tool = 'isolate_host'")
    connection.close()
    house.work(ticket_id)
    [logged] = [one for one in log_of(house, ticket_id) if one.tool == "isolate_host"]
    assert (logged.door, logged.decision.outcome.value, logged.facts, logged.sealed) == ("proposal", "deny", {}, None)
    found = simulate(house.services.store, house.services.registry, house.services.bundle())
    assert found.not_replayable == Counter({"refused": 1})
