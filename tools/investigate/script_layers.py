"""Undoing what hides a script: encodings one inside the other, and tricks that break words apart. Always bounded."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from dataclasses import dataclass

#: Layers undone; real ones have up to six.
MAX_LAYERS = 12
#: Bytes one layer may unpack to, so that a bomb stays small.
MAX_UNPACKED = 300_000
#: Base64 runs tried in one layer.
MAX_RUNS = 30
ENCODED = re.compile(
    r"[-/\u2013\u2014\u2015]e(?:n?c?|nco\w*|c)\b[\s\"'`^]{0,40}([A-Za-z0-9+/=][A-Za-z0-9+/=\s]{15,})", re.IGNORECASE
)
RUN = re.compile(
    r"(?<![A-Za-z0-9+/])(?:[A-Za-z0-9+/]{4}){6,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?(?![A-Za-z0-9+/=])"
)
HEX_RUN = re.compile(
    r"(?:0x[0-9a-f]{2}\s{0,9},\s{0,9}){8,}0x[0-9a-f]{2}|(?<![0-9a-f])(?:[0-9a-f]{2}){40,}(?![0-9a-f])|(?:\\x[0-9a-f]{2}){8,}",
    re.IGNORECASE,
)
FORMAT = re.compile(
    r"[\"']((?:\{\d{1,2}\}){2,40})[\"']\s{0,20}-f\s{0,20}"
    r"((?:['\"][^'\"\n]{0,400}['\"]\s{0,20}(?:,\s{0,20})?){1,40})",
    re.IGNORECASE,
)
NUMBERS = re.compile(r"(?<!\d)((?:\d{1,3}\s{0,9},\s{0,9}){7,}\d{1,3})(?!\d)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """One text that was inside another."""

    how: str
    text: str


def peel(text: str) -> tuple[list[Layer], bool]:
    """Every layer inside a text, outermost first, and whether words were broken apart on purpose."""
    layers: list[Layer] = []
    waiting, seen, broken = [text], {text}, False
    while waiting and len(layers) < MAX_LAYERS:
        current = waiting.pop(0)
        joined = join(current)
        if joined != current and _tricks(current) >= 2:
            broken = True
        for how, inner in _inside(joined):
            if inner not in seen and len(layers) < MAX_LAYERS:
                seen.add(inner)
                layers.append(Layer(how=how, text=inner))
                waiting.append(inner)
    return layers, broken


def _inside(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for match in ENCODED.finditer(text):
        raw = _base64(match.group(1))
        inner = _utf16(raw) or _text(raw) if raw else None
        if inner:
            found.append(("-EncodedCommand", inner))
    taken = {i for _, inner in found for i in [inner]}
    for match in list(RUN.finditer(text))[:MAX_RUNS]:
        raw = _base64(match.group(0))
        for how, unpacked in _unpacked(raw) if raw else []:
            inner = _text(unpacked)
            if inner and inner not in taken:
                found.append((how, inner))
    for match in list(HEX_RUN.finditer(text))[:MAX_RUNS]:
        digits = re.sub(r"0x|\\x|[\s,]", "", match.group(0), flags=re.IGNORECASE)
        raw = bytes.fromhex(digits) if len(digits) % 2 == 0 else b""
        found += [("hexadecimal", inner) for _, unpacked in _unpacked(raw) if (inner := _text(unpacked))]
    for match in list(NUMBERS.finditer(text))[:MAX_RUNS]:
        codes = [int(n) for n in match.group(1).split(",")]
        inner = _text(bytes(codes)) if all(c < 256 for c in codes) else None
        if inner:
            found.append(("character codes", inner))
    return found


def _unpacked(raw: bytes) -> list[tuple[str, bytes]]:
    """The bytes as they are, or what they unpack to when they are compressed."""
    for how, bits in (("gzip", 31), ("zlib", 15), ("deflate", -15)):
        if (how == "gzip") != raw.startswith(b"\x1f\x8b") or (how == "zlib" and raw[:1] != b"x"):
            continue
        unpacker = zlib.decompressobj(bits)
        try:
            out = unpacker.decompress(raw, MAX_UNPACKED)
        except zlib.error:
            continue
        # Raw deflate has no mark; bytes that happen to unpack to a scrap are not it.
        if len(out) > 8 and (how != "deflate" or unpacker.eof):
            return [(f"base64 and {how}", out)]
    return [("base64", raw)]


def _base64(run: str) -> bytes | None:
    run = re.sub(r"\s", "", run).rstrip("=")
    try:
        return base64.b64decode(run[: 2 * MAX_UNPACKED] + "=" * (-len(run) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _utf16(raw: bytes) -> str | None:
    if len(raw) < 4 or raw[1::2].count(0) < len(raw) // 4:
        return None
    return _printable(raw.removeprefix(b"\xff\xfe").decode("utf-16-le", "replace"))


def _text(raw: bytes) -> str | None:
    if len(raw) < 6:
        return None
    wide = _utf16(raw)
    if wide:
        return wide
    try:
        return _printable(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return _printable(raw.decode("latin-1")) if raw[:2] == b"MZ" else None


def _printable(text: str) -> str | None:
    text = text[:MAX_UNPACKED].rstrip("\0")
    good = sum(c.isprintable() or c in "\r\n\t" for c in text)
    words = sum(c.isascii() and (c.isalnum() or c in " .-_/\\$\"'(){}[];:=,|\r\n\t") for c in text)
    return text if text and good > 0.97 * len(text) and words > 0.8 * len(text) else None


def join(text: str) -> str:
    """The script with words put together again: ticks, carets, concatenation, format operators, character codes."""
    text = re.sub(r"(?<=\w)`(?=\w)|`(?=[A-Za-z])|(?<=[A-Za-z])`", "", text)
    text = re.sub(r"\^(?=[\w\s\"'/.:-])", "", text)
    text = re.sub(
        r"\[char\]\s{0,9}\(?\s{0,9}(0x[0-9a-f]{1,4}|\d{1,5})\s{0,9}\)?", _character, text, flags=re.IGNORECASE
    )
    text = re.sub(r"\bchrw?\(\s{0,9}(0x[0-9a-f]{1,4}|\d{1,5})\s{0,9}\)", _character, text, flags=re.IGNORECASE)
    text = _format(text)
    for _ in range(4):
        shorter = re.sub(r"(['\"])\s{0,20}\)?\s{0,20}[+&]\s{0,20}\(?\s{0,20}\1", "", text)
        shorter = re.sub(r"\(\s{0,20}(['\"][^'\"\n]{0,2000}['\"])\s{0,20}\)", r"\1", shorter)
        if shorter == text:
            break
        text = shorter
    text = re.sub(r"(['\"])([^'\"\n]{4,4000})\1\s*\[\s*-1\s*\.\.\s*-\s*\(?[\w.'\"\s+-]{1,40}\)?\s*\]", _reversed, text)
    return re.sub(r"\.replace\(\s*(['\"])([^'\"]{1,20})\1\s*,\s*(['\"])\3\s*\)", "", text, flags=re.IGNORECASE)


def _character(match: re.Match[str]) -> str:
    number = int(match.group(1), 0)
    return f"'{chr(number)}'" if 32 <= number < 127 and number not in (34, 39) else match.group(0)


def _reversed(match: re.Match[str]) -> str:
    return f"{match.group(1)}{match.group(2)[::-1]}{match.group(1)}"


def _format(text: str) -> str:
    """`"{1}{0}" -f 'b','a'` becomes `'ab'`."""

    def filled(match: re.Match[str]) -> str:
        parts = re.findall(r"'([^']*)'|\"([^\"]*)\"", match.group(2))
        values = [a or b for a, b in parts]
        indexes = [int(i) for i in re.findall(r"\{(\d{1,2})\}", match.group(1))]
        if not indexes or max(indexes) >= len(values):
            return match.group(0)
        return "'" + "".join(values[i] for i in indexes) + "'"

    return FORMAT.sub(filled, text)


def _tricks(text: str) -> int:
    """How often a word was broken apart; once happens in honest scripts."""
    return (
        len(re.findall(r"(?<=\w)`(?=[A-Za-z])", text))
        + len(re.findall(r"\^(?=\w)", text))
        + len(re.findall(r"['\"]\s*[+]\s*['\"]", text))
        + 2 * len(re.findall(r"(?:\{\d\}){2,}[\"']\s*-f", text))
        + len(re.findall(r"\[char\]|\bchrw?\(", text, re.IGNORECASE))
        + 2 * len(re.findall(r"\[\s*-1\s*\.\.\s*-", text))
    )
