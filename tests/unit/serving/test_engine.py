"""Many requests at once on one model: the same answers as alone, step by step, and nothing left behind."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Literal

import pytest
import torch

from serving.engine import Ask, DoesNotFit, Engine, EngineConfig, EngineFailed, Step
from serving.errors import ModelNotUsable
from serving.loading import Loaded
from tests.unit.serving.engines import (
    PATIENCE,
    answer_of,
    plain_answer,
    prompt_of,
    rest_of,
    running,
    shapes_of,
    steps_of,
)


async def test_requests_in_a_batch_get_the_answers_they_get_alone(loaded: Loaded, engine: Engine) -> None:
    """Prompts from 20 to 600 tokens, longer than a step of 256, and answers of different lengths."""
    wanted = [(prompt_of(loaded, number, words=number * 13), 5 + 4 * number) for number in range(10)]
    assert max(len(prompt) for prompt, _ in wanted) > 256
    answers = await asyncio.gather(*(answer_of(engine, prompt, tokens) for prompt, tokens in wanted))
    for (prompt, tokens), answer in zip(wanted, answers, strict=True):
        assert answer == plain_answer(loaded.model, prompt, tokens, loaded.stop_token_ids)


async def test_an_answer_comes_token_by_token(loaded: Loaded, engine: Engine) -> None:
    steps = await steps_of(engine, Ask(prompt=prompt_of(loaded, 1), max_new_tokens=8))
    assert [len(step.tokens) for step in steps] == [1] * 8
    assert [step.finish for step in steps] == [None] * 7 + ["length"]
    assert not any(step.closed for step in steps)


async def test_a_stop_token_ends_an_answer_and_is_not_part_of_it(loaded: Loaded) -> None:
    prompt = prompt_of(loaded, 2)
    free = plain_answer(loaded.model, prompt, 12, loaded.stop_token_ids)
    stop = free[6]
    with running(replace(loaded, stop_token_ids=(*loaded.stop_token_ids, stop))) as engine:
        steps = await steps_of(engine, Ask(prompt=prompt, max_new_tokens=12))
    assert [token for step in steps for token in step.tokens] == free[: free.index(stop)]
    assert steps[-1].finish == "stop"


async def test_temperature_draws_and_zero_does_not(loaded: Loaded, engine: Engine) -> None:
    prompt = prompt_of(loaded, 3)
    drawn = await asyncio.gather(*(answer_of(engine, prompt, temperature=1.0) for _ in range(4)))
    greedy = await asyncio.gather(*(answer_of(engine, prompt) for _ in range(4)))
    assert len({tuple(answer) for answer in drawn}) == 4
    assert len({tuple(answer) for answer in greedy}) == 1


async def test_a_closed_iterator_frees_its_cache(loaded: Loaded, engine: Engine) -> None:
    steps = engine.generate(Ask(prompt=prompt_of(loaded, 4), max_new_tokens=7000))
    await anext(steps)
    assert engine.stats().running == 1
    assert engine.stats().cache_used > 0
    await steps.aclose()
    await answer_of(engine, prompt_of(loaded, 5), 2)  # a step after the cancellation
    assert engine.stats().running == 0
    assert engine.stats().cache_used == 0


async def test_a_cancelled_task_frees_its_cache(loaded: Loaded, engine: Engine) -> None:
    begun = asyncio.Event()

    async def read() -> None:
        async for _ in engine.generate(Ask(prompt=prompt_of(loaded, 6), max_new_tokens=7000)):
            begun.set()

    task = asyncio.create_task(read())
    async with asyncio.timeout(PATIENCE):
        await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await answer_of(engine, prompt_of(loaded, 5), 2)
    assert engine.stats().cache_used == 0


async def test_an_event_loop_that_died_harms_nobody(loaded: Loaded, engine: Engine) -> None:
    def abandon() -> None:
        loop = asyncio.new_event_loop()
        steps = engine.generate(Ask(prompt=prompt_of(loaded, 7), max_new_tokens=7000))
        loop.run_until_complete(anext(steps))
        loop.close()
        abandoned.append(steps)  # or it would be closed by its end

    abandoned: list[object] = []
    await asyncio.to_thread(abandon)
    assert len(await answer_of(engine, prompt_of(loaded, 5), 20)) == 20
    await answer_of(engine, prompt_of(loaded, 5), 2)
    assert engine.stats().running == 0
    assert engine.stats().cache_used == 0
    assert engine.ready


async def test_what_prompts_share_is_computed_once(loaded: Loaded) -> None:
    prompt = prompt_of(loaded, 8, words=40)
    whole_pages = (len(prompt) - 1) // 16 * 16
    with running(loaded) as engine:
        first = await steps_of(engine, Ask(prompt=prompt, max_new_tokens=2))
        second = await steps_of(engine, Ask(prompt=prompt, max_new_tokens=2))
        stats = engine.stats()
    assert (first[-1].shared, second[-1].shared) == (0, whole_pages)
    assert stats.shared_tokens == whole_pages
    assert stats.prompt_tokens == 2 * len(prompt)
    assert stats.generated_tokens == 4
    with running(loaded, prefix_sharing=False) as engine:
        for _ in range(2):
            await answer_of(engine, prompt, 2)
        assert engine.stats().shared_tokens == 0


async def test_more_requests_than_fit_the_cache_all_end(loaded: Loaded) -> None:
    """Eight that need about 80 tokens each, in a cache of 256: some lose their pages on the way and start again."""
    prompts = [prompt_of(loaded, number, words=number) for number in range(8)]
    with running(loaded, cache_tokens=256) as engine:
        answers = await asyncio.gather(*(answer_of(engine, prompt, 50) for prompt in prompts))
    for prompt, answer in zip(prompts, answers, strict=True):
        assert answer == plain_answer(loaded.model, prompt, 50, loaded.stop_token_ids)


async def test_what_cannot_fit_is_refused_with_numbers(loaded: Loaded, engine: Engine) -> None:
    prompt = prompt_of(loaded, 9)
    with pytest.raises(DoesNotFit, match=f"model's context is {loaded.context}"):
        await answer_of(engine, prompt, loaded.context)
    with pytest.raises(DoesNotFit, match="cache holds 8192"):
        await answer_of(engine, prompt, 8192)
    assert engine.stats().running == 0


@pytest.mark.parametrize(("prompt", "tokens", "adapter"), [([], 5, None), ([1], 0, None), ([1], 5, "none-such")])
async def test_a_request_that_makes_no_sense_is_an_error(
    engine: Engine, prompt: list[int], tokens: int, adapter: str | None
) -> None:
    with pytest.raises(ValueError):
        await answer_of(engine, prompt, tokens, adapter=adapter)


def test_no_token_is_shown_in_a_traceback() -> None:
    """pytest, structlog and error pages print values by `repr`."""
    values = [Ask(prompt=[1717], max_new_tokens=5), Step((1717,), None, False)]
    assert "1717" not in repr(values)


@pytest.mark.parametrize(("graphs", "told"), [("auto", False), ("on", False), ("off", False)])
def test_the_processor_has_no_graphs(loaded: Loaded, graphs: Literal["auto", "on", "off"], told: bool) -> None:
    assert Engine(loaded, EngineConfig(graphs=graphs), shapes_of(loaded))._graphs() is told


@pytest.mark.parametrize(("graphs", "told"), [("auto", None), ("on", True), ("off", False)])
def test_a_card_has_graphs_where_no_adapter_is_switched(
    loaded: Loaded, graphs: Literal["auto", "on", "off"], told: bool | None
) -> None:
    on_card = replace(loaded, device=torch.device("cuda"), attention="flash_attention_2")
    assert Engine(on_card, EngineConfig(graphs=graphs), shapes_of(loaded))._graphs() is told
    assert Engine(replace(on_card, adapters=("a",)), EngineConfig(), shapes_of(loaded))._graphs() is False
    with pytest.raises(ModelNotUsable, match="serve adapters without graphs"):
        Engine(replace(on_card, adapters=("a",)), EngineConfig(graphs="on"), shapes_of(loaded)).start()


def test_torchs_own_attention_has_graphs_only_when_they_are_asked_for(loaded: Loaded) -> None:
    on_card = replace(loaded, device=torch.device("cuda"), attention="varlen")
    told = [Engine(on_card, EngineConfig(graphs=wanted), shapes_of(loaded))._graphs() for wanted in ("auto", "on")]
    assert told == [False, True]
    by_request = replace(on_card, attention="packed")
    assert Engine(by_request, EngineConfig(), shapes_of(loaded))._graphs() is False
    with pytest.raises(ModelNotUsable, match="needs FlashAttention"):
        Engine(by_request, EngineConfig(graphs="on"), shapes_of(loaded)).start()


async def test_closing_fails_what_still_runs(loaded: Loaded) -> None:
    with running(loaded) as engine:
        assert engine.ready
        steps = engine.generate(Ask(prompt=prompt_of(loaded, 1), max_new_tokens=7000))
        await anext(steps)
        engine.close()
        with pytest.raises(EngineFailed, match="stopping"):
            await rest_of(steps)
        with pytest.raises(EngineFailed, match="stopping"):
            await answer_of(engine, [1])
        assert not engine.ready


async def test_nothing_is_answered_before_the_start(loaded: Loaded) -> None:
    engine = Engine(loaded, EngineConfig(), shapes_of(loaded))
    assert not engine.ready
    assert engine.failure is None
    with pytest.raises(EngineFailed, match="not started"):
        await answer_of(engine, [1])
    engine.close()
