"""Engines on the tiny model, and what plain `generate` of transformers says to the same prompts."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from serving.engine import Ask, Engine, EngineConfig, Step
from serving.loading import Loaded, ModelSpec, load
from serving.noise import PADDING, VOCABULARY
from serving.shapes import Shapes

#: Seconds; nothing here takes one.
PATIENCE = 60
#: A cache and a step small enough that prompts are split and pages are shared.
SMALL: dict[str, Any] = {"page_tokens": 16, "cache_tokens": 8192, "batch_tokens": 256, "max_concurrency": 16}


def load_tiny(folder: Path, **changes: Any) -> Loaded:
    """The tiny model on the processor."""
    return load(ModelSpec(model=str(folder), device="cpu", **changes))


def shapes_of(loaded: Loaded) -> Shapes:
    """What compiles shapes for this model."""
    return Shapes(loaded.tokenizer, vocab_size=loaded.vocab_size, stop_token_ids=loaded.stop_token_ids)


@contextmanager
def running(loaded: Loaded, **changes: Any) -> Iterator[Engine]:
    """A started engine, closed afterwards.

    transformers collects garbage whenever a batch ends; what is there by now need not be looked through then.
    """
    gc.freeze()
    engine = Engine(loaded, EngineConfig(**SMALL | changes), shapes_of(loaded))
    try:
        engine.start()
        yield engine
    finally:
        engine.close()


def prompt_of(loaded: Loaded, number: int, *, words: int = 5) -> list[int]:
    """Tokens of a chat; equal numbers are equal chats, and all begin alike."""
    text = f"Look at the ticket. {'alert and evidence ' * words}{number}"
    tokens: list[int] = loaded.tokenizer.encode(f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n")
    return tokens


async def steps_of(engine: Engine, ask: Ask) -> list[Step]:
    """All steps of an answer."""
    async with asyncio.timeout(PATIENCE):
        return [step async for step in engine.generate(ask)]


async def rest_of(steps: AsyncIterator[Step]) -> None:
    """Read an answer that has begun to its end."""
    async with asyncio.timeout(PATIENCE):
        async for _ in steps:
            pass


async def answer_of(engine: Engine, prompt: list[int], tokens: int = 20, **changes: Any) -> list[int]:
    """Tokens of an answer."""
    steps = await steps_of(engine, Ask(prompt=prompt, max_new_tokens=tokens, **changes))
    return [token for step in steps for token in step.tokens]


def plain_answer(model: Any, prompt: list[int], tokens: int, stops: tuple[int, ...]) -> list[int]:
    """What `generate` of transformers gives greedily, without the stop token."""
    ids = torch.tensor([prompt])
    whole = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=tokens,
        eos_token_id=list(stops),
        suppress_tokens=list(range(VOCABULARY, VOCABULARY + PADDING)),  # no token has these rows
    )
    answer: list[int] = whole[0, len(prompt) :].tolist()
    return answer[:-1] if answer[-1] in stops else answer


def next_logits(model: Any, prompt: list[int]) -> torch.Tensor:
    """Logits of the next token, by a plain forward pass."""
    with torch.no_grad():
        logits: torch.Tensor = model(torch.tensor([prompt])).logits[0, -1]
    return logits
