"""The tables. Migrations under `migrations/` are what databases get; a test keeps the two equal."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, MetaData, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from core.assessment import ConfidenceBy
from core.canonical import JsonObject
from core.store.columns import SafeJson, SafeText, UtcDateTime

#: SQLite counts only INTEGER primary keys by itself.
BigId = BigInteger().with_variant(Integer(), "sqlite")


class Base(DeclarativeBase):
    """All tables, with constraint names that migrations can refer to."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {JsonObject: SafeJson, datetime: UtcDateTime, bytes: LargeBinary, str: SafeText}  # noqa: RUF012 — SQLAlchemy's own protocol


class TicketRow(Base):
    """One version of one ticket. `sealed` is the ticket as it came, under its data key; empty once it is shredded."""

    __tablename__ = "tickets"
    __table_args__ = (
        UniqueConstraint("source", "external_id", "version", name="uq_tickets_identity"),
        Index("ix_tickets_work", "state", "lease_until", "not_before"),
        Index("ix_tickets_age", "shredded_at", "state", "updated_at"),
        Index("ix_tickets_queue", "state", "sequence"),
        Index("ix_tickets_verdict", "verdict", "sequence"),
        Index("ix_tickets_severity", "severity", "sequence"),
        Index("ix_tickets_source", "source", "sequence"),
        Index("ix_tickets_kind", "kind", "sequence"),
        Index("ix_tickets_team", "team", "sequence"),
        # Searches ask how an id begins; PostgreSQL answers that by an index only where it compares characters.
        Index("ix_tickets_external", "external_id", postgresql_ops={"external_id": "text_pattern_ops"}),
        Index("ix_tickets_created", "created_at", "state", "verdict"),
    )

    sequence: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(40), unique=True)
    source: Mapped[str]
    external_id: Mapped[str]
    version: Mapped[int]
    #: Keyed by the data key, so that nobody without it can try guesses; the first release wrote it unkeyed.
    content_digest: Mapped[str]
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(String(32))
    framework: Mapped[str]
    team: Mapped[str] = mapped_column(default="")
    sealed: Mapped[bytes]
    masked: Mapped[JsonObject | None]
    fence: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    deliveries: Mapped[int] = mapped_column(default=0)
    retries: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None]
    #: When a sweep last rang for it, so that a long queue is not filled with the same bell.
    rung_at: Mapped[datetime | None]
    trouble: Mapped[str | None]
    trouble_since: Mapped[datetime | None]
    superseded_by: Mapped[str | None]
    verdict: Mapped[str | None]
    severity: Mapped[str | None]
    confidence: Mapped[float | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    #: When its originals were destroyed.
    shredded_at: Mapped[datetime | None]


class TicketKeyRow(Base):
    """A ticket's wrapped data key. Deleting the row shreds the ticket."""

    __tablename__ = "ticket_keys"

    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    key_id: Mapped[str] = mapped_column(index=True)
    wrapped: Mapped[bytes]


class VaultSecretRow(Base):
    """A key for one purpose that stays the same when the master key changes, wrapped like a data key."""

    __tablename__ = "vault_secrets"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    key_id: Mapped[str]
    wrapped: Mapped[bytes]


class TokenRow(Base):
    """One masked value; its original is sealed with the token as context."""

    __tablename__ = "tokens"

    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    token: Mapped[str] = mapped_column(String(80), primary_key=True)
    sealed: Mapped[bytes]


class EvidenceRow(Base):
    __tablename__ = "evidence"

    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    tool: Mapped[str]
    agent: Mapped[str]
    arguments: Mapped[JsonObject]
    trust: Mapped[str]
    summary: Mapped[str]
    facts: Mapped[JsonObject]
    detail: Mapped[JsonObject]
    error: Mapped[str | None]
    sandbox: Mapped[str]
    duration_ms: Mapped[int]
    digest: Mapped[str]
    created_at: Mapped[datetime]


class AssessmentRow(Base):
    """A team's answer and what the run behind it cost."""

    __tablename__ = "assessments"
    #: All that the overview counts, so that it reads the index and no row.
    __table_args__ = (
        Index(
            "ix_assessments_figures",
            "created_at", "after_seconds", "seconds", "model_requests", "tokens_in", "tokens_out",
        ),
    )  # fmt: skip

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), index=True)
    framework: Mapped[str]
    team: Mapped[str]
    model: Mapped[str]
    bundle_hash: Mapped[str]
    data: Mapped[JsonObject]
    confidence_by: Mapped[ConfidenceBy] = mapped_column(String(16), server_default="model")
    note: Mapped[str | None]
    model_requests: Mapped[int]
    tokens_in: Mapped[int]
    tokens_out: Mapped[int]
    seconds: Mapped[float]
    #: Seconds from the ticket's arrival to this answer.
    after_seconds: Mapped[float | None]
    created_at: Mapped[datetime]


