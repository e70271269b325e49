"""A decision's probabilities are those of the letters in the model's logits, and do not depend on the order alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from core.canonical import JsonObject
from serving.chat import Chat
from serving.decisions import ask, letters
from serving.engine import Engine
from serving.noise import make_tokenizer
from serving.protocol import Answer, Message
from tests.unit.serving.engines import load_tiny, next_logits, running
from tests.unit.serving.served import House, house, refusal

MESSAGES = [{"role": "system", "content": "You triage."}, {"role": "user", "content": "An odd mail."}]
ANSWERS = [
    {"name": "malicious", "meaning": "An attack."},
    {"name": "benign", "meaning": "Nothing of concern."},
    {"name": "suspicious", "meaning": "It cannot be told."},
]
QUESTION = "What is the ticket?"


@pytest.fixture(scope="module")
def engine(tiny_model: Path) -> Iterator[Engine]:
    with running(replace(load_tiny(tiny_model), name="tiny", context=2048)) as engine:
        yield engine


@pytest.fixture(scope="module")
def server(engine: Engine) -> Iterator[House]:
    with house(engine) as house_:
        yield house_


def request(**changes: Any) -> JsonObject:
    return {"model": "tiny", "messages": MESSAGES, "question": QUESTION, "answers": ANSWERS, **changes}


def decided(server: House, **changes: Any) -> dict[str, float]:
    response = server.post("/v1/decisions", request(**changes))
    assert response.status_code == 200, response.text
    answers: dict[str, float] = response.json()["answers"]
    return answers


def expected(engine: Engine, answers: list[dict[str, str]], *, unthought: str = "") -> dict[str, float]:
    """The same from a plain forward pass over the prompt as the chat template writes it, and what ends its thought."""
    tokenizer = engine.loaded.tokenizer
    given = [Answer.model_validate(answer) for answer in answers]
    chat = [Message.model_validate(message) for message in MESSAGES]
    prompt = Chat(tokenizer).render([*chat, Message(role="user", content=ask(QUESTION, given))]).tokens
    logits = next_logits(engine.loaded.model, [*prompt, *tokenizer.encode(unthought)]).double()
    spellings = {letter: [tokenizer.encode(text) for text in (letter, f" {letter}")] for letter in "ABC"}
    single = {letter: [tokens[0] for tokens in found if len(tokens) == 1] for letter, found in spellings.items()}
    weights = [sum(float(torch.exp(logits[token])) for token in single[letter]) for letter in "ABC"]
    return {answer.name: weight / sum(weights) for answer, weight in zip(given, weights, strict=True)}


def test_probabilities_are_those_of_the_letters_in_the_logits(server: House, engine: Engine) -> None:
    one_order = decided(server, orders=1)
    assert list(one_order) == ["malicious", "benign", "suspicious"]
    assert one_order == pytest.approx(expected(engine, ANSWERS), abs=1e-4)
    assert math.fsum(one_order.values()) == pytest.approx(1)


def test_both_orders_are_asked_unless_told_otherwise_and_count_alike(server: House, engine: Engine) -> None:
    forth, back = expected(engine, ANSWERS), expected(engine, ANSWERS[::-1])
    mean = {name: (forth[name] + back[name]) / 2 for name in forth}
    assert decided(server) == pytest.approx(mean, abs=1e-4)
    assert decided(server) == pytest.approx(decided(server, answers=ANSWERS[::-1]), abs=1e-4)


def test_a_thought_that_the_template_opens_is_closed_first(tiny_model: Path) -> None:
    loaded = replace(load_tiny(tiny_model), name="tiny")
    loaded.tokenizer.chat_template = loaded.tokenizer.chat_template.replace("<think>\\n\\n</think>\\n\\n", "<think>\\n")
    with running(loaded) as engine, house(engine) as server:
        wanted = expected(engine, ANSWERS, unthought="\n</think>\n\n")
        assert decided(server, orders=1) == pytest.approx(wanted, abs=1e-4)


def test_what_was_read_is_counted_and_shared_with_the_chat_before_it(server: House) -> None:
    messages = [{"role": "user", "content": "A long ticket. " * 40}]
    server.chat(messages=messages)
    before = server.get("/metrics").text
    answer = server.post("/v1/decisions", request(messages=messages)).json()
    assert (answer["object"], answer["model"]) == ("decision", "tiny")
    usage = answer["usage"]
    assert usage["completion_tokens"] == 2
    assert usage["total_tokens"] == usage["prompt_tokens"] + 2
    shared = shared_tokens(server.get("/metrics").text) - shared_tokens(before)
    assert shared > 0.6 * usage["prompt_tokens"], "all but the question"


def shared_tokens(metrics: str) -> float:
    [line] = [line for line in metrics.splitlines() if line.startswith("casemate_serving_shared_tokens_total ")]
    return float(line.rpartition(" ")[2])


def test_twenty_six_answers_fit_and_more_do_not(server: House) -> None:
    many = [{"name": f"n{number}", "meaning": "x"} for number in range(27)]
    assert len(decided(server, answers=many[:26])) == 26
    assert refusal(server.post("/v1/decisions", request(answers=many)))[:2] == (400, "answers")


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"answers": ANSWERS[:1]}, "answers"),
        ({"answers": [ANSWERS[0], ANSWERS[0]]}, "answers"),
        ({"answers": [{"name": "a"}, {"name": "b"}]}, "answers[0].meaning"),
        ({"question": ""}, "question"),
        ({"messages": []}, "messages"),
        ({"orders": 3}, "orders"),
        ({"temperature": 1}, "temperature"),
        ({"model": "gpt"}, "model"),
    ],
)
def test_a_wrong_question_is_refused_by_name(server: House, changes: dict[str, Any], param: str) -> None:
    assert refusal(server.post("/v1/decisions", request(**changes)))[1] == param


def test_a_question_beyond_the_context_is_refused(server: House) -> None:
    response = server.post("/v1/decisions", request(messages=[{"role": "user", "content": "word " * 3000}]))
    assert refusal(response)[2] == "context_length_exceeded"


def test_a_tokenizer_without_letters_cannot_decide() -> None:
    class Halves:
        """Every letter takes two tokens."""

        def encode(self, text: str, **_: object) -> list[int]:
            return [1, 2]

    assert letters(Halves()) is None
    found = letters(make_tokenizer())
    assert found is not None
    assert len(found) == 26
