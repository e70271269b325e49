"""What our threat-intelligence table says about an indicator. The rows are fetched outside; here they are weighed."""

from __future__ import annotations

from typing import Annotated, TypedDict

from pydantic import Field

from tools.arguments import Name
from tools.investigate.answer import Object, answer, clip, clip_list, plural
from tools.tool import ToolArguments, ToolFacts, tool

#: Rows listed.
MAX_LISTED = 20


class Arguments(ToolArguments):
    value: Annotated[Name, Field(description="An address, domain, URL, e-mail address or file hash.")]


class Facts(ToolFacts):
    known: bool = Field(description="The table has at least one entry for it.")
    malicious: bool = Field(description="The strongest entry calls it malicious.")
    confidence: int = Field(description="Confidence of the strongest entry, 0 to 100.")
    type: str = Field(description="Type of the strongest entry, such as domain or sha256; empty when not known.")
    source: str = Field(description="Feed of the strongest entry; empty when not known.")
    entries: int = Field(description="Number of entries.")


class Entry(TypedDict):
    """What one feed says; dates are ISO dates or empty."""

    value: str
    type: str
    source: str
    confidence: int
    malicious: bool
    description: str
    first_seen: str
    last_seen: str


class Detail(TypedDict):
    """Entries, strongest first."""

    entries: list[Entry | str]


@tool(
    "Look an indicator up in our threat-intelligence table.",
    arguments=Arguments,
    facts=Facts,
    detail=Detail,
    needs=["intel"],
    trust="internal",
)
def run(arguments: Object, inputs: Object) -> Object:
    """The strongest entry decides the facts."""
    del arguments  # what was asked for is not repeated: this evidence counts as internal
    rows = sorted(inputs["intel"], key=lambda row: (bool(row["malicious"]), row["confidence"]), reverse=True)
    if not rows:
        facts = {"known": False, "malicious": False, "confidence": 0, "type": "", "source": "", "entries": 0}
        return answer("The threat-intelligence table does not know it, which proves nothing.", facts, {"entries": []})
    best = rows[0]
    facts = {
        "known": True,
        "malicious": bool(best["malicious"]),
        "confidence": int(best["confidence"]),
        "type": str(best["type"]),
        "source": str(best["source"]),
        "entries": len(rows),
    }
    entries = [{key: clip(v, 500) if isinstance(v, str) else v for key, v in row.items()} for row in rows]
    word = "malicious" if facts["malicious"] else "known, not malicious"
    said = f"with confidence {facts['confidence']} by {facts['source']} ({plural(len(rows), 'entry')})"
    summary = f"{word.capitalize()} {said}."
    return answer(summary, facts, {"entries": clip_list(entries, MAX_LISTED)})
