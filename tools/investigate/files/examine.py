"""One file looked at as an analyst would, quickly for a list of attachments or thoroughly for `inspect_file`."""

from __future__ import annotations

import re

from tools.investigate.files import images, inside, kinds, names, office, pdf_objects, programs, shortcut, texts
from tools.investigate.files.budget import Budget
from tools.investigate.files.kinds import ARCHIVES, OFFICE, OLD_OFFICE, Kind
from tools.investigate.files.look import Look
from tools.investigate.files.opened import Opened, open_file

#: Archives nobody looks into here.
CLOSED = frozenset({"ace", "arj", "zstd", "wim", "vhd", "vhdx", "chm", "tnef"})
#: Programs that shortcuts of attackers start.
STARTS = re.compile(
    r"(?i)powershell|cmd(?:\.exe)?\b|mshta|[cw]script|rundll32|regsvr32|certutil|curl|msiexec|forfiles|conhost|ssh\b"
)
#: Readers that look for a header anywhere let one file be two.
SECOND = (("a ZIP archive", b"PK\x05\x06"), ("a RAR archive", b"Rar!\x1a\x07"), ("a PDF document", b"%PDF-1"))


def examine(name: str, content: bytes, budget: Budget, *, quick: bool, trail: tuple[bytes, ...] = ()) -> Look:
    """Everything one file shows. `trail` are digests of the files around it, so that a file inside itself is seen."""
    look = Look()
    opened = open_file(name[:2000], content, budget)
    look.unread += opened.unread
    kind = opened.kind
    look.facts.update(type=kind.id, extension_mismatch=kinds.mismatched(name, kind))
    look.signs += names.reasons(name[:2000])
    if look.facts["extension_mismatch"] and (kind.id in kinds.PROGRAMS or names.extension(name) in names.DOCUMENTS):
        what = f"{kind.label} under another name"
        if kind.id in kinds.PROGRAMS | {"html", "script", "lnk", "rtf"} | ARCHIVES:
            look.sign(what)
        else:
            look.note(what)
    budget.attempt(kind.label, look.unread, lambda: _by_kind(opened, look, budget, quick=quick))
    inside.look_at(opened, look, budget, trail, examine)
    _second_face(kind, content, look)
    return look


def _by_kind(opened: Opened, look: Look, budget: Budget, *, quick: bool) -> None:
    kind = opened.kind
    if kind.id in OFFICE:
        office.new(opened, look, budget, quick=quick)
    elif kind.id in OLD_OFFICE:
        office.old(opened, look, budget, quick=quick)
    elif kind.id == "rtf" and opened.rtf is not None:
        office.rich_text(opened.rtf, look)
    elif kind.id == "pdf":
        _pdf(opened, look, budget, quick=quick)
    elif kind.id in CLOSED:
        look.unread.append(f"{kind.label}: it cannot be looked into here")
        look.sign("archive that cannot be looked into")
    elif kind.id in kinds.TEXTUAL | {"encoded script"}:
        _textual(opened, look, quick=quick)
    else:
        _binary(opened, look)


def _binary(opened: Opened, look: Look) -> None:
    kind, content = opened.kind, opened.content
    if kind.id in kinds.PROGRAMS:
        programs.read(kind.id, content, look)
        if names.extension(opened.name) not in names.RUNS:
            look.sign(kind.label)
    elif kind.id in kinds.PICTURES:
        images.read(kind.id, content, look)
    elif kind.id == "lnk":
        _shortcut(content, look)


def _textual(opened: Opened, look: Look, *, quick: bool) -> None:
    """A quick look takes a text by its name: what an honest page or script says would make every one of them risky."""
    kind, content = opened.kind, opened.content
    if kind.id == "mail" and opened.mail is not None:
        look.note("an e-mail message; read_email reads one that is an attachment of the ticket")
        look.unread += opened.mail.unread
        look.text("\n".join([opened.mail.text, *(link.url for link in opened.mail.links)]))
    elif kind.id == "shortcut link":
        texts.internet_shortcut(content, look)
    elif kind.id == "svg" and quick:
        if texts.ACTIVE.search(kinds.decode(content, 200_000)):
            look.sign("picture that runs script code when opened")
    elif quick:
        return
    elif kind.id in {"script", "encoded script"}:
        texts.script(kind, content, look)
    elif kind.id in {"html", "svg"}:
        texts.page(kind, content, look)
    else:
        texts.plain(content, look)


