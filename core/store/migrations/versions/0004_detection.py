"""How likely each vulnerability is to be exploited (EPSS)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "exploit_scores",
        sa.Column("cve", sa.String(length=20), nullable=False),
        sa.Column("epss", sa.Double(), nullable=False),
        sa.Column("percentile", sa.Double(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("scored", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("cve", name=op.f("pk_exploit_scores")),
    )


def downgrade() -> None:
    op.drop_table("exploit_scores")
