"""Errors of the database say what is wrong, not what was in the row."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from core.store.engine import Store
from core.store.schema import TokenRow

CANARY = "Wilhelmina Quarterstaff"


def test_no_error_quotes_the_row(any_store: Store) -> None:
    with pytest.raises(RuntimeError, match="refused") as caught, any_store.begin() as tx:
        tx._session.execute(insert(TokenRow).values(ticket_id=CANARY, token=CANARY, sealed=CANARY.encode()))
    assert CANARY not in str(caught.value)
    assert "23503" in str(caught.value) or "FOREIGNKEY" in str(caught.value)
