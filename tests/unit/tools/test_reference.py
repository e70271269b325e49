"""The tool reference is made from the tools, is up to date, and says something of everything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict, get_args

import pytest
from pydantic import ConfigDict, Field

from tools.reference import ASKS, NEEDS, described, facts_of, page, pages, words
from tools.registry import Tool, default_registry
from tools.tool import Ask, Need, ToolArguments, ToolFacts

FOLDER = Path(__file__).parents[3] / "docs" / "reference" / "tools"
NAMES = sorted(default_registry().names())


def test_the_pages_in_the_documents_are_those_that_the_tools_make() -> None:
    written = {file.name: file.read_text() for file in FOLDER.iterdir()}
    assert written == pages(default_registry()), "run `casemate tool reference`"


def test_every_input_and_every_question_has_words() -> None:
    assert NEEDS.keys() == set(get_args(Need))
    assert ASKS.keys() == set(get_args(Ask))


@pytest.mark.parametrize("name", NAMES)
def test_a_page_names_every_argument_and_every_fact(name: str) -> None:
    tool = default_registry().get(name)
    text = page(tool)
    assert all(f"| `{argument}` |" in text for argument in tool.argument_names)
    assert all(f"| `{fact}` |" in text for fact in tool.facts)
    assert "typing." not in text
    assert "<class" not in text


@pytest.mark.parametrize("name", NAMES)
def test_the_index_leads_to_every_page(name: str) -> None:
    assert f"[{name}]({name}.md)" in pages(default_registry())["index.md"]


class Link(TypedDict):
    url: str


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (bool, "true or false"),
        (str | None, "text or nothing"),
        (Annotated[int, "x"], "whole number"),
        (Literal["a", "b"], "one of `a`, `b`"),
        (list[str], "list of text"),
        (list[Link | str], "list of [Link](#link)"),
        (dict[str, Any], "object of any"),
    ],
)
def test_types_are_told_in_words(hint: Any, said: str) -> None:
    assert words(hint) == said


class Arguments(ToolArguments):
    name: Annotated[str, Field(max_length=5, description="A | b.")]


class Facts(ToolFacts):
    """And whatever comes."""

    model_config = ConfigDict(extra="allow")

    score: float | None = Field(None, description="How much.")


class Detail(TypedDict, total=False):
    """What there is."""

    size: int


def test_a_fact_that_may_be_missing_and_facts_without_a_name_are_told() -> None:
    tool = Tool(name="x", description="D.", arguments=Arguments, entry="a:b", facts_model=Facts, detail=Detail)
    assert facts_of(tool) == [("score", "number", True, "How much.")]
    text = page(tool)
    assert "| `score` | number, may be missing | How much. |" in text
    assert "And whatever comes." in text
    assert "| `size` | whole number, may be missing |" in text
    assert "| `name` | text, 0 to 5 characters | A \\| b. |" in text


def test_a_tool_that_declares_no_facts_has_a_page_as_well() -> None:
    tool = Tool(name="server__x", description="D.", arguments=Arguments, entry="a:b")
    assert "It declares none." in page(tool)
    assert described(tool)["facts"] == []


def test_an_acting_tool_says_that_people_decide() -> None:
    text = page(default_registry().get("isolate_host"))
    assert "records a proposal" in text
    assert "| `reason` |" in text