class TurnRow(Base):
    """One turn of a team's conversation, masked."""

    __tablename__ = "turns"

    assessment_id: Mapped[str] = mapped_column(ForeignKey("assessments.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    agent: Mapped[str]
    role: Mapped[str]
    content: Mapped[str]


class ProposalRow(Base):
    __tablename__ = "proposals"
    __table_args__ = (
        Index("ix_proposals_waiting", "state", "expires_at"),
        Index("ix_proposals_target", "tool", "target", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), index=True)
    tool: Mapped[str]
    arguments: Mapped[JsonObject]
    reason: Mapped[str]
    evidence: Mapped[list[str]] = mapped_column(SafeJson())
    proposed_by: Mapped[str]
    state: Mapped[str] = mapped_column(String(32), index=True)
    binding: Mapped[JsonObject]
    digest: Mapped[str]
    decision: Mapped[JsonObject | None]
    #: Keyed hash of what it aims at, as in the ledger of effects.
    target: Mapped[str | None] = mapped_column(String(64))
    provenance: Mapped[JsonObject]
    replaces: Mapped[str | None]
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ApprovalRow(Base):
    """One person's one answer to one proposal."""

    __tablename__ = "approvals"
    __table_args__ = (
        UniqueConstraint("proposal_id", "person", name="uq_approvals_person"),
        Index("ix_approvals_figures", "created_at", "after_seconds"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    proposal_id: Mapped[str] = mapped_column(ForeignKey("proposals.id"))
    person: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(SafeJson())
    approve: Mapped[bool]
    reason: Mapped[str]
    digest: Mapped[str]
    #: Seconds from the question to this answer.
    after_seconds: Mapped[float | None]
    created_at: Mapped[datetime]


class EffectRow(Base):
    """The ledger. One effect a proposal: the unique key is what makes an approval spend once."""

    __tablename__ = "effects"
    __table_args__ = (
        Index("ix_effects_tool", "tool", "created_at"),
        Index("ix_effects_target", "tool", "target", "created_at"),
        Index("ix_effects_connector", "connector", "state", "updated_at"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    proposal_id: Mapped[str] = mapped_column(ForeignKey("proposals.id"), unique=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), index=True)
    tool: Mapped[str]
    connector: Mapped[str]
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    #: Keyed hash of what it aims at and the ticket's source: what limits count, and nothing to read a name from.
    target: Mapped[str | None] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(String(32), index=True)
    outcome: Mapped[JsonObject]
    reverts_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class DecisionRow(Base):
    """One answer of policy and what it was given."""

    __tablename__ = "decisions"
    __table_args__ = (
        Index("ix_decisions_ticket", "ticket_id", "sequence"),
        Index("ix_decisions_proposal", "proposal_id", "sequence"),
        Index("ix_decisions_figures", "created_at", "door", "outcome"),
    )

    sequence: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(40), unique=True)
    #: Of a bundle's activation there is no ticket.
    ticket_id: Mapped[str | None] = mapped_column(ForeignKey("tickets.id"))
    proposal_id: Mapped[str | None] = mapped_column(String(40))
    #: Where it was asked: `tool`, `proposal`, `execution`, `edit`, `revalidation` or `activation`.
    door: Mapped[str] = mapped_column(String(16))
    tool: Mapped[str]
    #: Masked.
    facts: Mapped[JsonObject]
    #: The facts as policy saw them, under the ticket's data key; nothing when masking changed nothing in them.
    sealed: Mapped[bytes | None]
    outcome: Mapped[str] = mapped_column(String(8))
    decision: Mapped[JsonObject]
    bundle_hash: Mapped[str] = mapped_column(String(64), index=True)
    microseconds: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(index=True)


class BundleRow(Base):
    """A policy bundle that loaded, by the hash of its content."""

    __tablename__ = "bundles"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: Name → text, sealed: `organization.yaml` names people.
    files: Mapped[JsonObject]
    author: Mapped[str]
    reason: Mapped[str]
    #: Where it came from: `shipped`, `files`, `cli` or `http`.
    origin: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]


class BundleChangeRow(Base):
    """That somebody wants a bundle live: a question that is answered like one about an action."""

    __tablename__ = "bundle_changes"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    bundle_hash: Mapped[str] = mapped_column(ForeignKey("bundles.hash"), index=True)
    #: The bundle that was live when it was asked; what the review compares with.
    base_hash: Mapped[str] = mapped_column(ForeignKey("bundles.hash"))
    author: Mapped[str]
    reason: Mapped[str]
    state: Mapped[str] = mapped_column(String(32), index=True)
    decision: Mapped[JsonObject]
    #: What answers are bound to.
    digest: Mapped[str] = mapped_column(String(64))
    #: What the change does, sealed: differences, proofs, flips.
    review: Mapped[JsonObject]
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class BundleAnswerRow(Base):
    """One person's one answer to one change of the bundle."""

    __tablename__ = "bundle_answers"
    __table_args__ = (UniqueConstraint("change_id", "person", name="uq_bundle_answers_person"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    change_id: Mapped[str] = mapped_column(ForeignKey("bundle_changes.id"))
    person: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(SafeJson())
    approve: Mapped[bool]
    reason: Mapped[str]
    digest: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]


class BundleActivationRow(Base):
    """What was live since when; the newest row is live now."""

    __tablename__ = "bundle_activations"

    sequence: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    bundle_hash: Mapped[str] = mapped_column(ForeignKey("bundles.hash"))
    #: The bundle that was live before; nothing for the first.
    previous_hash: Mapped[str | None] = mapped_column(String(64))
    change_id: Mapped[str | None] = mapped_column(String(40))
    #: `first`, `change`, `rollback` or `files`.
    kind: Mapped[str] = mapped_column(String(16))
    actor: Mapped[str]
    reason: Mapped[str]
    created_at: Mapped[datetime]


class OutboxRow(Base):
    """What must reach the outside, written in the transaction that decided it."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_due", "delivered_at", "due_at"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), index=True)
    kind: Mapped[str]
    destination: Mapped[str]
    #: Masked; restored only on the way out.
    payload: Mapped[JsonObject]
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]
    dead: Mapped[bool] = mapped_column(default=False)
    error: Mapped[str | None]
    created_at: Mapped[datetime]


class AuditRow(Base):
    __tablename__ = "audit_events"

    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[str]
    action: Mapped[str]
    actor: Mapped[str]
    ticket_id: Mapped[str | None] = mapped_column(String(40), index=True)
    data: Mapped[JsonObject]
    hash: Mapped[str]


class IndicatorRow(Base):
    """Threat intelligence: what a feed says of one indicator."""

    __tablename__ = "indicators"

    value: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    confidence: Mapped[int]
    malicious: Mapped[bool]
    description: Mapped[str]
    first_seen: Mapped[str]
    last_seen: Mapped[str]


class VulnerabilityRow(Base):
    """Known exploited vulnerabilities."""

    __tablename__ = "vulnerabilities"

    cve: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    vendor: Mapped[str]
    product: Mapped[str]
    added: Mapped[str]
    due: Mapped[str]
    ransomware: Mapped[bool]
    action: Mapped[str]


class ScoreRow(Base):
    """How likely a vulnerability is to be exploited within 30 days (EPSS)."""

    __tablename__ = "exploit_scores"

    cve: Mapped[str] = mapped_column(String(20), primary_key=True)
    epss: Mapped[float]
    percentile: Mapped[float]
    model: Mapped[str]
    scored: Mapped[str]


class SightingRow(Base):
    """That a ticket mentioned an indicator, as a keyed hash: enough to find similar cases, no more."""

    __tablename__ = "sightings"

    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True, index=True)


class SwitchRow(Base):
    """Operator switches; `halted` is the kill switch."""

    __tablename__ = "switches"

    name: Mapped[str] = mapped_column(primary_key=True)
    on: Mapped[bool]
    reason: Mapped[str]
    actor: Mapped[str]
    updated_at: Mapped[datetime]


class HeartbeatRow(Base):
    """When each process was last alive, and what it runs with."""

    __tablename__ = "heartbeats"

    process: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    at: Mapped[datetime]
    data: Mapped[JsonObject]
