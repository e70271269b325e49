"""Answers a chat: checks what is asked, runs it through the engine, and hands on what is certain, piece by piece."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from core.log import logger
from serving import chat
from serving.asking import Ask
from serving.exchange import Turn
from serving.protocol import ChatRequest, NamedTool, Tool
from serving.reading import Calls, Piece, Reader, Text
from serving.refusals import Refused, constraint_failed, too_long

if TYPE_CHECKING:
    from serving.shapes import Shape, Wanted

log = logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A request that can be answered."""

    ask: Ask
    asked: ChatRequest
    thinking: bool
    calls: Calls


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """How an answer ended. `closed`: the constraint ended it early, so that it is whole within its tokens."""

    reason: Literal["stop", "length", "tool_calls"]
    closed: bool
    prompt_tokens: int
    shared_tokens: int
    answer_tokens: int


async def prepare(turn: Turn, asked: ChatRequest) -> Prepared:
    """Render the prompt, compile the shape, and see that both fit.

    Raises:
        Refused: they do not, or the request asks for what this model cannot give.
    """
    model = turn.model
    adapter = model.adapter(asked.model)
    prompt = await asyncio.to_thread(model.chat.render, asked.messages, asked.tools, asked.chat_template_kwargs)
    wanted = _wanted(asked, thinking=prompt.thinking)
    shape = await asyncio.to_thread(_compile, turn, wanted)
    most = _budget(asked, shape, prompt=len(prompt.tokens), context=model.context, usual=turn.parts.max_answer)
    warmth = turn.parts.temperature if asked.temperature is None else asked.temperature
    ask = Ask(prompt=prompt.tokens, max_new_tokens=most, temperature=warmth, shape=shape, adapter=adapter)
    return Prepared(ask=ask, asked=asked, thinking=prompt.thinking, calls=_where(wanted))


async def pieces(turn: Turn, prepared: Prepared) -> AsyncGenerator[Piece | End, None]:
    """The answer as it comes; its End is last. Closing it gives the slot back.

    Raises:
        Refused: the whole answer does not have the shape that was asked for.
        QueueFull, EngineFailed, DoesNotFit: as the parts below say.
    """
    ask = prepared.ask
    text = Text(turn.model.loaded.tokenizer)
    reader = Reader(thinking=prepared.thinking, calls=prepared.calls, stops=prepared.asked.stop)
    whole: list[str] = []
    called = False
    tokens = 0
    async with turn.slot(prepared.asked.priority), aclosing(turn.model.engine.generate(ask)) as steps:
        async for step in steps:
            if not tokens:
                turn.first_token()
            tokens += len(step.tokens)
            whole.append(text.add(step.tokens) + (text.end() if step.finish else ""))
            found = reader.feed(whole[-1])
            for piece in found + (reader.end() if step.finish else []):
                called = called or piece.kind == "call"
                yield piece
            if step.finish or reader.stopped:
                break
    if not reader.stopped:
        _check(turn, ask.shape, "".join(whole))
    if step.closed:
        turn.parts.metrics.closed_early.inc()
    yield End(
        reason="tool_calls" if called else "stop" if reader.stopped else step.finish or "stop",
        closed=step.closed,
        prompt_tokens=len(ask.prompt),
        shared_tokens=step.shared,
        answer_tokens=tokens,
    )


def _wanted(asked: ChatRequest, *, thinking: bool) -> Wanted:
    """What of the request limits the answer's shape. A named tool is that tool alone, and required."""
    from serving.shapes import ToolShape, Wanted

    offered: Sequence[Tool] = asked.tools
    choice: Literal["none", "auto", "required"]
    if isinstance(asked.tool_choice, NamedTool):
        offered = [tool for tool in asked.tools if tool.function.name == asked.tool_choice.name]
        choice = "required"
    else:
        choice = asked.tool_choice if asked.tools else "none"
    return Wanted(
        schema=asked.answer_schema,
        tools=tuple(ToolShape(name=tool.function.name, parameters=chat.parameters(tool)) for tool in offered),
        choice=choice,
        parallel=asked.parallel_tool_calls and not isinstance(asked.tool_choice, NamedTool),
        thinking=thinking,
    )


def _where(wanted: Wanted) -> Calls:
    """Where calls may begin in an answer of this shape."""
    if wanted.choice == "none":
        return "nowhere"
    return "anywhere" if wanted.choice == "auto" and wanted.schema is None else "front"


def _compile(turn: Turn, wanted: Wanted) -> Shape | None:
    from serving.shapes import ShapeRefused

    try:
        return turn.model.engine.shapes.compile(wanted)
    except ShapeRefused as error:
        raise Refused(str(error), param=_blamed(turn, wanted)) from None


def _blamed(turn: Turn, wanted: Wanted) -> str:
    """The field whose schema was refused."""
    from serving.shapes import ShapeRefused

    try:
        turn.model.engine.shapes.compile(dataclasses.replace(wanted, tools=(), choice="none"))
    except ShapeRefused:
        return "response_format"
    return "tools"


def _budget(asked: ChatRequest, shape: Shape | None, *, prompt: int, context: int, usual: int) -> int:
    """Tokens that the answer may have."""
    room, least = context - prompt, 1 if shape is None else shape.least
    if asked.most is None:
        if room < least:
            raise too_long(prompt=prompt, answer=least, context=context)
        return max(min(room, usual), least)
    if asked.most > room:
        raise too_long(prompt=prompt, answer=asked.most, context=context)
    if asked.most < least:
        told = f"Field `{asked.most_param}`: the shortest answer of this shape takes {least} tokens; allow as many."
        raise Refused(told, param=asked.most_param)
    return asked.most


def _check(turn: Turn, shape: Shape | None, text: str) -> None:
    if shape is None or shape.problem(text) is None:
        return
    turn.parts.metrics.constraint_failures.inc()
    log.error("constraint_failed", consequence="the answer was withheld")
    raise constraint_failed()
