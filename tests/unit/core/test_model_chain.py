"""The endpoints a process thinks with, in their order."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from core.settings import PLAYBOOK, Settings

SECOND = {"url": "https://models.bank.example/v1", "name": "qwen3-8b", "api_key": "k"}


def test_without_fallbacks_there_is_one() -> None:
    assert [e.name for e in Settings(model_url="http://gpu:8000/v1", model_name="big").model_chain] == ["big"]


def test_fallbacks_follow_and_the_playbook_ends_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "CASEMATE_MODEL_FALLBACKS", '[{"url": "https://models.bank.example/v1", "name": "qwen3-8b"}, "playbook"]'
    )
    chain = Settings(model_name="big").model_chain
    assert [e.name for e in chain] == ["big", "qwen3-8b", "playbook"]
    assert chain[-1] == PLAYBOOK
    assert chain[-1].is_playbook
    assert not chain[0].is_playbook


@pytest.mark.parametrize("fallbacks", [[SECOND], ["playbook", SECOND], ["playbook", "playbook"]])
def test_a_chain_that_can_go_down_is_refused(fallbacks: list[Any]) -> None:
    with pytest.raises(ValidationError, match='must be "playbook"'):
        Settings(model_fallbacks=fallbacks)


def test_keys_are_not_shown() -> None:
    assert "'k'" not in repr(Settings.model_validate({"model_fallbacks": [SECOND, "playbook"]}))
