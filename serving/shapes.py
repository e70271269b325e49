"""What one request allows, made into a shape that answers are held to.

A shape is three things made of one grammar: the masks of the next token, the cost of its shortest end, and the check
of the whole answer by jsonschema afterwards.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from threading import Lock
from typing import Any, Literal

import xgrammar
from jsonschema.protocols import Validator

from core.canonical import Json, JsonObject
from serving import formats
from serving.bounds import Bounds
from serving.grammar import limits
from serving.grammar.ebnf import written
from serving.grammar.nodes import Grammar, Node, alt
from serving.grammar.plan import NEVER
from serving.grammar.refusal import ShapeRefused
from serving.grammar.schema import Schemas
from serving.grammar.strings import Strings
from serving.grammar.validating import TooMuchWork, problem
from serving.vocabulary import Vocabulary

__all__ = ["Shape", "ShapeRefused", "Shapes", "ToolShape", "Wanted"]

#: Compiled shapes that are kept. A team's answer with its tools is one; each takes some hundred kilobytes.
MAX_KEPT = 128
#: Tools of one request.
MAX_TOOLS = 128

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolShape:
    """A tool and the JSON Schema of its arguments; {} is any object."""

    name: str
    parameters: JsonObject


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What one request allows.

    Attributes:
        schema: the JSON Schema of the answer; None for text.
        choice: whether tools may or must be called; one named tool is `required` with that tool alone.
        parallel: whether there may be more than one call.
        thinking: free text up to `</think>` comes first.
    """

    schema: JsonObject | None = None
    tools: tuple[ToolShape, ...] = ()
    choice: Literal["none", "auto", "required"] = "none"
    parallel: bool = True
    thinking: bool = False


class Shape:
    """Compiled; shared between requests, which do not change it.

    Attributes:
        compiled: for the masks.
        bounds: for the end within a budget.
        least: fewest tokens of a whole answer, the one that stops included.
    """

    __slots__ = ("_schema", "_tools", "_wanted", "bounds", "compiled", "least")

    def __init__(
        self,
        wanted: Wanted,
        compiled: xgrammar.CompiledGrammar,
        bounds: Bounds,
        schema: Validator | None,
        tools: dict[str, Validator],
    ) -> None:
        self.compiled = compiled
        self.bounds = bounds
        self.least = bounds.least
        self._wanted = wanted
        self._schema = schema
        self._tools = tools

    def problem(self, text: str) -> str | None:
        """What is wrong with a whole answer, or None. Says nothing of what is in it."""
        found = formats.parse(text, thinking=self._wanted.thinking)
        if found.calls or (formats.BEGIN in (found.content or "") and self._schema is None):
            return self._problem_of_calls(found)
        if self._wanted.choice == "required":
            return "The answer calls no tool."
        return None if self._schema is None else _held(self._schema, found.content or "", "The answer")

    def _problem_of_calls(self, found: formats.Parsed) -> str | None:
        if self._wanted.choice == "none":
            return "The answer calls a tool."
        if len(found.calls) > 1 and not self._wanted.parallel:
            return "The answer has more than one call."
        alone = self._schema is not None or self._wanted.choice == "required"
        if formats.BEGIN in (found.content or "") or (alone and found.content is not None):
            return "The answer has text where a call belongs."
        for call in found.calls:
            if call.name not in self._tools:
                return "The answer calls a tool that was not offered."
            told = _held(self._tools[call.name], call.arguments, "A call")
            if told is not None:
                return told
        return None


