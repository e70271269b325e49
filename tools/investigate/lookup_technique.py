"""The ATT&CK technique of an id or of some words, from a reduced table of enterprise techniques."""

from __future__ import annotations

import json
import pathlib
import re
from typing import Annotated, TypedDict

from pydantic import Field

from tools.arguments import Name
from tools.investigate.answer import Object, answer
from tools.tool import ToolArguments, ToolFacts, tool

#: The techniques: id, name, tactic, and words that people use for it.
TABLE = pathlib.Path(__file__).parent / "techniques.json"
#: Other techniques shown beside the best one.
MAX_OTHERS = 8


class Arguments(ToolArguments):
    query: Annotated[Name, Field(description="An ATT&CK technique id such as T1566.002, or words from its name.")]


class Facts(ToolFacts):
    found: bool = Field(description="The table has a technique that fits.")
    id: str = Field(description="Id of the best one, such as T1566.002; empty when none fits.")
    name: str = Field(description="Its name; empty when none fits.")
    tactic: str = Field(description="Its tactic, such as initial-access; empty when none fits.")


class Detail(TypedDict):
    """Techniques as id and name, best first."""

    matches: list[str]


@tool(
    "Find an ATT&CK technique by id or by words.",
    arguments=Arguments,
    facts=Facts,
    detail=Detail,
    # A reference book says nothing of the case, so it must not count as a record of our own.
    trust="untrusted",
)
def run(arguments: Object, inputs: Object) -> Object:
    """An id is looked up, words are compared with names."""
    del inputs
    ranked = _ranked(arguments["query"])
    if not ranked:
        facts = {"found": False, "id": "", "name": "", "tactic": ""}
        return answer("No technique of the table matches.", facts, {"matches": []})
    best = ranked[0]
    matches = [" ".join((row["id"], row["name"])) for row in ranked[: MAX_OTHERS + 1]]
    facts = {"found": True, "id": best["id"], "name": best["name"], "tactic": best["tactic"]}
    return answer(f"{best['id']} {best['name']} ({best['tactic']}).", facts, {"matches": matches})


def _ranked(query: str) -> list[dict[str, str]]:
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    wanted = re.search(r"\bT\d{4}(?:\.\d{3})?\b", query.upper())
    if wanted:
        exact = [row for row in table if row["id"] == wanted.group(0)]
        # A sub-technique the table leaves out is answered with its parent.
        return exact or [row for row in table if row["id"] == wanted.group(0)[:5]]
    words = {_stem(word) for word in re.findall(r"[a-z0-9]{3,}", query.lower())}
    scored = []
    for row in table:
        name = {_stem(word) for word in re.findall(r"[a-z0-9]{3,}", f"{row['name']} {row.get('words', '')}".lower())}
        score = len(words & name) / (len(words) or 1) + len(words & name) / (20 * (len(name) or 1))
        if words & name:
            scored.append((score, row))
    scored.sort(key=lambda pair: (-pair[0], pair[1]["id"]))
    return [row for _, row in scored]


def _stem(word: str) -> str:
    return re.sub(r"(?:ing|ed|es|s)$", "", word) if len(word) > 5 else word
