"""A file opened one level deep: what it is, and what it holds. Finding a member by its path lives here too."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.investigate import message
from tools.investigate.files import discs, kinds, listings, names, pdf, pdf_objects, rtf, tars, zips
from tools.investigate.files.budget import MAX_DEPTH, MAX_MEMBER, Budget, Spent
from tools.investigate.files.container import Container, Member, Unreadable, packed, stored
from tools.investigate.files.kinds import Kind
from tools.investigate.files.ole import NotOle, Ole, Stream

#: Between the members on the way to one that lies deeper: `invoices.zip//march.docm`.
STEP = "//"
#: OneNote keeps files behind this mark, then their length.
ONENOTE_FILE = bytes.fromhex("e716e3bd65261145a4c48d4d0b7a9eac")
MAX_ONENOTE_FILES = 200
MSI = "84100c0000000000c000000000000046"


class NoMember(ValueError):
    """There is no such member; the sentence says what there is."""


@dataclass(kw_only=True, slots=True)
class Opened:
    """A file and what its own reader found at the first look."""

    name: str
    content: bytes
    kind: Kind
    container: Container | None = None
    ole: Ole | None = None
    pdf: pdf.Pdf | None = None
    rtf: rtf.Rtf | None = None
    mail: message.Mail | None = None
    #: What could not be opened, and why.
    unread: list[str] = field(default_factory=list)


def open_file(name: str, content: bytes, budget: Budget) -> Opened:
    """Never fails: what cannot be opened says so in `unread`."""
    found = Opened(name=name, content=content, kind=kinds.identify(name, content))
    budget.attempt(found.kind.label, found.unread, lambda: _open(found, budget))
    return found


def _open(found: Opened, budget: Budget) -> None:
    content, kind = found.content, found.kind.id
    if kind in LISTERS:
        found.container = LISTERS[kind](content)
    elif kind in SINGLE:
        found.container = _single(found)
    elif kind == "ole":
        _open_ole(found, budget)
    elif kind == "pdf":
        found.pdf = pdf.read(content, budget)
        found.container = found.pdf.files
        if found.pdf.encrypted:
            read = found.pdf
            budget.attempt("the encrypted document", found.unread, lambda: pdf_objects.read(content, read))
    elif kind == "rtf":
        found.rtf = rtf.read(content)
        found.container = found.rtf.files
    elif kind == "mail":
        _open_mail(found)
    if kind == "zip" and found.container is not None:
        found.kind = _zip_kind(found.container, budget) or found.kind


def _zip_kind(container: Container, budget: Budget) -> Kind | None:
    listed = {member.name for member in container.members}
    if "[Content_Types].xml" in listed:
        for member in container.members:
            # Whole files are embedded in documents as they are; all else is part of the document.
            member.part = "/embeddings/" not in member.name
        for folder, kind in (("word/", "docx"), ("xl/", "xlsx"), ("ppt/", "pptx")):
            if any(name.startswith(folder) for name in listed):
                return Kind(id=kind)
        return Kind(id="ooxml")
    if "AndroidManifest.xml" in listed:
        return Kind(id="apk")
    if "META-INF/MANIFEST.MF" in listed:
        return Kind(id="jar")
    first = next((m for m in container.members if m.name == "mimetype" and m.read is not None), None)
    if first is None or first.read is None:
        return None
    try:
        said = first.read(200, budget)
    except (Unreadable, Spent):
        return None
    if b"opendocument" in said:
        for member in container.members:
            member.part = True
        return Kind(id="odf")
    return Kind(id="epub") if said.startswith(b"application/epub") else None


def _open_ole(found: Opened, budget: Budget) -> None:
    try:
        ole = Ole(found.content)
    except NotOle:
        found.unread.append("the compound file: its header is damaged")
        return
    found.ole = ole
    listed = {stream.path.lower() for stream in ole.streams}
    if "encryptedpackage" in listed or "encryptioninfo" in listed:
        found.kind = Kind(id="encrypted office")
    elif any(path.startswith("__properties_version1.0") for path in listed):
        found.kind = Kind(id="msg")
    elif ole.storages.get("") == MSI:
        found.kind = Kind(id="msi")
    elif "worddocument" in listed:
        found.kind = Kind(id="doc")
    elif listed & {"workbook", "book"}:
        found.kind = Kind(id="xls")
    elif "powerpoint document" in listed:
        found.kind = Kind(id="ppt")
    found.container = _outlook(ole, budget) if found.kind.id == "msg" else _streams(ole, budget)


def _streams(ole: Ole, budget: Budget) -> Container:
    container = Container(damaged=ole.damaged)
    for stream in ole.streams:
        member = Member(name=stream.path, size=stream.size, packed=stream.size, read=ole.reader(stream), part=True)
        if stream.path.endswith("\x01Ole10Native"):
            data = ole.read(stream, MAX_MEMBER, budget)
            inside = rtf.package(data)
            if inside is not None:
                member = Member(name=inside[0], size=len(inside[1]), read=stored(memoryview(inside[1])))
        container.add(member)
    return container


def _outlook(ole: Ole, budget: Budget) -> Container:
    """Attachments of an Outlook message, by the names its sender gave them."""
    container = Container(damaged=ole.damaged)
    folders: dict[str, dict[str, Stream]] = {}
    for stream in ole.streams:
        folder, _, leaf = stream.path.rpartition("/")
        if folder.lower().startswith("__attach_version1.0_") and leaf.lower().startswith("__substg1.0_"):
            folders.setdefault(folder, {})[leaf[12:20].upper()] = stream
    for number, parts in enumerate(folders.values()):
        data = parts.get("37010102")
        if data is None:
            continue
        name = f"attachment {number}"
        for key, encoding in (("3707001F", "utf-16-le"), ("3704001F", "utf-16-le"), ("3707001E", "cp1252")):
            if key in parts:
                name = ole.read(parts[key], 1000, budget).decode(encoding, "replace").rstrip("\0")
                break
        container.add(Member(name=name, size=data.size, packed=data.size, read=ole.reader(data)))
    return container


def _single(found: Opened) -> Container:
    """One file in one wrapping; gzip may say its name."""
    container = Container(single=True)
    content = found.content
    inner = re.sub(r"(?i)\.(?:gz|bz2|xz)$", "", found.name)
    inner = re.sub(r"(?i)\.(?:tgz|tbz2|txz)$", ".tar", inner)
    if found.kind.id == "gzip" and len(content) > 12 and content[3] & 8 and not content[3] & 4:
        said = content[10:1034].partition(b"\0")[0].decode("latin-1")
        inner = said or inner
    method = {"gzip": "gzip", "bzip2": "bzip2", "xz": "xz"}[found.kind.id]
    container.add(Member(name=inner or "content", packed=len(content), read=packed(method, memoryview(content))))
    return container


def _onenote(content: bytes) -> Container:
    container = Container()
    view, at = memoryview(content), 0
    for number in range(MAX_ONENOTE_FILES):
        at = content.find(ONENOTE_FILE, at)
        if at < 0:
            break
        size = int.from_bytes(content[at + 16 : at + 24], "little")
        start = at + 36
        piece = view[start : start + size]
        container.add(Member(name=f"embedded file {number}", size=size, packed=len(piece), read=stored(piece)))
        at = start
    return container


def _open_mail(found: Opened) -> None:
    parsed = message.parse(found.content)
    if parsed is None:
        found.kind = Kind(id="text")
        return
    found.mail = message.read(parsed)
    found.container = Container()
    for file in found.mail.files:
        size = len(file.content)
        found.container.add(Member(name=file.name, size=size, packed=size, read=stored(memoryview(file.content))))


#: Readers of kinds that are nothing but a list of members.
LISTERS: dict[str, Callable[[bytes], Container]] = {
    "zip": zips.read,
    "tar": tars.read,
    "iso": discs.read,
    "rar": listings.rar,
    "7z": listings.seven,
    "cab": listings.cab,
    "onenote": _onenote,
}
SINGLE = frozenset({"gzip", "bzip2", "xz"})


def member_at(name: str, content: bytes, path: str, budget: Budget) -> tuple[str, bytes]:
    """The member a path leads to; each step is a member's name, or `#` and its number.

    Raises:
        NoMember: there is none, or it cannot be unpacked; the sentence says what to do.
    """
    steps = [step for step in path.split(STEP) if step]
    if len(steps) > MAX_DEPTH:
        raise NoMember(f"A path may lead through at most {MAX_DEPTH} files.")
    for step in steps:
        opened = open_file(name, content, budget)
        members = opened.container.members if opened.container is not None else []
        member = _named(step, members)
        if member is None:
            raise NoMember(_which(step, members))
        if member.read is None:
            why = "it is a folder" if member.folder else "its content is not unpacked here"
            raise NoMember(f"Member #{member.index} can only be listed: {why}.")
        try:
            name, content = member.name, member.read(MAX_MEMBER, budget)
        except Unreadable as fault:
            raise NoMember(f"Member #{member.index} cannot be unpacked: {fault}.") from None
        except Spent as spent:
            raise NoMember(f"Member #{member.index} is too large to be unpacked here ({spent}).") from None
    return name, content


def _named(step: str, members: list[Member]) -> Member | None:
    number = re.fullmatch(r"#(\d{1,5})", step)
    if number is not None:
        index = int(number.group(1))
        return members[index] if index < len(members) else None
    return next((m for m in members if m.name == step), None)


def _which(step: str, members: list[Member]) -> str:
    if not members:
        return "This file holds no other file; leave `path` empty."
    shown = ", ".join(f"#{m.index} {names.shown(m.name)}" for m in members[:10])
    return f"There is no member {names.shown(step)!r}; the first members are {shown}."
