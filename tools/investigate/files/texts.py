"""Scripts, web pages and XML: what they are about to do, by their words."""

from __future__ import annotations

import re

from tools.investigate import decode_script, html_text
from tools.investigate.files.kinds import Kind, decode
from tools.investigate.files.look import MAX_TEXT, Look

#: Characters of a script given to `decode_script`.
MAX_SCRIPT = 100_000
#: JavaScript in a page that builds a file in the browser and hands it to the reader.
SMUGGLES = re.compile(
    r"(?i)msSaveOrOpenBlob|createObjectURL\s{0,9}\(|new\s+Blob\s{0,9}\(|data:application/(?:octet-stream|zip|x-msdownload)"
)
DOWNLOADS = re.compile(r"(?i)\bdownload\s{0,9}=|\.click\s{0,9}\(\)|\.download\b")
ENTITY = re.compile(r"(?i)<!ENTITY\b([^>]{0,300})")
ACTIVE = re.compile(r"(?i)<script\b|\bon(?:load|error|click|begin)\s{0,9}=|javascript:|<foreignObject\b")


def script(kind: Kind, content: bytes, look: Look) -> None:
    """Adds `script` and `script_signs`; the layers are `decode_script`'s."""
    look.facts["script"] = kind.script or "encoded"
    if kind.id == "encoded script":
        look.unread.append("the script: Microsoft's script encoder hides it, and it is not decoded here")
        look.sign("script encoded to hide what it does")
        return
    text = decode(content, MAX_TEXT)
    look.text(text)
    if len(text) > MAX_SCRIPT:
        look.unread.append(f"the script: only its first {MAX_SCRIPT:,} characters were decoded")
    found = decode_script.run({"text": text[:MAX_SCRIPT]}, {})
    count = int(found["facts"]["suspicious"])
    look.facts["script_signs"] = count
    look.shown["script"] = {
        "language": kind.script,
        "layers": found["detail"]["decoded"],
        "techniques": found["detail"]["techniques"],
    }
    look.text("\n".join(layer["text"] for layer in found["detail"]["decoded"]))
    if count:
        look.sign(f"script with bad signs ({', '.join(found['detail']['techniques'][:5])})")


def page(kind: Kind, content: bytes, look: Look) -> None:
    """HTML and SVG."""
    text = decode(content, MAX_TEXT)
    if len(content) > MAX_TEXT:
        look.unread.append(f"the page: only its first {MAX_TEXT:,} characters were read")
    entities(text, look)
    read = html_text.read(text)
    look.text("\n".join([*(link.url for link in read.links), text[:200_000]]))
    look.shown["page"] = {
        "text": read.text[:1000],
        "form": read.form,
        "links": [link.url[:300] for link in read.links[:20]],
    }
    if read.form:
        look.sign("a form that asks for something and sends it away")
    if SMUGGLES.search(text) and DOWNLOADS.search(text):
        look.sign("builds a file in the browser and hands it over (HTML smuggling)", smuggling=True)
    if kind.id == "svg" and ACTIVE.search(text):
        look.sign("picture that runs script code when opened")
    if re.search(r"(?i)\beval\s{0,9}\(|\batob\s{0,9}\(|\bunescape\s{0,9}\(|document\.write\s{0,9}\(", text):
        look.note("script code that builds more of the page while it is shown")


def entities(text: str, look: Look) -> None:
    """Entities of its own in XML: files of the reader (XXE), or a few letters that become gigabytes."""
    found = ENTITY.findall(text[:MAX_TEXT])
    if found:
        look.sign("XML that declares entities of its own (XXE, or a bomb of entities)", entities=True)
        look.shown["entities"] = [said.strip()[:200] for said in found[:10]]


def plain(content: bytes, look: Look) -> None:
    """Anything else that can be read."""
    text = decode(content, MAX_TEXT)
    look.text(text)
    if text.lstrip().startswith("<"):
        entities(text, look)


def internet_shortcut(content: bytes, look: Look) -> None:
    """`.url` files: where they lead."""
    text = decode(content, MAX_TEXT)
    look.text(text)
    match = re.search(r"(?im)^\s*URL\s*=\s*(.{1,2000})$", text)
    if match:
        look.facts["shortcut_target"] = match.group(1).strip()[:500]
        if re.match(r"(?i)file:|\\\\|smb:", match.group(1).strip()):
            look.sign("shortcut that leads to a file on another machine")
