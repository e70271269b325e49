"""What the name of a file says of it: what opens it, what it hides."""

from __future__ import annotations

import re


def _words(text: str) -> list[str]:
    return text.split()


#: Files that run something when opened on an ordinary desktop.
RUNS = frozenset(
    _words(
        "exe scr com pif bat cmd ps1 psm1 vbs vbe js jse wsf wsh hta msi msix lnk jar cpl dll chm reg inf scf url appx "
        "application gadget msc sct apk library-ms search-ms settingcontent-ms xll wll ppam xlam iqy slk desktop sh py "
        "appref-ms msp mst jnlp vb ws wsc psd1 ps1xml cdxml theme themepack website rdp dmg pkg command"
    )
)
#: Containers that carry a file past the mail gateway.
CARRIES = frozenset(_words("iso img vhd vhdx ace arj cab one onepkg udf wim"))
#: Documents that hold macros by name.
MACROS = frozenset(_words("docm dotm xlsm xlsb xltm pptm potm ppsm sldm"))
#: Pages that open in a browser with everything they bring.
PAGES = frozenset(_words("html htm shtml xhtml xht svg mht mhtml"))
DOCUMENTS = frozenset(_words("pdf doc docx xls xlsx ppt pptx rtf txt jpg jpeg png csv gif mp4 zip"))
#: Characters that turn the direction of what follows: `cod.exe` shown as `exe.doc`.
TURNED = re.compile("[\u202a-\u202e\u2066-\u2069]")
#: Many blanks push the real extension out of sight.
PUSHED = re.compile(r"\s{8,}\.[A-Za-z0-9]{1,10}\s*$")


def extension(name: str) -> str:
    """Lower case, without the dot; empty when there is none."""
    last = re.split(r"[/\\]", name)[-1].lower().rstrip(". \x00")
    return last.rpartition(".")[2] if "." in last else ""


def reasons(name: str) -> list[str]:
    """Every reason to be careful that the name alone gives."""
    found = []
    end = extension(name)
    if TURNED.search(name):
        found.append("the name is written backwards to hide its extension")
    if PUSHED.search(name) or "\x00" in name:
        found.append("the name hides its extension")
    if end in RUNS:
        found.append(f"runs when opened (.{end})")
    if end in CARRIES:
        found.append(f"container that slips past filters (.{end})")
    if end in MACROS:
        found.append(f"document with macros (.{end})")
    if end in PAGES:
        found.append(f"web page as attachment (.{end})")
    before = re.search(r"\.([a-z0-9]{2,5})\s{0,200}\.[a-z0-9-]{2,20}\s*$", name.lower()[-300:])
    if before and before.group(1) in DOCUMENTS and end in RUNS | CARRIES | PAGES:
        found.append("two extensions")
    return found


def escapes(name: str) -> bool:
    """Would unpacking this member write outside the chosen folder?"""
    parts = re.split(r"[/\\]", name)
    return ".." in parts or name.startswith(("/", "\\")) or bool(re.match(r"[A-Za-z]:", name))


def shown(name: str, longest: int = 200) -> str:
    """A name as it may be printed: control characters and turned text made visible, cut in the middle."""
    plain = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in name)
    return plain if len(plain) <= longest else f"{plain[: longest // 2]}…{plain[-longest // 2 :]}"
