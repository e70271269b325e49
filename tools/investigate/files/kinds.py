"""What a file is by its first bytes, and whether its name says something else."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tools.investigate import message
from tools.investigate.files import names

#: Bytes at the start in which text is told from binary.
HEAD = 8192
#: Kind, first bytes, where they stand. The order decides.
MAGIC: tuple[tuple[str, bytes, int], ...] = (
    ("zip", b"PK\x03\x04", 0),
    ("zip", b"PK\x05\x06", 0),
    ("ole", bytes.fromhex("d0cf11e0a1b11ae1"), 0),
    ("rtf", b"{\\rt", 0),
    ("lnk", bytes.fromhex("4c0000000114020000000000c000000000000046"), 0),
    ("pe", b"MZ", 0),
    ("elf", b"\x7fELF", 0),
    ("gzip", b"\x1f\x8b", 0),
    ("bzip2", b"BZh", 0),
    ("xz", b"\xfd7zXZ\x00", 0),
    ("7z", b"7z\xbc\xaf\x27\x1c", 0),
    ("rar", b"Rar!\x1a\x07", 0),
    ("cab", b"MSCF", 0),
    ("ace", b"**ACE**", 7),
    ("arj", b"\x60\xea", 0),
    ("zstd", b"\x28\xb5\x2f\xfd", 0),
    ("wim", b"MSWIM\x00", 0),
    ("vhdx", b"vhdxfile", 0),
    ("vhd", b"conectix", 0),
    ("onenote", bytes.fromhex("e4525c7b8cd8a74daeb15378d02996d3"), 0),
    ("onenote", bytes.fromhex("a12ff43fd9ef764c9ee210ea5722765f"), 0),
    ("chm", b"ITSF", 0),
    ("tnef", bytes.fromhex("789f3e22"), 0),
    ("tar", b"ustar", 257),
    ("iso", b"CD001", 32769),
    ("png", b"\x89PNG\r\n\x1a\n", 0),
    ("gif", b"GIF87a", 0),
    ("gif", b"GIF89a", 0),
    ("jpeg", b"\xff\xd8\xff", 0),
    ("tiff", b"II*\x00", 0),
    ("tiff", b"MM\x00*", 0),
    ("webp", b"WEBP", 8),
    ("heif", b"ftypheic", 4),
    ("mp4", b"ftyp", 4),
    ("wav", b"WAVE", 8),
    ("mp3", b"ID3", 0),
    ("swf", b"CWS", 0),
    ("swf", b"FWS", 0),
    ("class", b"\xca\xfe\xba\xbe\x00\x00\x00", 0),
    ("macho", b"\xcf\xfa\xed\xfe", 0),
    ("macho", b"\xce\xfa\xed\xfe", 0),
    ("macho", b"\xfe\xed\xfa\xcf", 0),
    ("macho", b"\xfe\xed\xfa\xce", 0),
    ("macho", b"\xca\xfe\xba\xbe", 0),
    ("dex", b"dex\n03", 0),
    ("wasm", b"\x00asm", 0),
    ("sqlite", b"SQLite format 3\x00", 0),
    ("postscript", b"%!PS", 0),
    ("encoded script", b"#@~^", 0),
    ("bmp", b"BM", 0),
)
#: What a kind is called, and its media type.
NAMED: dict[str, tuple[str, str]] = {
    "empty": ("empty file", "application/x-empty"),
    "text": ("text", "text/plain"),
    "data": ("unknown binary data", "application/octet-stream"),
    "html": ("web page", "text/html"),
    "svg": ("SVG picture", "image/svg+xml"),
    "xml": ("XML", "application/xml"),
    "json": ("JSON", "application/json"),
    "mail": ("e-mail message", "message/rfc822"),
    "script": ("script", "text/x-script"),
    "encoded script": ("script encoded by Microsoft's script encoder", "text/x-script"),
    "shortcut link": ("internet shortcut", "application/x-mswinurl"),
    "pdf": ("PDF document", "application/pdf"),
    "rtf": ("RTF document", "application/rtf"),
    "ole": ("OLE compound file", "application/x-ole-storage"),
    "doc": ("Word document (97-2003)", "application/msword"),
    "xls": ("Excel workbook (97-2003)", "application/vnd.ms-excel"),
    "ppt": ("PowerPoint presentation (97-2003)", "application/vnd.ms-powerpoint"),
    "msg": ("Outlook message", "application/vnd.ms-outlook"),
    "msi": ("Windows installer", "application/x-msi"),
    "encrypted office": ("Office document with a password", "application/x-ole-storage"),
    "docx": ("Word document", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "xlsx": ("Excel workbook", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "pptx": ("PowerPoint presentation", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    "ooxml": ("Office document", "application/vnd.openxmlformats-officedocument"),
    "odf": ("OpenDocument file", "application/vnd.oasis.opendocument"),
    "jar": ("Java archive", "application/java-archive"),
    "apk": ("Android package", "application/vnd.android.package-archive"),
    "epub": ("electronic book", "application/epub+zip"),
    "zip": ("ZIP archive", "application/zip"),
    "tar": ("tar archive", "application/x-tar"),
    "gzip": ("gzip file", "application/gzip"),
    "bzip2": ("bzip2 file", "application/x-bzip2"),
    "xz": ("xz file", "application/x-xz"),
    "zstd": ("zstd file", "application/zstd"),
    "7z": ("7-Zip archive", "application/x-7z-compressed"),
    "rar": ("RAR archive", "application/vnd.rar"),
    "cab": ("Windows cabinet", "application/vnd.ms-cab-compressed"),
    "iso": ("disc image", "application/x-iso9660-image"),
    "onenote": ("OneNote section", "application/onenote"),
    "lnk": ("Windows shortcut", "application/x-ms-shortcut"),
    "pe": ("Windows program", "application/vnd.microsoft.portable-executable"),
    "elf": ("Linux program", "application/x-executable"),
    "macho": ("macOS program", "application/x-mach-binary"),
    "class": ("Java class", "application/java-vm"),
    "png": ("PNG picture", "image/png"),
    "gif": ("GIF picture", "image/gif"),
    "jpeg": ("JPEG picture", "image/jpeg"),
    "bmp": ("BMP picture", "image/bmp"),
    "webp": ("WebP picture", "image/webp"),
    "tiff": ("TIFF picture", "image/tiff"),
}
#: Kinds that are one family of plain text: a name may call them any of its own.
TEXTUAL = frozenset({"text", "xml", "json", "script", "html", "svg", "mail", "empty", "shortcut link"})
PICTURES = frozenset({"png", "gif", "jpeg", "bmp", "webp", "tiff", "heif"})
OFFICE = frozenset({"docx", "xlsx", "pptx", "ooxml", "odf"})
OLD_OFFICE = frozenset({"ole", "doc", "xls", "ppt", "msg", "msi", "encrypted office"})
ARCHIVES = frozenset({"zip", "tar", "gzip", "bzip2", "xz", "iso", "rar", "7z", "cab", "onenote", "jar", "apk", "epub"})
PROGRAMS = frozenset({"pe", "elf", "macho", "dex", "class", "wasm"})
#: Kinds a file may be of when its name ends so. Endings that are not here claim nothing.
CLAIMS: dict[str, frozenset[str]] = {
    **{e: frozenset({"pdf"}) for e in ("pdf",)},
    **{e: frozenset({"doc", "ole", "encrypted office"}) for e in ("doc", "dot")},
    **{e: frozenset({"xls", "ole", "encrypted office"}) for e in ("xls", "xlt")},
    **{e: frozenset({"ppt", "ole", "encrypted office"}) for e in ("ppt", "pps", "pot")},
    **{e: frozenset({"docx", "ooxml", "encrypted office"}) for e in ("docx", "docm", "dotx", "dotm")},
    **{e: frozenset({"xlsx", "ooxml", "encrypted office"}) for e in ("xlsx", "xlsm", "xltx", "xltm", "xlsb", "xlam")},
    **{e: frozenset({"pptx", "ooxml", "encrypted office"}) for e in ("pptx", "pptm", "ppsx", "ppsm", "potx", "ppam")},
    "rtf": frozenset({"rtf"}),
    "msg": frozenset({"msg", "ole"}),
    "msi": frozenset({"msi", "ole"}),
    "zip": frozenset({"zip", "docx", "xlsx", "pptx", "ooxml", "odf", "jar", "apk", "epub"}),
    "jar": frozenset({"jar", "zip"}),
    **{e: frozenset({"gzip"}) for e in ("gz", "tgz")},
    **{e: frozenset({"bzip2"}) for e in ("bz2", "tbz2")},
    **{e: frozenset({"xz"}) for e in ("xz", "txz")},
    **{e: frozenset({e}) for e in ("7z", "rar", "tar", "cab", "iso", "png", "gif", "bmp", "webp", "lnk", "ace", "arj")},
    **{e: frozenset({"jpeg"}) for e in ("jpg", "jpeg", "jfif")},
    **{e: frozenset({"tiff"}) for e in ("tif", "tiff")},
    **{e: frozenset({"pe"}) for e in ("exe", "dll", "scr", "cpl", "xll", "sys", "ocx")},
    **dict.fromkeys(("txt", "csv", "log", "md", "json", "xml", "ini", "yml", "yaml"), TEXTUAL),
    **dict.fromkeys(("html", "htm", "svg", "eml", "js", "vbs", "ps1", "bat", "cmd", "py", "sh", "hta", "wsf"), TEXTUAL),
}
SCRIPT_NAMES = {
    **dict.fromkeys(("ps1", "psm1", "psd1"), "PowerShell"),
    **dict.fromkeys(("bat", "cmd"), "Windows batch"),
    **dict.fromkeys(("vbs", "vbe", "vb"), "VBScript"),
    **dict.fromkeys(("js", "jse", "mjs"), "JavaScript"),
    **dict.fromkeys(("wsf", "ws", "sct", "wsc"), "Windows script file"),
    "hta": "HTML application",
    **dict.fromkeys(("sh", "bash", "zsh", "command"), "shell"),
    **dict.fromkeys(("py", "pyw"), "Python"),
    **dict.fromkeys(("pl", "pm"), "Perl"),
    "php": "PHP",
    "rb": "Ruby",
    "applescript": "AppleScript",
}
INTERPRETERS = {"bash": "shell", "sh": "shell", "zsh": "shell", "dash": "shell", "ksh": "shell", "python": "Python",
                "perl": "Perl", "ruby": "Ruby", "php": "PHP", "node": "JavaScript", "pwsh": "PowerShell"}  # fmt: skip
#: Words of which two in the head make a nameless text a script.
SPOKEN: tuple[tuple[str, str], ...] = (
    ("PowerShell", r"(?i)\$\w+\s*=\s*|\b(?:new-object|invoke-\w+|get-\w+|set-\w+|iex|param\s*\()|-\w+policy\s+bypass"),
    (
        "VBScript",
        r"(?i)\b(?:createobject\s*\(|dim\s+\w+|wscript\.|end (?:sub|function)|on error resume next|execute\b)",
    ),
    (
        "JavaScript",
        r"\b(?:var|let|const)\s+\w+\s*=|\bfunction\s{0,9}\w{0,60}\s{0,9}\(|ActiveXObject|WScript\.|=>\s*\{|eval\(",
    ),
    ("Windows batch", r"(?im)^\s*(?:@?echo off|set \w+=|goto \w+|rem |setlocal|start /|for /[fl] )|%~dp0|%\w+:~\d"),
    ("Python", r"(?m)^\s*(?:import \w+|from \w+ import|def \w+\(|exec\(|if __name__)"),
    ("shell", r"(?m)^\s*(?:export \w+=|if \[|fi$|done$|curl |wget |chmod )|\$\(|/bin/(?:ba)?sh"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """What a file is."""

    id: str
    #: Language of a script, else empty.
    script: str = ""

    @property
    def label(self) -> str:
        said = NAMED.get(self.id, (f"{self.id} file", ""))[0]
        return f"{self.script} script" if self.script and self.id == "script" else said

    @property
    def mime(self) -> str:
        return NAMED.get(self.id, ("", "application/octet-stream"))[1]


def identify(name: str, content: bytes) -> Kind:
    """The kind by content; the name decides only among texts. Containers are told apart by `containers.refine`."""
    if not content:
        return Kind(id="empty")
    for kind, magic, at in MAGIC:
        if content.startswith(magic, at) and _fits(kind, content):
            return Kind(id=kind)
    if content.find(b"%PDF-", 0, 1024) >= 0:
        return Kind(id="pdf")
    return _text(name, content) or Kind(id="data")


def _fits(kind: str, content: bytes) -> bool:
    """Two letters are not enough to go by."""
    if kind == "bmp":
        return len(content) > 26 and content[14] in (12, 40, 52, 56, 64, 108, 124)
    if kind == "pe":
        return len(content) >= 64 or not _is_text(content)
    if kind == "arj":
        return len(content) > 30 and 30 <= content[4] <= 64
    if kind in {"swf", "mp3", "bzip2"}:
        return not _is_text(content)
    return True


def _is_text(content: bytes) -> bool:
    head = content[:HEAD]
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        return True
    if b"\0" in head or sum(b < 9 or (13 < b < 32 and b != 27) for b in head) > len(head) // 50:
        return False
    try:
        # A character may be cut in two at the end of the head.
        head[:-3].decode("utf-8")
    except UnicodeDecodeError:
        return sum(b > 127 for b in head) < len(head) // 4
    return len(head) > 3 or max(head) < 128


def decode(content: bytes, longest: int) -> str:
    """Text as its byte order mark says, else UTF-8."""
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    return content[:longest].decode("utf-16" if wide else "utf-8-sig", "replace")


def _text(name: str, content: bytes) -> Kind | None:
    if message.looks_like_mail("", content):
        return Kind(id="mail")
    if not _is_text(content):
        return None
    end = names.extension(name)
    head = decode(content[:HEAD], HEAD).lstrip()
    language = SCRIPT_NAMES.get(end) or _interpreter(head)
    if language:
        return Kind(id="script", script=language)
    if end == "url" or head.lower().startswith("[internetshortcut]"):
        return Kind(id="shortcut link")
    if message.looks_like_mail(name, content):
        return Kind(id="mail")
    return _markup(end, head) or _spoken(end, head) or Kind(id="text")


def _interpreter(head: str) -> str:
    """The language that a first line `#!/usr/bin/env python3` names."""
    if not head.startswith("#!"):
        return ""
    words = re.findall(r"[a-z]+", head.partition("\n")[0].rpartition("/")[2])
    return next((INTERPRETERS[word] for word in words if word in INTERPRETERS), "shell")


def _markup(end: str, head: str) -> Kind | None:
    bare = re.sub(r"(?s)<!--.*?-->", "", head)
    if re.match(r"(?i)\s*(?:<\?xml[^>]{0,200}>)?\s*(?:<!doctype svg[^>]{0,900}>)?\s*<svg\b", bare):
        return Kind(id="svg")
    if end in names.PAGES or re.search(r"(?i)<!doctype html|<html\b|<head\b|<body\b|<script\b|<iframe\b", head):
        return Kind(id="html")
    if head.startswith("<?xml"):
        return Kind(id="xml")
    return Kind(id="json") if head[:1] in {"{", "["} and head.rstrip()[-1:] in {"}", "]"} and '"' in head else None


def _spoken(end: str, head: str) -> Kind | None:
    """A script without a name that says so, by two words of its language."""
    if end in {"txt", "csv", "log", "md"}:
        return None
    for language, words in SPOKEN:
        if len(re.findall(words, head)) >= 2:
            return Kind(id="script", script=language)
    return None


def mismatched(name: str, kind: Kind) -> bool:
    """Does the name claim another kind of file? An empty file claims nothing."""
    claimed = CLAIMS.get(names.extension(name))
    return claimed is not None and kind.id not in claimed and kind.id != "empty"
