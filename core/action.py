"""Actions: proposals bound by a digest, the answers people give, and the effects that follow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.canonical import JsonObject, digest
from core.decision import Decision, OnExpiry


class ProposalState(StrEnum):
    """What has become of a proposal."""

    PROPOSED = "proposed"  # recorded by the gate; policy has not spoken at the second door yet
    PENDING = "pending"  # policy asks; people have not answered in full
    APPROVED = "approved"  # allowed by policy or by a full quorum; not yet carried out
    DENIED = "denied"  # refused by policy or by a person
    EXPIRED = "expired"  # nobody answered in time; this is not a denial
    SUPERSEDED = "superseded"  # the ticket has a newer version
    REPLACED = "replaced"  # an edit or a changed digest made a new proposal of it
    EXECUTED = "executed"  # its effect was dispatched; see the effect for the outcome


#: Every permitted move of a proposal.
PROPOSAL_TRANSITIONS: dict[ProposalState, frozenset[ProposalState]] = {
    ProposalState.PROPOSED: frozenset(
        {ProposalState.PENDING, ProposalState.APPROVED, ProposalState.DENIED, ProposalState.SUPERSEDED}
    ),
    ProposalState.PENDING: frozenset(
        {
            ProposalState.APPROVED,
            ProposalState.DENIED,
            ProposalState.EXPIRED,
            ProposalState.SUPERSEDED,
            ProposalState.REPLACED,
        }
    ),
    ProposalState.APPROVED: frozenset(
        {
            ProposalState.EXECUTED,
            ProposalState.SUPERSEDED,
            ProposalState.REPLACED,
            ProposalState.PENDING,
            ProposalState.DENIED,
        }
    ),
    ProposalState.DENIED: frozenset(),
    ProposalState.EXPIRED: frozenset(),
    ProposalState.SUPERSEDED: frozenset(),
    ProposalState.REPLACED: frozenset(),
    ProposalState.EXECUTED: frozenset(),
}


#: Proposals in these states no longer stand for the action they named: it may be proposed again.
VOID = frozenset({ProposalState.SUPERSEDED, ProposalState.REPLACED, ProposalState.EXPIRED})

#: Where a question goes that nobody answered in time; only `deny` makes a denial of it.
LAPSED: dict[OnExpiry, ProposalState] = {
    "expire": ProposalState.EXPIRED,
    "escalate": ProposalState.EXPIRED,
    "deny": ProposalState.DENIED,
}


class EffectState(StrEnum):
    """The ledger of what was done to the world."""

    PLANNED = "planned"  # written before anything is sent
    DISPATCHED = "dispatched"  # sent, or about to be: from here a crash leaves doubt
    CONFIRMED = "confirmed"  # a probe saw the wanted state
    FAILED = "failed"  # the target refused, or a probe saw that nothing changed
    UNKNOWN = "unknown"  # sent, and no probe could tell; reconciliation leaves here, or the end of its lease
    REVERTED = "reverted"  # its lease ran out and the undo was confirmed


EFFECT_TRANSITIONS: dict[EffectState, frozenset[EffectState]] = {
    EffectState.PLANNED: frozenset({EffectState.DISPATCHED, EffectState.FAILED}),
    EffectState.DISPATCHED: frozenset(
        # Planned again: the target said that it did nothing, and wants to be asked later.
        {EffectState.CONFIRMED, EffectState.FAILED, EffectState.UNKNOWN, EffectState.PLANNED}
    ),
    # Reverted: what may have been done is taken back as well when its lease runs out.
    EffectState.UNKNOWN: frozenset({EffectState.CONFIRMED, EffectState.FAILED, EffectState.REVERTED}),
    EffectState.CONFIRMED: frozenset({EffectState.REVERTED}),
    EffectState.FAILED: frozenset(),
    EffectState.REVERTED: frozenset(),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Binding:
    """Everything an approval covers. If any of it differs at execution, people are asked again."""

    tool: str
    #: Masked arguments, as proposed.
    arguments: JsonObject
    #: Digest of the tool's argument schema.
    tool_schema: str
    bundle_hash: str
    #: Digest over the digests of the evidence the proposal rests on.
    evidence_digest: str
    #: Keyed commitment to the originals behind the tokens in the arguments.
    mask_commitment: str
    #: Sandbox tier the evidence was gathered under.
    sandbox: str
    #: Which connector carries it out, and a digest of how. Empty for the lab, which was the only one once.
    connector: str = ""

    @property
    def digest(self) -> str:
        # Left out where it is empty: what was approved before there were other connectors stays approved.
        by = {"connector": self.connector} if self.connector else {}
        return digest(
            {
                "tool": self.tool,
                "arguments": self.arguments,
                "tool_schema": self.tool_schema,
                "bundle_hash": self.bundle_hash,
                "evidence_digest": self.evidence_digest,
                "mask_commitment": self.mask_commitment,
                "sandbox": self.sandbox,
                **by,
            }
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """One exact action a team (or an editing analyst) wants done."""

    id: str
    ticket_id: str
    tool: str
    #: Masked; restored only in the transaction that executes.
    arguments: JsonObject
    reason: str
    #: Evidence ids the proposer named.
    evidence: tuple[str, ...]
    #: `team:phishing/responder` or `user:alice`; never allowed to approve itself.
    proposed_by: str
    state: ProposalState
    binding: Binding
    decision: Decision | None
    #: The facts policy saw, masked, for the approval card.
    provenance: JsonObject
    #: Proposal this one replaces (edited, or bound to something that changed).
    replaces: str | None
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def digest(self) -> str:
        return self.binding.digest

    @property
    def lapsed(self) -> OnExpiry | None:
        """What the policy made of a question that nobody answered in time; None when there was no such question."""
        if self.decision is None or self.expires_at is None or self.updated_at < self.expires_at:
            return None
        on_expiry = self.decision.on_expiry
        return on_expiry if self.state is LAPSED[on_expiry] else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One person's answer to the digest of a question that policy asks people."""

    id: str
    person: str
    roles: tuple[str, ...]
    approve: bool
    reason: str
    digest: str
    created_at: datetime

    def as_json(self) -> JsonObject:
        """What others who decide see of it."""
        return {
            "person": self.person,
            "approve": self.approve,
            "reason": self.reason,
            "at": self.created_at.isoformat(),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Approval(Answer):
    """One person's answer to one proposal's digest."""

    proposal_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """One row of the ledger."""

    id: str
    proposal_id: str
    ticket_id: str
    tool: str
    connector: str
    #: Handed to the target, so that a repeated dispatch changes nothing.
    idempotency_key: str
    state: EffectState
    #: Keyed hash of what it aims at (`Effects.target_hash`), so that limits can count; None when it aims at nothing.
    target: str | None
    #: Source of its ticket.
    source: str
    #: What the target and the probe said, masked.
    outcome: JsonObject
    reverts_at: datetime | None
    attempts: int
    created_at: datetime
    updated_at: datetime
