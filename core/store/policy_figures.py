"""How often rules decided, and how long people took to answer: what the policy workbench counts. Reads only."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime

from sqlalchemy import Text, func, select
from sqlalchemy import cast as as_type
from sqlalchemy.orm import Session

from core.store.schema import ApprovalRow, DecisionRow, ProposalRow


class PolicyFigures:
    """Figures about the policy, each from one query."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def decided(self, *, since: datetime) -> Counter[tuple[str, str, tuple[str, ...]]]:
        """How often there was each answer: (tool, outcome, the rules that gave it; none of them for the default)."""
        # Most decisions say the same in the same words, so the database counts words and few of them are read here.
        said = as_type(DecisionRow.decision, Text)
        rows = self._session.execute(
            select(DecisionRow.tool, DecisionRow.outcome, said, func.count())
            .where(DecisionRow.created_at >= since)
            .group_by(DecisionRow.tool, DecisionRow.outcome, said)
        )
        found: Counter[tuple[str, str, tuple[str, ...]]] = Counter()
        for tool, outcome, words, times in rows:
            found[tool, outcome, tuple(json.loads(words)["rules"])] += times
        return found

    def answer_seconds(self, *, since: datetime, limit: int) -> list[float]:
        """Seconds from a question about an action to each answer that a person gave to it, newest first."""
        rows = self._session.execute(
            select(ProposalRow.created_at, ApprovalRow.created_at)
            .join(ProposalRow, ProposalRow.id == ApprovalRow.proposal_id)
            .where(ApprovalRow.created_at >= since)
            .order_by(ApprovalRow.created_at.desc(), ApprovalRow.id)
            .limit(limit)
        )
        return [(answered - asked).total_seconds() for asked, answered in rows]
