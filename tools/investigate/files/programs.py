"""Programs by their headers: for which system, when built, packed or signed. Nothing of them is run or disassembled."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import Any

from tools.investigate.files.look import Look

#: Sections looked at.
MAX_SECTIONS = 96
MACHINES = {0x14C: "x86", 0x8664: "x86-64", 0xAA64: "ARM64", 0x1C0: "ARM", 0x1C4: "ARM"}
ELF_MACHINES = {3: "x86", 62: "x86-64", 183: "ARM64", 40: "ARM", 8: "MIPS", 243: "RISC-V"}
ELF_TYPES = {1: "object file", 2: "program", 3: "shared library or program", 4: "core dump"}
MACHO_MACHINES = {7: "x86", 0x01000007: "x86-64", 12: "ARM", 0x0100000C: "ARM64"}
#: Names of sections that packers leave.
PACKERS = ("UPX", ".aspack", ".adata", ".themida", ".vmp", ".mpress", ".petite", "nsp", ".enigma", "FSG!")
SIGNATURE_TABLE, RUNTIME_TABLE = 4, 14


def read(kind: str, content: bytes, look: Look) -> None:
    """Adds the fact `program` and the section `program`."""
    try:
        if kind == "pe":
            _windows(content, look)
        elif kind == "elf":
            _linux(content, look)
        elif kind == "macho":
            _macos(content, look)
        else:
            look.facts["program"] = {"dex": "android", "class": "java"}.get(kind, kind)
    except (struct.error, IndexError):
        look.note("the headers of the program are damaged", damaged=True)


def _windows(content: bytes, look: Look) -> None:
    look.facts["program"] = "windows"
    start = struct.unpack_from("<I", content, 60)[0]
    if not content.startswith(b"PE\0\0", start):
        look.note("a DOS program, or a Windows program whose header is damaged", damaged=True)
        return
    machine, count, built, optional, traits = struct.unpack_from("<HHI8xHH", content, start + 4)
    header = start + 24
    wide = struct.unpack_from("<H", content, header)[0] == 0x20B
    tables = header + (112 if wide else 96)
    sections, end = _sections(content, header + optional, min(count, MAX_SECTIONS))
    signature, signature_size = struct.unpack_from("<II", content, tables + 8 * SIGNATURE_TABLE)
    shown: dict[str, Any] = {
        "machine": MACHINES.get(machine, hex(machine)),
        "library": bool(traits & 0x2000),
        "built": datetime.fromtimestamp(built, UTC).isoformat(),
        "dotnet": struct.unpack_from("<I", content, tables + 8 * RUNTIME_TABLE)[0] != 0,
        # That a signature is there; whether it is good takes the certificates of the world.
        "signature": bool(signature and signature_size),
        "sections": sections,
        "appended": max(0, len(content) - max(end, signature + signature_size)),
    }
    look.shown["program"] = shown
    packed = [name for name in sections if name.upper().startswith(tuple(p.upper() for p in PACKERS))]
    if packed:
        look.sign(f"program packed to hide what is in it ({packed[0]})")
    if shown["appended"] > 1024:
        look.note(f"{shown['appended']:,} bytes stand behind the program")


def _sections(content: bytes, at: int, count: int) -> tuple[list[str], int]:
    names, end = [], 0
    for _ in range(count):
        if at + 40 > len(content):
            break
        size, start = struct.unpack_from("<II", content, at + 16)
        names.append(content[at : at + 8].rstrip(b"\0").decode("latin-1"))
        end = max(end, start + size)
        at += 40
    return names, end


def _linux(content: bytes, look: Look) -> None:
    look.facts["program"] = "linux"
    order = ">" if content[5] == 2 else "<"
    kind, machine = struct.unpack_from(f"{order}HH", content, 16)
    look.shown["program"] = {
        "machine": ELF_MACHINES.get(machine, str(machine)),
        "kind": ELF_TYPES.get(kind, str(kind)),
        "bits": 64 if content[4] == 2 else 32,
    }
    if b"UPX!" in content[:4096]:
        look.sign("program packed to hide what is in it (UPX)")


def _macos(content: bytes, look: Look) -> None:
    look.facts["program"] = "macos"
    many = content.startswith(b"\xca\xfe\xba\xbe")
    order = "<" if content[:1] in b"\xcf\xce" else ">"
    machine = struct.unpack_from(f"{order}I", content, 8 if many else 4)[0]
    look.shown["program"] = {"machine": MACHO_MACHINES.get(machine, str(machine)), "several_machines": many}
