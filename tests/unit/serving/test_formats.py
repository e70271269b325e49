"""Calls are read as they are written, and what only looks like one stays text."""

from __future__ import annotations

import json

import pytest

from serving.formats import Call, parse, write_call


@pytest.mark.parametrize(
    "arguments",
    ["{}", '{"about": "T1566"}', '{"text": "</tool_call>\\n<tool_call>", "n": 1.50}', '{"a": {"b": ["}", "\\""]}}'],
)  # fmt: skip
def test_a_call_is_read_as_it_was_written(arguments: str) -> None:
    parsed = parse(write_call("look_up", arguments), thinking=False)
    assert parsed.calls == [Call("look_up", arguments)]
    assert parsed.content is None


def test_calls_keep_their_order_and_the_text_around_them() -> None:
    text = f"First.\n{write_call('a', '{}')}\n{write_call('b', '{}')}\nDone."
    parsed = parse(text, thinking=False)
    assert [call.name for call in parsed.calls] == ["a", "b"]
    assert parsed.content == "First.\n\n\nDone."


def test_arguments_in_another_hand_are_written_in_ours() -> None:
    text = '<tool_call>\n{ "arguments" : {"a":[1,2]} , "name" : "a" }\n</tool_call>'
    assert parse(text, thinking=False).calls == [Call("a", '{"a": [1, 2]}')]


@pytest.mark.parametrize(
    "inside",
    [
        '{"name": "a"}',
        '{"name": 1, "arguments": {}}',
        '{"name": "a", "arguments": []}',
        '{"name": "a", "arg',
        "[" * 9999,
    ],
)
def test_what_only_looks_like_a_call_stays_text(inside: str) -> None:
    text = f"Say <tool_call>\n{inside}\n</tool_call> now"
    parsed = parse(text, thinking=False)
    assert parsed.calls == []
    assert parsed.content == text


def test_a_broken_call_does_not_hide_the_next_one() -> None:
    parsed = parse(f"<tool_call> is how calls begin.\n{write_call('a', '{}')}", thinking=False)
    assert parsed.calls == [Call("a", "{}")]
    assert parsed.content is not None
    assert parsed.content.startswith("<tool_call> is how")


def test_thoughts_are_kept_apart() -> None:
    parsed = parse("<think>\nIs it <tool_call>?\n</think>\n\n42", thinking=True)
    assert (parsed.reasoning, parsed.content, parsed.calls) == ("Is it <tool_call>?", "42", [])


def test_a_thought_without_an_end_is_all_there_is() -> None:
    parsed = parse("<think>\nstill at it", thinking=True)
    assert (parsed.reasoning, parsed.content) == ("still at it", None)


def test_an_empty_thought_is_none() -> None:
    parsed = parse("</think>\n\n42", thinking=True)
    assert (parsed.reasoning, parsed.content) == (None, "42")


def test_names_and_arguments_stay_json() -> None:
    call = parse(write_call("a", json.dumps({"é": "\u2028"}, ensure_ascii=False)), thinking=False).calls[0]
    assert json.loads(call.arguments) == {"é": "\u2028"}
