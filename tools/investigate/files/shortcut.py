"""Windows shortcuts (MS-SHLLINK): what they start, with which arguments, hidden how."""

from __future__ import annotations

import struct
from dataclasses import dataclass

#: Characters of one string kept; Windows runs 8,191 and shows 260.
MAX_STRING = 8_191
#: Bits of the header that say which parts follow.
ID_LIST, LINK_INFO, NAME, RELATIVE, FOLDER, ARGUMENTS, ICON, UNICODE = (1 << bit for bit in range(8))
#: Extra blocks that hold a target in the environment.
ENVIRONMENT = 0xA0000001
#: Window states that show nothing.
MINIMIZED = 7
MAX_BLOCKS = 100


@dataclass(kw_only=True, slots=True)
class Shortcut:
    """What a shortcut says."""

    target: str = ""
    arguments: str = ""
    name: str = ""
    working_folder: str = ""
    icon: str = ""
    minimized: bool = False
    #: Blanks in front of the arguments push them out of the dialog.
    padded: bool = False
    #: Bytes after the end of the shortcut; droppers carry their payload there.
    appended: int = 0
    damaged: bool = False


def read(content: bytes) -> Shortcut:
    found = Shortcut()
    try:
        _read(content, found)
    except (struct.error, IndexError):
        found.damaged = True
    found.padded = len(found.arguments) - len(found.arguments.lstrip()) > 50
    found.arguments = found.arguments.strip(" \t\r\n\0")
    return found


def _read(content: bytes, found: Shortcut) -> None:
    flags = struct.unpack_from("<I", content, 20)[0]
    found.minimized = struct.unpack_from("<I", content, 60)[0] == MINIMIZED
    at = 76
    if flags & ID_LIST:
        length = struct.unpack_from("<H", content, at)[0]
        found.target = _by_ids(content[at + 2 : at + 2 + length])
        at += 2 + length
    if flags & LINK_INFO:
        length = struct.unpack_from("<I", content, at)[0]
        found.target = _by_info(content[at : at + length]) or found.target
        at += max(4, length)
    strings = {}
    for bit in (NAME, RELATIVE, FOLDER, ARGUMENTS, ICON):
        if flags & bit:
            count = struct.unpack_from("<H", content, at)[0]
            size = count * (2 if flags & UNICODE else 1)
            raw = content[at + 2 : at + 2 + size]
            strings[bit] = raw.decode("utf-16-le" if flags & UNICODE else "cp1252", "replace")[:MAX_STRING]
            found.damaged = found.damaged or len(raw) < size
            at += 2 + size
    found.name, found.arguments = strings.get(NAME, ""), strings.get(ARGUMENTS, "")
    found.working_folder, found.icon = strings.get(FOLDER, ""), strings.get(ICON, "")
    found.target = found.target or strings.get(RELATIVE, "")
    _extra(content, at, found)


def _by_info(info: bytes) -> str:
    """A path on this machine, or on a share."""
    if len(info) < 28:
        return ""
    header, flags, _, local, share, suffix = struct.unpack_from("<6I", info, 4)
    found = ""
    if flags & 1:
        found = _zero_ended(info, local)
    elif flags & 2 and share + 20 <= len(info):
        found = _zero_ended(info, share + struct.unpack_from("<I", info, share + 8)[0])
    end = _zero_ended(info, suffix) if found and header >= 28 else ""
    joint = "\\" if end and not found.endswith("\\") else ""
    return f"{found}{joint}{end}"


def _by_ids(ids: bytes) -> str:
    """The shell's own list of places: drive, folders, file."""
    parts: list[str] = []
    at = 0
    while at + 3 <= len(ids) and len(parts) < 100:
        size = struct.unpack_from("<H", ids, at)[0]
        if size < 3:
            break
        item = ids[at + 2 : at + size]
        at += size
        if item[0] & 0x70 == 0x20:
            parts.append(item[1:].partition(b"\0")[0].decode("cp1252", "replace").rstrip("\\"))
        elif item[0] & 0x70 == 0x30 and len(item) > 12:
            wide = item[0] & 4
            raw = item[12:]
            end = next((i for i in range(0, len(raw) - 1, 2) if raw[i : i + 2] == b"\0\0"), len(raw))
            short = (
                raw[:end].decode("utf-16-le", "replace")
                if wide
                else raw.partition(b"\0")[0].decode("cp1252", "replace")
            )
            parts.append(_long_name(item) or short)
    return "\\".join(part for part in parts if part)


def _long_name(item: bytes) -> str:
    """The name in the extension block 0xBEEF0004, which has no limit of eight letters."""
    at = item.find(b"\x04\x00\xef\xbe")
    if at < 0:
        return ""
    version = struct.unpack_from("<H", item, at - 2)[0] if at >= 2 else 0
    start = at + 4 + {3: 12, 7: 30, 8: 34, 9: 38}.get(version, 38)
    raw = item[start:]
    end = next((i for i in range(0, len(raw) - 1, 2) if raw[i : i + 2] == b"\0\0"), 0)
    return raw[:end].decode("utf-16-le", "replace")


def _zero_ended(data: bytes, at: int) -> str:
    return data[at : at + MAX_STRING].partition(b"\0")[0].decode("cp1252", "replace") if 0 < at < len(data) else ""


def _extra(content: bytes, at: int, found: Shortcut) -> None:
    for _ in range(MAX_BLOCKS):
        if at + 4 > len(content):
            return
        size = struct.unpack_from("<I", content, at)[0]
        if size < 4:
            found.appended = len(content) - at - 4
            return
        if size >= 0x314 and struct.unpack_from("<I", content, at + 4)[0] == ENVIRONMENT:
            wide = content[at + 268 : at + 788].decode("utf-16-le", "replace").partition("\0")[0]
            found.target = wide or _zero_ended(content, at + 8) or found.target
        at += size
    found.damaged = True
