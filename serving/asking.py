"""What is asked of the engine, what it answers, and a request on its way between the two.

Tokens of prompts and answers are in no `repr`, so that no traceback shows them.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from core.errors import CasemateError
from serving.errors import DoesNotFit, EngineFailed

if TYPE_CHECKING:
    from serving.shapes import Shape

__all__ = ["Ask", "AsyncSink", "DoesNotFit", "EngineFailed", "Item", "Request", "Sink", "Step", "last_step"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """One request.

    Attributes:
        prompt: tokens, at least one.
        max_new_tokens: most tokens of the answer, its stop token included.
        temperature: 0 takes the likeliest token each time.
        shape: what the answer must look like, compiled; None: anything.
        adapter: name of a loaded adapter; None: the model alone.
    """

    prompt: Sequence[int] = field(repr=False)
    max_new_tokens: int
    temperature: float = 0.0
    shape: Shape | None = None
    adapter: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What came since the last step.

    Attributes:
        tokens: new tokens, without the stop token.
        finish: why the answer ended; None while it goes on.
        closed: the constraint ended the answer within its budget; `finish` is then `stop`.
        shared: tokens of the prompt that were found in the cache; in the last step.
    """

    tokens: tuple[int, ...] = field(repr=False)
    finish: Literal["stop", "length"] | None
    closed: bool
    shared: int = 0


def last_step(new: Sequence[int], stops: Collection[int], *, closed: bool, shared: int) -> Step:
    """The step that ends an answer whose newest tokens are `new`."""
    if new and new[-1] in stops:
        return Step(tuple(new[:-1]), "stop", closed, shared)
    return Step(tuple(new), "length", closed, shared)


#: What a request's owner receives: steps, or the probabilities of a choice, or why there are no more.
Item = Step | list[float] | CasemateError


class Sink(Protocol):
    """Where items go. `loop` is the event loop that must put them there; None: any thread may."""

    loop: asyncio.AbstractEventLoop | None

    def put(self, item: Item) -> None:
        """Take one item."""
        ...


class AsyncSink:
    """A queue of the running event loop."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Item] = asyncio.Queue()

    def put(self, item: Item) -> None:
        """Called in the event loop's thread."""
        self._queue.put_nowait(item)

    async def get(self) -> Item:
        """The next item."""
        return await self._queue.get()


@dataclass(slots=True, eq=False)
class Request:
    """A request inside the engine.

    Attributes:
        labels: tokens to choose among; the answer is then their probabilities.
        handle: the constraint's, while the request runs.
        sent: tokens already handed to its owner.
        shared: tokens of the prompt that the cache held.
        tries: how often the batch broke under it.
    """

    prompt: list[int] = field(repr=False)
    budget: int
    sink: Sink
    temperature: float = 0.0
    shape: Any = None
    adapter: str | None = None
    labels: tuple[int, ...] | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    handle: int | None = None
    sent: int = 0
    shared: int = 0
    tries: int = 0
