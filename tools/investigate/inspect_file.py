"""A file looked at without opening it in anything: what it is, what it carries, what it would do."""

from __future__ import annotations

import base64
import hashlib
import math
from typing import Annotated, Any, TypedDict

from pydantic import Field

from tools.investigate import indicators
from tools.investigate.answer import InputRefused, Object, answer, clip, clip_list, plural
from tools.investigate.domains import under
from tools.investigate.files import kinds, names
from tools.investigate.files.budget import MAX_SECONDS, Budget
from tools.investigate.files.examine import examine
from tools.investigate.files.look import Look
from tools.investigate.files.opened import NoMember, member_at
from tools.limits import Limits
from tools.tool import ToolArguments, ToolFacts, tool

#: Bytes from which entropy is measured: the first and the last ones.
SAMPLE = 2 * 1024**2
#: Indicators of one kind listed, and characters of macro source shown.
MAX_INDICATORS, MAX_SOURCE = 40, 6_000
#: Characters of a path: a few members on the way, each at most 200.
MAX_PATH = 1_000
#: Facts that readers only set where they found something.
FLAGS = ("macros", "auto_exec", "remote_template", "dde", "encrypted", "damaged", "pdf_javascript", "pdf_launch",
         "pdf_open_action", "shortcut_arguments", "bomb", "polyglot", "path_traversal", "entities",
         "smuggling")  # fmt: skip
COUNTS = ("suspicious_keywords", "embedded_objects", "pdf_uris", "script_signs", "members", "risky_members", "depth")


class Arguments(ToolArguments):
    attachment: Annotated[int, Field(ge=0, le=19, description="Index of the attachment, counted from 0.")]
    path: Annotated[
        str,
        Field(
            max_length=MAX_PATH,
            description="A file inside it, as this tool lists it: a member's name or `#` and its number, `//` between "
            "steps; an empty string for the attachment itself.",
        ),
    ]


class Facts(ToolFacts):
    type: Annotated[str, Field(description="What the file is by its content: `pdf`, `docx`, `zip`, `pe`, `script`, …")]
    size: Annotated[int, Field(description="Bytes.")]
    sha256: Annotated[str, Field(description="SHA-256.")]
    sha1: Annotated[str, Field(description="SHA-1.")]
    md5: Annotated[str, Field(description="MD5.")]
    entropy: Annotated[float, Field(description="Bits a byte, 0 to 8; packed or encrypted content is close to 8.")]
    risky: Annotated[bool, Field(description="There is at least one reason to be careful.")]
    reasons: Annotated[int, Field(description="Reasons to be careful.")]
    complete: Annotated[
        bool, Field(description="Everything in it was looked into; if not, `unread` says what was not.")
    ]
    extension_mismatch: Annotated[bool, Field(description="Its name claims another kind of file.")]
    macros: Annotated[bool, Field(description="Office macros, VBA or Excel 4.")]
    auto_exec: Annotated[bool, Field(description="Macros that start by themselves.")]
    suspicious_keywords: Annotated[int, Field(description="Suspicious words in macros.")]
    embedded_objects: Annotated[int, Field(description="Objects or files embedded in a document.")]
    remote_template: Annotated[bool, Field(description="The document loads a template or a part from elsewhere.")]
    dde: Annotated[bool, Field(description="The document runs a command through DDE.")]
    encrypted: Annotated[bool, Field(description="The file, or a member of it, needs a password.")]
    damaged: Annotated[bool, Field(description="It is not built as files of its kind are.")]
    pdf_javascript: Annotated[bool, Field(description="PDF with JavaScript.")]
    pdf_launch: Annotated[bool, Field(description="PDF that starts a program.")]
    pdf_open_action: Annotated[bool, Field(description="PDF that does something when opened, beyond going to a page.")]
    pdf_uris: Annotated[int, Field(description="Different addresses a PDF links to.")]
    shortcut_target: Annotated[str | None, Field(description="What a shortcut starts or opens.")] = None
    shortcut_arguments: Annotated[bool, Field(description="The shortcut hands arguments to a program.")]
    script: Annotated[str | None, Field(description="Language of a script.")] = None
    script_signs: Annotated[int, Field(description="Bad signs in a script, as decode_script counts them.")]
    program: Annotated[str | None, Field(description="System a program is for: windows, linux, macos, …")] = None
    members: Annotated[int, Field(description="Files it holds: members of an archive, attachments, embedded files.")]
    risky_members: Annotated[int, Field(description="Of those, how many are risky to open.")]
    depth: Annotated[int, Field(description="Archives inside one another, as far as they were opened.")]
    bomb: Annotated[bool, Field(description="Built to exhaust whoever opens or unpacks it.")]
    path_traversal: Annotated[bool, Field(description="A member would be written outside the chosen folder.")]
    entities: Annotated[bool, Field(description="XML that declares entities of its own (XXE, billion laughs).")]
    smuggling: Annotated[bool, Field(description="A page that builds a file in the browser (HTML smuggling).")]
    polyglot: Annotated[bool, Field(description="Other programs would open it as another kind of file.")]
    width: Annotated[int | None, Field(description="Points a picture claims to be wide.")] = None
    height: Annotated[int | None, Field(description="Points a picture claims to be high.")] = None
    urls: Annotated[int, Field(description="Foreign URLs in it.")]
    domains: Annotated[int, Field(description="Foreign domains in it.")]
    ips: Annotated[int, Field(description="Addresses in it.")]


