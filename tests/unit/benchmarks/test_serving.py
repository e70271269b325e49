"""The benchmark of model servers: what is quoted follows from what was measured, and conversations survive a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks._serving_conversations import load, save
from benchmarks._serving_load import Asking, Load
from benchmarks.serving import compared


def loads(rate: float, first: float) -> dict[str, Any]:
    return {"1": {"tokens_per_second": rate, "first_token_ms_median": first}}


def test_ratios_are_those_of_the_sides() -> None:
    found = {
        "casemate": loads(95.0, 12.0),
        "casemate_unconstrained": loads(100.0, 10.0),
        "whole_conversations": loads(70.0, 8.0),
        "whole_conversations_without_prefix_sharing": loads(60.0, 32.0),
        "transformers_serve": loads(50.0, 20.0),
        "plain_generate": {"tokens_per_second": 10.0},
        "prefix_hit_rate": 0.8,
    }
    assert compared(found, {"weight_bytes": 2_000, "bytes_per_second": 1_000_000}) == {
        "prefix_hit_rate": 0.8,
        "constraint_cost": {"1": 0.05},
        "casemate_by_transformers_serve": {"1": 2.0},
        "constrained_by_transformers_serve": {"1": 1.9},
        "casemate_by_plain_generate": {"1": 10.0},
        "first_token_without_by_with_prefix_sharing": {"1": 4.0},
        "share_of_memory_bandwidth_at_1": 0.2,
    }


def test_conversations_come_back_from_their_file(tmp_path: Path) -> None:
    conversations = [[{"messages": [{"role": "user", "content": "Grüße"}]}], []]
    save(conversations, tmp_path / "kept.gz")
    assert load(tmp_path / "kept.gz") == conversations


def test_a_load_counts_tokens_by_time() -> None:
    load_ = Load(concurrency=8, requests=2, tokens=300, seconds=1.5, firsts=[0.1, 0.3])
    assert load_.as_json()["tokens_per_second"] == 200.0
    assert load_.as_json()["first_token_ms_median"] == 200.0


def test_only_a_constrained_request_asks_for_a_schema() -> None:
    said = {"messages": [{"role": "user", "content": "Hi."}]}
    plain, held = (
        Asking(url="", model="noise", max_tokens=8, turns=1, constrained=c).body(said) for c in (False, True)
    )
    assert "response_format" not in plain
    assert held["response_format"]["json_schema"]["schema"]["title"] == "Assessment"
