"""The choice of the next token: the likeliest one at temperature 0, else drawn; each request has its own temperature.

One processor for both, without a branch on the data, so that a captured CUDA graph serves every mixture of requests.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers.generation.continuous_batching.cb_logits_processors import ContinuousBatchingLogitsProcessor


class Sampling(ContinuousBatchingLogitsProcessor):  # type: ignore[misc]  # transformers is untyped
    """Last of the batch's processors: what it returns is drawn from as it is.

    A row at temperature 0 keeps its highest score (the first of equals, as `argmax`) and loses all others.
    """

    supported_kwargs: dict[str, type] = {"temperature": float}  # noqa: RUF012  # as the base class declares it
    ignored_kwargs: tuple[str, ...] = ()

    def fill_defaults(self, int32_tensor: Any) -> None:
        """Greedy is the default: the bits of 0.0 are those of 0."""
        int32_tensor.zero_()

    def prepare_tensor_args(self, requests_with_new_token: list[Any]) -> Any:
        """One 32-bit float for each row, as the bits of an integer."""
        wanted = [request.state.logit_processor_kwargs.get("temperature", 0.0) for request in requests_with_new_token]
        return torch.tensor(wanted, dtype=torch.float32).view(dtype=torch.int32)

    def __call__(self, scores: Any, tensor_arg: Any) -> Any:
        """Scores of shape (rows, vocabulary), ready for softmax."""
        temperature = tensor_arg[: scores.size(0)].view(dtype=torch.float32).unsqueeze(-1)
        greedy = temperature == 0
        best = torch.full_like(scores, float("-inf")).scatter_(-1, scores.argmax(dim=-1, keepdim=True), 0.0)
        return torch.where(greedy, best, scores / torch.where(greedy, 1.0, temperature))
