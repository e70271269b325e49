"""Answers drawn from the masks alone, without a model: every allowed token is as likely as any other.

No model is as hostile as that. A real one, in transformers' batches, is in `test_canary.py` and `test_structured.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from types import SimpleNamespace

import numpy as np
import torch
from transformers.generation.continuous_batching.requests import RequestState

from core.canonical import JsonObject
from serving.constraint import Constraint
from serving.noise import PADDING, VOCABULARY, make_tokenizer
from serving.shapes import Shape, Shapes, Wanted

#: Columns of the tiny model's logits.
COLUMNS = VOCABULARY + PADDING
TOKENIZER = make_tokenizer()
STOP: int = TOKENIZER.eos_token_id
SHAPES = Shapes(TOKENIZER, vocab_size=COLUMNS, stop_token_ids=[STOP])


@dataclass(frozen=True)
class Drawn:
    """An answer: `stopped` if it came to its end, `closed` if the budget chose how."""

    text: str
    tokens: list[int]
    stopped: bool
    closed: bool


def shape_of(wanted: Wanted | JsonObject) -> Shape:
    """Compiled by one compiler for all tests."""
    shape = SHAPES.compile(wanted if isinstance(wanted, Wanted) else Wanted(schema=wanted))
    assert shape is not None
    return shape


def constraint(rows: int = 4) -> Constraint:
    """As the engine makes it, on the processor."""
    return Constraint(SHAPES.vocabulary, rows=rows, device=torch.device("cpu"))


def state_of(handle: int, prompt: list[int] | None = None, budget: int = 100) -> RequestState:
    """A request as transformers keeps it while it generates."""
    kwargs = {"shape": handle} if handle else {}
    return RequestState("r", prompt or [1], max_new_tokens=budget, logit_processor_kwargs=kwargs)


def allowed(held: Constraint, *states: RequestState) -> list[list[int]]:
    """The tokens that the masks of the next step leave to each request."""
    arguments = held.prepare_tensor_args([SimpleNamespace(state=state) for state in states])
    scores = held(torch.zeros(len(states), COLUMNS), arguments)
    return [torch.isfinite(row).nonzero().flatten().tolist() for row in scores]


def draw(shape: Shape, *, budget: int, random: Random, stop: float = 0.1, reset_at: int | None = None) -> Drawn:
    """One answer. It ends with probability `stop` where it may; at `reset_at` tokens the request is put back."""
    held = constraint(rows=1)
    handle = held.admit(shape, budget=budget)
    state = state_of(handle, budget=budget)
    tokens: list[int] = []
    stopped = False
    while len(tokens) < budget and not stopped:
        if len(tokens) == reset_at:
            state = state.create_equivalent_initial_request()
        [choices] = allowed(held, state)
        assert choices, "a request always has a token left"
        others = [token for token in choices if token != STOP]
        stopped = STOP in choices and (not others or random.random() < stop)
        token = STOP if stopped else random.choice(others)
        tokens.append(token)
        state.generated_tokens.append(token)
    closed = held.closed(handle)
    held.release(handle)
    text = TOKENIZER.decode(tokens, skip_special_tokens=True)
    return Drawn(text, tokens[:-1] if stopped else tokens, stopped, closed)


def replay(shape: Shape, text: str, *, budget: int) -> bool:
    """Whether a model that writes `text`, in the tokens it was taught, is let write it to its end."""
    held = constraint(rows=1)
    state = state_of(held.admit(shape, budget=budget))
    for token in [*TOKENIZER.encode(text), STOP]:
        if token not in allowed(held, state)[0]:
            return False
        state.generated_tokens.append(token)
    return True


def texts(shape: Shape, count: int, *, seed: int = 0, spare: tuple[int, ...] = (0, 1, 3, 10, 40)) -> list[str]:
    """Answers with hardly more tokens than the shortest takes. Each came to its end and has its shape."""
    random, found = Random(seed), []
    for _ in range(count):
        drawn = draw(shape, budget=shape.least + random.choice(spare), random=random)
        assert drawn.stopped
        assert shape.problem(drawn.text) is None
        found.append(drawn.text)
    return found


def columns(tokens: list[int]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Flags of these tokens."""
    found = np.zeros(COLUMNS, dtype=np.bool_)
    found[tokens] = True
    return found
