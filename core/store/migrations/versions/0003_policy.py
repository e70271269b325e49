"""Policy: the log of decisions, bundles and their life, what limits count."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.store.columns import SafeJson, UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bundles",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("files", SafeJson(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_bundles")),
    )
    op.create_table(
        "bundle_activations",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("bundle_hash", sa.String(length=64), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=True),
        sa.Column("change_id", sa.String(length=40), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["bundle_hash"], ["bundles.hash"], name=op.f("fk_bundle_activations_bundle_hash")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_bundle_activations")),
    )
    op.create_table(
        "bundle_changes",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("bundle_hash", sa.String(length=64), nullable=False),
        sa.Column("base_hash", sa.String(length=64), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("decision", SafeJson(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("review", SafeJson(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["base_hash"], ["bundles.hash"], name=op.f("fk_bundle_changes_base_hash")),
        sa.ForeignKeyConstraint(["bundle_hash"], ["bundles.hash"], name=op.f("fk_bundle_changes_bundle_hash")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bundle_changes")),
    )
    op.create_index(op.f("ix_bundle_changes_bundle_hash"), "bundle_changes", ["bundle_hash"], unique=False)
    op.create_index(op.f("ix_bundle_changes_state"), "bundle_changes", ["state"], unique=False)
    op.create_table(
        "decisions",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("ticket_id", sa.String(length=40), nullable=True),
        sa.Column("proposal_id", sa.String(length=40), nullable=True),
        sa.Column("door", sa.String(length=16), nullable=False),
        sa.Column("tool", sa.Text(), nullable=False),
        sa.Column("facts", SafeJson(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("outcome", sa.String(length=8), nullable=False),
        sa.Column("decision", SafeJson(), nullable=False),
        sa.Column("bundle_hash", sa.String(length=64), nullable=False),
        sa.Column("microseconds", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_decisions_ticket_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_decisions")),
        sa.UniqueConstraint("id", name=op.f("uq_decisions_id")),
    )
    op.create_index(op.f("ix_decisions_bundle_hash"), "decisions", ["bundle_hash"], unique=False)
    op.create_index(op.f("ix_decisions_created_at"), "decisions", ["created_at"], unique=False)
    op.create_index("ix_decisions_proposal", "decisions", ["proposal_id", "sequence"], unique=False)
    op.create_index("ix_decisions_ticket", "decisions", ["ticket_id", "sequence"], unique=False)
    op.create_table(
        "bundle_answers",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("change_id", sa.String(length=40), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("roles", SafeJson(), nullable=False),
        sa.Column("approve", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["change_id"], ["bundle_changes.id"], name=op.f("fk_bundle_answers_change_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bundle_answers")),
        sa.UniqueConstraint("change_id", "person", name="uq_bundle_answers_person"),
    )
    op.add_column("effects", sa.Column("target", sa.String(length=64), nullable=True))
    op.add_column("effects", sa.Column("source", sa.Text(), nullable=False, server_default=""))
    # What limits of a source count today was done before this release too.
    op.execute("UPDATE effects SET source = (SELECT source FROM tickets WHERE tickets.id = effects.ticket_id)")
    op.create_index("ix_effects_target", "effects", ["tool", "target", "created_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_effects_target", table_name="effects")
    op.drop_column("effects", "source")
    op.drop_column("effects", "target")
    for table in ("bundle_answers", "decisions", "bundle_changes", "bundle_activations", "bundles"):
        op.drop_table(table)