def _pdf(opened: Opened, look: Look, budget: Budget, *, quick: bool) -> None:
    found = opened.pdf
    if found is None:
        return
    if not quick and found.objects is None:
        content = opened.content
        budget.attempt("objects of the document", look.unread, lambda: pdf_objects.read(content, found))
    scripted = bool(found.names & {"JavaScript", "JS"})
    embedded = bool(found.names & {"EmbeddedFile", "EmbeddedFiles"})
    look.facts.update(
        pdf_javascript=scripted,
        pdf_launch="Launch" in found.names,
        pdf_open_action=found.acts_on_opening,
        pdf_uris=len(set(found.uris)),
        embedded_objects=len(found.files.members),
        encrypted=found.encrypted,
    )
    if scripted:
        look.sign("PDF with JavaScript")
    if "Launch" in found.names:
        look.sign("PDF that starts a program")
    if embedded:
        look.sign("PDF that carries another file")
    if found.acts_on_opening:
        look.sign("PDF that does something when opened")
    if found.disguised:
        look.sign("PDF whose names are disguised", obfuscated=True)
    if found.names & {"SubmitForm", "ImportData", "GoToR", "GoToE", "RichMedia", "XFA", "JBIG2Decode"}:
        look.note(f"PDF features seldom used: {', '.join(sorted(found.names - {'ObjStm', 'AA', 'OpenAction'}))}")
    if found.encrypted:
        look.unread.append("the document: it has a password, so its texts and addresses cannot be read")
    if found.starts_late or found.no_end:
        look.note("the document does not begin or end as a PDF should", damaged=True)
    look.text("\n".join([*found.uris, *found.scripts, *found.launched]))
    look.shown["pdf"] = {
        "pages": found.pages,
        "uris": [uri[:500] for uri in dict.fromkeys(found.uris)][:40],
        "scripts": [text[:2000] for text in dict.fromkeys(found.scripts)][:5],
        "launches": [text[:500] for text in dict.fromkeys(found.launched)][:10],
        "features": sorted(found.names),
    }


def _shortcut(content: bytes, look: Look) -> None:
    found = shortcut.read(content)
    look.facts.update(shortcut_target=found.target[:500], shortcut_arguments=bool(found.arguments))
    look.text(f"{found.target} {found.arguments}")
    look.shown["shortcut"] = {
        "target": found.target[:1000],
        "arguments": found.arguments[:4000],
        "name": found.name[:300],
        "working_folder": found.working_folder[:300],
        "icon": found.icon[:300],
    }
    look.sign("Windows shortcut")
    runs = STARTS.search(f"{found.target} {found.arguments}")
    if runs:
        look.sign(f"shortcut that starts {runs.group(0).lower()}")
    if found.minimized:
        look.sign("shortcut whose window stays hidden")
    if found.padded:
        look.sign("shortcut that pushes its arguments out of sight")
    if found.appended > 64:
        look.sign(f"{found.appended:,} bytes stand behind the shortcut")
    if found.damaged:
        look.note("the shortcut is damaged", damaged=True)


def _second_face(kind: Kind, content: bytes, look: Look) -> None:
    """A file that another program would open as something else."""
    if kind.id in ARCHIVES | OFFICE | OLD_OFFICE | {"mail", "text", "html", "script", "json", "xml"}:
        return
    for what, magic in SECOND:
        if what == "a PDF document":
            at = content.find(magic, 0, 1024) if kind.id != "pdf" else -1
        else:
            at = content.rfind(magic, max(0, len(content) - 70_000))
        if at >= 0:
            look.facts["polyglot"] = True
            if kind.id in kinds.PICTURES | {"pdf"}:
                look.sign(f"it is {what} as well")
            else:
                look.note(f"it is {what} as well")
    if (
        kind.id == "pdf"
        and content.find(b"%PDF-", 0, 1024) > 0
        and re.match(rb"(?s)MZ|\xff\xd8\xff|GIF8|\x7fELF", content)
    ):
        look.sign("it is something else as well as a PDF document", polyglot=True)
