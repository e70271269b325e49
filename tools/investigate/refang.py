"""Defanged indicators (`hxxps://evil[.]example`) turned back into what they name."""

from __future__ import annotations

import re

_DOT = re.compile(
    r"\s?(?:\[\s?\.\s?\]|\(\s?\.\s?\)|\{\s?\.\s?\}|\[\s?dot\s?\]|\(\s?dot\s?\)|\{\s?dot\s?\}|\\\.)\s?", re.IGNORECASE
)
_HALF_DOT = re.compile(r"(?<=\w)(?:\[\.|\.\]|\(\.|\.\))(?=\w)")
_AT = re.compile(r"\s?(?:\[\s?@\s?\]|\(\s?@\s?\)|\[\s?at\s?\]|\(\s?at\s?\)|\{\s?at\s?\})\s?", re.IGNORECASE)
_COLON = re.compile(r"\[:\]|\(:\)|\[:(?=//)")
_SLASHES = re.compile(r"\[(://?|//?)\]|(?<=:)\[//\]")
_SCHEME = re.compile(r"\b(h(?:xx|tt|\*\*|__|tx|xt)p(s?)|f(?:x|t)p(s?)|meow(s?))(?=\s?(?:\[?:))", re.IGNORECASE)
#: Zero-width and soft-hyphen characters that break an indicator without being seen.
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")


def refang(text: str) -> str:
    """The same text with every customary disguise of dots, at-signs, colons and schemes undone."""
    text = INVISIBLE.sub("", text)
    text = _SLASHES.sub(lambda m: m.group(1) or "//", text)
    text = _COLON.sub(":", text)
    text = _SCHEME.sub(_scheme, text)
    text = _DOT.sub(".", text)
    text = _HALF_DOT.sub(".", text)
    return _AT.sub("@", text)


def _scheme(match: re.Match[str]) -> str:
    word = match.group(1).lower()
    return ("ftp" if word.startswith("f") else "http") + ("s" if word.endswith("s") else "")
