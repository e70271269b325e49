"""The ticket at a glance: what there is to look at, and whether somebody tries to steer who looks."""

from __future__ import annotations

import re
from typing import TypedDict

from pydantic import Field

from tools.arguments import NoArguments
from tools.investigate import indicators, manipulation
from tools.investigate.answer import Object, answer, clip, clip_list, plural
from tools.investigate.ticket_text import Piece, attached, events, pieces
from tools.tool import ToolFacts, tool

#: Characters of one script shown; decode_script takes them from here.
MAX_SCRIPT = 8_000
#: Scripts, URLs and attempts listed.
MAX_SCRIPTS, MAX_URLS, MAX_ATTEMPTS = 10, 50, 20
#: Characters of attachments searched for attempts to steer the agents.
MAX_SEARCHED = 600_000
#: Files that are scripts by name.
SCRIPT_FILE = re.compile(r"\.(?:ps1|psm1|bat|cmd|vbs|vbe|js|jse|wsf|hta|sh|py)\b", re.IGNORECASE)
#: Lines that run or unpack something.
SCRIPT_LINE = re.compile(
    r"\b(?:powershell|pwsh)(?:\.exe)?\"?'?\s+.*?-\w|\bFromBase64String\b|\bIEX\b|\bInvoke-(?:Expression|WebRequest|"
    r"RestMethod|Mimikatz)\b|\bDownload(?:String|File|Data)\b|\bcmd(?:\.exe)?\"?\s+/[ckv]|\b(?:mshta|regsvr32|rundll32|"
    r"certutil|bitsadmin|wscript|cscript|schtasks|wmic)(?:\.exe)?\"?\s+[\S]*[-/:]|\b(?:bash|sh|zsh)\s+-c\s|\bbase64\s+(?:-d|"
    r"--decode)|\bcurl\b[^|\n]*\|\s*(?:ba|z)?sh\b|\bwget\b[^|\n]*\|\s*(?:ba|z)?sh\b|\bpython[23]?\s+-c\s|"
    r"\bNew-Object\s+(?:System\.)?Net\.|\[(?:System\.)?Convert\]::|\beval\s*\(\s*(?:atob|base64_decode)\b",
    re.IGNORECASE,
)


class Facts(ToolFacts):
    manipulation: bool = Field(description="Its text tries to steer whoever or whatever reads it.")
    manipulation_phrases: int = Field(description="Number of such attempts.")
    attachments: int = Field(description="Number of attachments.")
    emails: int = Field(description="Attachments that are mails.")
    events: int = Field(description="Log events that came with the ticket; search_logs queries them.")
    scripts: int = Field(description="Scripts and command lines found; decode_script reads them.")
    urls: int = Field(description="URLs found, in attachments too.")


class Attempt(TypedDict):
    """One attempt to steer the agents: where it stands, how it is disguised, and its words."""

    where: str
    kind: str
    how: str
    words: str


class Detail(TypedDict):
    first_email: int | None
    emails: list[int]
    scripts: list[str]
    urls: list[str]
    manipulation: list[Attempt | str]
    event_keys: list[str]


@tool(
    "Overview of the ticket: attachments, mails, events, scripts, URLs, attempts to steer the agents.",
    arguments=NoArguments,
    facts=Facts,
    detail=Detail,
    needs=["ticket", "attachments"],
)
def run(arguments: Object, inputs: Object) -> Object:
    """Always the first call on a ticket."""
    del arguments
    ticket, files = inputs["ticket"], attached(inputs)
    texts = pieces(ticket, files)
    attempts = _attempts(texts)
    mails = [file.index for file in files if file.is_mail]
    scripts = _scripts(texts)
    urls = _urls(texts)
    rows = events(ticket["fields"])
    facts = {
        "manipulation": bool(attempts),
        "manipulation_phrases": len(attempts),
        "attachments": len(files),
        "emails": len(mails),
        "events": len(rows),
        "scripts": len(scripts),
        "urls": len(urls),
    }
    detail = {
        "first_email": mails[0] if mails else None,
        "emails": mails,
        "scripts": [clip(script, MAX_SCRIPT) for script in scripts[:MAX_SCRIPTS]],
        "urls": clip_list(urls, MAX_URLS),
        "manipulation": clip_list(attempts, MAX_ATTEMPTS),
        "event_keys": sorted({clip(str(key), 80) for row in rows[:50] for key in row})[:60],
    }
    return answer(_sentence(facts), facts, detail)


def _attempts(texts: list[Piece]) -> list[Object]:
    """What models see in full is searched in full; of attachments, of which they see excerpts, a good part."""
    left, found = MAX_SEARCHED, []
    for piece in texts:
        text = piece.text if piece.where in {"title", "body", "fields"} else piece.text[:left]
        left -= 0 if piece.where in {"title", "body", "fields"} else len(text)
        found += [{"where": piece.where, **hit} for hit in manipulation.find(text)]
    return found


def _scripts(texts: list[Piece]) -> list[str]:
    """Whole script files, and elsewhere the lines that run something."""
    found: dict[str, None] = {}
    names = {p.where.rpartition(" ")[2]: p.text for p in texts if p.where.startswith("name of attachment")}
    for piece in texts:
        index = piece.where.rpartition(" ")[2]
        is_script = piece.where.startswith("text of") and SCRIPT_FILE.search(names.get(index, ""))
        if is_script or (piece.where.startswith("file ") and SCRIPT_FILE.search(piece.where)):
            found[piece.text.strip()] = None
        elif not piece.where.startswith("name of"):
            found.update((line.strip(), None) for line in piece.text.splitlines() if SCRIPT_LINE.search(line[:4000]))
    return list(found)


def _urls(texts: list[Piece]) -> list[str]:
    found: dict[str, None] = {}
    for piece in texts:
        found.update(dict.fromkeys(indicators.urls(piece.text)))
    return list(found)


def _sentence(facts: Object) -> str:
    parts = [
        plural(facts[name], noun)
        for name, noun in (
            ("attachments", "attachment"),
            ("emails", "mail"),
            ("events", "log event"),
            ("scripts", "script"),
            ("urls", "URL"),
        )
        if facts[name]
    ]
    seen = ", ".join(parts) if parts else "nothing but its text"
    warning = " Its text tries to steer the agents." if facts["manipulation"] else ""
    return f"The ticket holds {seen}.{warning}"
