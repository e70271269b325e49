"""How old a sign-in may be where policy asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.decision import Decision, Outcome
from core.errors import ApprovalRefused, ReauthenticationNeeded
from workflows import questions

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


def decision(seconds: int) -> Decision:
    return Decision(
        outcome=Outcome.ASK, rules=("r",), reason="", bundle_hash="b", approvals=1, reauthenticate_seconds=seconds
    )


@pytest.mark.parametrize("age", [None, 301, 86_400])
def test_a_sign_in_that_is_too_old_or_none_is_refused_with_what_to_do(age: int | None) -> None:
    at = None if age is None else NOW - timedelta(seconds=age)
    with pytest.raises(ReauthenticationNeeded, match="at most 5 min old"):
        questions.check_fresh(decision(300), authenticated_at=at, now=NOW)


@pytest.mark.parametrize("age", [0, 299, 300])
def test_a_fresh_sign_in_answers(age: int) -> None:
    questions.check_fresh(decision(300), authenticated_at=NOW - timedelta(seconds=age), now=NOW)


def test_nobody_is_asked_where_policy_does_not_ask() -> None:
    questions.check_fresh(decision(0), authenticated_at=None, now=NOW)
    questions.check_fresh(None, authenticated_at=None, now=NOW)


def test_a_decision_of_an_older_release_asks_for_no_fresh_sign_in() -> None:
    kept = decision(300).as_json()
    assert Decision.from_json(kept) == decision(300)
    del kept["reauthenticate_seconds"]
    assert Decision.from_json(kept).reauthenticate_seconds == 0


def test_whoever_catches_refusals_catches_this_one() -> None:
    assert issubclass(ReauthenticationNeeded, ApprovalRefused)
