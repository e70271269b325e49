"""Proposals and the answers people give to them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core.action import PROPOSAL_TRANSITIONS, Approval, Binding, Proposal, ProposalState
from core.audit import AuditEvent
from core.clock import Clock
from core.decision import Decision
from core.errors import NotFound, TriageError
from core.store.answers import columns, fields
from core.store.audit import AuditTrail
from core.store.schema import ApprovalRow, ProposalRow

#: Somebody answered, policy did, or nobody did in time.
_SETTLED = [
    state.value
    for state in (ProposalState.APPROVED, ProposalState.EXECUTED, ProposalState.DENIED, ProposalState.EXPIRED)
]


class Proposals:
    """Proposals move only through `PROPOSAL_TRANSITIONS`, by conditional update: the first mover wins."""

    def __init__(self, session: Session, clock: Clock, audit: AuditTrail) -> None:
        self._session = session
        self._clock = clock
        self._audit = audit

    def add(self, proposal: Proposal, audit: AuditEvent) -> None:
        """Keep a new proposal with the digest of its binding."""
        self._audit.take(audit)
        self._session.add(
            ProposalRow(
                id=proposal.id,
                ticket_id=proposal.ticket_id,
                tool=proposal.tool,
                arguments=proposal.arguments,
                reason=proposal.reason,
                evidence=list(proposal.evidence),
                proposed_by=proposal.proposed_by,
                state=proposal.state.value,
                binding=asdict(proposal.binding),
                digest=proposal.digest,
                decision=proposal.decision.as_json() if proposal.decision else None,
                provenance=proposal.provenance,
                replaces=proposal.replaces,
                expires_at=proposal.expires_at,
                created_at=proposal.created_at,
                updated_at=proposal.updated_at,
            )
        )
        self._session.flush()

    def get(self, proposal_id: str) -> Proposal:
        """Raises:
        NotFound: there is no such proposal.
        """
        row = self._session.get(ProposalRow, proposal_id)
        if row is None:
            raise NotFound(f"There is no proposal {proposal_id}; `casemate approvals list` shows those that wait.")
        return _proposal(row)

    def many(self, proposal_ids: Collection[str]) -> dict[str, Proposal]:
        """Those of these ids that there are, by id."""
        if not proposal_ids:
            return {}
        rows = self._session.scalars(select(ProposalRow).where(ProposalRow.id.in_(proposal_ids)))
        return {row.id: _proposal(row) for row in rows}

    def of(self, ticket_id: str) -> list[Proposal]:
        """A ticket's proposals, oldest first."""
        rows = self._session.scalars(
            select(ProposalRow)
            .where(ProposalRow.ticket_id == ticket_id)
            .order_by(ProposalRow.created_at, ProposalRow.id)
        )
        return [_proposal(row) for row in rows]

    def waiting(self) -> list[Proposal]:
        """Everything that waits for a person, oldest first."""
        rows = self._session.scalars(
            select(ProposalRow)
            .where(ProposalRow.state == ProposalState.PENDING.value)
            .order_by(ProposalRow.created_at, ProposalRow.id)
        )
        return [_proposal(row) for row in rows]

    def count_waiting(self) -> int:
        """How many wait for a person."""
        pending = ProposalRow.state == ProposalState.PENDING.value
        return self._session.scalar(select(func.count()).select_from(ProposalRow).where(pending)) or 0

    def overdue(self) -> list[Proposal]:
        """Waiting proposals whose time is up."""
        rows = self._session.scalars(
            select(ProposalRow).where(
                ProposalRow.state == ProposalState.PENDING.value, ProposalRow.expires_at <= self._clock.now()
            )
        )
        return [_proposal(row) for row in rows]

    def elsewhere(self, proposal: Proposal, *, limit: int) -> list[Proposal]:
        """The same tool at the same real target in other cases, as far as it is settled; newest first.

        Nothing while policy has not spoken about `proposal`, and nothing of an action that aims at nothing.
        """
        target = self._session.scalar(select(ProposalRow.target).where(ProposalRow.id == proposal.id))
        if target is None:
            return []
        rows = self._session.scalars(
            select(ProposalRow)
            .where(
                ProposalRow.tool == proposal.tool,
                ProposalRow.target == target,
                ProposalRow.ticket_id != proposal.ticket_id,
                ProposalRow.state.in_(_SETTLED),
            )
            .order_by(ProposalRow.created_at.desc())
            .limit(limit)
        )
        return [_proposal(row) for row in rows]

    def decide(
        self,
        proposal: Proposal,
        decision: Decision,
        *,
        provenance: dict[str, object],
        expires_at: datetime | None,
        target: str | None = None,
    ) -> None:
        """Attach what policy answered; the move that follows is a call of its own.

        `target` is the keyed hash of what it aims at (`Effects.target_hash`).
        """
        self._session.execute(
            update(ProposalRow)
            .where(ProposalRow.id == proposal.id)
            .values(decision=decision.as_json(), provenance=provenance, expires_at=expires_at, target=target)
        )

    def move(self, proposal: Proposal, to: ProposalState, audit: AuditEvent) -> bool:
        """Go from the state `proposal` was read in to `to`; False when somebody else moved it first.

        Raises:
            TriageError: the table does not permit the move.
        """
        if to not in PROPOSAL_TRANSITIONS[proposal.state]:
            raise TriageError(f"Proposal {proposal.id} cannot go from {proposal.state.value} to {to.value}.")
        moved = self._session.execute(
            update(ProposalRow)
            .where(ProposalRow.id == proposal.id, ProposalRow.state == proposal.state.value)
            .values(state=to.value, updated_at=self._clock.now())
            .returning(ProposalRow.id)
        ).first()
        if moved is None:
            return False
        self._audit.take(
            AuditEvent(
                action=audit.action,
                actor=audit.actor,
                ticket_id=proposal.ticket_id,
                data={**audit.data, "proposal": proposal.id, "from": proposal.state.value, "to": to.value},
            )
        )
        return True

    def supersede(self, ticket_id: str, *, actor: str) -> Iterable[str]:
        """Void what a superseded ticket still had open; returns the proposals' ids."""
        voided = []
        for proposal in self.of(ticket_id):
            if ProposalState.SUPERSEDED in PROPOSAL_TRANSITIONS[proposal.state]:
                self.move(proposal, ProposalState.SUPERSEDED, AuditEvent(action="proposal.superseded", actor=actor))
                voided.append(proposal.id)
        return voided

    def answer(self, approval: Approval, audit: AuditEvent) -> None:
        """Keep one person's answer.

        Raises:
            Duplicate (when the transaction ends): this person has answered already.
        """
        self._audit.take(audit)
        asked = self._session.scalar(select(ProposalRow.created_at).where(ProposalRow.id == approval.proposal_id))
        after = (approval.created_at - asked).total_seconds() if asked is not None else None
        self._session.add(ApprovalRow(proposal_id=approval.proposal_id, after_seconds=after, **columns(approval)))
        self._session.flush()

    def answers(self, proposal_id: str) -> list[Approval]:
        """The answers to a proposal, oldest first."""
        rows = self._session.scalars(
            select(ApprovalRow)
            .where(ApprovalRow.proposal_id == proposal_id)
            .order_by(ApprovalRow.created_at, ApprovalRow.id)
        )
        return [Approval(proposal_id=row.proposal_id, **fields(row)) for row in rows]

    def approved_by(self, person: str, *, since: datetime) -> int:
        """How often a person has approved something since then."""
        theirs = (ApprovalRow.created_at >= since, ApprovalRow.person == person, ApprovalRow.approve)
        return self._session.scalar(select(func.count()).select_from(ApprovalRow).where(*theirs)) or 0


def _proposal(row: ProposalRow) -> Proposal:
    return Proposal(
        id=row.id,
        ticket_id=row.ticket_id,
        tool=row.tool,
        arguments=row.arguments,
        reason=row.reason,
        evidence=tuple(row.evidence),
        proposed_by=row.proposed_by,
        state=ProposalState(row.state),
        binding=Binding(**row.binding),
        decision=Decision.from_json(row.decision) if row.decision else None,
        provenance=row.provenance,
        replaces=row.replaces,
        expires_at=row.expires_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
