"""RTF documents: embedded objects, links that load themselves, templates from elsewhere. Word reads broken RTF too."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from itertools import islice

from tools.investigate.files.container import Container, Member, stored

#: Bytes of a document searched, of one object's hexadecimal text, and objects read.
MAX_DOCUMENT, MAX_OBJECT, MAX_OBJECTS = 32 * 1024**2, 8 * 1024**2, 50
#: Braces counted to find the end of an object.
MAX_BRACES = 200_000
OBJECT = re.compile(rb"\\objdata(?![a-z])")
WORD = re.compile(rb"\\(?:\*|'[0-9a-fA-F]{2}|[a-zA-Z]{1,32}-?\d{0,10} ?|[^a-zA-Z])")
NOT_HEXADECIMAL = bytes(set(range(256)) - set(b"0123456789abcdefABCDEF"))
TEMPLATE = re.compile(rb"\\template(?![a-z])\s{0,9}([^{}]{1,500})")
FIELD = re.compile(rb"(?i)\b(DDEAUTO|DDE|INCLUDEPICTURE|INCLUDETEXT|HYPERLINK)\b([^{}]{0,500})")
LOADS_ITSELF = re.compile(rb"\\obj(?:update|autlink|link)(?![a-z])")


@dataclass(kw_only=True, slots=True)
class Rtf:
    """What was found."""

    #: Class names of the objects, as `Equation.3`; empty when an object does not say.
    classes: list[str] = field(default_factory=list)
    loads_itself: bool = False
    template: str = ""
    #: Field and what it says: `DDEAUTO`, `cmd /c …`.
    fields: list[tuple[str, str]] = field(default_factory=list)
    files: Container = field(default_factory=Container)


def read(content: bytes) -> Rtf:
    content = content[:MAX_DOCUMENT]
    found = Rtf(loads_itself=LOADS_ITSELF.search(content) is not None)
    template = TEMPLATE.search(content)
    found.template = template.group(1).decode("latin-1").strip() if template else ""
    for match in islice(FIELD.finditer(content), 200):
        found.fields.append((match.group(1).decode().upper(), match.group(2).decode("latin-1").strip()))
    starts = [m.end() for m in OBJECT.finditer(content)]
    for number, start in enumerate(starts[:MAX_OBJECTS]):
        end = starts[number + 1] if number + 1 < len(starts) else len(content)
        _object(content[start : min(end, start + MAX_OBJECT)], number, found)
    if len(starts) > MAX_OBJECTS:
        found.files.unread.append(f"{len(starts) - MAX_OBJECTS} more objects")
    return found


def _object(text: bytes, number: int, found: Rtf) -> None:
    """Hexadecimal digits between whatever stands there to disturb; an odd last digit is dropped, as Word does."""
    digits = WORD.sub(b"", _group(text)).translate(None, NOT_HEXADECIMAL)
    data = bytes.fromhex(digits[: len(digits) & ~1].decode())
    name, body = _ole1(data)
    found.classes.append(name)
    label = f"object {number}" + (f" ({name})" if name else "")
    if name.lower() == "package":
        label, body = package(body) or (label, body)
    found.files.add(Member(name=label, size=len(body), packed=len(body), read=stored(memoryview(body))))


def _group(text: bytes) -> bytes:
    """Up to the brace that closes the group the object stands in."""
    depth = 0
    for match in islice(re.finditer(rb"(?<!\\)[{}]", text), MAX_BRACES):
        depth += 1 if match.group() == b"{" else -1
        if depth < 0:
            return text[: match.start()]
    return text


def _ole1(data: bytes) -> tuple[str, bytes]:
    """Class name and native data of an OLE 1.0 object; the bytes themselves when they are not one."""
    if len(data) < 12:
        return "", data
    kind, length = struct.unpack_from("<II", data, 4)
    if kind not in {1, 2} or not 0 < length < 200 or 12 + length > len(data):
        return "", data
    name = data[12 : 12 + length].partition(b"\0")[0].decode("latin-1")
    at = 12 + length
    for _ in range(2):
        if at + 4 > len(data):
            return name, b""
        skipped = struct.unpack_from("<I", data, at)[0]
        at += 4 + (skipped if skipped < 10_000 else 0)
    return name, data[at + 4 :]


def package(data: bytes) -> tuple[str, bytes] | None:
    """Name and content of a file packed by Windows' packager: the inside of `\\x01Ole10Native` as well."""
    match = re.match(rb"(?s)(?:.{4})?\x02\x00([^\0]{0,500})\0[^\0]{0,1000}\0", data)
    if match is None:
        return None
    name, at = match.group(1), match.end()
    if at + 8 > len(data):
        return None
    # Two fields of two bytes, the length of a path, the path, the length of the content.
    path_length = struct.unpack_from("<I", data, at + 4)[0]
    at += 8 + path_length
    if path_length > 2000 or at + 4 > len(data):
        return None
    size = struct.unpack_from("<I", data, at)[0]
    return name.decode("latin-1"), data[at + 4 : at + 4 + size]
