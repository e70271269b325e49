"""What people say of verdicts: which word counts, who may say it, and what is kept of it."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from core.assessment import Assessment, Severity, Verdict
from core.audit import AuditEvent
from core.clock import FixedClock
from core.errors import NotFound, Shredded
from core.ids import new_id
from core.store.assessments import Run
from core.store.engine import Store
from core.store.feedback import Feedback
from policies.bundle import default_bundle_path, load_bundle
from policies.masking.masker import Masker
from policies.masking.opening import open_masker
from tests.samples import stored_ticket
from workflows import feedback
from workflows.feedback import FeedbackRefused

AUDIT = AuditEvent(action="test", actor="test")


@cache
def default_masker() -> Masker:
    return open_masker(load_bundle(default_bundle_path()))


def judged(store: Store, verdict: Verdict = Verdict.MALICIOUS, *, ticket_id: str | None = None) -> str:
    """A ticket with a verdict; gives its id."""
    ticket_id = ticket_id or stored_ticket(store).id
    found = Assessment(verdict=verdict, severity=Severity.HIGH, confidence=0.9, summary="It is what it seems.")
    run = Run(
        id=new_id("run"),
        ticket_id=ticket_id,
        framework="autogen",
        team="identity",
        model="playbook",
        bundle_hash="b",
        assessment=found,
        note=None,
        model_requests=1,
        tokens_in=1,
        tokens_out=1,
        seconds=1.0,
    )
    with store.begin() as tx:
        tx.assessments.add(run, [], AUDIT)
    return ticket_id


def give(store: Store, ticket_id: str, person: str = "ana", **changes: Any) -> Feedback:
    values: dict[str, Any] = {"roles": ["analyst"], "verdict": Verdict.BENIGN, "reason": "A known scanner.", **changes}
    return feedback.give(store, default_masker, ticket_id, person=person, **values)


def test_agreeing_needs_no_reason_and_correcting_does(any_store: Store) -> None:
    ticket_id = judged(any_store)
    assert give(any_store, ticket_id, verdict=Verdict.MALICIOUS, reason="").agrees
    with pytest.raises(FeedbackRefused, match="needs a reason"):
        give(any_store, ticket_id, reason=" \n")
    assert not give(any_store, ticket_id).agrees


def test_the_newest_word_of_each_person_counts(any_store: Store, clock: FixedClock) -> None:
    ticket_id, other = judged(any_store), judged_again(any_store)
    for person, verdict in [("ana", Verdict.MALICIOUS), ("ana", Verdict.BENIGN), ("abe", Verdict.MALICIOUS)]:
        clock.advance(seconds=60)
        give(any_store, ticket_id, person, verdict=verdict)
    clock.advance(seconds=60)
    give(any_store, other, "ana", verdict=Verdict.MALICIOUS)
    with any_store.read() as tx:
        assert [(said.person, said.agrees) for said in tx.feedback.of(ticket_id)] == [("ana", False), ("abe", True)]
        assert tx.feedback.counts() == {"agreed": 2, "corrected": 1}
        assert tx.feedback.counts(since=clock.now() - timedelta(seconds=70)) == {"agreed": 2, "corrected": 0}
        assert [said.ticket_id for said in tx.feedback.latest(limit=2)] == [other, ticket_id]


def judged_again(store: Store) -> str:
    return judged(store, ticket_id=stored_ticket(store, external_id="INC-2").id)


def test_a_new_verdict_is_agreed_with_anew(any_store: Store, clock: FixedClock) -> None:
    ticket_id = judged(any_store)
    give(any_store, ticket_id)
    clock.advance(seconds=1)
    judged(any_store, Verdict.BENIGN, ticket_id=ticket_id)
    clock.advance(seconds=1)
    assert give(any_store, ticket_id, reason="").agrees
    with any_store.read() as tx:
        assert [said.agrees for said in tx.feedback.of(ticket_id)] == [False, True]


def test_a_reason_is_masked_and_the_audit_trail_holds_verdicts_only(store: Store) -> None:
    ticket_id = judged(store)
    said = give(store, ticket_id, reason="Erika Mustermann (erika.mustermann@example.com) travels.")
    assert "Mustermann" not in said.reason
    assert "mustermann" not in said.reason
    with store.read() as tx:
        event = tx.audit.of(ticket_id)[-1]
        assessment = tx.assessments.latest(ticket_id)
    assert assessment is not None
    assert (event["action"], event["actor"]) == ("feedback.given", "user:ana")
    assert event["data"] == {"assessment": assessment.id, "team": "malicious", "person": "benign"}


def test_without_a_verdict_or_the_role_there_is_nothing_to_say(store: Store) -> None:
    bare = stored_ticket(store, external_id="INC-3").id
    with pytest.raises(FeedbackRefused, match="no verdict yet"):
        give(store, bare)
    with pytest.raises(FeedbackRefused, match="is none of them"):
        give(store, judged(store), roles=["auditor", "soc-lead"])
    with pytest.raises(FeedbackRefused, match="2001 characters"):
        give(store, judged_again(store), reason="x" * 2001)
    with pytest.raises(NotFound):
        give(store, "tkt_none")


def test_a_shredded_ticket_takes_agreement_but_no_reason(store: Store) -> None:
    ticket_id = judged(store)
    with store.begin() as tx:
        tx.vault.shred(ticket_id, AUDIT)
    assert give(store, ticket_id, verdict=Verdict.MALICIOUS, reason="").agrees
    with pytest.raises(Shredded):
        give(store, ticket_id)
