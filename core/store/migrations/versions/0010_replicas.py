"""What several gateway processes know together: tries to sign in, and reviews of draft policies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.store.columns import SafeJson, SafeText, UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sign_in_tries",
        sa.Column("place", sa.String(length=64), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_sign_in_tries")),
    )
    op.create_index(op.f("ix_sign_in_tries_until"), "sign_in_tries", ["until"], unique=False)
    op.create_table(
        "policy_reviews",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("start", sa.String(length=64), nullable=False),
        sa.Column("stage", SafeText(), nullable=False),
        sa.Column("files", SafeJson(), nullable=False),
        sa.Column("outcome", SafeJson(), nullable=True),
        sa.Column("holder", sa.String(length=40), nullable=False),
        sa.Column("held_until", UtcDateTime(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("began_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_reviews")),
    )
    op.create_index(op.f("ix_policy_reviews_author"), "policy_reviews", ["author"], unique=False)
    op.create_index(op.f("ix_policy_reviews_created_at"), "policy_reviews", ["created_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_policy_reviews_created_at"), table_name="policy_reviews")
    op.drop_index(op.f("ix_policy_reviews_author"), table_name="policy_reviews")
    op.drop_table("policy_reviews")
    op.drop_index(op.f("ix_sign_in_tries_until"), table_name="sign_in_tries")
    op.drop_table("sign_in_tries")
