"""A case that holds given texts in every field that a ticket, a tool, a team or a person writes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

from core.action import Approval, Proposal, ProposalState
from core.assessment import MAX_CLAIM, MAX_SUMMARY, MAX_UNKNOWN, Assessment, Finding, Severity, Verdict
from core.evidence import Evidence, Fact, Trust
from core.ids import new_id
from core.store.assessments import Run
from core.store.transaction import Transaction
from core.ticket import MAX_TITLE, MaskedTicket, Ticket, TicketState, parse_ticket
from tests.console.site import AUDIT, Site


@dataclass(frozen=True, kw_only=True, slots=True)
class Planted:
    """A case full of strings."""

    ticket_id: str
    #: It waits, and longer than any other.
    proposal_id: str
    #: The same action before, which somebody denied.
    earlier_id: str


def _packed(texts: Sequence[str], size: int) -> list[str]:
    """The texts joined to pieces of at most `size` characters; one that is longer alone is cut."""
    pieces, piece = [], ""
    for text in texts:
        if piece and len(piece) + len(text) + 1 > size:
            pieces.append(piece)
            piece = ""
        piece = f"{piece} {text}".strip()[:size]
    return [piece for piece in (*pieces, piece) if piece.strip()]


def plant(site: Site, texts: Sequence[str]) -> Planted:
    """A case with these texts in every field that a ticket, a tool, a team or a person writes."""
    like = next(proposal for proposal in site.waiting() if proposal.tool == "isolate_host")
    pieces = _packed(texts, MAX_TITLE)
    title = pieces[0].replace("\x00", "")
    sent = parse_ticket({"source": "mail", "external_id": "x-1", "title": title, "body": "x", "reporter": title[:300]})
    with site.store.begin() as tx:
        ticket = tx.tickets.add(sent, kind="phishing", framework="autogen", audit=AUDIT)
    word = "A" * 1_000_000 if texts[0].startswith("<") else "plain word"
    masked = MaskedTicket(
        title=title,
        body="\n".join((*texts, word)),
        fields={**{text: text for text in texts}, "list": list(texts), "deep": {"deeper": {texts[0]: texts[1]}}},
        reporter=title[:300],
        occurred_at=None,
        attachments=tuple({"name": text, "size": 1} for text in texts[:20]),
    )
    with site.store.begin() as tx:
        lease = tx.tickets.lease(ticket.id, owner="test", seconds=3600)
        assert lease is not None
        tx.tickets.keep_masked(lease, masked, kind="phishing", team="phishing", framework="autogen")
        _evidence(tx, ticket, texts, site)
        _run(tx, ticket, texts, site)
        tx.tickets.keep_verdict(lease, verdict="malicious", severity="high", confidence=0.5)
        tx.tickets.release(lease)
        for state in ("masked", "investigating", "decided", "awaiting_approval"):
            tx.tickets.set_state(ticket.id, TicketState(state), audit=AUDIT)
        first = _proposal(tx, ticket, like, texts, replaces=None)
        _answers(tx, first, texts, site)
        tx.proposals.move(tx.proposals.get(first.id), ProposalState.DENIED, AUDIT)
        waits = _proposal(tx, ticket, like, texts, replaces=None)
    return Planted(ticket_id=ticket.id, proposal_id=waits.id, earlier_id=first.id)


def _evidence(tx: Transaction, ticket: Ticket, texts: Sequence[str], site: Site) -> None:
    size = 10
    tools = ("read_ticket", "read_email", "search_logs", "lookup_identity", "inspect_url")
    for number, start in zip(count(1), range(0, len(texts), size), strict=False):
        some = texts[start : start + size]
        facts: dict[str, Fact] = {text: text for text in some}
        tx.evidence.add(
            Evidence(
                ticket_id=ticket.id,
                id=f"E{number}",
                tool=tools[number % len(tools)],
                agent=some[0],
                arguments={text: text for text in some},
                trust=Trust.UNTRUSTED if number % 2 else Trust.INTERNAL,
                summary=" ".join(some),
                facts=facts,
                detail={
                    "rows": [{"time": "2026-01-01T00:00:00Z", "host": text, text: text} for text in some],
                    "user": some[0],
                },
                error=some[0] if number % 7 == 0 else None,
                sandbox="namespaces",
                duration_ms=1,
                digest="0" * 64,
                created_at=site.clock.now(),
            ),
            AUDIT,
        )


def _run(tx: Transaction, ticket: Ticket, texts: Sequence[str], site: Site) -> None:
    claims = [Finding(claim=claim, evidence=["E1", "E2"]) for claim in _packed(texts, MAX_CLAIM)[:40]]
    run = Run(
        id=new_id("run"),
        ticket_id=ticket.id,
        framework="autogen",
        team="phishing",
        model="test",
        bundle_hash="b" * 64,
        assessment=Assessment(
            verdict=Verdict.MALICIOUS,
            severity=Severity.HIGH,
            confidence=0.5,
            techniques=["T1566.002"],
            summary=_packed(texts, MAX_SUMMARY)[0],
            findings=claims,
            unknowns=_packed(texts, MAX_UNKNOWN)[:20],
        ),
        note=texts[0],
        guardrails=(),
        model_requests=1,
        tokens_in=1,
        tokens_out=1,
        seconds=1.0,
    )
    tx.assessments.add(run, [(text[:60], text[:20], text) for text in texts], AUDIT)
    tx.feedback.add(
        ticket_id=ticket.id,
        assessment_id=run.id,
        person="ana",
        verdict=Verdict.BENIGN,
        agrees=False,
        reason=" ".join(texts),
        audit=AUDIT,
    )


def _proposal(
    tx: Transaction, ticket: Ticket, like: Proposal, texts: Sequence[str], *, replaces: str | None
) -> Proposal:
    arguments = {"host": texts[0], "list": list(texts), **{text: text for text in texts}}
    seen = {name: {"value": value, "trusted": False, "sources": ["E1", "E2"]} for name, value in arguments.items()}
    long_ago = like.created_at - timedelta(days=1)
    made = dataclasses.replace(
        like,
        id=new_id("prp"),
        ticket_id=ticket.id,
        arguments=arguments,
        binding=dataclasses.replace(like.binding, arguments=arguments),
        reason=" ".join(texts),
        evidence=("E1", "E2", "E3"),
        state=ProposalState.PROPOSED,
        provenance={
            "args": seen,
            "asset": {"known": True, "tier": 1, "kind": texts[0], "owner": texts[1], "environment": texts[2]},
            "evidence": {"manipulation": True},
        },
        replaces=replaces,
        created_at=long_ago,
        updated_at=long_ago,
    )
    assert like.decision is not None
    decision = dataclasses.replace(like.decision, reason=" ".join(texts), approvals=400)
    tx.proposals.add(made, AUDIT)
    tx.proposals.decide(made, decision, provenance=made.provenance, expires_at=like.expires_at)
    tx.proposals.move(made, ProposalState.PENDING, AUDIT)
    return made


def _answers(tx: Transaction, proposal: Proposal, texts: Sequence[str], site: Site) -> None:
    for number, text in enumerate(texts):
        given = Approval(
            id=new_id("apr"),
            proposal_id=proposal.id,
            person=f"p{number}",
            roles=("approver",),
            approve=number % 2 == 0,
            reason=text,
            digest=proposal.digest,
            created_at=site.clock.now(),
        )
        tx.proposals.answer(given, AUDIT)
