"""PDF documents as pypdf understands them: encrypted ones too, when the empty password opens them."""

from __future__ import annotations

import io
import logging
from typing import Any

from tools.investigate.files.container import Member, stored
from tools.investigate.files.pdf import MAX_KEPT, Pdf

#: Objects gone through.
MAX_OBJECTS = 3_000
#: Bytes of a document given to pypdf; it keeps several times as much in memory.
MAX_DOCUMENT = 12 * 1024**2
#: Bytes pypdf may unpack a stream to.
MAX_STREAM = 4 * 1024**2
#: Files taken out of an encrypted document.
MAX_FILES = 10
#: Characters of one script.
MAX_SCRIPT = 50_000
#: Names that say what an action or a file is.
TELLING = frozenset({"JavaScript", "JS", "Launch", "EmbeddedFiles", "RichMedia", "XFA", "SubmitForm", "ImportData",
                     "GoToR", "GoToE", "AA"})  # fmt: skip


def read(content: bytes, found: Pdf) -> None:
    """Adds to what `pdf.read` found. May raise anything that pypdf raises."""
    import pypdf

    if len(content) > MAX_DOCUMENT:
        return
    logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)
    with pypdf.apply_configuration(
        zlib_maximum_output_length=MAX_STREAM,
        lzw_maximum_output_length=MAX_STREAM,
        run_length_maximum_output_length=MAX_STREAM,
        array_based_stream_maximum_output_length=MAX_STREAM,
        stream_decoding_work_maximum_length=4 * MAX_STREAM,
        jbig2dec_binary=None,
        disable_legacy_handling=True,
    ):
        document = pypdf.PdfReader(io.BytesIO(content), strict=False)
        if document.is_encrypted:
            found.encrypted = True
            if not document.decrypt(""):
                return
            # Everybody can read it; the password only forbids to change it.
            found.encrypted = False
            found.files.members.clear()
            found.files.total = 0
        _walk(document.trailer, found, decrypted=document.is_encrypted)


def _walk(trailer: Any, found: Pdf, *, decrypted: bool) -> None:
    """Every object below the trailer, each once, without recursion."""
    from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, StreamObject

    waiting: list[Any] = [trailer.get("/Root"), trailer.get("/Info")]
    seen: set[tuple[int, int]] = set()
    found.objects = 0
    while waiting and found.objects < MAX_OBJECTS:
        item = waiting.pop()
        if isinstance(item, IndirectObject):
            key = (item.idnum, item.generation)
            if key in seen:
                continue
            seen.add(key)
            try:
                item = item.get_object()
            except Exception:  # noqa: BLE001, S112 - one broken object does not hide the others
                continue
        found.objects += 1
        if isinstance(item, DictionaryObject):
            _note(item, found)
            if decrypted and "/EF" in item:
                _file(item, found)
            waiting += [item.raw_get(key) for key in item if key not in {"/Parent", "/P"}]
        elif isinstance(item, ArrayObject) and not isinstance(item, StreamObject):
            waiting += list(item)[:MAX_OBJECTS]


def _note(item: Any, found: Pdf) -> None:
    """What one dictionary says."""
    keys = {str(key).lstrip("/") for key in item}
    kind = str(item.get("/S", "")).lstrip("/") if "/S" in item else ""
    found.names |= (keys | {kind}) & TELLING
    if len(found.uris) < MAX_KEPT and kind == "URI":
        uri = item.get("/URI")
        found.uris.append(uri if isinstance(uri, str) else "")
    if "JS" in keys and len(found.scripts) < MAX_KEPT:
        script = item.get("/JS")
        text = script.get_data().decode("latin-1", "replace") if hasattr(script, "get_data") else str(script)
        found.scripts.append(text[:MAX_SCRIPT])
    if kind == "Launch":
        found.launched.append(_launched(item))
    if "OpenAction" in keys:
        action = item.get("/OpenAction")
        acts = action is not None and hasattr(action, "get") and action.get("/S") not in {None, "/GoTo"}
        found.acts_on_opening = found.acts_on_opening or acts


def _launched(item: Any) -> str:
    """The program of a launch action: a file specification, or Windows' own parameters."""
    target: Any = item.get("/F") or (item.get("/Win") or {})
    if hasattr(target, "get"):
        target = target.get("/UF") or target.get("/F") or ""
    return str(target)[:500]


def _file(item: Any, found: Pdf) -> None:
    """A file in an encrypted document; without decryption its bytes say nothing."""
    stream = item["/EF"].get("/F") or item["/EF"].get("/UF")
    if stream is not None and len(found.files.members) < MAX_FILES:
        data = bytes(stream.get_object().get_data())
        name = str(item.get("/UF") or item.get("/F") or "embedded file")
        found.files.add(Member(name=name, size=len(data), packed=len(data), read=stored(memoryview(data))))
