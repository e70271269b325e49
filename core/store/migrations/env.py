"""Alembic's entry point: casemate hands it an open connection (`Store.migrate`)."""

from __future__ import annotations

from alembic import context

import core.store.console_schema
import core.store.mcp_schema
import core.store.model_schema  # noqa: F401 - their tables belong to Base as well
from core.store.schema import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
