"""The probabilities of a choice are those of the logits."""

from __future__ import annotations

import asyncio

import pytest
import torch

from serving.choosing import MOST_LABELS
from serving.engine import DoesNotFit, Engine
from serving.loading import Loaded
from tests.unit.serving.engines import answer_of, next_logits, plain_answer, prompt_of


async def test_choices_are_softmax_over_the_labels_logits(loaded: Loaded, engine: Engine) -> None:
    """Choices of different sizes together with answers, so that rows of one batch could be mixed up."""
    chosen = [(prompt_of(loaded, number, words=number), list(range(number, 2000, 300 - number))) for number in range(8)]
    answers, choices = await asyncio.gather(
        asyncio.gather(*(answer_of(engine, prompt, 6) for prompt, _ in chosen)),
        asyncio.gather(*(engine.choose(prompt, labels) for prompt, labels in chosen)),
    )
    for (prompt, labels), answer, chances in zip(chosen, answers, choices, strict=True):
        assert answer == plain_answer(loaded.model, prompt, 6, loaded.stop_token_ids)
        expected = torch.softmax(next_logits(loaded.model, prompt)[labels], dim=0).tolist()
        assert chances == pytest.approx(expected, abs=1e-5)
        assert sum(chances) == pytest.approx(1)


async def test_the_order_of_labels_is_kept(loaded: Loaded, engine: Engine) -> None:
    forward = await engine.choose(prompt_of(loaded, 1), [5, 500, 900])
    backward = await engine.choose(prompt_of(loaded, 1), [900, 500, 5])
    assert forward == pytest.approx(backward[::-1])
    assert len(set(forward)) == 3


async def test_a_choice_shares_its_prompt(loaded: Loaded, engine: Engine) -> None:
    prompt = prompt_of(loaded, 20, words=30)
    await answer_of(engine, prompt, 2)
    before = engine.stats().shared_tokens
    await engine.choose(prompt, [1, 2])
    assert engine.stats().shared_tokens - before == (len(prompt) - 1) // 16 * 16


async def test_every_token_of_the_vocabulary_may_be_a_label(loaded: Loaded, engine: Engine) -> None:
    labels = [*range(MOST_LABELS - 1), loaded.vocab_size - 1]
    assert len(await engine.choose(prompt_of(loaded, 2), labels)) == MOST_LABELS


@pytest.mark.parametrize("labels", [[], [7], [7, 7], [-1, 7], [7, 10**6], list(range(MOST_LABELS + 1))])
async def test_what_is_no_choice_is_an_error(engine: Engine, labels: list[int]) -> None:
    with pytest.raises(ValueError):
        await engine.choose([1, 2, 3], labels)


async def test_a_prompt_that_fills_the_context_leaves_no_room_to_choose(loaded: Loaded, engine: Engine) -> None:
    with pytest.raises(DoesNotFit):
        await engine.choose([1] * loaded.context, [1, 2])
