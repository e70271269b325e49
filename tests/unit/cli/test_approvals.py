"""`casemate approvals`: an answer covers exactly what was shown."""

from __future__ import annotations

import pytest

from core.action import Proposal
from core.store.engine import Store
from tests.unit.cli.conftest import Casemate
from tests.unit.proposals import pending


@pytest.fixture
def proposal(opened: Store) -> Proposal:
    return pending(opened, roles=("soc-lead",))


def test_what_waits_is_listed_and_shown_with_its_digest(casemate: Casemate, proposal: Proposal) -> None:
    assert [card["id"] for card in casemate("approvals", "list", "--json").document["approvals"]] == [proposal.id]
    shown = casemate("approvals", "show", proposal.id).out
    assert proposal.digest in shown
    # Who would carry it out, and how well what it rests on was boxed in.
    assert "by connector lab" in shown
    assert "tier namespaces" in shown
    assert proposal.id in casemate("approvals", "list").out


def test_an_approval_needs_the_digest_when_nobody_can_be_asked(casemate: Casemate, proposal: Proposal) -> None:
    assert casemate("approvals", "approve", proposal.id, "--role", "soc-lead").code == 2
    assert casemate("approvals", "approve", proposal.id, "--digest", proposal.digest[:11]).code == 2


def test_an_approval_by_the_right_role_of_the_right_digest_counts(casemate: Casemate, proposal: Proposal) -> None:
    ran = casemate(
        "approvals", "approve", proposal.id, "--digest", proposal.digest[:12], "--role", "soc-lead", "--json"
    )
    assert ran.document["state"] == "approved"


def test_another_digest_is_refused(casemate: Casemate, proposal: Proposal) -> None:
    wrong = "0" * 16 if not proposal.digest.startswith("0" * 16) else "1" * 16
    ran = casemate("approvals", "approve", proposal.id, "--digest", wrong, "--role", "soc-lead")
    assert ran.code == 1
    assert "digest" in ran.err


def test_without_the_role_the_rule_names_the_answer_is_refused(casemate: Casemate, proposal: Proposal) -> None:
    ran = casemate("approvals", "approve", proposal.id, "--digest", proposal.digest)
    assert ran.code == 1
    assert "soc-lead" in ran.err


def test_a_denial_denies(casemate: Casemate, proposal: Proposal) -> None:
    ran = casemate(
        "approvals", "deny", proposal.id, "--digest", proposal.digest, "--reason", "no", "--role", "soc-lead", "--json"
    )
    assert ran.document["state"] == "denied"
    assert casemate("approvals", "list").out == "Nothing waits for a person.\n"
