"""Probabilities of given tokens for the next place, read from the logits inside the batch.

A request that only chooses runs through the batch as any other, so its prompt shares what the cache holds of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers.generation.continuous_batching.cb_logits_processors import ContinuousBatchingLogitsProcessor

#: Tokens one request may choose among: the letters of an alphabet, and room for spellings.
MOST_LABELS = 64


class Choosing(ContinuousBatchingLogitsProcessor):  # type: ignore[misc]  # transformers is untyped
    """First of the batch's processors: it sees the model's own logits and changes nothing.

    Each step gathers the logits of each row's labels into a buffer that stays where it is (a CUDA graph writes to the
    same place at every replay). Rows that choose nothing gather token 0, which nobody reads.
    """

    supported_kwargs: dict[str, type] = {"labels": tuple}  # noqa: RUF012  # as the base class declares it
    ignored_kwargs: tuple[str, ...] = ()

    def __init__(self, *, rows: int, device: torch.device) -> None:
        """Buffers for batches of at most `rows` requests."""
        self._labels = torch.zeros((rows, MOST_LABELS), dtype=torch.int64, device=device)
        self._picked = torch.zeros((rows, MOST_LABELS), dtype=torch.float32, device=device)
        self._row_of: dict[str, tuple[int, int]] = {}

    def fill_defaults(self, int32_tensor: Any) -> None:
        """This processor takes nothing by the batch's own tensor."""
        int32_tensor.zero_()

    def prepare_tensor_args(self, requests_with_new_token: list[Any]) -> Any:
        """Put each row's labels into the table, where a row has any."""
        self._row_of = {}
        for row, request in enumerate(requests_with_new_token):
            labels = request.state.logit_processor_kwargs.get("labels")
            if labels is None:
                continue
            self._row_of[request.state.request_id] = (row, len(labels))
            # Copied before this returns: the step runs on another stream, which would not wait for it.
            self._labels[row, : len(labels)].copy_(torch.tensor(labels))
        return torch.zeros(0, dtype=torch.int32)

    def __call__(self, scores: Any, tensor_arg: Any) -> Any:
        """Keep the labels' logits of all rows; `scores` has shape (rows, vocabulary)."""
        rows = scores.size(0)
        self._picked[:rows].copy_(scores.gather(1, self._labels[:rows]))
        return scores

    def probabilities(self, request_id: str) -> list[float]:
        """What the last step said of this request's labels, their sum 1. Only in the thread that runs the batch."""
        row, count = self._row_of[request_id]
        chances: list[float] = torch.softmax(self._picked[row, :count].double(), dim=0).tolist()
        return chances


def check_labels(labels: Sequence[int], vocab_size: int) -> tuple[int, ...]:
    """The labels as the batch takes them.

    Raises:
        ValueError: too few, too many, the same twice, or no token of this model.
    """
    if not 2 <= len(labels) <= MOST_LABELS or len(set(labels)) != len(labels):
        raise ValueError(f"A choice is among 2 to {MOST_LABELS} different tokens.")
    if not all(0 <= label < vocab_size for label in labels):
        raise ValueError("A label is not a token of this model.")
    return tuple(labels)
