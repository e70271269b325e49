"""The form in which calls are written and read: Hermes', as Qwen's templates have it. Both sides, so that they agree.

<tool_call>
{"name": "look_up", "arguments": {"about": "T1566"}}
</tool_call>
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from core.canonical import JsonObject
from serving.grammar.nodes import Free, Node, Text, alt, repeat, seq

BEGIN, END = "<tool_call>", "\n</tool_call>"
THINK, THOUGHT = "<think>", "</think>"

_HEAD, _MIDDLE, _TAIL = f'{BEGIN}\n{{"name": "', '", "arguments": ', f"}}{END}"


@dataclass(frozen=True, slots=True)
class Call:
    """One call; `arguments` is JSON text."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """An answer taken apart; space around its parts is nobody's."""

    content: str | None
    calls: list[Call]
    reasoning: str | None


def write_call(name: str, arguments: str) -> str:
    """A call as the grammar has it."""
    return f"{_HEAD}{name}{_MIDDLE}{arguments}{_TAIL}"


def only_calls(arguments: Mapping[str, Node], *, parallel: bool) -> Node:
    """One call or, if `parallel`, more, and nothing else. `arguments` are nodes by the tool's name."""
    call = _call(arguments)
    return seq(call, repeat(seq(Text("\n"), call), 0, None)) if parallel else call


def text_and_calls(arguments: Mapping[str, Node], *, parallel: bool) -> Node:
    """Any text, in which every call is whole; after the only one nothing follows, if not `parallel`."""
    call = _call(arguments)
    if parallel:
        return seq(only_text(), repeat(seq(call, only_text()), 0, None))
    return seq(only_text(), repeat(call, 0, 1))


def only_text() -> Node:
    """Any text without a call."""
    return Free(BEGIN)


def after_thought(answer: Node) -> Node:
    """Any text up to the end of the thought, then the answer."""
    return seq(Free(THOUGHT), Text(f"{THOUGHT}\n\n"), answer)


def parse(text: str, *, thinking: bool) -> Parsed:
    """Take an answer apart. What looks like a call and is none stays text."""
    reasoning = None
    if thinking:
        thought, end, text = text.partition(THOUGHT)
        reasoning = thought.strip().removeprefix(THINK).strip() if end or thought else None
    content, calls = "", []
    while True:
        before, begin, after = text.partition(BEGIN)
        content += before
        if not begin:
            break
        # A line break inside of a JSON string is escaped, so this end is no part of an argument.
        inside, end, text = after.partition(END)
        call = _read(inside)
        if call is None:
            content, text = content + begin, after
        else:
            calls.append(call)
    return Parsed(content.strip() or None, calls, reasoning or None)


def _call(arguments: Mapping[str, Node]) -> Node:
    return alt(*(seq(Text(_HEAD + name + _MIDDLE), node, Text(_TAIL)) for name, node in arguments.items()))


def _read(inside: str) -> Call | None:
    try:
        found = json.loads(inside)
    except (ValueError, RecursionError):
        return None
    match found:
        case {"name": str(name), "arguments": dict(arguments)}:
            return Call(name, _as_written(inside, name, arguments))
        case _:
            return None


def _as_written(inside: str, name: str, arguments: JsonObject) -> str:
    """The arguments byte for byte where the call has our form, so that a rendered call is the same again."""
    head, middle = f'\n{{"name": "{name}{_MIDDLE}', "}"
    if inside.startswith(head) and inside.endswith(middle):
        return inside[len(head) : -len(middle)]
    return json.dumps(arguments, ensure_ascii=False)
