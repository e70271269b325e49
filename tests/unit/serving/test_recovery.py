"""A batch that breaks is built again, smaller if memory ran out, and who has seen no token starts again."""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch

from serving.asking import Request
from serving.canary import ThreadSink
from serving.engine import Ask, DoesNotFit, EngineFailed
from serving.loading import Loaded
from serving.loop import Loop
from serving.recovery import MOST_IN_A_ROW, Recovery
from serving.sizing import LEAST_BATCH, Size
from tests.unit.serving.engines import (
    answer_of,
    next_logits,
    plain_answer,
    prompt_of,
    rest_of,
    running,
)

SIZE = Size(page_tokens=16, pages=512, batch_tokens=256, requests=16, memory_share=0.5)


@contextmanager
def breaking(loaded: Loaded, breaks: Callable[[int], Exception | None]) -> Iterator[None]:
    """Every step asks `breaks` with the number of its tokens, and fails with what that gives."""

    def before(_module: object, _args: object, kwargs: dict[str, Any]) -> None:
        error = breaks(int(kwargs["input_ids"].shape[1]))
        if error is not None:
            raise error

    hook = loaded.model.register_forward_pre_hook(before, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


def above(tokens: int) -> Callable[[int], Exception | None]:
    """A device whose memory ends above this many tokens of a step."""
    return lambda step: torch.OutOfMemoryError("injected") if step > tokens else None


async def test_out_of_memory_makes_the_batch_smaller_and_starts_again(loaded: Loaded) -> None:
    prompts = [prompt_of(loaded, number, words=30) for number in range(6)]  # each more than 150 tokens
    with running(loaded) as engine, breaking(loaded, above(150)):
        answers = await asyncio.gather(*(answer_of(engine, prompt, 10) for prompt in prompts))
        stats = engine.stats()
    for prompt, answer in zip(prompts, answers, strict=True):
        assert answer == plain_answer(loaded.model, prompt, 10, loaded.stop_token_ids)
    assert stats.restarts == 1
    assert stats.cache_total == 4096
    assert stats.cache_used == stats.running == 0


async def test_an_answer_somebody_saw_the_beginning_of_is_lost_with_a_sentence(loaded: Loaded) -> None:
    with running(loaded) as engine, breaking(loaded, above(150)):
        begun = engine.generate(Ask(prompt=prompt_of(loaded, 1), max_new_tokens=5000))
        await anext(begun)
        assert len(await answer_of(engine, prompt_of(loaded, 2, words=70), 10)) == 10
        with pytest.raises(EngineFailed, match="lost this answer; ask again"):
            await rest_of(begun)
        assert engine.stats().running == 0


async def test_a_request_that_breaks_it_twice_is_not_tried_again(loaded: Loaded) -> None:
    prompt = prompt_of(loaded, 3, words=70)
    with running(loaded) as engine, breaking(loaded, above(100)):
        with pytest.raises(EngineFailed, match="lost this answer"):
            await answer_of(engine, prompt, 4)
        assert len(await answer_of(engine, prompt, 4)) == 4
        assert engine.stats().restarts == 2


async def test_what_no_longer_fits_the_smaller_cache_is_refused(loaded: Loaded) -> None:
    with running(loaded) as engine, breaking(loaded, above(150)), pytest.raises(DoesNotFit, match="cache holds 4096"):
        await answer_of(engine, prompt_of(loaded, 4, words=70), 5000)


async def test_the_memory_of_the_broken_batch_is_free_before_the_next_is_built(loaded: Loaded) -> None:
    with running(loaded) as engine, breaking(loaded, above(150)):
        held = weakref.ref(engine._started.loop._cache.cache_tensor)
        still_there: list[bool] = []
        build = engine._started._build

        def look_and_build(*asked: Any) -> Loop:
            still_there.append(held() is not None)
            return build(*asked)

        engine._started._build = look_and_build
        await answer_of(engine, prompt_of(loaded, 5, words=70), 4)
    assert still_there == [False]


async def test_a_batch_that_cannot_be_built_is_made_smaller_still(loaded: Loaded) -> None:
    with running(loaded) as engine, breaking(loaded, above(150)):
        build = engine._started._build
        full = [torch.OutOfMemoryError("injected")]

        def build_when_there_is_room(*asked: Any) -> Loop:
            if full:
                raise full.pop()
            return build(*asked)

        engine._started._build = build_when_there_is_room
        assert len(await answer_of(engine, prompt_of(loaded, 5, words=70), 4)) == 4
        assert engine.stats().restarts == 2
        assert engine.stats().cache_total == 2048


async def test_nobody_waits_for_a_recovery_that_failed(loaded: Loaded) -> None:
    def fail(_adapter: str | None) -> None:
        raise ZeroDivisionError

    with running(loaded) as engine, breaking(loaded, above(150)):
        engine._started._activate = fail
        with pytest.raises(EngineFailed, match="failed while it recovered; restart it"):
            await answer_of(engine, prompt_of(loaded, 5, words=70), 4)
        assert not engine.ready
        with pytest.raises(EngineFailed, match="failed while it recovered; restart it"):
            await engine.embed([[1, 2]])


async def test_a_request_that_transformers_refuses_harms_no_other(loaded: Loaded) -> None:
    """Its processors' arguments are checked in the loop; labels are a tuple."""
    refused = ThreadSink()
    with running(loaded) as engine:
        engine._started.enter(Request(prompt=[1, 2], budget=1, sink=refused, labels=[1, 2]))  # type: ignore[arg-type]
        assert len(await answer_of(engine, prompt_of(loaded, 5), 4)) == 4
        with pytest.raises(EngineFailed, match="refused this request"):
            refused.answer()
        assert engine.stats().restarts == engine.stats().running == 0


async def test_another_error_builds_the_same_again(loaded: Loaded) -> None:
    failing = [RuntimeError("injected")]
    with running(loaded) as engine, breaking(loaded, lambda _: failing.pop() if failing else None):
        assert len(await answer_of(engine, prompt_of(loaded, 5), 4)) == 4
        assert engine.stats().restarts == 1
        assert engine.stats().cache_total == 8192


async def test_a_model_that_always_fails_is_given_up(loaded: Loaded) -> None:
    prompt = prompt_of(loaded, 6)
    with running(loaded) as engine, breaking(loaded, lambda _: RuntimeError("injected")):
        for _ in range(2):
            with pytest.raises(EngineFailed, match="lost this answer"):
                await answer_of(engine, prompt, 4)
        with pytest.raises(EngineFailed, match=r"fails whatever it is asked \(RuntimeError\); restart the server"):
            await answer_of(engine, prompt, 4)
        assert engine.failure is not None
        assert not engine.ready


async def test_choices_and_vectors_come_after_a_recovery(loaded: Loaded) -> None:
    prompt, labels = prompt_of(loaded, 7, words=70), [1, 2, 3]
    with running(loaded) as engine, breaking(loaded, above(150)):
        chances = await engine.choose(prompt, labels)
        assert engine.stats().restarts == 1
        assert len(await engine.embed([[1, 2, 3]])) == 1
    assert chances == pytest.approx(torch.softmax(next_logits(loaded.model, prompt)[labels], dim=0).tolist(), abs=1e-5)


async def test_nothing_of_a_prompt_is_logged_when_it_breaks(
    loaded: Loaded, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """transformers' own log would quote the ends of a prompt that it drops."""
    prompt = [1717, 1718, 1719, 1720]
    with running(loaded) as engine, breaking(loaded, lambda _: RuntimeError("1717, 1718")):
        for _ in range(3):
            with pytest.raises(EngineFailed):
                await answer_of(engine, prompt, 4)
    logging.getLogger("ContinuousBatchingLogger").error("1717")
    written = capfd.readouterr()
    assert "batching_loop_broken" in written.out + written.err
    assert "1717" not in written.out + written.err + caplog.text


def test_each_lack_of_memory_halves_and_the_least_is_the_end() -> None:
    recovery = Recovery(SIZE)
    pages = 512
    sizes = []
    while recovery.after(torch.OutOfMemoryError(), pages) is None:
        sizes.append((recovery.size.batch_tokens, recovery.size.pages))
        pages = recovery.size.pages or 0
    assert sizes == [(128, 256), (64, 128)]
    assert recovery.size.batch_tokens == LEAST_BATCH


def test_a_cache_sized_by_the_card_is_halved_from_what_it_was() -> None:
    recovery = Recovery(replace(SIZE, pages=None))
    recovery.after(torch.OutOfMemoryError(), 1000)
    assert recovery.size.pages == 500


def test_a_token_between_errors_starts_the_count_anew() -> None:
    recovery = Recovery(SIZE)
    for _ in range(3 * MOST_IN_A_ROW):
        assert recovery.after(ValueError(), 512) is None
        recovery.succeeded()
    assert recovery.size == SIZE
