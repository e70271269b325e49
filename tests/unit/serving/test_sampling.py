"""Temperature 0 is exactly the likeliest token; other temperatures are softmax of scaled scores."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from serving.sampling import Sampling


def rows_at(*temperatures: float) -> list[Any]:
    """Requests as the batch hands them over."""
    return [SimpleNamespace(state=SimpleNamespace(logit_processor_kwargs={"temperature": t})) for t in temperatures]


def probabilities(scores: torch.Tensor, *temperatures: float) -> torch.Tensor:
    sampling = Sampling()
    return torch.softmax(sampling(scores, sampling.prepare_tensor_args(rows_at(*temperatures))), dim=-1)


def test_at_zero_only_the_likeliest_token_has_a_chance() -> None:
    scores = torch.tensor([[1.0, 1.0 + 1e-6, 0.5], [-3.0, -2.0, -9.0]])
    assert probabilities(scores, 0.0, 0.0).tolist() == [[0, 1, 0], [0, 1, 0]]


def test_of_equals_the_first_is_taken() -> None:
    assert probabilities(torch.tensor([[2.0, 7.0, 7.0]]), 0.0).tolist() == [[0, 1, 0]]


def test_masked_tokens_stay_without_a_chance() -> None:
    scores = torch.tensor([[float("-inf"), 2.0, float("-inf")]] * 2)
    assert probabilities(scores, 0.0, 1.0).tolist() == [[0, 1, 0]] * 2


@pytest.mark.parametrize("temperature", [0.01, 0.7, 1.0, 2.0])
def test_rows_of_one_batch_have_temperatures_of_their_own(temperature: float) -> None:
    scores = torch.randn(3, 50, generator=torch.Generator().manual_seed(1))
    found = probabilities(scores, 0.0, temperature, 1.0)
    assert found[0].argmax() == scores[0].argmax()
    assert found[0].max() == 1
    assert torch.allclose(found[1], torch.softmax(scores[1] / temperature, dim=-1))
    assert torch.allclose(found[2], torch.softmax(scores[2], dim=-1))


def test_a_request_without_a_temperature_is_greedy() -> None:
    sampling = Sampling()
    request = SimpleNamespace(state=SimpleNamespace(logit_processor_kwargs={}))
    default = torch.ones(1, dtype=torch.int32)
    sampling.fill_defaults(default)
    assert default.tolist() == sampling.prepare_tensor_args([request]).tolist() == [0]
