"""`casemate ticket show` says what the guardrails altered."""

from __future__ import annotations

from core.assessment import undecided
from core.audit import AuditEvent
from core.canonical import JsonObject
from core.ids import new_id
from core.store.assessments import Run
from core.store.engine import Store
from tests.samples import stored_ticket
from tests.unit.cli.conftest import Casemate

ANSWER = undecided("The team gave no usable answer.")
ALTERED: JsonObject = {"check": "links", "action": "repair", "where": "summary", "count": 1}


def shown(casemate: Casemate, store: Store, *altered: JsonObject) -> str:
    ticket_id = stored_ticket(store).id
    run = Run(
        id=new_id("run"), ticket_id=ticket_id, framework="autogen", team="phishing", model="m", bundle_hash="b" * 64,
        assessment=ANSWER, note=None, guardrails=altered, model_requests=1, tokens_in=1, tokens_out=1, seconds=0.1,
    )  # fmt: skip
    with store.begin() as tx:
        tx.assessments.add(run, [], AuditEvent(action="assessment.kept", actor="test", ticket_id=ticket_id))
    with store.read() as tx:
        assert tx.assessments.latest(ticket_id) == run, "what is kept comes back as it was"
    assert casemate("ticket", "show", ticket_id, "--json").document["run"]["guardrails"] == list(altered)
    return casemate("ticket", "show", ticket_id).out


def test_what_was_altered_is_said(casemate: Casemate, opened: Store) -> None:
    assert "Altered by the guardrails: links in summary (repair, 1)" in shown(casemate, opened, ALTERED)


def test_nothing_is_said_where_nothing_was_altered(casemate: Casemate, opened: Store) -> None:
    assert "guardrails" not in shown(casemate, opened)
