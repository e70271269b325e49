"""What a proposal aims at, as the keyed hash that the ledger keeps: a card shows what was done to it in other cases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("proposals", sa.Column("target", sa.String(length=64), nullable=True))
    # Of what was never carried out nothing can be said here: a hash needs the key, and the originals.
    op.execute(
        "UPDATE proposals SET target = (SELECT effects.target FROM effects WHERE effects.proposal_id = proposals.id)"
    )
    op.create_index("ix_proposals_target", "proposals", ["tool", "target", "created_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_proposals_target", table_name="proposals")
    op.drop_column("proposals", "target")
