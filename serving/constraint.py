"""Holds the answers of a batch to their shapes: before each step, one mask of allowed tokens for each request.

The mask lies in one tensor on the device, filled before the step; applying it never looks at the data, so it may be
part of a captured CUDA graph. It needs synchronous batching: a step must know the last token before the next mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import torch
import xgrammar
from transformers.generation.continuous_batching.cb_logits_processors import ContinuousBatchingLogitsProcessor

from serving.closing import Closer
from serving.shapes import Shape
from serving.vocabulary import Bits, Vocabulary, bits


@dataclass(slots=True)
class _Held:
    """One answer in the making."""

    matcher: xgrammar.GrammarMatcher
    closer: Closer
    accepted: int = 0
    #: A token came that no mask allowed: nothing can be said of what follows.
    lost: bool = False


class Constraint(ContinuousBatchingLogitsProcessor):  # type: ignore[misc]  # transformers is untyped
    """One per engine. `admit` and `release` are for any thread; the rest belongs to the loop."""

    supported_kwargs: dict[str, type] = {"shape": int}  # noqa: RUF012  # as the base class declares it
    ignored_kwargs: tuple[str, ...] = ()

    def __init__(self, vocabulary: Vocabulary, *, rows: int, device: torch.device) -> None:
        """`rows` is the most requests that a step has."""
        self._size = vocabulary.size
        self._free = bits(vocabulary.known)
        stops = np.zeros(vocabulary.size, dtype=np.bool_)
        stops[list(vocabulary.stops)] = True
        self._stops = bits(stops)
        self._on_card = device.type != "cpu"
        host = torch.from_numpy(np.tile(self._free, (rows, 1)))
        self._host = host.pin_memory() if self._on_card else host
        self._rows: Bits = self._host.numpy()
        self._mask = self._host.to(device)
        self._shifts = torch.arange(32, dtype=torch.int32, device=device)
        self._filling = xgrammar.BatchGrammarMatcher(max_threads="auto")
        self._dirty = 0
        self._held: dict[int, _Held] = {}
        self._numbers = count(1)

    def admit(self, shape: Shape, *, budget: int) -> int:
        """A handle for one answer of at most `budget` tokens; it goes with the request as its argument `shape`.

        Raises:
            ValueError: no answer of this shape is that short.
        """
        if budget < shape.least:
            raise ValueError(f"The shortest answer takes {shape.least} tokens; {budget} are allowed.")
        handle = next(self._numbers)
        self._held[handle] = _Held(xgrammar.GrammarMatcher(shape.compiled), Closer(shape.bounds, budget=budget))
        return handle

    def release(self, handle: int) -> None:
        """The answer is over, or nobody wants it any more."""
        self._held.pop(handle, None)

    def closed(self, handle: int) -> bool:
        """Whether the budget, not the model, chose how the answer ends."""
        held = self._held.get(handle)
        return held is not None and held.closer.closed

    def fill_defaults(self, int32_tensor: Any) -> None:
        """Without a handle a request is free."""
        int32_tensor.zero_()

    def prepare_tensor_args(self, requests_with_new_token: list[Any]) -> Any:
        """Fill the mask for the next step. What is returned is only for the framework, which wants a tensor."""
        self._rows[: self._dirty] = self._free
        handles = [request.state.logit_processor_kwargs.get("shape", 0) for request in requests_with_new_token]
        shaped = []
        for row, (handle, request) in enumerate(zip(handles, requests_with_new_token, strict=True)):
            held = self._held.get(handle)
            if held is not None:
                written = _written(request.state)
                if _follow(held, written):
                    shaped.append((row, held, written))
                else:
                    self._rows[row] = self._stops
        if shaped:
            matchers = [held.matcher for _, held, _ in shaped]
            self._filling.batch_fill_next_token_bitmask(matchers, self._host, [row for row, _, _ in shaped])
        for row, held, written in shaped:
            self._narrow(row, held, written)
        used = max(self._dirty, len(handles))
        self._dirty = len(handles)
        if self._on_card and used:
            # Waits until it is there: the step runs on a stream of its own.
            self._mask[:used].copy_(self._host[:used])
        return torch.tensor(handles, dtype=torch.int32)

    def __call__(self, scores: Any, tensor_arg: Any) -> Any:
        """Scores of shape (rows, vocabulary); what no row allows becomes minus infinity."""
        mask = self._mask[: scores.size(0)]
        if not self._on_card:
            xgrammar.apply_token_bitmask_inplace(scores, mask, vocab_size=self._size)
            return scores
        return masked(scores, mask, self._shifts)

    def _narrow(self, row: int, held: _Held, written: _Written) -> None:
        """Leave only tokens that keep the counts and the budget."""
        if held.closer.due(len(written)):
            left = held.closer.narrowed(written.all(), self._rows[row])
            held.lost = not left.any()
            self._rows[row] = self._stops if held.lost else left


def masked(scores: torch.Tensor, mask: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
    """Scores with minus infinity where the mask has no bit, by operations that any graph can hold."""
    allowed = (mask.unsqueeze(-1) >> shifts) & 1
    return scores.masked_fill(allowed.view(mask.size(0), -1)[:, : scores.size(1)] == 0, float("-inf"))


class _Written:
    """The tokens of an answer so far. A request that was put back carries some of them at the end of its prompt."""

    __slots__ = ("_before", "_generated")

    def __init__(self, before: Sequence[int], generated: Sequence[int]) -> None:
        self._before = before
        self._generated = generated

    def __len__(self) -> int:
        return len(self._before) + len(self._generated)

    def after(self, start: int) -> Sequence[int]:
        """The tokens from this one on."""
        if start >= len(self._before):
            return self._generated[start - len(self._before) :]
        return [*self._before[start:], *self._generated]

    def all(self) -> Sequence[int]:
        """Every token."""
        return self.after(0)


def _written(state: Any) -> _Written:
    start = state._true_initial_tokens  # noqa: SLF001  # nothing else says how much of the prompt is the answer
    return _Written(state.initial_tokens[start:] if start else (), state.generated_tokens)


def _follow(held: _Held, written: _Written) -> bool:
    """Tell the matcher what was generated since; False when nothing but a stop may follow."""
    for token in written.after(held.accepted):
        if held.matcher.is_terminated() or not held.matcher.accept_token(token):
            held.lost = True
    held.accepted = len(written)
    return not held.lost and not held.matcher.is_terminated()
