"""Attempts to steer the agents, found in text that an attacker may have written.

A hit never changes what the text means to the triage; it is itself evidence. Patterns address a machine that reads
tickets, so that ordinary mail, which addresses people, does not fire them.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata

from tools.investigate.answer import clip
from tools.investigate.manipulation_patterns import PATTERNS
from tools.investigate.refang import INVISIBLE

#: Characters of one text searched.
MAX_SCANNED = 1_100_000
#: Characters shown around a hit.
SHOWN = 160
#: Base64 runs decoded in one text.
MAX_BLOBS = 40


def find(text: str) -> list[dict[str, str]]:
    """Every kind of attempt in a text, with the words that show it, also where they are hidden or encoded."""
    hits: dict[tuple[str, str], dict[str, str]] = {}
    for way, shown in _readings(text[:MAX_SCANNED]):
        for name, pattern in PATTERNS:
            match = pattern.search(shown)
            if match:
                words = " ".join(shown[max(0, match.start() - 20) : match.end() + 60].split())
                # The same words seen in two readings of one text are one attempt.
                hits.setdefault(
                    (name, match.group(0).lower()[:80]), {"kind": name, "how": way, "words": clip(words, SHOWN)}
                )
    return list(hits.values())


def _readings(text: str) -> list[tuple[str, str]]:
    """The text as it stands, and as it reads once disguises are undone."""
    readings = [("written out", text)]
    tags = "".join(chr(ord(c) - 0xE0000) for c in text if 0xE0020 <= ord(c) <= 0xE007E)
    if len(tags) > 8:
        readings.append(("in invisible characters", tags))
    plain = unicodedata.normalize("NFKC", INVISIBLE.sub("", html.unescape(text)))
    if plain != text:
        readings.append(("behind odd characters", plain))
    spaced = re.sub(r"\b(?:\w[ .*_-]){4,}\w\b", lambda m: re.sub(r"[ .*_-]", "", m.group(0)), plain)
    if spaced != plain:
        readings.append(("with letters spaced out", spaced))
    readings += [("in base64", decoded) for decoded in _decoded(plain)]
    return readings


def _decoded(text: str) -> list[str]:
    found = []
    for match in list(re.finditer(r"[A-Za-z0-9+/_-]{24,}={0,2}", text))[:MAX_BLOBS]:
        blob = match.group(0)[:100_000].replace("-", "+").replace("_", "/").rstrip("=")
        try:
            raw = base64.b64decode(blob + "=" * (-len(blob) % 4))
        except (binascii.Error, ValueError):
            continue
        decoded = raw.decode("utf-16-le" if raw[1:2] == b"\0" else "utf-8", "replace")
        if decoded and sum(c.isprintable() or c.isspace() for c in decoded) > 0.95 * len(decoded):
            found.append(decoded)
    return found