class Detail(TypedDict, total=False):
    name: str
    label: str
    mime: str
    why: list[str]
    notes: list[str]
    unread: list[str]
    members: list[dict[str, Any]]
    members_total: int
    urls: list[str]
    domains: list[str]
    ips: list[str]
    macros: dict[str, Any]
    pdf: dict[str, Any]
    shortcut: dict[str, Any]
    script: dict[str, Any]
    program: dict[str, Any]
    page: dict[str, Any]
    objects: list[str]
    loads: list[str]
    dde: str
    entities: list[str]
    entities_in: list[str]


@tool(
    "Inspect an attachment or a file in it: type, hashes, archive members, macros, PDF actions, shortcuts, scripts.",
    arguments=Arguments,
    facts=Facts,
    detail=Detail,
    needs=["attachment", "organization"],
    limits=Limits(seconds=40.0, cpu_seconds=20, memory=1024**3),
    imports=["oletools.olevba", "pypdf"],
)
def run(arguments: Object, inputs: Object) -> Object:
    """Nothing is opened with the program it is meant for, nothing is run, nothing is written."""
    attachment = inputs["attachment"]
    if attachment is None:
        raise InputRefused(f"The ticket has no attachment {arguments['attachment']}; read_ticket lists them from 0.")
    name, content = str(attachment["name"]), base64.b64decode(attachment["content_base64"])
    budget = Budget()
    if arguments["path"]:
        try:
            name, content = member_at(name, content, arguments["path"], budget)
        except NoMember as why:
            raise InputRefused(str(why)) from None
    return inspect(name, content, inputs["organization"]["domains"], budget)


def inspect(name: str, content: bytes, own: list[str], budget: Budget) -> Object:
    """All facts about one file. `own` are the organization's domains."""
    look = examine(name, content, budget, quick=False)
    found = budget.attempt("indicators", look.unread, lambda: indicators.find(look.texts), MAX_SECONDS)
    found = found or indicators.find("")
    domains = [value for value in found.domains if not under(value, own)]
    urls = [url for url in found.urls if any(d in url.lower() for d in domains) or not _has_own_host(url, own)]
    facts = {
        **dict.fromkeys(FLAGS, False),
        **dict.fromkeys(COUNTS, 0),
        **{key: value for key, value in look.facts.items() if key in Facts.model_fields},
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "sha1": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
        "md5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
        "entropy": entropy(content),
        "risky": bool(look.signs),
        "reasons": len(look.signs),
        "complete": not look.unread,
        "urls": len(urls),
        "domains": len(domains),
        "ips": len(found.ips),
    }
    kind = kinds.identify(name, content)
    kind = kinds.Kind(id=facts["type"], script=kind.script)
    detail: Object = {
        **look.shown,
        "name": names.shown(name),
        "label": kind.label,
        "mime": kind.mime,
        "why": look.signs[:30],
        "notes": look.notes[:30],
        "unread": clip_list(list(dict.fromkeys(look.unread)), 30),
        "urls": urls[:MAX_INDICATORS],
        "domains": domains[:MAX_INDICATORS],
        "ips": found.ips[:MAX_INDICATORS],
    }
    if "macros" in detail:
        detail["macros"]["source"] = clip(detail["macros"]["source"], MAX_SOURCE)
    for layer in detail.get("script", {}).get("layers", [])[:8]:
        layer["text"] = clip(layer["text"], MAX_SOURCE)
    return answer(_sentence(kind.label, facts, look), facts, detail)


def _has_own_host(url: str, own: list[str]) -> bool:
    return any(under(host, own) for host in indicators.find(url).domains[:1])


def entropy(content: bytes) -> float:
    """Shannon entropy in bits a byte, of a sample where the content is long."""
    sample = content if len(content) <= 2 * SAMPLE else content[:SAMPLE] + content[-SAMPLE:]
    counts = [sample.count(value) for value in range(256)]
    return round(-sum(n / len(sample) * math.log2(n / len(sample)) for n in counts if n) + 0.0, 2) if sample else 0.0


def _sentence(label: str, facts: Object, look: Look) -> str:
    held = f" with {plural(facts['members'], 'member')}" if facts["members"] else ""
    rest = "" if facts["complete"] else " Not everything in it could be looked into."
    said = "; ".join(look.signs[:6]) if look.signs else "no reason to be careful found"
    return f"{label}{held}, {facts['size']:,} bytes: {said}.{rest}"
