"""`casemate ticket show` says which model answered, whose number the confidence is, and what the run lacked."""

from __future__ import annotations

from dataclasses import replace

from core.assessment import Assessment, Severity, Verdict
from core.audit import AuditEvent
from core.ids import new_id
from core.store.assessments import Run
from core.store.engine import Store
from tests.samples import stored_ticket
from tests.unit.cli.conftest import Casemate

RUN = Run(
    id="", ticket_id="", framework="adk", team="phishing", model="qwen3-8b", bundle_hash="b" * 64,
    assessment=Assessment(verdict=Verdict.MALICIOUS, severity=Severity.HIGH, confidence=0.8125, summary="A lure."),
    note=None, model_requests=1, tokens_in=1, tokens_out=1, seconds=0.1,
)  # fmt: skip


def shown(casemate: Casemate, store: Store, run: Run) -> tuple[str, str]:
    """The case for people, and who gave the confidence by the API."""
    ticket_id = stored_ticket(store).id
    run = replace(run, id=new_id("run"), ticket_id=ticket_id)
    with store.begin() as tx:
        tx.assessments.add(run, [], AuditEvent(action="assessment.kept", actor="test", ticket_id=ticket_id))
    with store.read() as tx:
        assert tx.assessments.latest(ticket_id) == run, "what is kept comes back as it was"
    found = casemate("ticket", "show", ticket_id, "--json").document
    return casemate("ticket", "show", ticket_id).out, found["run"]["confidence_by"]


def test_a_probability_is_called_one(casemate: Casemate, opened: Store) -> None:
    text, by = shown(casemate, opened, replace(RUN, confidence_by="probability"))
    assert "confidence 0.81 (probability)" in text
    assert "with qwen3-8b" in text
    assert by == "probability"


def test_a_model_s_own_number_is_shown_as_it_was(casemate: Casemate, opened: Store) -> None:
    text, by = shown(casemate, opened, RUN)
    assert "confidence 0.81, by" in text
    assert "Note:" not in text
    assert by == "model"


def test_what_the_run_lacked_is_said(casemate: Casemate, opened: Store) -> None:
    assert "Note: The model big was down." in shown(casemate, opened, replace(RUN, note="The model big was down."))[0]
