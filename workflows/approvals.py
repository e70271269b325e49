"""People's answers: who may give one, when it counts, and what it sets in motion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from core.action import Approval, Proposal, ProposalState
from core.audit import AuditEvent
from core.canonical import JsonObject
from core.clock import Clock
from core.errors import ApprovalRefused, Duplicate
from core.ids import new_id
from core.mcp import is_external
from core.store.engine import Store
from core.store.ticket_vault import TicketVault
from core.store.transaction import Transaction
from workflows import questions
from workflows.decide import ticket_after_answer

if TYPE_CHECKING:
    from policies.masking.masker import Masker

#: Roles that may answer when the rule names none.
ANY_APPROVER = ("approver", "admin")
#: Approvals of one person within `RATE_WINDOW` beyond which their cards say "slow down" and the audit trail counts:
#: tired people click.
RATE_ALARM = 10
RATE_WINDOW = timedelta(minutes=5)


def answer(
    store: Store,
    proposal_id: str,
    *,
    person: str,
    roles: Sequence[str],
    approve: bool,
    reason: str,
    digest: str,
    ring: Callable[[str], None],
    masker: Callable[[], Masker],
    authenticated_at: datetime | None = None,
) -> Proposal:
    """Record one person's answer to exactly the action whose digest they saw; returns the proposal as it is then.

    `authenticated_at` is when their session last saw a password or a link; an API key and a terminal have none.

    Raises:
        ReauthenticationNeeded: it would count, but policy asks for a fresher sign-in; nothing was changed.
        ApprovalRefused: the answer does not count, and why; nothing was changed.
        NotFound: there is no such proposal.
        VaultError: a reason was given that cannot be masked, because the ticket was shredded or the key is not here.
    """
    reason = _masked(store, masker, proposal_id, reason)
    try:
        with store.begin() as tx:
            proposal = tx.proposals.get(proposal_id)
            check_answer(tx, proposal, store.clock, person=person, roles=roles, digest=digest)
            questions.check_fresh(proposal.decision, authenticated_at=authenticated_at, now=store.clock.now())
            if not approve and not reason.strip():
                raise ApprovalRefused("A denial needs a reason, for the ticket's source and for the next analyst.")
            _record(tx, store.clock, proposal, person=person, roles=roles, approve=approve, reason=reason)
            _settle(tx, proposal, person=person)
            woken = ticket_after_answer(tx, tx.tickets.get(proposal.ticket_id), actor=f"user:{person}")
            settled = tx.proposals.get(proposal_id)
    except Duplicate:
        raise ApprovalRefused(questions.already(person, "proposal")) from None
    if woken:
        ring(settled.ticket_id)
    return settled


def _masked(store: Store, masker: Callable[[], Masker], proposal_id: str, reason: str) -> str:
    """The reason as it is kept: whoever answers has seen originals and may name one."""
    if not reason.strip():
        return ""
    with store.read() as tx:
        ticket_id = tx.proposals.get(proposal_id).ticket_id
    return masker().session(TicketVault(store, ticket_id)).mask_text(reason)


def check_answer(
    tx: Transaction, proposal: Proposal, clock: Clock, *, person: str, roles: Sequence[str], digest: str
) -> None:
    """Raises:
    ApprovalRefused: this person may not answer this proposal now; the sentence says why.
    """
    assert proposal.decision is not None or proposal.state is not ProposalState.PENDING
    question = questions.Question(
        about="proposal",
        again="ask the team again",
        state=proposal.state.value,
        pending=proposal.state is ProposalState.PENDING,
        digest=proposal.digest,
        asked_by=proposal.proposed_by,
        roles=(proposal.decision.roles if proposal.decision else ()) or ANY_APPROVER,
        expires_at=proposal.expires_at,
        answered=frozenset(given.person for given in tx.proposals.answers(proposal.id)),
    )
    questions.check(question, person=person, roles=roles, digest=digest, now=clock.now())


def can_answer(tx: Transaction, proposal: Proposal, clock: Clock, *, person: str, roles: Sequence[str]) -> bool:
    """Whether `check_answer` would let this person answer."""
    try:
        check_answer(tx, proposal, clock, person=person, roles=roles, digest=proposal.digest)
    except ApprovalRefused:
        return False
    return True


def _record(
    tx: Transaction, clock: Clock, proposal: Proposal, *, person: str, roles: Sequence[str], approve: bool, reason: str
) -> None:
    lately = tx.proposals.approved_by(person, since=clock.now() - RATE_WINDOW) if approve else 0
    hasty = {"approved_lately": lately} if lately > RATE_ALARM else {}
    tx.proposals.answer(
        Approval(
            id=new_id("apr"),
            proposal_id=proposal.id,
            person=person,
            roles=tuple(roles),
            approve=approve,
            reason=reason,
            digest=proposal.digest,
            created_at=clock.now(),
        ),
        AuditEvent(
            action="proposal.answered",
            actor=f"user:{person}",
            ticket_id=proposal.ticket_id,
            data={"proposal": proposal.id, "approve": approve, "digest": proposal.digest, **hasty},
        ),
    )


def _settle(tx: Transaction, proposal: Proposal, *, person: str) -> None:
    """One denial denies; a full quorum approves; until then it waits."""
    assert proposal.decision is not None
    answers = tx.proposals.answers(proposal.id)
    agreed = questions.settled((given.approve for given in answers), needed=proposal.decision.approvals)
    if agreed is None:
        return
    to = ProposalState.APPROVED if agreed else ProposalState.DENIED
    moved = tx.proposals.move(proposal, to, AuditEvent(action=f"proposal.{to.value}", actor=f"user:{person}"))
    if not moved:
        raise ApprovalRefused("Somebody settled this proposal a moment earlier; look at it again.")


def card(tx: Transaction, proposal: Proposal) -> JsonObject:
    """Everything a person needs to decide on one action; texts are masked and must be shown as inert text."""
    ticket = tx.tickets.get(proposal.ticket_id)
    run = tx.assessments.latest(proposal.ticket_id)
    evidence = {item.id: item for item in tx.evidence.of(proposal.ticket_id)}
    return {
        "id": proposal.id,
        "ticket": {"id": ticket.id, "external_id": ticket.external_id, "source": ticket.source, "kind": ticket.kind},
        "verdict": ticket.verdict,
        "severity": ticket.severity,
        "confidence": ticket.confidence,
        "summary": run.assessment.summary if run else None,
        "tool": proposal.tool,
        "arguments": proposal.arguments,
        "reason": proposal.reason,
        "proposed_by": proposal.proposed_by,
        "state": proposal.state.value,
        "digest": proposal.digest,
        "decision": proposal.decision.as_json() if proposal.decision else None,
        "expires_at": proposal.expires_at.isoformat() if proposal.expires_at else None,
        "facts": proposal.provenance,
        "sandbox": proposal.binding.sandbox,
        "connector": proposal.binding.connector.partition(" ")[0] or ("mcp" if is_external(proposal.tool) else "lab"),
        "evidence": [
            {
                "id": cited,
                "tool": evidence[cited].tool,
                "trust": evidence[cited].trust.value,
                "summary": evidence[cited].summary,
            }
            for cited in proposal.evidence
            if cited in evidence
        ],
        "answers": [given.as_json() for given in tx.proposals.answers(proposal.id)],
        "replaces": proposal.replaces,
    }
