"""Is a file dangerous to open? Judged by name, first bytes and, for archives, the list of what is inside."""

from __future__ import annotations

import io
import re
import zipfile

#: Files that run something when opened on an ordinary desktop.
RUNS = frozenset(
    {
        "exe",
        "scr",
        "com",
        "pif",
        "bat",
        "cmd",
        "ps1",
        "psm1",
        "vbs",
        "vbe",
        "js",
        "jse",
        "wsf",
        "wsh",
        "hta",
        "msi",
        "msix",
    }
    | {
        "lnk",
        "jar",
        "cpl",
        "dll",
        "chm",
        "reg",
        "inf",
        "scf",
        "url",
        "appx",
        "application",
        "gadget",
        "msc",
        "sct",
        "apk",
    }
    | {
        "library-ms",
        "search-ms",
        "settingcontent-ms",
        "xll",
        "wll",
        "ppam",
        "xlam",
        "iqy",
        "slk",
        "desktop",
        "sh",
        "py",
    }
)
#: Containers that carry a file past the mail gateway.
CARRIES = frozenset({"iso", "img", "vhd", "vhdx", "ace", "arj", "cab", "one", "udf"})
#: Documents that hold macros by name.
MACROS = frozenset({"docm", "dotm", "xlsm", "xlsb", "xltm", "pptm", "potm", "ppsm"})
#: Pages that open in a browser with everything they bring.
PAGES = frozenset({"html", "htm", "shtml", "xhtml", "svg", "mht", "mhtml"})
DOCUMENTS = frozenset({"pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "rtf", "txt", "jpg", "jpeg", "png", "csv"})
#: Characters that turn the direction of what follows: `cod.exe` shown as `exe.doc`.
TURNED = re.compile("[\u202a-\u202e\u2066-\u2069]")
OLE = bytes.fromhex("d0cf11e0a1b11ae1")
#: Entries of an archive looked at.
MAX_ENTRIES = 1000


def why_risky(name: str, content: bytes) -> list[str]:
    """Every reason to be careful, empty for a file that looks ordinary."""
    reasons = []
    extension = _extension(name)
    if TURNED.search(name):
        reasons.append("the name is written backwards to hide its extension")
    if extension in RUNS:
        reasons.append(f"runs when opened (.{extension})")
    if extension in CARRIES:
        reasons.append(f"container that slips past filters (.{extension})")
    if extension in MACROS:
        reasons.append(f"document with macros (.{extension})")
    if extension in PAGES:
        reasons.append(f"web page as attachment (.{extension})")
    before = re.search(r"\.([a-z0-9]{2,5})\.[a-z0-9]{2,5}\s*$", name.lower())
    if before and before.group(1) in DOCUMENTS and extension in RUNS | CARRIES | PAGES:
        reasons.append("two extensions")
    return reasons + _inside(extension, content)


def _extension(name: str) -> str:
    return name.lower().rstrip(". ").rpartition(".")[2] if "." in name else ""


def _inside(extension: str, content: bytes) -> list[str]:
    reasons = []
    if content.startswith(b"MZ") and extension not in RUNS:
        reasons.append("Windows program under another name")
    if content.startswith(b"\x7fELF"):
        reasons.append("Linux program")
    if content.startswith(OLE) and (
        b"V\x00B\x00A\x00" in content or b"_VBA_PROJECT" in content or b"Macros" in content
    ):
        reasons.append("Office document with macros inside")
    if content.startswith(b"{\\rt") and re.search(rb"\\objdata|\\objupdate|\\objautlink", content):
        reasons.append("RTF document with an embedded object")
    if content.startswith(b"%PDF") and re.search(rb"/(?:JavaScript|JS|Launch|OpenAction|EmbeddedFile)\b", content):
        reasons.append("PDF that runs or carries something")
    if content.startswith(b"PK\x03\x04"):
        reasons += _archive(content)
    elif content.startswith((b"Rar!", b"7z\xbc\xaf")):
        reasons.append("archive that cannot be looked into")
    return reasons


def _archive(content: bytes) -> list[str]:
    """Only the central directory is read; nothing is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()[:MAX_ENTRIES]
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, RuntimeError, EOFError):
        return ["damaged archive"]
    reasons = []
    names = [entry.filename for entry in entries]
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        reasons.append("Office document with macros inside")
    if any(entry.flag_bits & 1 for entry in entries):
        reasons.append("archive with a password")
    is_office = "[Content_Types].xml" in names
    risky = sorted({_extension(name) for name in names} & (RUNS | CARRIES | MACROS | (PAGES - {"svg"})))
    if risky and not is_office:
        reasons.append(f"archive with .{', .'.join(risky[:5])} inside")
    return reasons
