"""Texts become vectors of length one, in both forms that clients read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from serving.embeddings import MAX_TEXTS
from tests.unit.serving.engines import load_tiny, running
from tests.unit.serving.served import House, house, refusal

EMBEDDINGS = "/v1/embeddings"


@pytest.fixture(scope="module")
def server(tiny_model: Path) -> Iterator[House]:
    with running(replace(load_tiny(tiny_model), name="tiny", context=512)) as engine, house(engine) as house_:
        yield house_


def test_the_openai_client_reads_vectors_of_length_one(server: House) -> None:
    texts = ["A mail from outside.", "A login from nowhere.", "A mail from outside."]
    with server.client() as client:
        answer = client.embeddings.create(model="tiny", input=texts)
    vectors = [item.embedding for item in answer.data]
    assert [item.index for item in answer.data] == [0, 1, 2]
    assert all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-4) for vector in vectors)
    assert vectors[0] == pytest.approx(vectors[2], abs=1e-5)
    assert vectors[0] != pytest.approx(vectors[1], abs=1e-2)
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 6


def test_numbers_and_base64_are_the_same_vector(server: House) -> None:
    with server.client() as client:
        packed = client.embeddings.create(model="tiny", input="one text")  # this client asks for base64
    plain = server.post(EMBEDDINGS, {"model": "tiny", "input": "one text", "encoding_format": "float"}).json()
    assert plain["data"][0]["embedding"] == pytest.approx(packed.data[0].embedding, abs=1e-6)


def test_tokens_are_taken_as_they_are(server: House) -> None:
    assert server.parts.warm is not None
    tokens = server.parts.warm.chat.tokens_of("one text")
    asked: list[Any] = ["one text", tokens, [tokens]]
    answers = [server.post(EMBEDDINGS, {"input": given}).json()["data"][0]["embedding"] for given in asked]
    assert answers[0] == pytest.approx(answers[1], abs=1e-5)
    assert answers[0] == pytest.approx(answers[2], abs=1e-5)


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"input": []}, "input", None),
        ({"input": ""}, "input", None),
        ({"input": ["x"] * (MAX_TEXTS + 1)}, "input", None),
        ({"input": [10_000_000]}, "input", None),
        ({"input": ["x", 5]}, "input", None),
        ({"input": None}, "input", None),
        ({"input": "word " * 2000}, "messages", "context_length_exceeded"),
        ({"dimensions": 5}, "dimensions", None),
        ({"encoding_format": "hex"}, "encoding_format", None),
        ({"model": "gpt"}, "model", "model_not_found"),
    ],
)
def test_what_cannot_be_embedded_is_refused(
    server: House, changes: dict[str, Any], param: str, code: str | None
) -> None:
    _, named, found = refusal(server.post(EMBEDDINGS, {"input": "x", **changes}))
    assert named is not None
    assert (named.partition(".")[0].partition("[")[0], found) == (param, code)
