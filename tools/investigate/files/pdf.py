"""PDF documents by what stands in them, read even when their tables are broken: names, actions, files, addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice

from tools.investigate.files.budget import Budget, Spent
from tools.investigate.files.container import Container, Member, Unreadable, packed, stored, unpack

#: Bytes of structure (all but streams) searched, and streams gone through.
MAX_STRUCTURE, MAX_STREAMS = 8 * 1024**2, 20_000
#: Bytes one object stream may unpack to, and bytes of a dictionary before a stream.
MAX_OBJECTS, MAX_DICTIONARY = 2 * 1024**2, 4096
#: URLs and texts kept, and escapes undone.
MAX_KEPT, MAX_ESCAPES = 200, 200_000
NAME = re.compile(
    rb"/(JavaScript|JS|Launch|OpenAction|AA|EmbeddedFiles?|RichMedia|XFA|SubmitForm|ImportData|GoToR|GoToE|Encrypt"
    rb"|ObjStm|JBIG2Decode|Rendition|Sound|Movie|3D)(?![A-Za-z0-9])"
)
ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")
STREAM = re.compile(rb"(?<!end)stream(?:\r\n|\n|\r)")
#: A literal string of at most 2,000 bytes; brackets inside are escaped or paired once.
LITERAL = rb"\(((?:[^()\\]|\\.|\([^()]{0,200}\)){0,2000})\)"
URI = re.compile(rb"/URI\s{0,20}(?:" + LITERAL + rb"|<([0-9A-Fa-f\s]{2,4000})>)", re.DOTALL)
FILE_NAME = re.compile(rb"/U?F\s{0,20}" + LITERAL, re.DOTALL)
SCRIPT = re.compile(rb"/JS\s{0,20}" + LITERAL, re.DOTALL)
CHARACTER = re.compile(rb"\\([0-7]{1,3}|\r\n|[\s\S])")
OPEN = re.compile(rb"/OpenAction\s{0,20}(\[|<<|(\d{1,7})\s{1,9}\d{1,5}\s{1,9}R)")


@dataclass(kw_only=True, slots=True)
class Pdf:
    """What was found, by the readers of this file and of `pdf_objects`."""

    names: set[str] = field(default_factory=set)
    #: Names written with `#` escapes so that searches miss them.
    disguised: bool = False
    #: Opening the document does more than go to a page.
    acts_on_opening: bool = False
    uris: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    launched: list[str] = field(default_factory=list)
    pages: int = 0
    #: Needs a password; the empty one is tried by `pdf_objects`.
    encrypted: bool = False
    starts_late: bool = False
    no_end: bool = False
    files: Container = field(default_factory=Container)
    #: Objects read by pypdf; None when it did not look.
    objects: int | None = None


def read(content: bytes, budget: Budget) -> Pdf:
    """All of it; what the budget does not allow stays closed and is named."""
    found = Pdf(starts_late=not content.startswith(b"%PDF-"), no_end=b"%%EOF" not in content[-2048:])
    structure, streams = _structure(content, budget, found)
    plain = _plain(structure)
    found.names = {m.group(1).decode() for m in NAME.finditer(plain)}
    found.disguised = found.names != {m.group(1).decode() for m in NAME.finditer(structure)}
    found.encrypted = "Encrypt" in found.names
    found.pages = len(re.findall(rb"/Type\s{0,9}/Page(?![A-Za-z])", plain))
    found.acts_on_opening = any(_acts(m, plain) for m in islice(OPEN.finditer(plain), 20))
    for match in islice(URI.finditer(plain), MAX_KEPT):
        raw = match.group(1) if match.group(1) is not None else bytes.fromhex(_even(match.group(2)))
        found.uris.append(_string(raw))
    found.scripts = [_string(m.group(1)) for m in islice(SCRIPT.finditer(plain), MAX_KEPT)]
    for match in islice(re.finditer(rb"/Launch(?![A-Za-z])", plain), 20):
        near = FILE_NAME.search(plain, max(0, match.start() - 200), match.end() + 500)
        found.launched += [_string(near.group(1))] if near else []
    names = [_string(m.group(1)) for m in islice(FILE_NAME.finditer(plain), MAX_KEPT)]
    _files(streams, list(dict.fromkeys(names)), found)
    return found


def _structure(content: bytes, budget: Budget, found: Pdf) -> tuple[bytes, list[tuple[bytes, memoryview]]]:
    """All that is no stream, with what object streams hold; and the streams that are files."""
    parts: list[bytes] = []
    files: list[tuple[bytes, memoryview]] = []
    at, size, view = 0, 0, memoryview(content)
    for count, match in enumerate(STREAM.finditer(content)):
        if match.start() < at:
            continue
        if count >= MAX_STREAMS or size > MAX_STRUCTURE:
            found.files.unread.append("the document has more parts than are looked at")
            break
        between = content[at : min(match.start(), at + MAX_STRUCTURE)]
        end = content.find(b"endstream", match.end())
        end = len(content) if end < 0 else end
        start = max(between.rfind(b" obj"), len(between) - MAX_DICTIONARY, 0)
        dictionary = _plain(between[start:])
        if b"/ObjStm" in dictionary or b"/XFA" in dictionary:
            between += b"\n" + _inflated(view[match.end() : end], budget, found)
        elif b"/EmbeddedFile" in dictionary:
            files.append((dictionary, view[match.end() : end]))
        parts.append(between)
        size += len(between)
        at = end
    parts.append(content[at : at + max(0, MAX_STRUCTURE - size)])
    return b"\n".join(parts), files


def _plain(raw: bytes) -> bytes:
    """With `#` escapes undone, as many as an honest document could have."""
    return ESCAPED.sub(lambda m: bytes([int(m.group(1), 16)]), raw, count=MAX_ESCAPES)


def _inflated(data: memoryview, budget: Budget, found: Pdf) -> bytes:
    try:
        return unpack("zlib", data, MAX_OBJECTS, budget)
    except Unreadable:
        return b""
    except Spent as spent:
        found.files.unread.append(f"object streams ({spent})")
        return b""


def _acts(match: re.Match[bytes], plain: bytes) -> bool:
    """A destination, given as an array or as `/S /GoTo`, is where reading starts and no action."""
    if match.group(1) == b"[":
        return False
    at = match.end()
    if match.group(2) is not None:
        named = re.search(rb"(?<!\d)" + match.group(2) + rb"\s{1,9}\d{1,5}\s{1,9}obj", plain)
        if named is None:
            return False
        at = named.end()
    said = plain[at : at + 400]
    return not said.lstrip().startswith(b"[") and re.search(rb"/S\s{0,9}/GoTo(?![A-Za-z])", said) is None


def _files(streams: list[tuple[bytes, memoryview]], names: list[str], found: Pdf) -> None:
    for number, (dictionary, data) in enumerate(streams):
        name = names[number] if len(names) == len(streams) else f"embedded file {number}"
        member = Member(name=name, packed=len(data))
        if found.encrypted:
            # Its bytes mean nothing before they are decrypted, which `pdf_objects` does.
            member.encrypted = True
        elif b"/FlateDecode" in dictionary or b"/Fl " in dictionary:
            member.read = packed("zlib", data)
        elif b"/Filter" not in dictionary:
            member.read = stored(data)
        found.files.add(member)


def _even(digits: bytes) -> str:
    text = re.sub(rb"\s", b"", digits).decode()
    return text + "0" * (len(text) % 2)


def _string(raw: bytes) -> str:
    """A PDF string: UTF-16 with its mark, else bytes; escapes undone."""
    raw = CHARACTER.sub(_character, raw)
    return raw.decode("utf-16" if raw.startswith((b"\xfe\xff", b"\xff\xfe")) else "latin-1", "replace")


def _character(match: re.Match[bytes]) -> bytes:
    said = match.group(1)
    if said[:1].isdigit():
        return bytes([int(said, 8) & 255])
    return {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"\n": b"", b"\r\n": b""}.get(said, said)
