"""Office documents, new and old: macros, templates from elsewhere, DDE, embedded objects, passwords."""

from __future__ import annotations

import html
import re
import struct
from collections.abc import Iterator

from tools.investigate.files import macros
from tools.investigate.files.budget import Budget, Spent
from tools.investigate.files.container import Container, Member, Unreadable
from tools.investigate.files.look import Look
from tools.investigate.files.ole import NotOle, Ole
from tools.investigate.files.opened import Opened
from tools.investigate.files.rtf import Rtf

#: Bytes of one XML part read, and parts of a kind.
MAX_PART, MAX_PARTS = 4 * 1024**2, 100
#: Bytes of a macro project.
MAX_PROJECT = 16 * 1024**2
RELATION = re.compile(r"<(?:\w{1,20}:)?Relationship\s([^>]{1,5000})>")
ATTRIBUTE = re.compile(r"(\w{1,40})\s{0,9}=\s{0,9}(?:\"([^\"]{0,4000})\"|'([^']{0,4000})')")
FIELD_TEXT = re.compile(r"<w:instrText[^>]{0,200}>([^<]{0,2000})<|w:instr=\"([^\"]{0,2000})\"")
DDE = re.compile(r"(?i)\bDDE(?:AUTO)?\b\s{0,9}(.{0,300})", re.DOTALL)
#: Parts that load by themselves when they stand outside the document.
LOADED = frozenset({"attachedTemplate", "oleObject", "frame", "subDocument", "externalLink", "aFChunk"})
EQUATION = "02ce020000000000c000000000000046"


def new(opened: Opened, look: Look, budget: Budget, *, quick: bool) -> None:
    """OOXML: parts in a ZIP file."""
    assert opened.container is not None
    found = macros.Macros()
    for part in _parts(opened.container, "vbaproject.bin"):
        found.present = True
        project = _content(part, MAX_PROJECT, budget)
        try:
            macros.of_ole(Ole(project), budget, found)
        except NotOle:
            look.unread.append("the macro project: it is no compound file")
    sheets = [
        m for m in opened.container.members if "/macrosheets/" in m.name.lower() and m.name.endswith((".xml", ".bin"))
    ]
    found.sheets += [m.name for m in sheets]
    found.present = found.present or bool(sheets)
    tell_macros(found, look, budget, quick=quick)
    embedded = [m for m in opened.container.members if re.search(r"(?i)/(?:embeddings|activeX)/[^/]+\.", m.name)]
    look.facts["embedded_objects"] = len(embedded)
    if embedded:
        look.note(f"{len(embedded)} embedded objects")
    budget.attempt("relations of the document", look.unread, lambda: _relations(opened.container, look, budget))
    budget.attempt("fields of the document", look.unread, lambda: _fields(opened.container, look, budget))


def _parts(container: Container | None, *endings: str) -> Iterator[Member]:
    for count, member in enumerate(
        m for m in (container.members if container else []) if m.name.lower().endswith(endings)
    ):
        if count < MAX_PARTS:
            yield member


def _content(member: Member, longest: int, budget: Budget) -> bytes:
    if member.read is None:
        return b""
    try:
        return member.read(longest, budget)
    except (Unreadable, Spent):
        return b""


def _relations(container: Container | None, look: Look, budget: Budget) -> None:
    for part in _parts(container, ".rels"):
        text = _content(part, MAX_PART, budget).decode("utf-8", "replace")
        _entities(text, part, look)
        for match in RELATION.finditer(text):
            values = {
                m.group(1): html.unescape(m.group(2) or m.group(3) or "") for m in ATTRIBUTE.finditer(match.group(1))
            }
            if values.get("TargetMode", "").lower() != "external":
                continue
            target, kind = values.get("Target", ""), values.get("Type", "").rpartition("/")[2]
            look.text(target)
            if kind in LOADED and re.match(r"(?i)(?:https?|ftp|file|mhtml|smb):|\\\\|//", target):
                what = "template" if kind == "attachedTemplate" else f"part ({kind})"
                look.sign(f"loads a {what} from elsewhere when opened", remote_template=True)
                look.shown.setdefault("loads", []).append(target[:500])


def _entities(text: str, part: Member, look: Look) -> None:
    if re.search(r"<!(?:DOCTYPE|ENTITY)\b", text[:MAX_PART]):
        look.sign("XML that declares entities of its own (XXE, or a bomb of entities)", entities=True)
        look.shown.setdefault("entities_in", []).append(part.name[:200])


