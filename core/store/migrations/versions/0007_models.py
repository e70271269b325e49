"""How tickets were masked for models, and what fitness tests of model endpoints found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.store.columns import SafeJson, UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ticket_maskings",
        sa.Column("ticket_id", sa.String(length=40), nullable=False),
        sa.Column("profile", sa.String(length=16), nullable=False),
        sa.Column("shown", SafeJson(), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_ticket_maskings_ticket_id")),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_ticket_maskings")),
    )
    op.create_table(
        "model_probes",
        sa.Column("url", sa.String(length=200), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("report", SafeJson(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("url", "model", name=op.f("pk_model_probes")),
    )


def downgrade() -> None:
    for table in ("model_probes", "ticket_maskings"):
        op.drop_table(table)
