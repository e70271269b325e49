"""The engine: tokens in, tokens out, many requests at once on one model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from serving.asking import Ask, AsyncSink, Request, Step
from serving.attention import MASKLESS, NAMES
from serving.batch import Batch, Receive
from serving.canary import prove_constraint
from serving.choosing import Choosing, check_labels
from serving.constraint import Constraint
from serving.embedding import embed, passes
from serving.errors import DoesNotFit, EngineFailed, ModelNotUsable
from serving.loading import Loaded
from serving.loop import Loop
from serving.recovery import Recovery
from serving.sampling import Sampling
from serving.sizing import Size, choose_size

if TYPE_CHECKING:
    from serving.shapes import Shapes

__all__ = ["Ask", "DoesNotFit", "Engine", "EngineConfig", "EngineFailed", "EngineStats", "Step"]


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineConfig:
    """How the engine uses the device; None: chosen from the model and the memory there is.

    Attributes:
        max_concurrency: requests that run at once; more wait inside.
        page_tokens: tokens of one page of the cache; prefixes are shared by whole pages.
        cache_tokens: tokens that the cache holds, of all requests together.
        batch_tokens: tokens that one step computes at most.
        memory_share: share of the free memory that the cache and its tensors take.
        prefix_sharing: whether equal beginnings of prompts are computed once.
        graphs: CUDA graphs. `auto`: with the package flash-attn, where no adapter may be switched.
    """

    max_concurrency: int = 32
    page_tokens: int | None = None
    cache_tokens: int | None = None
    batch_tokens: int | None = None
    memory_share: float | None = None
    prefix_sharing: bool = True
    graphs: Literal["auto", "on", "off"] = "auto"


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineStats:
    """Counts since the start; `running` and `cache_used` are of now.

    Attributes:
        cache_used: tokens of pages that running requests hold.
        shared_tokens: tokens of prompts that were found in the cache and not computed again.
        restarts: how often the loop broke and was built again.
    """

    running: int
    cache_used: int
    cache_total: int
    prompt_tokens: int
    shared_tokens: int
    generated_tokens: int
    restarts: int


class Engine:
    """One model and its batch. `start` before anything else, `close` at the end; the rest is for any event loop."""

    def __init__(self, loaded: Loaded, config: EngineConfig, shapes: Shapes) -> None:
        self.loaded = loaded
        self.config = config
        self.shapes = shapes
        self._batch: Batch | None = None

    @property
    def ready(self) -> bool:
        """Whether requests are answered now."""
        return self._batch is not None and self._batch.failure is None and self._batch.loop.alive

    @property
    def failure(self) -> str | None:
        """Why the engine gave up; only a new process helps."""
        return self._batch.failure if self._batch is not None else None

    def start(self) -> None:
        """Allocate the cache, warm up, prove that constraints hold.

        Raises:
            ModelNotUsable: the model cannot be batched, the cache does not fit, or the constraint is not active.
            EngineFailed: the model cannot run a step.
        """
        try:
            batch = self._make_batch()
        except torch.OutOfMemoryError as error:
            raise ModelNotUsable("The cache does not fit beside the model; use a smaller memory share.") from error
        batch.start()
        try:
            prove_constraint(batch, self.loaded, self.shapes)
        except BaseException:
            batch.close()
            raise
        batch.count_anew()
        self._batch = batch

    async def generate(self, ask: Ask) -> AsyncGenerator[Step, None]:
        """Answer a request step by step. Closing the iterator cancels the request and frees its slot and cache.

        Raises:
            DoesNotFit: prompt and answer are longer than the model's context or the cache.
            EngineFailed: the engine broke under this request, or stops.
            ValueError: an empty prompt, no room for an answer of this shape, or an adapter that is not loaded.
        """
        self._check(len(ask.prompt), ask.max_new_tokens, ask.adapter)
        if ask.max_new_tokens < (1 if ask.shape is None else ask.shape.least):
            raise ValueError("No answer that was asked for is so short.")
        sink = AsyncSink()
        request = Request(
            prompt=list(ask.prompt),
            budget=ask.max_new_tokens,
            sink=sink,
            temperature=float(ask.temperature),
            shape=ask.shape,
            adapter=ask.adapter,
        )
        self._started.enter(request)
        try:
            while True:
                item = await sink.get()
                if not isinstance(item, Step):
                    raise item  # type: ignore[misc]  # only choices are answered by lists
                yield item
                if item.finish is not None:
                    return
        finally:
            self._started.leave(request)

    async def choose(self, prompt: Sequence[int], labels: Sequence[int], *, adapter: str | None = None) -> list[float]:
        """The probabilities of these tokens as the next one, among themselves: their sum is 1.

        Raises:
            DoesNotFit, EngineFailed: as `generate`.
            ValueError: as `generate`, or labels that are no choice.
        """
        self._check(len(prompt), 1, adapter)
        sink = AsyncSink()
        wanted = check_labels(labels, self.loaded.vocab_size)
        request = Request(prompt=list(prompt), budget=1, sink=sink, adapter=adapter, labels=wanted)
        self._started.enter(request)
        try:
            item = await sink.get()
        finally:
            self._started.leave(request)
        if not isinstance(item, list):
            raise item  # type: ignore[misc]  # a choice has no steps
        return item

    async def embed(self, texts: Sequence[Sequence[int]]) -> list[list[float]]:
        """One vector of length 1 for each text, by the model without adapters, between the steps of the batch.

        Raises:
            DoesNotFit: a text is longer than the model's context, or too long for the memory there is.
            EngineFailed: the engine is recovering, or over.
            ValueError: an empty text.
        """
        for text in texts:
            self._check(len(text), 0, None)
        vectors: list[list[float]] = [[] for _ in texts]
        waiting = list(passes(texts))
        while waiting:
            chosen = waiting.pop(0)
            try:
                found = await asyncio.to_thread(self._embed, [texts[index] for index in chosen])
            except torch.OutOfMemoryError as error:
                if len(chosen) == 1:
                    raise DoesNotFit("A text is too long for the device's memory; shorten it.") from error
                half = len(chosen) // 2
                waiting += [chosen[:half], chosen[half:]]
                continue
            for index, vector in zip(chosen, found, strict=True):
                vectors[index] = vector
        return vectors

    def stats(self) -> EngineStats:
        """Numbers for metrics."""
        batch = self._started
        return EngineStats(
            running=batch.running,
            cache_used=batch.loop.used_tokens,
            cache_total=batch.loop.total_tokens,
            prompt_tokens=batch.prompt_tokens,
            shared_tokens=batch.shared_tokens,
            generated_tokens=batch.generated_tokens,
            restarts=batch.restarts,
        )

    def close(self) -> None:
        """Fail what is left and end the threads. Nothing happens if the engine never started."""
        if self._batch is not None:
            self._batch.close()

    @property
    def _started(self) -> Batch:
        if self._batch is None:
            raise EngineFailed("The model server is not started.")
        return self._batch

    def _check(self, prompt: int, answer: int, adapter: str | None) -> None:
        if prompt < 1 or answer < 0:
            raise ValueError("A request needs at least one token, and room for an answer.")
        if adapter is not None and adapter not in self.loaded.adapters:
            raise ValueError("No adapter of this name is loaded.")
        if prompt + answer > self.loaded.context:
            raise DoesNotFit(
                f"Prompt and answer need {prompt + answer} tokens and the model's context is {self.loaded.context}; "
                "shorten the prompt or the answer."
            )

    def _make_batch(self) -> Batch:
        config, loaded, graphs = self.config, self.loaded, self._graphs()
        size = choose_size(
            loaded.model,
            on_card=loaded.device.type != "cpu",
            flash=loaded.attention.startswith("flash"),
            masked=loaded.attention not in MASKLESS,
            context=loaded.context,
            requests=config.max_concurrency,
            page_tokens=config.page_tokens,
            cache_tokens=config.cache_tokens,
            batch_tokens=config.batch_tokens,
            memory_share=config.memory_share,
        )
        choosing = Choosing(rows=size.requests, device=loaded.device)
        constraint = Constraint(self.shapes.vocabulary, rows=size.requests, device=loaded.device)

        def build(size: Size, receive: Receive) -> Loop:
            return Loop(
                loaded,
                size,
                processors=[choosing, constraint, Sampling()],
                receive=receive,
                prefix_sharing=config.prefix_sharing,
                graphs=graphs,
            )

        return Batch(
            build,
            Recovery(size),
            constraint=constraint,
            choosing=choosing,
            stop_token_ids=loaded.stop_token_ids,
            activate=loaded.switch.activate,
        )

    def _embed(self, texts: list[Sequence[int]]) -> list[list[float]]:
        loaded = self.loaded
        with self._started.model_for_me(), loaded.switch.aside():
            return embed(loaded.model, texts, pooling=loaded.pooling, pad=loaded.stop_token_ids[0])

    def _graphs(self) -> bool | None:
        """What transformers is told; None: as it sees fit."""
        wanted, attention = self.config.graphs, self.loaded.attention
        if self.loaded.device.type == "cpu" or wanted == "off":
            return False
        if wanted == "on" and self.loaded.adapters:
            raise ModelNotUsable("A CUDA graph keeps the adapter it was captured with; serve adapters without graphs.")
        if wanted == "on" and attention == "packed":
            raise ModelNotUsable("A CUDA graph needs FlashAttention, which does not run on this card for this model.")
        if self.loaded.adapters or (wanted == "auto" and attention in NAMES):
            return False
        return True if wanted == "on" else None
