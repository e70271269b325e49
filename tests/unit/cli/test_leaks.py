"""The search for originals in model requests finds them wherever they hide, and nothing else."""

from __future__ import annotations

import json

import pytest

from cli.leaks import leaks

NAME = "Anna Lindqvist"


def found(content: object, *, ours: tuple[str, ...] = ()) -> list[tuple[int, str]]:
    return list(leaks([NAME], [{"messages": [{"role": "user", "content": content}]}], ours=ours))


@pytest.mark.parametrize(
    "content",
    [
        "Ask Anna Lindqvist about it.",
        "ask ANNA LINDQVIST",
        json.dumps({"ticket": {"body": f"from {NAME}"}}),
        json.dumps({"deep": json.dumps({"deeper": [NAME]})}),
        json.dumps({NAME: "as a key"}),
        json.dumps({"escaped": "x"}).replace("x", "\\u0041nna Lindqvist"),
        [{"type": "text", "text": NAME}],
    ],
)
def test_an_original_is_found_wherever_it_hides(content: object) -> None:
    assert found(content) == [(1, NAME)]


@pytest.mark.parametrize("content", ["PERSON_K7Q2XB", "Joanna Lindqvister", "", "Anna  and Lindqvist"])
def test_what_is_not_the_original_is_not_reported(content: str) -> None:
    assert found(content) == []


def test_our_own_prompt_is_exempt_only_as_a_whole() -> None:
    prompt = f"Example: write to {NAME}."
    assert found(prompt, ours=(prompt,)) == []
    assert found(prompt + " And more.", ours=(prompt,)) == [(1, NAME)]


def test_tool_results_and_calls_are_searched_too() -> None:
    request = {
        "messages": [
            {"role": "assistant", "tool_calls": [{"function": {"arguments": json.dumps({"user": NAME})}}]},
            {"role": "tool", "content": "nothing"},
        ]
    }
    assert list(leaks([NAME], [request])) == [(1, NAME)]
