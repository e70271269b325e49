"""YARA rules over an attachment, or over a file inside one. The rules are compiled outside; here they are run."""

from __future__ import annotations

import base64
import io
from typing import Annotated, Any, TypedDict

from pydantic import Field

from tools.investigate.answer import InputRefused, Object, answer, clip, clip_list, plural
from tools.investigate.files.budget import Budget
from tools.investigate.files.opened import NoMember, member_at
from tools.tool import ToolArguments, ToolFacts, tool

#: Rules listed, strings of one rule listed, and matches of one string looked for.
MAX_RULES, MAX_STRINGS, MAX_MATCHES = 40, 12, 50
#: Bytes of a match that are shown, and characters of one value of a rule's meta section.
MAX_SHOWN, MAX_META = 80, 300
#: Words for how bad a rule's author holds a match to be, from harmless to worst.
SEVERITIES = ("", "informational", "low", "medium", "high", "critical")
#: Keys of a meta section that say it, as public rule sets write them.
SEVERITY_KEYS = ("severity", "threat_level", "level", "score")


class Arguments(ToolArguments):
    attachment: Annotated[int, Field(ge=0, le=19, description="Index of the attachment, counted from 0.")]
    path: Annotated[
        str,
        Field(
            max_length=1_000,
            description="A file inside it, as inspect_file lists it: a member's name or `#` and its number, `//` "
            "between steps; an empty string for the attachment itself.",
        ),
    ]


class Facts(ToolFacts):
    matched: bool = Field(description="At least one rule matches.")
    matches: int = Field(description="Rules that match.")
    rule: str = Field(description="Name of the worst rule that matches; empty when none does.")
    severity: str = Field(
        description="What its author calls it: informational, low, medium, high or critical; empty when not said."
    )
    rules: int = Field(description="Rules that were run.")
    skipped: int = Field(description="Rules and files of rules that could not be run, because they are broken.")


class Matched(TypedDict):
    """One rule that matches: who wrote it, what it says, and where it found what."""

    rule: str
    file: str
    author: str
    description: str
    severity: str
    tags: list[str]
    meta: dict[str, Any]
    strings: list[dict[str, Any]]


class Detail(TypedDict):
    """What was scanned, the rules that match, and those that could not be run."""

    name: str
    size: int
    matches: list[Matched]
    skipped: list[dict[str, Any]]


@tool(
    "Scan an attachment, or a file inside one, with the YARA rules of this house.",
    arguments=Arguments,
    facts=Facts,
    detail=Detail,
    needs=["attachment", "yara_rules"],
    imports=["yara_x"],
)
def run(arguments: Object, inputs: Object) -> Object:
    """Every rule that matches, the worst first."""
    name, content = _file(arguments, inputs["attachment"])
    given = inputs["yara_rules"]
    found = sorted(_scan(name, content, base64.b64decode(given["compiled_base64"])), key=_badness, reverse=True)
    worst = found[0] if found else None
    facts: Object = {
        "matched": bool(found),
        "matches": len(found),
        "rule": worst["rule"] if worst else "",
        "severity": worst["severity"] if worst else "",
        "rules": int(given["rules"]),
        "skipped": len(given["problems"]),
    }
    said = f"{plural(len(found), 'rule')} of {facts['rules']} {'match' if len(found) != 1 else 'matches'}"
    summary = (
        f"{said}: {', '.join(m['rule'] for m in found[:5])}." if found else f"None of {facts['rules']} rules matches."
    )
    if facts["skipped"]:
        summary += f" {plural(facts['skipped'], 'broken rule')} could not be run."
    detail = {
        "name": clip(name, 200),
        "size": len(content),
        "matches": clip_list(found, MAX_RULES),
        "skipped": clip_list(given["problems"], 10),
    }
    return answer(summary, facts, detail)


def _file(arguments: Object, file: Object | None) -> tuple[str, bytes]:
    if file is None:
        raise InputRefused("The ticket has no attachment with this index.")
    content = base64.b64decode(file["content_base64"])
    try:
        return member_at(str(file["name"]), content, arguments["path"], Budget())
    except NoMember as none:
        raise InputRefused(str(none)) from None


def _scan(name: str, content: bytes, compiled: bytes) -> list[Matched]:
    import yara_x  # noqa: PLC0415, RUF100 - loaded beforehand by the sandbox, and only for this tool

    scanner = yara_x.Scanner(yara_x.Rules.deserialize_from(io.BytesIO(compiled)))
    # No time-out of its own: it would start a thread, which the sandbox forbids; the sandbox ends what takes too long.
    scanner.max_matches_per_pattern(MAX_MATCHES)
    plain = name.encode("utf-8", "replace").decode().replace("\0", "")
    scanner.set_global("filename", plain)
    scanner.set_global("extension", f".{plain.rpartition('.')[2].lower()}" if "." in plain else "")
    return [_matched(rule, content) for rule in scanner.scan(content).matching_rules]


def _matched(rule: Any, content: bytes) -> Matched:
    meta = {str(key): _plain(value) for key, value in rule.metadata[:40]}
    lower = {key.lower(): value for key, value in reversed(meta.items())}
    return {
        "rule": rule.identifier,
        "file": rule.namespace,
        "author": str(lower.get("author", "")),
        "description": str(lower.get("description", "")),
        "severity": _severity(lower),
        "tags": [clip(tag, 60) for tag in rule.tags[:20]],
        "meta": meta,
        "strings": clip_list([found for pattern in rule.patterns for found in _string(pattern, content)], MAX_STRINGS),
    }


def _string(pattern: Any, content: bytes) -> list[Object]:
    """One string of a rule: how often it was found, where first, and what stands there."""
    if not pattern.matches:
        return []
    first = pattern.matches[0]
    bytes_ = content[first.offset : first.offset + min(first.length, MAX_SHOWN)]
    text = bytes_.decode("utf-16-le" if bytes_[1:2] == b"\0" else "utf-8", "replace")
    shown = text if text.isprintable() and "\ufffd" not in text else bytes_.hex(" ")
    return [{"string": pattern.identifier, "times": len(pattern.matches), "offset": first.offset, "text": shown}]


def _plain(value: Any) -> str | int | float | bool:
    if isinstance(value, bool | int | float):
        return value if isinstance(value, bool) or abs(value) < 2**53 else str(value)
    return clip(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value), MAX_META)


def _severity(meta: dict[str, Any]) -> str:
    for key in SEVERITY_KEYS:
        value = meta.get(key)
        if isinstance(value, str) and value.strip().lower() in SEVERITIES:
            return value.strip().lower()
        if isinstance(value, int | float) and not isinstance(value, bool):
            # Scores go to 100, and 60 is where the authors of public rules begin to mean it.
            return "critical" if value >= 90 else "high" if value >= 75 else "medium" if value >= 60 else "low"
    return ""


def _badness(match: Matched) -> int:
    return SEVERITIES.index(match["severity"]) if match["severity"] else SEVERITIES.index("low")