def _fields(container: Container | None, look: Look, budget: Budget) -> None:
    for part in _parts(container, "document.xml", "header1.xml", "footer1.xml", "footnotes.xml", "comments.xml"):
        text = _content(part, MAX_PART, budget).decode("utf-8", "replace")
        _entities(text, part, look)
        # A field may be cut into many runs; put together it reads as Word reads it.
        said = "".join(html.unescape(m.group(1) or m.group(2) or "") for m in FIELD_TEXT.finditer(text))
        _dde(said, look)
    for part in _parts(container, ".xml"):
        if "externallinks/" in part.name.lower():
            text = _content(part, MAX_PART, budget).decode("utf-8", "replace")
            match = re.search(r"<ddeLink\s[^>]{0,500}", text)
            if match:
                _dde(f"DDE {match.group(0)}", look)


def _dde(said: str, look: Look) -> None:
    match = DDE.search(said)
    if match:
        look.sign("runs a command through DDE", dde=True)
        look.shown["dde"] = match.group(1).strip()[:300]
        look.text(match.group(1))


def old(opened: Opened, look: Look, budget: Budget, *, quick: bool) -> None:
    """Compound files."""
    ole = opened.ole
    if ole is None:
        look.note("damaged compound file", damaged=True)
        return
    if ole.damaged:
        look.note("the tables of the compound file are damaged", damaged=True)
    if opened.kind.id == "encrypted office":
        look.note("Office document with a password", encrypted=True)
        return
    found = macros.Macros()
    budget.attempt("macros", look.unread, lambda: macros.of_ole(ole, budget, found))
    tell_macros(found, look, budget, quick=quick)
    budget.attempt("text of the document", look.unread, lambda: _old_text(ole, look, budget))
    embedded = {
        s.path.rpartition("/")[0] for s in ole.streams if re.search(r"(?i)ole10native$|\x01CompObj$", s.path)
    } - {""}
    look.facts["embedded_objects"] = len(embedded)
    if EQUATION in ole.storages.values() or any("equation native" in s.path.lower() for s in ole.streams):
        look.sign("object of the old equation editor, which runs code when opened (CVE-2017-11882)")
    if ole.find("\x01ole10native"):
        look.sign("Office document with a packed file inside" if opened.kind.id != "ole" else "packed file inside")


def _old_text(ole: Ole, look: Look, budget: Budget) -> None:
    for stream in ole.find("worddocument"):
        data = ole.read(stream, MAX_PART * 2, budget)
        if len(data) > 12 and struct.unpack_from("<H", data, 10)[0] & 0x0100:
            look.note("Office document with a password", encrypted=True)
        match = re.search(rb"(?i)\x13\s{0,9}(DDE(?:AUTO)?\b[^\x14\x15]{0,300})", data.replace(b"\0", b""))
        if match:
            _dde(match.group(1).decode("latin-1"), look)
    for stream in ole.find("workbook", "book"):
        head = ole.read(stream, 4096, budget)
        # Record 0x2F, FILEPASS, stands right behind the first record.
        if len(head) > 8 and head[4 + struct.unpack_from("<H", head, 2)[0] :][:2] == b"\x2f\x00":
            look.note("Office document with a password", encrypted=True)


def tell_macros(found: macros.Macros, look: Look, budget: Budget, *, quick: bool) -> None:
    """Facts and signs of what `macros` found."""
    if not found.present:
        return
    look.sign("Office document with macros inside", macros=True)
    if quick:
        return
    budget.attempt("source of the macros", look.unread, lambda: macros.scan(found))
    look.facts.update(auto_exec=bool(found.auto_exec), suspicious_keywords=len(found.suspicious))
    if found.auto_exec:
        look.sign(f"its macros start by themselves ({', '.join(found.auto_exec[:5])})")
    if found.source_missing and not found.sheets:
        look.sign("the source of its macros is missing, what they do cannot be seen")
    if found.sheets:
        look.sign("Excel 4 macro sheets")
    look.text(found.source)
    look.shown["macros"] = {
        "auto_exec": found.auto_exec[:20],
        "suspicious": found.suspicious[:40],
        "modules": found.modules[:40],
        "excel4_sheets": found.sheets[:20],
        "source": found.source,
    }


def rich_text(found: Rtf, look: Look) -> None:
    """RTF."""
    look.facts["embedded_objects"] = len(found.classes)
    if found.classes:
        look.sign("RTF document with an embedded object")
        look.shown["objects"] = found.classes[:40]
    if any(name.lower().startswith("equation") for name in found.classes):
        look.sign("object of the old equation editor, which runs code when opened (CVE-2017-11882)")
    if found.loads_itself:
        look.sign("an object in it loads itself when opened")
    if re.match(r"(?i)(?:https?|ftp|file):|\\\\", found.template):
        look.sign("loads a template from elsewhere when opened", remote_template=True)
        look.shown["loads"] = [found.template[:500]]
    look.text(found.template)
    for name, said in found.fields:
        look.text(said)
        if name.startswith("DDE"):
            _dde(f"{name} {said}", look)
