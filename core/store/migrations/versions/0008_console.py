"""People, sessions and API keys; claims, saved views and feedback of the console; indexes for its lists."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.store.columns import SafeJson, SafeText, UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

#: Columns that the queue narrows by, beside state and verdict.
LISTED = ("severity", "source", "kind", "team")
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("roles", SafeJson(), nullable=False),
        sa.Column("created_by", SafeText(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
        sa.UniqueConstraint("name", name=op.f("uq_api_keys_name")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("roles", SafeJson(), nullable=False),
        sa.Column("password_hash", SafeText(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", UtcDateTime(), nullable=True),
        sa.Column("disabled_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("name", name=op.f("uq_users_name")),
    )
    op.create_table(
        "claims",
        sa.Column("ticket_id", sa.String(length=40), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_claims_ticket_id")),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_claims")),
    )
    op.create_index(op.f("ix_claims_person"), "claims", ["person"], unique=False)
    op.create_table(
        "saved_views",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("query", SafeText(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_saved_views_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_views")),
        sa.UniqueConstraint("user_id", "name", name="uq_saved_views_name"),
    )
    op.create_table(
        "sessions",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("authenticated_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"], unique=False)
    op.create_table(
        "sign_in_links",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=40), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sign_in_links_user_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_sign_in_links")),
    )
    op.create_index(op.f("ix_sign_in_links_user_id"), "sign_in_links", ["user_id"], unique=False)
    op.create_table(
        "feedback",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("ticket_id", sa.String(length=40), nullable=False),
        sa.Column("assessment_id", sa.String(length=40), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("verdict", sa.String(length=32), nullable=False),
        sa.Column("agrees", sa.Boolean(), nullable=False),
        sa.Column("reason", SafeText(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["assessment_id"], ["assessments.id"], name=op.f("fk_feedback_assessment_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_feedback_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
    )
    op.create_index(op.f("ix_feedback_assessment_id"), "feedback", ["assessment_id"], unique=False)
    op.create_index(op.f("ix_feedback_created_at"), "feedback", ["created_at"], unique=False)
    op.create_index("ix_feedback_ticket", "feedback", ["ticket_id", "created_at"], unique=False)
    op.add_column("assessments", sa.Column("after_seconds", sa.Double(), nullable=True))
    op.add_column("approvals", sa.Column("after_seconds", sa.Double(), nullable=True))
    _fill("assessments", "ticket_id", "tickets")
    _fill("approvals", "proposal_id", "proposals")
    op.create_index(
        "ix_assessments_figures",
        "assessments",
        ["created_at", "after_seconds", "seconds", "model_requests", "tokens_in", "tokens_out"],
        unique=False,
    )
    op.create_index("ix_effects_connector", "effects", ["connector", "state", "updated_at"], unique=False)
    op.create_index("ix_approvals_figures", "approvals", ["created_at", "after_seconds"], unique=False)
    op.create_index("ix_decisions_figures", "decisions", ["created_at", "door", "outcome"], unique=False)
    op.create_index("ix_tickets_created", "tickets", ["created_at", "state", "verdict"], unique=False)
    op.create_index("ix_tickets_queue", "tickets", ["state", "sequence"], unique=False)
    op.create_index("ix_tickets_verdict", "tickets", ["verdict", "sequence"], unique=False)
    for column in LISTED:
        op.create_index(f"ix_tickets_{column}", "tickets", [column, "sequence"], unique=False)
    op.create_index(
        "ix_tickets_external",
        "tickets",
        ["external_id"],
        unique=False,
        postgresql_ops={"external_id": "text_pattern_ops"},
    )
    op.create_index("ix_proposals_waiting", "proposals", ["state", "expires_at"], unique=False)
    op.create_table(
        "headlines",
        sa.Column("sequence", BigId, autoincrement=False, nullable=False),
        sa.Column("title", SafeText(), nullable=False),
        sa.ForeignKeyConstraint(["sequence"], ["tickets.sequence"], name=op.f("fk_headlines_sequence")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_headlines")),
    )
    _headlines()


def _headlines() -> None:
    """The titles of tickets that were masked before there was a table of them; cut at 200 characters."""
    title = "json_extract(masked, '$.title')" if op.get_bind().dialect.name == "sqlite" else "masked ->> 'title'"
    cut = f"SELECT sequence, substr({title}, 1, 200) FROM tickets WHERE masked IS NOT NULL"  # noqa: S608
    op.execute(f"INSERT INTO headlines (sequence, title) {cut}")


def _fill(table: str, key: str, asked: str) -> None:
    """What answers took until now: from the row they answer."""
    if op.get_bind().dialect.name == "sqlite":
        took = f"(julianday({table}.created_at) - julianday({asked}.created_at)) * 86400.0"
    else:
        took = f"EXTRACT(EPOCH FROM {table}.created_at - {asked}.created_at)"
    source = f"SELECT {took} FROM {asked} WHERE {asked}.id = {table}.{key}"  # noqa: S608 — names of ours
    op.execute(f"UPDATE {table} SET after_seconds = ({source})")  # noqa: S608


def downgrade() -> None:
    op.drop_table("headlines")
    op.drop_index("ix_proposals_waiting", table_name="proposals")
    op.drop_index("ix_tickets_external", table_name="tickets")
    for column in LISTED:
        op.drop_index(f"ix_tickets_{column}", table_name="tickets")
    op.drop_index("ix_tickets_verdict", table_name="tickets")
    op.drop_index("ix_tickets_queue", table_name="tickets")
    op.drop_index("ix_tickets_created", table_name="tickets")
    op.drop_index("ix_decisions_figures", table_name="decisions")
    op.drop_index("ix_effects_connector", table_name="effects")
    op.drop_index("ix_approvals_figures", table_name="approvals")
    op.drop_index("ix_assessments_figures", table_name="assessments")
    op.drop_column("approvals", "after_seconds")
    op.drop_column("assessments", "after_seconds")
    op.drop_index("ix_feedback_ticket", table_name="feedback")
    op.drop_index(op.f("ix_feedback_created_at"), table_name="feedback")
    op.drop_index(op.f("ix_feedback_assessment_id"), table_name="feedback")
    op.drop_table("feedback")
    op.drop_index(op.f("ix_sign_in_links_user_id"), table_name="sign_in_links")
    op.drop_table("sign_in_links")
    op.drop_index(op.f("ix_sessions_user_id"), table_name="sessions")
    op.drop_table("sessions")
    op.drop_table("saved_views")
    op.drop_index(op.f("ix_claims_person"), table_name="claims")
    op.drop_table("claims")
    op.drop_table("users")
    op.drop_table("api_keys")
