"""MCP servers, the pins of their tools, and what was sent to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.store.columns import SafeJson, UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mcp_servers",
        sa.Column("name", sa.String(length=24), nullable=False),
        sa.Column("config", SafeJson(), nullable=False),
        sa.Column("on", sa.Boolean(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_mcp_servers")),
    )
    op.create_table(
        "mcp_tools",
        sa.Column("server", sa.String(length=24), nullable=False),
        sa.Column("tool", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("why", sa.String(length=16), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("seen", SafeJson(), nullable=False),
        sa.Column("seen_hash", sa.String(length=64), nullable=False),
        sa.Column("accepted", SafeJson(), nullable=True),
        sa.Column("acceptance", SafeJson(), nullable=True),
        sa.Column("accepted_by", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["server"], ["mcp_servers.name"], name=op.f("fk_mcp_tools_server")),
        sa.PrimaryKeyConstraint("server", "tool", name=op.f("pk_mcp_tools")),
    )
    op.create_index(op.f("ix_mcp_tools_name"), "mcp_tools", ["name"], unique=False)
    op.create_table(
        "mcp_sent",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("outcome", sa.String(length=8), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_mcp_sent")),
    )


def downgrade() -> None:
    for table in ("mcp_sent", "mcp_tools", "mcp_servers"):
        op.drop_table(table)
