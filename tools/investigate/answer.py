"""The shape every reading tool answers in, and cutting that never happens silently.

Everything in this package runs inside the sandbox on hostile input: standard library and pure functions only,
heavy libraries inside the one function that needs them.
"""

from __future__ import annotations

from typing import Any

#: A JSON object as tools take and give it.
Object = dict[str, Any]
#: What stands where text was cut.
CUT = "… [cut: {} more characters]"
#: How far back a cut may move to find the end of a line or word, so that no name is cut in two.
SLACK = 400


class InputRefused(ValueError):
    """The input is not what this tool reads; the sentence is told to the model."""


def answer(summary: str, facts: Object, detail: Object) -> Object:
    """One result: a sentence for people, flat scalars for playbooks and policy, and the rest."""
    return {"summary": summary[:500], "facts": facts, "detail": detail}


def present(facts: Object) -> Object:
    """Facts without those that nobody knows: an optional fact is left out, never null."""
    return {name: value for name, value in facts.items() if value is not None}


def clip(text: str, longest: int) -> str:
    """At most about `longest` characters, cut between lines or words and marked."""
    if len(text) <= longest:
        return text
    end = max(text.rfind("\n", longest - SLACK, longest), text.rfind(" ", longest - SLACK, longest))
    end = longest if end < 0 else end
    return text[:end].rstrip() + " " + CUT.format(len(text) - end)


def clip_list(items: list[Any], longest: int) -> list[Any]:
    """At most `longest` items; the last one says how many were left out."""
    if len(items) <= longest:
        return items
    return [*items[: longest - 1], f"… [cut: {len(items) - longest + 1} more]"]


def plural(count: int, noun: str) -> str:
    """`1 link`, `2 links`."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun[:-1]}ies" if noun.endswith("y") else f"{count} {noun}s"
