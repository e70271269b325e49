"""The egress guard: the last look at a request before it leaves for a model. It blocks; it never rewrites."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator

from core.canonical import Json
from core.errors import EgressBlocked
from policies.masking.patterns import SECRETS
from policies.masking.session import MaskSession
from policies.masking.spans import SEPARATOR
from policies.masking.strings import nested_texts, strings_in
from policies.masking.views import decoded_view, shape_of

#: Texts remembered as harmless, so that a growing conversation is not read from its beginning every time.
MAX_REMEMBERED = 20_000


class EgressGuard:
    """Checks the requests of one ticket. `static` texts are ours (prompts, tool descriptions) and exempt verbatim."""

    def __init__(self, session: MaskSession, static: Iterable[str] = ()) -> None:
        self._session = session
        # Longest first, so that a prompt that contains another goes as a whole.
        self._static = sorted({text for text in static if text.strip()}, key=len, reverse=True)
        self._harmless: set[bytes] = set()
        self._known_originals = -1

    def check(self, body: bytes) -> None:
        """Let a request body pass, or refuse it.

        Raises:
            EgressBlocked: it shows an original; names the kinds of data, never the values.
        """
        if self._known_originals != len(self._session.entries()):
            self._known_originals = len(self._session.entries())
            self._harmless.clear()
        fresh = [text for text in dict.fromkeys(self._texts(body)) if _mark(text) not in self._harmless]
        joined = SEPARATOR.join(fresh)
        found = self._session.leaks(joined) | _unmistakable_secrets(joined)
        if found:
            kinds = ", ".join(sorted(found))
            raise EgressBlocked(f"A request to the model was stopped because it shows unmasked data ({kinds}).")
        if len(self._harmless) + len(fresh) > MAX_REMEMBERED:
            self._harmless.clear()
        self._harmless.update(map(_mark, fresh))

    def _texts(self, body: bytes) -> Iterator[str]:
        for text in _strings_of(body):
            for part in nested_texts(self._without_static(text)):
                if part.strip():
                    yield part

    def _without_static(self, text: str) -> str:
        for known in self._static:
            text = text.replace(known, " ")
        return text


def _strings_of(body: bytes) -> list[str]:
    """Every string of a JSON body; the whole text of any other."""
    try:
        # Pairs, not objects: a repeated key must not hide its first value.
        parsed: Json = json.loads(body, object_pairs_hook=lambda pairs: [part for pair in pairs for part in pair])
    except (ValueError, RecursionError):
        return [body.decode("utf-8", "replace")]
    return strings_in(parsed)


def _unmistakable_secrets(text: str) -> frozenset[str]:
    """Keys and tokens of known forms, also ones that never went through the masker."""
    from policies.masking.scan import matches

    view = decoded_view(text)
    shapes = [shape_of(text), shape_of(view.text)] if view is not None else [shape_of(text)]
    patterns = [pattern for pattern in SECRETS if pattern.unmistakable]
    return frozenset(p.entity for p in patterns for shape in shapes if next(matches(p, shape), None) is not None)


def _mark(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
