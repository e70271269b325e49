"""The columns that answers of people share, whatever the question was."""

from __future__ import annotations

from typing import Any

from core.action import Answer
from core.store.schema import ApprovalRow, BundleAnswerRow


def columns(answer: Answer) -> dict[str, Any]:
    """What is written of an answer, besides what it answers."""
    return {
        "id": answer.id,
        "person": answer.person,
        "roles": list(answer.roles),
        "approve": answer.approve,
        "reason": answer.reason,
        "digest": answer.digest,
        "created_at": answer.created_at,
    }


def fields(row: ApprovalRow | BundleAnswerRow) -> dict[str, Any]:
    """The same, read back."""
    return {
        "id": row.id,
        "person": row.person,
        "roles": tuple(row.roles),
        "approve": row.approve,
        "reason": row.reason,
        "digest": row.digest,
        "created_at": row.created_at,
    }
