"""When a ticket was shredded; secrets that outlive a master key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.store.columns import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "vault_secrets",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_vault_secrets")),
    )
    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.add_column(sa.Column("shredded_at", UtcDateTime(), nullable=True))
        batch_op.create_index("ix_tickets_age", ["shredded_at", "state", "updated_at"], unique=False)
    with op.batch_alter_table("ticket_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ticket_keys_key_id"), ["key_id"], unique=False)
    op.execute(
        "UPDATE tickets SET shredded_at = updated_at "
        "WHERE NOT EXISTS (SELECT 1 FROM ticket_keys WHERE ticket_keys.ticket_id = tickets.id)"
    )


def downgrade() -> None:
    with op.batch_alter_table("ticket_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ticket_keys_key_id"))
    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.drop_index("ix_tickets_age")
        batch_op.drop_column("shredded_at")
    op.drop_table("vault_secrets")
