"""A chat with tools for templates that know none: tools, calls and results become text of ordinary messages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from core.canonical import JsonObject
from serving.formats import write_call
from serving.protocol import Message

#: How models are told of tools; `{tools}` stands for one JSON line a tool.
CALLS = Path(__file__).with_name("calls.md")


def messages(chat: Sequence[Message], tools: Sequence[JsonObject], *, takes_system: bool) -> list[JsonObject]:
    """At most one system message, then user and assistant by turns, as the strictest templates want it."""
    instructions = [message.content or "" for message in chat if message.role in {"system", "developer"}]
    if tools:
        lines = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools)
        instructions.append(CALLS.read_text(encoding="utf-8").strip().replace("{tools}", lines))
    turns: list[JsonObject] = []
    for message in chat:
        if message.role in {"system", "developer"}:
            continue
        role = "assistant" if message.role == "assistant" else "user"
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += "\n\n" + _text(message)
        else:
            turns.append({"role": role, "content": _text(message)})
    return _led(turns, "\n\n".join(instructions), takes_system=takes_system)


def _led(turns: list[JsonObject], instructions: str, *, takes_system: bool) -> list[JsonObject]:
    if not instructions:
        return turns
    if takes_system:
        return [{"role": "system", "content": instructions}, *turns]
    if turns and turns[0]["role"] == "user":
        return [{"role": "user", "content": instructions + "\n\n" + turns[0]["content"]}, *turns[1:]]
    return [{"role": "user", "content": instructions}, *turns]


def _text(message: Message) -> str:
    if message.role == "tool":
        return f"<tool_response>\n{message.content}\n</tool_response>"
    calls = [write_call(call.function.name, call.function.arguments or "{}") for call in message.tool_calls or ()]
    return "\n".join([*([message.content] if message.content else []), *calls])
