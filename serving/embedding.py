"""Texts as vectors: the last hidden states of a model, made one vector each and of length 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch

#: Tokens, padding included, of one forward pass; between two passes the batch of answers goes on.
PASS_TOKENS = 4096


def passes(texts: Sequence[Sequence[int]], tokens: int = PASS_TOKENS) -> Iterator[list[int]]:
    """Indices of texts that are computed together: of like length, at most `tokens` with padding, at least one."""
    chosen: list[int] = []
    for index in sorted(range(len(texts)), key=lambda index: len(texts[index])):
        if chosen and len(texts[index]) * (len(chosen) + 1) > tokens:
            yield chosen
            chosen = []
        chosen.append(index)
    if chosen:
        yield chosen


def embed(
    model: Any, texts: Sequence[Sequence[int]], *, pooling: Literal["mean", "last"], pad: int
) -> list[list[float]]:
    """One vector for each text, in one forward pass; `texts` are tokens, at least one each.

    Raises:
        torch.OutOfMemoryError: too much at once.
    """
    lengths = torch.tensor([len(text) for text in texts], device=model.device)
    longest = max(len(text) for text in texts)
    padded = torch.tensor([[*text, *[pad] * (longest - len(text))] for text in texts], device=model.device)
    mask = torch.arange(longest, device=model.device) < lengths.unsqueeze(-1)
    with torch.no_grad():
        output = model.base_model(input_ids=padded, attention_mask=mask.long(), use_cache=False)
        states = output.last_hidden_state.float()  # (texts, tokens, width)
        if pooling == "last":
            vectors = states[torch.arange(len(texts), device=model.device), lengths - 1]
        else:
            vectors = (states * mask.unsqueeze(-1)).sum(dim=1) / lengths.unsqueeze(-1)
        normalized: list[list[float]] = torch.nn.functional.normalize(vectors, dim=-1).tolist()
    return normalized
