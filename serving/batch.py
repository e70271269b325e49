"""Requests in flight: submitted to the loop, answered from it, begun again when it broke, in turns of one adapter.

Three threads meet here. Callers enter and leave. The loop's thread delivers outputs. The keeper changes adapters and
rebuilds a loop that ended. Under the lock nobody waits for the loop, so its thread always gets on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from core.log import logger
from serving.asking import Item, Request, Step, last_step
from serving.choosing import Choosing
from serving.constraint import Constraint
from serving.delivery import deliver
from serving.errors import DoesNotFit, EngineFailed, ModelNotUsable
from serving.loop import Loop
from serving.recovery import Recovery
from serving.sizing import Size
from serving.turns import Turns

log = logger(__name__)

STOPPING = "The model server is stopping."
LOST = "The model server ran into an error and lost this answer; ask again."
BROKEN = "The model server failed while it recovered; restart it."

#: Takes the outputs of one step.
Receive = Callable[[list[Any]], None]


class Batch:
    """All requests of an engine and the loop they run on."""

    def __init__(
        self,
        build: Callable[[Size, Receive], Loop],
        recovery: Recovery,
        *,
        constraint: Constraint,
        choosing: Choosing,
        stop_token_ids: tuple[int, ...],
        activate: Callable[[str | None], None],
    ) -> None:
        """`build` makes a loop of a size, with a function that receives its outputs."""
        self._build = build
        self._recovery = recovery
        self._constraint = constraint
        self._choosing = choosing
        self._stops = frozenset(stop_token_ids)
        self._activate = activate
        self._changed = threading.Condition()
        self._using_model = threading.Lock()
        self._requests: dict[str, Request] = {}
        self._turns = Turns()
        self._broken = False
        self._over: str | None = None
        self._keeper = threading.Thread(target=self._keep, name="engine-keeper", daemon=True)
        self._loop: Loop = build(recovery.size, self.receive)
        self.prompt_tokens = 0
        self.generated_tokens = 0
        self._shared_before = 0

    def start(self) -> None:
        """Run the loop and its keeper."""
        self._loop.start()
        self._keeper.start()

    def count_anew(self) -> None:
        """Forget what was counted until now."""
        self.prompt_tokens = self.generated_tokens = self._shared_before = self._loop.shared_tokens = 0

    @property
    def loop(self) -> Loop:
        """The loop of now; a rebuilt one replaces it."""
        return self._loop

    @property
    def failure(self) -> str | None:
        """Why no request is taken any more."""
        return self._over

    @property
    def running(self) -> int:
        """Requests that entered and did not leave."""
        return len(self._requests)

    @property
    def restarts(self) -> int:
        """How often the loop was built again."""
        return self._recovery.restarts

    @property
    def shared_tokens(self) -> int:
        """Tokens of prompts that were found in the cache, of all loops."""
        return self._shared_before + self._loop.shared_tokens

    def enter(self, request: Request) -> None:
        """Take a request; what comes of it goes to its sink.

        Raises:
            DoesNotFit: it is longer than the cache.
            EngineFailed: the engine is over.
        """
        with self._changed:
            if self._over is not None:
                raise EngineFailed(self._over)
            self._check_fits(request)
            self._requests[request.id] = request
            self.prompt_tokens += len(request.prompt)
            self._submit(self._turns.arrive(request))

    def leave(self, request: Request) -> None:
        """Its owner went away: the slot and the cache are freed. Nothing happens if it ended already."""
        with self._changed:
            if request.id in self._requests:
                self._loop.cancel(request.id)
                self._end(request)

    def receive(self, outputs: list[Any]) -> None:
        """Outputs of one step, in the loop's thread."""
        items: list[tuple[Request, Item]] = []
        with self._changed:
            for output in outputs:
                request = self._requests.get(output.request_id)
                if request is None:  # it went away meanwhile
                    continue
                if output.error is None:
                    items.append((request, self._item(request, output)))
                elif self._over is None and not self._loop.alive:
                    self._broken = True
                    self._changed.notify_all()
                else:
                    self._end(request)
                    items.append((request, EngineFailed(self._over or "The model server refused this request.")))
        self._deliver(items)

    @contextmanager
    def model_for_me(self) -> Iterator[None]:
        """Hold the loop between two steps and use the model in this thread.

        Raises:
            EngineFailed: the loop is being rebuilt, or over.
        """
        with self._using_model:
            pause = self._loop.pause()
            try:
                pause.__enter__()
            except RuntimeError as error:
                raise EngineFailed(self._over or "The model server is recovering; ask again.") from error
            try:
                yield
            finally:
                pause.__exit__(None, None, None)

    def close(self) -> None:
        """Fail what is left and end all threads."""
        self._give_up(STOPPING)
        if self._keeper.is_alive():
            self._keeper.join()
        with self._using_model:
            self._loop.stop()

    def _item(self, request: Request, output: Any) -> Item:
        self._recovery.succeeded()
        new = output.generated_tokens[request.sent :]
        request.sent += len(new)
        self.generated_tokens += len(new)
        if not output.is_finished():
            return Step(tuple(new), None, False)
        shared = self._loop.shared_of(request.id)
        closed = request.handle is not None and self._constraint.closed(request.handle)
        self._end(request)
        if request.labels is not None:
            return self._choosing.probabilities(request.id)
        return last_step(new, self._stops, closed=closed, shared=shared)

    def _check_fits(self, request: Request) -> None:
        needs, has = len(request.prompt) + request.budget, self._loop.total_tokens
        if needs > has:
            raise DoesNotFit(
                f"Prompt and answer need {needs} tokens and the cache holds {has}; shorten the prompt or the answer."
            )

    def _submit(self, requests: list[Request]) -> None:
        for request in requests:
            extra: dict[str, Any] = {"temperature": request.temperature}
            if request.labels is not None:
                extra["labels"] = request.labels
            if request.shape is not None:
                request.handle = self._constraint.admit(request.shape, budget=request.budget)
                extra["shape"] = request.handle
            stream = request.labels is None
            if not self._loop.submit(request.id, request.prompt, request.budget, stream=stream, **extra):
                self._broken = True  # the loop ended; the keeper starts this request again
        self._changed.notify_all()

    def _end(self, request: Request) -> None:
        self._forget(request)
        self._submit(self._turns.leave(request))

    def _forget(self, request: Request) -> None:
        del self._requests[request.id]
        self._loop.shared_of(request.id)
        self._release(request)

    def _release(self, request: Request) -> None:
        if request.handle is not None:
            self._constraint.release(request.handle)
            request.handle = None

    def _keep(self) -> None:
        """The keeper's work, until the engine is over."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._over is not None or self._broken or self._turns.due)
                if self._over is not None:
                    return
                broken = self._broken
            try:
                if broken:
                    self._rebuild()
                else:
                    self._switch()
            except Exception as error:  # noqa: BLE001 - the outermost handler; nobody may wait for ever
                log.error("batching_recovery_failed", error=type(error).__name__)
                self._give_up(BROKEN)

    def _switch(self) -> None:
        """Make the next adapter active, between two steps of the loop."""
        try:
            with self.model_for_me(), self._changed:
                if not self._turns.due:
                    return
                self._loop.forget_prefixes()
                self._activate(self._turns.upcoming)
                self._submit(self._turns.begin())
        except EngineFailed:
            with self._changed:
                self._broken = True

    def _rebuild(self) -> None:
        """A new loop for the one that ended, and those requests again that nobody has seen a token of."""
        with self._using_model:
            error = self._loop.stop()
            with self._changed:
                self._broken = False
                again, lost = self._recovery.sort(self._turns.hold())
                pages = self._loop.total_tokens // self._loop.page_tokens
                self._shared_before, self._loop.shared_tokens = self.shared_tokens, 0
            self._fail(lost, LOST)
            sentence = self._build_again(error, pages)
            if sentence is not None:
                self._give_up(sentence)
                return
            with self._changed:
                for request in reversed(again):
                    if request.id in self._requests:  # its owner did not go away meanwhile
                        self._release(request)
                        self._turns.fall(request)
                self._activate(self._turns.upcoming)
                self._loop.start()
                self._refuse_too_long()
                self._submit(self._turns.begin())

    def _build_again(self, error: Exception | None, pages: int) -> str | None:
        """Build until it works; a sentence if it cannot."""
        while True:
            sentence = self._recovery.after(error, pages)
            if sentence is not None:
                return sentence
            log.warning("batching_loop_broken", error=type(error).__name__)
            try:
                self._loop = self._build(self._recovery.size, self.receive)
            except (RuntimeError, ModelNotUsable) as again:  # torch.OutOfMemoryError is the former
                error = again
                pages = self._recovery.size.pages or pages
            else:
                return None

    def _refuse_too_long(self) -> None:
        """After a rebuild with a smaller cache."""
        for request in list(self._requests.values()):
            try:
                self._check_fits(request)
            except DoesNotFit as refusal:
                self._drop(request)
                self._deliver([(request, refusal)])

    def _deliver(self, items: list[tuple[Request, Item]]) -> None:
        for request in deliver(items):
            self.leave(request)

    def _fail(self, requests: list[Request], sentence: str) -> None:
        with self._changed:
            for request in requests:
                self._drop(request)
        self._deliver([(request, EngineFailed(sentence)) for request in requests])

    def _drop(self, request: Request) -> None:
        self._forget(request)
        self._turns.leave(request)

    def _give_up(self, sentence: str) -> None:
        with self._changed:
            self._over = self._over or sentence
            self._turns.hold()
            left = list(self._requests.values())
            self._changed.notify_all()
        self._fail(left, sentence)
