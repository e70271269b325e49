"""`POST /v1/chat/completions`: an answer as OpenAI's clients read it, in one document or as the events of a stream."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing

from core.canonical import JsonObject
from serving import answering
from serving.answering import End, Prepared
from serving.exchange import Turn
from serving.formats import Call
from serving.protocol import ChatRequest, parse
from serving.reading import Piece


async def work(turn: Turn) -> JsonObject | AsyncGenerator[JsonObject, None]:
    """Answer a chat.

    Raises:
        Refused: the request is wrong or does not fit, or its answer was withheld.
    """
    asked = parse(ChatRequest, turn.body)
    prepared = await answering.prepare(turn, asked)
    head = {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "created": int(time.time()),
        "model": asked.model or turn.model.loaded.name,
    }
    return _events(turn, prepared, head) if asked.stream else await _document(turn, prepared, head)


async def _document(turn: Turn, prepared: Prepared, head: JsonObject) -> JsonObject:
    texts: dict[str, str] = {"reasoning": "", "content": ""}
    calls: list[JsonObject] = []
    async with aclosing(answering.pieces(turn, prepared)) as pieces:
        async for piece in pieces:
            if isinstance(piece, End):
                end = piece
            elif piece.call is not None:
                calls.append(_call(piece.call))
            else:
                texts[piece.kind] += piece.text
    message: JsonObject = {"role": "assistant", "content": texts["content"] or (None if calls else "")}
    if texts["reasoning"]:
        message["reasoning_content"] = texts["reasoning"]
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "logprobs": None, **_ending(end)}
    return {**head, "object": "chat.completion", "choices": [choice], "usage": _usage(end)}


async def _events(turn: Turn, prepared: Prepared, head: JsonObject) -> AsyncGenerator[JsonObject, None]:
    options = prepared.asked.stream_options
    head = {**head, "object": "chat.completion.chunk"}
    delta: JsonObject = {"role": "assistant", "content": ""}  # the first chunk says who speaks
    called = 0
    async with aclosing(answering.pieces(turn, prepared)) as pieces:
        async for piece in pieces:
            if isinstance(piece, End):
                end = piece
                break
            yield _chunk(head, {**delta, **_delta(piece, called)})
            called += piece.kind == "call"
            delta = {}
    yield {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, **_ending(end)}]}
    if options is not None and options.include_usage:
        yield {**head, "choices": [], "usage": _usage(end)}


def _delta(piece: Piece, called: int) -> JsonObject:
    """A call comes whole: a part of one is of no use, and one that was sent cannot be taken back."""
    if piece.call is not None:
        return {"tool_calls": [{"index": called, **_call(piece.call)}]}
    return {"reasoning_content" if piece.kind == "reasoning" else "content": piece.text}


def _chunk(head: JsonObject, delta: JsonObject) -> JsonObject:
    return {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}]}


def _call(call: Call) -> JsonObject:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": f"call_{uuid.uuid4().hex}", "type": "function", "function": function}


def _ending(end: End) -> JsonObject:
    ending: JsonObject = {"finish_reason": end.reason}
    return {**ending, "casemate": {"closed_early": True}} if end.closed else ending


def _usage(end: End) -> JsonObject:
    return {
        "prompt_tokens": end.prompt_tokens,
        "completion_tokens": end.answer_tokens,
        "total_tokens": end.prompt_tokens + end.answer_tokens,
        "prompt_tokens_details": {"cached_tokens": end.shared_tokens},
    }