class Shapes:
    """Compiles shapes for one tokenizer and keeps those used last. For any thread."""

    def __init__(self, tokenizer: Any, *, vocab_size: int, stop_token_ids: Sequence[int]) -> None:
        self.vocabulary = Vocabulary(tokenizer, size=vocab_size, stops=stop_token_ids)
        self._compiler = xgrammar.GrammarCompiler(self.vocabulary.info, max_threads=2, cache_enabled=False)
        self._kept: OrderedDict[str, Shape] = OrderedDict()
        self._lock = Lock()

    def compile(self, wanted: Wanted) -> Shape | None:
        """The shape of what is wanted; None if any answer will do.

        Raises:
            ShapeRefused: a schema cannot be enforced, or is too large.
        """
        if wanted.schema is None and not wanted.tools:
            return None
        _check_tools(wanted)
        limits.check(wanted.schema, *(tool.parameters for tool in wanted.tools))
        key = json.dumps(asdict(wanted), ensure_ascii=False)
        with self._lock:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
                return known
        made = self._made(wanted)
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return made

    def _made(self, wanted: Wanted) -> Shape:
        grammar = Grammar()
        strings = Strings(grammar)
        offered = wanted.tools if wanted.choice != "none" else ()
        tools = {tool.name: Schemas(grammar, strings, _object(tool.parameters)) for tool in offered}
        schema = None
        if wanted.schema is not None and wanted.choice != "required":
            schema = Schemas(grammar, strings, _top(wanted.schema))
        nodes = {name: schemas.whole() for name, schemas in tools.items()}
        grammar.root = _answer(wanted, nodes, None if schema is None else schema.whole())
        if wanted.thinking:
            grammar.root = formats.after_thought(grammar.root)
        bounds = self._bounds(grammar)
        try:
            compiled = self._compiler.compile_grammar(written(grammar, bounds.plan.ends))
        except RuntimeError as error:
            raise ShapeRefused("The schema cannot be made into a grammar; write it more simply.") from error
        return Shape(
            wanted,
            compiled,
            bounds,
            None if schema is None else schema.validator,
            {name: schemas.validator for name, schemas in tools.items()},
        )

    def _bounds(self, grammar: Grammar) -> Bounds:
        try:
            bounds = Bounds(grammar, self.vocabulary)
        except KeyError as error:
            raise ShapeRefused("The model's vocabulary cannot write a text of the schema.") from error
        if bounds.least >= NEVER:
            raise ShapeRefused(
                "No answer that fits the schema ends: it asks for itself inside of itself, or for too much."
            )
        # Found now, because the first request that needs it is in the middle of a batch.
        _ = bounds.reach, bounds.tails, bounds.fewest, bounds.fewest_inside
        return bounds


def _answer(wanted: Wanted, tools: dict[str, Node], schema: Node | None) -> Node:
    """Calls, the answer, either, or text."""
    if wanted.choice == "required":
        return formats.only_calls(tools, parallel=wanted.parallel)
    if schema is None:
        return formats.text_and_calls(tools, parallel=wanted.parallel) if tools else formats.only_text()
    return alt(formats.only_calls(tools, parallel=wanted.parallel), schema) if tools else schema


def _top(schema: JsonObject) -> JsonObject:
    """The schema without what only says which standard it follows and what it is called."""
    return {key: value for key, value in schema.items() if key not in ("$schema", "$id")}


def _object(parameters: JsonObject) -> JsonObject:
    """Arguments are an object, whether or not the tool says so."""
    return {"type": "object", **_top(parameters)}


def _check_tools(wanted: Wanted) -> None:
    names = [tool.name for tool in wanted.tools]
    if len(names) > MAX_TOOLS:
        raise ShapeRefused(f"A request may offer {MAX_TOOLS} tools.")
    if len(set(names)) < len(names):
        raise ShapeRefused("Two tools have the same name.")
    if not all(_NAME.fullmatch(name) for name in names):
        raise ShapeRefused("A tool's name has 1 to 128 of the characters A-Z a-z 0-9 _ . - and no others.")
    if wanted.choice == "required" and not names:
        raise ShapeRefused("A call is required and no tool is offered.")


def _held(validator: Validator, text: str, what: str) -> str | None:
    try:
        value: Json = json.loads(text)
        broken = problem(validator, value)
    except TooMuchWork:
        return f"{what} cannot be checked: its schema branches too much."
    except (ValueError, RecursionError):
        return f"{what} is no JSON."
    return None if broken is None else f"{what} {broken}."
