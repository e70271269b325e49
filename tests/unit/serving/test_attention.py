"""Attention over a packed batch: what each request gets alone, however many share the batch."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AutoModelForCausalLM

from serving.attention import MASKLESS, _by_kernel, _by_request, _padded, _row, pack, varlen_works
from tests.tiny_model import make_tiny_model
from tests.unit.serving.engines import answer_of, load_tiny, plain_answer, prompt_of, running

CPU = torch.device("cpu")
#: Lengths of requests' queries and keys: a decoded token, a whole prompt, a part of one, one that waits, a first token.
QUERIES, KEYS = [1, 7, 5, 0, 1], [40, 7, 30, 12, 1]


def drawn(heads: int, tokens: int) -> torch.Tensor:
    return torch.randn(1, heads, tokens, 8)


def masked(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, window: int) -> torch.Tensor:
    """Every query against every key of the batch, and a mask: the definition."""
    seen = torch.zeros(query.size(2), key.size(2), dtype=torch.bool)
    start_q = start_k = 0
    for of_q, of_k in zip(QUERIES, KEYS, strict=True):
        for row in range(of_q):
            own = of_k - of_q + row
            seen[start_q + row, start_k + max(0, own - window + 1) : start_k + own + 1] = True
        start_q, start_k = start_q + of_q, start_k + of_k
    out = scaled_dot_product_attention(query, key, value, attn_mask=seen, enable_gqa=True)
    return out.transpose(1, 2)


@pytest.mark.parametrize("window", [None, 6])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_each_request_meets_its_own_keys_alone(groups: int, window: int | None) -> None:
    torch.manual_seed(groups)
    query, key, value = drawn(4, sum(QUERIES)), drawn(groups, sum(KEYS)), drawn(groups, sum(KEYS))
    found = _by_request(query, key, value, _row(QUERIES, KEYS, CPU), scale=None, window=window)
    assert found.shape == (1, sum(QUERIES), 4, 8)
    torch.testing.assert_close(found, masked(query, key, value, window or 1000))


def test_values_may_be_narrower_than_keys() -> None:
    query, key, value = drawn(4, 4), drawn(2, 9), torch.randn(1, 2, 9, 6)
    assert _by_request(query, key, value, _row([1, 3], [5, 4], CPU), scale=0.5, window=None).shape == (1, 4, 4, 6)


def test_texts_beside_one_another_get_what_they_get_alone() -> None:
    torch.manual_seed(1)
    query, key, value = (torch.randn(2, heads, 9, 8) for heads in (4, 2, 2))
    real = torch.arange(9) < torch.tensor([[9], [5]])
    both = _padded(query, key, value, real, scale=None, window=None)
    alone = _padded(query[1:, :, :5], key[1:, :, :5], value[1:, :, :5], None, scale=None, window=None)
    torch.testing.assert_close(both[1:, :5], alone)
    assert both.isfinite().all()


def test_torchs_kernel_takes_what_it_is_given() -> None:
    """It runs on cards only; its arguments and the shape that comes back are checked without one."""
    query, key, value = (tensor.to("meta", torch.bfloat16) for tensor in (drawn(4, 6), drawn(2, 9), drawn(2, 9)))
    row = _row([1, 5], [4, 5], torch.device("meta"))
    assert row.longest == (5, 5)
    assert _by_kernel(query, key, value, row, scale=0.3, window=4).shape == (1, 6, 4, 8)
    assert _row([1, 5, 32], [1], CPU).ends[0].tolist() == [0, 1, 6, 38]


def test_torchs_kernel_is_not_for_a_processor() -> None:
    assert not varlen_works(torch.device("cpu"), torch.bfloat16, 4, 2, 16)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no card here")
def test_torchs_kernel_agrees_with_the_other_way_on_a_card() -> None:
    assert varlen_works(torch.device("cuda"), torch.bfloat16, 32, 8, 128)


def test_a_model_that_does_not_run_on_sdpa_stays_as_it_is(tiny_model: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_model, attn_implementation="eager")
    assert pack(model) is None
    assert model.config._attn_implementation == "eager"


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"num_key_value_heads": 4},
        {"layer_types": ["sliding_attention", "full_attention"], "use_sliding_window": True, "sliding_window": 24},
    ],
    ids=["grouped", "a key for each head", "sliding window"],
)
async def test_a_batch_answers_as_plain_generate_does(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Prompts of 40 to 300 tokens in steps of 64, so that parts of prompts and decoded tokens share a step."""
    folder = make_tiny_model(tmp_path / "model", **changes)
    loaded = load_tiny(folder)
    assert loaded.attention == "packed"
    assert loaded.attention in MASKLESS
    theirs = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")
    prompts = [prompt_of(loaded, number, words=8 * number + 4) for number in range(5)]
    with running(loaded, batch_tokens=64) as engine:
        assert engine._started.loop._manager.batch_processor.inputs_and_outputs.attention_mask is None
        found = await asyncio.gather(*(answer_of(engine, prompt, 12) for prompt in prompts))
    assert found == [plain_answer(theirs, prompt, 12, loaded.stop_token_ids) for prompt in prompts]
