"""The form in which calls are written and read: Hermes', as Qwen's templates have it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

BEGIN, END = "<tool_call>", "\n</tool_call>"


@dataclass(frozen=True, slots=True)
class Call:
    """One call; `arguments` is JSON text."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """An answer taken apart."""

    content: str | None
    calls: list[Call]
    reasoning: str | None


def write_call(name: str, arguments: str) -> str:
    """A call as the grammar has it."""
    return f'{BEGIN}\n{{"name": {json.dumps(name)}, "arguments": {arguments}}}{END}'


def parse(text: str, *, thinking: bool) -> Parsed:
    """Take an answer apart."""
    calls = []
    for block in re.findall(r"<tool_call>\n(.*?)\n</tool_call>", text, re.DOTALL):
        value = json.loads(block)
        calls.append(Call(value["name"], json.dumps(value["arguments"], ensure_ascii=False)))
    return Parsed(None, calls, None)
