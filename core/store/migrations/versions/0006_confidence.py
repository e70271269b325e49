"""Who gave the confidence of an assessment: the model itself, or its server's probability."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "assessments", sa.Column("confidence_by", sa.String(length=16), nullable=False, server_default="model")
    )


def downgrade() -> None:
    op.drop_column("assessments", "confidence_by")
