"""An engine whose constraint is not at work does not start, and one that runs keeps answers in their shapes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from serving import constraint
from serving.engine import Ask, Engine
from serving.errors import EngineFailed, ModelNotUsable
from serving.loading import Loaded
from serving.shapes import Wanted
from tests.unit.serving.engines import (
    answer_of,
    plain_answer,
    prompt_of,
    running,
    steps_of,
)

SCHEMA = {
    "type": "object",
    "properties": {"verdict": {"enum": ["benign", "malicious"]}, "why": {"type": "string"}},
    "required": ["verdict", "why"],
    "additionalProperties": False,
}


def start(loaded: Loaded) -> None:
    with running(loaded):
        pass


def test_a_mask_that_is_not_applied_is_found_at_the_start(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constraint.Constraint, "__call__", lambda _self, scores, _argument: scores)
    with pytest.raises(ModelNotUsable, match="constraints do not work"):
        start(loaded)


def test_masks_in_the_wrong_rows_are_found_at_the_start(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    apply = constraint.Constraint.__call__

    def turned(self: Any, scores: Any, argument: Any) -> Any:
        self._mask[: scores.size(0)] = self._mask[: scores.size(0)].flip(0)
        return apply(self, scores, argument)

    monkeypatch.setattr(constraint.Constraint, "__call__", turned)
    with pytest.raises(ModelNotUsable):
        start(loaded)


def test_a_model_that_cannot_run_a_step_does_not_start(loaded: Loaded) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("injected")

    hook = loaded.model.register_forward_pre_hook(fail)
    try:
        with pytest.raises(EngineFailed):
            start(loaded)
    finally:
        hook.remove()


def test_the_proof_is_not_counted(engine: Engine, loaded: Loaded) -> None:
    with running(loaded) as fresh:
        stats = fresh.stats()
    assert (stats.prompt_tokens, stats.generated_tokens, stats.shared_tokens, stats.running) == (0, 0, 0, 0)


async def test_shaped_and_free_answers_of_one_batch(loaded: Loaded, engine: Engine) -> None:
    shape = engine.shapes.compile(Wanted(schema=SCHEMA))
    assert shape is not None
    prompts = [prompt_of(loaded, number) for number in range(6)]
    shaped = [answer_of(engine, prompt, 60, shape=shape, temperature=1.0) for prompt in prompts]
    free = [answer_of(engine, prompt, 20) for prompt in prompts]
    answers = await asyncio.gather(*shaped, *free)
    for answer in answers[:6]:
        assert json.loads(loaded.tokenizer.decode(answer))["verdict"] in {"benign", "malicious"}
    for prompt, answer in zip(prompts, answers[6:], strict=True):
        assert answer == plain_answer(loaded.model, prompt, 20, loaded.stop_token_ids)


async def test_an_answer_ended_by_its_budget_says_so(loaded: Loaded, engine: Engine) -> None:
    shape = engine.shapes.compile(Wanted(schema=SCHEMA))
    assert shape is not None
    steps = await steps_of(
        engine, Ask(prompt=prompt_of(loaded, 1), max_new_tokens=shape.least + 8, shape=shape, temperature=1.0)
    )
    json.loads(loaded.tokenizer.decode([token for step in steps for token in step.tokens]))
    assert steps[-1].finish == "stop"
    assert steps[-1].closed
    with pytest.raises(ValueError, match="so short"):
        await answer_of(engine, [1], shape.least - 1, shape=shape)


async def test_a_shaped_answer_that_nobody_waits_for_leaves_nothing(loaded: Loaded, engine: Engine) -> None:
    shape = engine.shapes.compile(Wanted(schema={"type": "string"}))
    steps = engine.generate(Ask(prompt=prompt_of(loaded, 2), max_new_tokens=4000, shape=shape, temperature=1.0))
    await anext(steps)
    await steps.aclose()
    await answer_of(engine, prompt_of(loaded, 3), 2)
    assert engine.stats().cache_used == 0
    assert engine._started._constraint._held == {}
