"""Vectors are what a plain forward pass gives, pooled and of length 1."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest
import torch

from serving.embedding import passes
from serving.engine import DoesNotFit, Engine
from serving.loading import Loaded
from tests.unit.serving.engines import answer_of, load_tiny, plain_answer, prompt_of, running


def plain_vector(loaded: Loaded, text: list[int]) -> torch.Tensor:
    with torch.no_grad():
        states = loaded.model.base_model(torch.tensor([text])).last_hidden_state[0]
    vector = states[-1] if loaded.pooling == "last" else states.mean(dim=0)
    return vector / vector.norm()


async def test_vectors_are_the_mean_of_the_hidden_states(loaded: Loaded, engine: Engine) -> None:
    texts = [prompt_of(loaded, number, words=words) for number, words in enumerate((3, 40, 1, 0, 25))]
    for text, vector in zip(texts, await engine.embed(texts), strict=True):
        assert vector == pytest.approx(plain_vector(loaded, text).tolist(), abs=1e-5)


async def test_a_model_made_for_embeddings_says_which_state_counts(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "embedder"
    shutil.copytree(tiny_model, folder)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_lasttoken": True}))
    loaded = load_tiny(folder)
    assert loaded.pooling == "last"
    texts = [prompt_of(loaded, 1, words=9), prompt_of(loaded, 2)]
    with running(loaded) as engine:
        for text, vector in zip(texts, await engine.embed(texts), strict=True):
            assert vector == pytest.approx(plain_vector(loaded, text).tolist(), abs=1e-5)


async def test_answers_go_on_beside_it(loaded: Loaded, engine: Engine) -> None:
    prompts = [prompt_of(loaded, number) for number in range(4)]
    results = await asyncio.gather(
        *(answer_of(engine, prompt, 30) for prompt in prompts), *(engine.embed([prompt]) for prompt in prompts)
    )
    for prompt, answer in zip(prompts, results[:4], strict=True):
        assert answer == plain_answer(loaded.model, prompt, 30, loaded.stop_token_ids)


async def test_too_much_for_the_memory_is_computed_in_smaller_parts(loaded: Loaded, engine: Engine) -> None:
    sizes: list[int] = []

    def short_of_memory(_module: object, _args: object, kwargs: dict[str, torch.Tensor]) -> None:
        sizes.append(kwargs["input_ids"].numel())
        if sizes[-1] > 60:
            raise torch.OutOfMemoryError("injected")

    texts = [[number] * 20 for number in range(1, 8)]
    whole = await engine.embed(texts)
    hook = loaded.model.base_model.register_forward_pre_hook(short_of_memory, with_kwargs=True)
    try:
        parts = await engine.embed(texts)
        with pytest.raises(DoesNotFit, match="shorten it"):
            await engine.embed([[1] * 70])
    finally:
        hook.remove()
    assert sizes[0] == 140
    for vector, expected in zip(parts, whole, strict=True):
        assert vector == pytest.approx(expected, abs=1e-5)
    assert engine.stats().restarts == 0


async def test_a_text_longer_than_the_context_is_refused(loaded: Loaded, engine: Engine) -> None:
    with pytest.raises(DoesNotFit):
        await engine.embed([[1] * (loaded.context + 1)])
    with pytest.raises(ValueError):
        await engine.embed([[]])
    assert await engine.embed([]) == []


def test_texts_of_like_length_are_computed_together() -> None:
    texts = [[1] * length for length in (5, 100, 6, 90, 300)]
    assert list(passes(texts, tokens=200)) == [[0, 2], [3, 1], [4]]
