"""Proof at the start that the constraint is at work, and only where it was asked for."""

from __future__ import annotations

import json
import queue
from typing import TYPE_CHECKING

from serving.asking import Item, Request, Step
from serving.errors import ModelNotUsable

if TYPE_CHECKING:
    import asyncio

    from serving.batch import Batch
    from serving.loading import Loaded
    from serving.shapes import Shapes

#: What the constrained answer must be; no model says it by chance.
CODE = "casemate-canary-5d1f"
PROMPT = "Describe the weather in one sentence."
#: Tokens of the unconstrained answer.
FREE_TOKENS = 16
#: Seconds for a step; the first one may compile kernels.
PATIENCE = 600.0


class ThreadSink:
    """Items for a thread that waits for them."""

    loop: asyncio.AbstractEventLoop | None = None

    def __init__(self) -> None:
        self._items: queue.SimpleQueue[Item] = queue.SimpleQueue()

    def put(self, item: Item) -> None:
        """Called in the loop's thread."""
        self._items.put(item)

    def answer(self) -> list[int]:
        """All tokens until the end.

        Raises:
            CasemateError: what the engine says.
            queue.Empty: nothing came in time.
        """
        tokens: list[int] = []
        while True:
            item = self._items.get(timeout=PATIENCE)
            if not isinstance(item, Step):
                raise item  # type: ignore[misc]  # this request chooses nothing
            tokens += item.tokens
            if item.finish is not None:
                return tokens


def prove_constraint(batch: Batch, loaded: Loaded, shapes: Shapes) -> None:
    """Ask the same twice in one batch at temperature 1: in the shape of one string, and free.

    Raises:
        ModelNotUsable: the first answer is not that string, or the second one is.
        EngineFailed: the model cannot run a step.
    """
    from serving.shapes import Wanted

    shape = shapes.compile(Wanted(schema={"const": CODE}))
    assert shape is not None
    prompt = loaded.tokenizer.encode(PROMPT)
    bound, free = ThreadSink(), ThreadSink()
    budget = 2 * shape.least
    batch.enter(Request(prompt=prompt, budget=budget, sink=bound, temperature=1.0, shape=shape))
    batch.enter(Request(prompt=prompt, budget=FREE_TOKENS, sink=free, temperature=1.0))
    said, else_said = (loaded.tokenizer.decode(sink.answer()) for sink in (bound, free))
    if said != json.dumps(CODE):
        raise ModelNotUsable("An answer left the shape it was asked for: constraints do not work with this model here.")
    if CODE in else_said:
        raise ModelNotUsable("A free answer was forced into another one's shape: requests of a batch are mixed up.")
