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
    # Not in a batch: that could make the table anew, which rows that refer to it forbid on SQLite.
    op.add_column("tickets", sa.Column("shredded_at", UtcDateTime(), nullable=True))
    op.create_index("ix_tickets_age", "tickets", ["shredded_at", "state", "updated_at"], unique=False)
    op.create_index(op.f("ix_ticket_keys_key_id"), "ticket_keys", ["key_id"], unique=False)
    op.execute(
        "UPDATE tickets SET shredded_at = updated_at "
        "WHERE NOT EXISTS (SELECT 1 FROM ticket_keys WHERE ticket_keys.ticket_id = tickets.id)"
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_ticket_keys_key_id"), table_name="ticket_keys")
    op.drop_index("ix_tickets_age", table_name="tickets")
    op.drop_column("tickets", "shredded_at")
    op.drop_table("vault_secrets")
