"""Tools, answers and thoughts in one request: which of them an answer may be, and how many."""

from __future__ import annotations

from random import Random

import pytest

from serving.formats import write_call
from serving.shapes import Shape, ShapeRefused, ToolShape, Wanted
from tests.unit.serving.batch import SHAPES, draw, replay, shape_of, texts
from tools.registry import default_registry

TOOLS = tuple(ToolShape(name=tool.name, parameters=tool.spec().parameters) for tool in default_registry().all())
LOOK = ToolShape(name="look_up", parameters={"properties": {"about": {"type": "string"}}, "required": ["about"]})


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_tool_of_casemate_is_called_with_arguments_it_takes(tool: ToolShape) -> None:
    shape = shape_of(Wanted(tools=(tool,), choice="required", parallel=False))
    for text in texts(shape, 2, spare=(0, 60)):
        assert text.startswith(f'<tool_call>\n{{"name": "{tool.name}", "arguments": {{')
        assert text.endswith("}\n</tool_call>")


def test_either_calls_or_the_answer() -> None:
    shape = shape_of(Wanted(schema={"type": "integer"}, tools=(LOOK,), choice="auto"))
    found = texts(shape, 30, spare=(0, 30, 60))
    assert {text[0] for text in found} > {"<"}
    assert not replay(shape, f"7{write_call('look_up', '{}')}", budget=60)
    assert not replay(shape, "Let me see", budget=60)


@pytest.mark.parametrize("parallel", [True, False])
def test_more_than_one_call_only_if_that_is_allowed(parallel: bool) -> None:
    two = "\n".join([write_call("look_up", '{"about": "a"}')] * 2)
    for choice in ("required", "auto"):
        shape = shape_of(Wanted(tools=(LOOK,), choice=choice, parallel=parallel))
        assert replay(shape, two, budget=200) == parallel
        assert (shape.problem(two) is None) == parallel


def test_auto_is_text_in_which_calls_are_whole() -> None:
    shape = shape_of(Wanted(tools=(LOOK,), choice="auto"))
    call = write_call("look_up", '{"about": "a"}')
    assert replay(shape, f"I look: {call}\nand so on", budget=90)
    assert replay(shape, "No call < needed, tool_call>", budget=90)
    assert not replay(shape, "I look: <tool_call>\n{}", budget=90)
    random_texts = texts_of_auto(shape)
    assert any("<tool_call>" in text for text in random_texts)


def texts_of_auto(shape: Shape) -> list[str]:
    found = []
    for seed in range(60):
        drawn = draw(shape, budget=shape.least + 60, random=Random(seed), stop=0.001)
        assert shape.problem(drawn.text) is None
        found.append(drawn.text)
    return found


def test_none_forbids_calls() -> None:
    shape = shape_of(Wanted(tools=(LOOK,), choice="none"))
    assert replay(shape, "Plain <text> it is", budget=60)
    assert not replay(shape, "<tool_call>", budget=60)
    assert shape.problem(write_call("look_up", "{}")) == "The answer calls a tool."


def test_thoughts_come_first_and_are_free() -> None:
    shape = shape_of(Wanted(schema={"enum": [1, 2]}, thinking=True))
    assert replay(shape, "<think>\nIs it 3 or {?\n</think>\n\n2", budget=60)
    assert not replay(shape, "<think>\nIs it 3 or {?\n</think>\n\n3", budget=60)
    assert texts(shape, 12)


@pytest.mark.parametrize(
    ("tools", "why"),
    [
        ([LOOK, LOOK], "the same name"),
        ([ToolShape(name='a"b', parameters={})], "characters"),
        ([], "no tool"),
        ([ToolShape(name=f"t{n}", parameters={}) for n in range(200)], "128"),
    ],
)
def test_tools_that_cannot_be_offered_are_refused(tools: list[ToolShape], why: str) -> None:
    with pytest.raises(ShapeRefused, match=why):
        SHAPES.compile(Wanted(schema={}, tools=tuple(tools), choice="required"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Hello", "The answer calls no tool."),
        (write_call("look_up", '{"about": "secret"}') + " secret", "The answer has text where a call belongs."),
        (write_call("secret", "{}"), "The answer calls a tool that was not offered."),
        (write_call("look_up", '{"about": 5}'), "A call breaks `type` of /properties/about."),
        ("<tool_call>secret", "The answer has text where a call belongs."),
    ],
)
def test_a_problem_says_what_is_wrong_and_nothing_of_the_answer(text: str, told: str) -> None:
    assert shape_of(Wanted(tools=(LOOK,), choice="required")).problem(text) == told
