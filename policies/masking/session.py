"""The masking of one ticket: the same value always becomes the same token, and only a permitted place gets it back."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from core.canonical import Json, canonical_bytes
from core.errors import ForeignToken, ToolRefused
from core.vault import TokenEntry, TokenVault
from policies.masking.ledger import TokenLedger
from policies.masking.spans import Span, is_covered, resolve
from policies.masking.strings import Hint, Slot, nested_texts, parse_quoted, rebuild, slots_of, strings_in
from policies.masking.tokens import TOKEN, is_well_formed, neutralise

if TYPE_CHECKING:
    from policies.masking.masker import Masker

#: Stands between texts that are read together; no pattern and no original reaches across it.
SEPARATOR = "\n\x00\n"
#: Times a text is looked at again because spans overlapped; hostile text alone needs more than two.
MAX_ROUNDS = 4
#: What is shown of a text that still gives something away after masking; never seen outside of hostile tests.
WITHHELD = "[text withheld: it could not be masked]"


class MaskSession:
    """Masks and restores for one ticket. Safe to share between threads."""

    def __init__(self, masker: Masker, vault: TokenVault) -> None:
        self._masker = masker
        self._rules = masker.rules
        self._ledger = TokenLedger(vault, masker.rules, masker.organization)
        self._lock = threading.RLock()

    def mask_text(self, text: str) -> str:
        """The text with every piece of personal data replaced by its token."""
        with self._lock:
            return self._mask([Slot(text=text)])[0]

    def mask_json(self, value: Json, keep_keys: Collection[str] = ()) -> Json:
        """The value with every string in it masked, keys too. Values under `keep_keys` stay as they are."""
        with self._lock:
            slots = list(slots_of(value, frozenset(keep_keys)))
            unique = list(dict.fromkeys(slots))
            masked = dict(zip(unique, self._mask(unique), strict=True))
            return rebuild(value, frozenset(keep_keys), masked)

    def note_shown(self, value: Json) -> None:
        """Tell the session what a model has already seen (a masked ticket, stored evidence), when a run is resumed."""
        with self._lock:
            self._ledger.note_shown(strings_in(value))

    def restore_text(self, text: str, entities: frozenset[str] | None = None) -> str:
        """The text with its tokens restored, of the given entities only. Other tokens stay."""
        pieces: list[str] = []
        position = 0
        for match in TOKEN.finditer(text):
            entry = self._ledger.entry(match.group())
            if entry is None or (entities is not None and entry.entity not in entities):
                continue
            end = self._end_of(entry, text, match.end())
            if not self._reversible(entry) or end is None:
                continue
            pieces += [text[position : match.start()], entry.value]
            position = end
        return "".join([*pieces, text[position:]])

    def restore_argument(self, tool: str, argument: str, value: str) -> str:
        """The real value of an argument, for the one place that policy lets have it.

        A redacted value has no original any more: its token itself is the reference the tool gets.

        Raises:
            ForeignToken: a token that this ticket never issued.
            ToolRefused: policy does not let this argument have this kind of value.
        """
        permitted = self._rules.sink(tool, argument)
        pieces: list[str] = []
        position = 0
        for match in TOKEN.finditer(value):
            token = match.group()
            entry = self._ledger.entry(token)
            if entry is None:
                why = "was never issued for this ticket" if is_well_formed(token) else "is garbled"
                raise ForeignToken(f"{token} {why}; copy tokens exactly as the ticket and the evidence show them.")
            if entry.entity not in permitted:
                takes = ", ".join(sorted(permitted)) or "no masked value"
                raise ToolRefused(f"`{argument}` of {tool} may not receive a {entry.entity}; it takes {takes}.")
            end = self._end_of(entry, value, match.end())
            if end is None:
                raise ForeignToken(f"{token} stands before another domain than it was issued with; copy it exactly.")
            pieces += [value[position : match.start()], entry.value if self._reversible(entry) else token]
            position = end
        return "".join([*pieces, value[position:]])

    def commitment(self, value: Json) -> str:
        """A keyed digest over the originals behind the tokens in a value: it changes if any of them would."""
        texts = strings_in(value)
        tokens = sorted({match.group() for text in texts for match in TOKEN.finditer(text)})
        behind = []
        for token in tokens:
            entry = self._ledger.entry(token)
            behind.append([token, entry.fingerprint if entry else None, entry.value if entry else None])
        return hmac.new(self._ledger.key, b"commitment\0" + canonical_bytes(behind), hashlib.sha256).hexdigest()

    def entries(self) -> list[TokenEntry]:
        """All tokens of this ticket so far."""
        return self._ledger.entries()

    def originals(self) -> frozenset[str]:
        """The values that must not reach a model."""
        return frozenset(entry.value for entry in self._ledger.entries() if entry.value)

    def leaks(self, text: str) -> frozenset[str]:
        """Entities of which a text shows an original: of this ticket, or of the organization."""
        hits = self._ledger.guarded_hits(text)
        return frozenset([*hits, *(hit.key for hit in self._masker.own.find(text))])

    def _reversible(self, entry: TokenEntry) -> bool:
        return bool(entry.value) and self._ledger.is_reversible(entry.entity)

    def _end_of(self, entry: TokenEntry, text: str, end: int) -> int | None:
        """Where a token ends with the domain that was kept beside it; None when another domain stands there."""
        kept = self._ledger.kept_domain(entry)
        if not kept or text[end : end + 1] != "@":
            return end
        after = end + 1 + len(kept)
        if text[end + 1 : after].casefold() != kept.casefold():
            return None
        continues = text[after : after + 1].isalnum() or text[after : after + 1] == "-"
        return None if continues else after

    def _mask(self, slots: list[Slot]) -> list[str]:
        if not slots:
            return []
        # A text that holds a part of the separator would be split where it never was joined.
        texts = [neutralise(slot.text.replace("\x00", "\ufffd"), self._ledger.issued) for slot in slots]
        hints = [slot.hinted(text) for slot, text in zip(slots, texts, strict=True)]
        for _ in range(MAX_ROUNDS):
            spans = self._detect(texts, hints)
            kept = resolve(spans)
            self._ledger.keep([entry for span in kept for entry in self._ledger.issue(span.entity, span.text)])
            texts = self._render(texts, spans)
            # A span that lost to one it only overlapped may still show; it is found again beside the token.
            if all(is_covered(span, kept, self._ledger.hidden_end) for span in spans):
                break
            hints = [None] * len(texts)
        for _ in range(MAX_ROUNDS):
            clean = not self._any_known(texts)
            if clean:
                break
            texts = self._render(texts, [])
        masked = [self._checked(text, clean=clean) for text in texts]
        self._ledger.show_texts(masked)
        return masked

    def _detect(self, texts: list[str], hints: Sequence[Hint | None]) -> list[Span]:
        """What the recognizers and the names of keys give away, with places counted over the joined texts."""
        joined = SEPARATOR.join(texts)
        spans = self._masker.detect(joined)
        position = 0
        for text, hint in zip(texts, hints, strict=True):
            if hint is not None:
                start, end, entity = hint
                spans.append(Span(position + start, position + end, entity, text[start:end]))
            position += len(text) + len(SEPARATOR)
        return [span for span in spans if not self._touches(joined, span) and "\x00" not in span.text]

    def _render(self, texts: list[str], spans: Iterable[Span]) -> list[str]:
        """Replace detected spans and every occurrence of every known original."""
        joined = SEPARATOR.join(texts)
        known = [span for span in self._known(joined) if not self._touches(joined, span)]
        pieces: list[str] = []
        fresh: list[TokenEntry] = []
        position = 0
        for span in resolve([*spans, *known]):
            shown, new = self._ledger.show(span.entity, span.text)
            fresh += new
            pieces += [joined[position : span.start], _apart(joined, span, shown, touching=position == span.start)]
            position = span.end
        self._ledger.keep(fresh)
        return "".join([*pieces, joined[position:]]).split(SEPARATOR)

    def _known(self, joined: str) -> list[Span]:
        spans = self._ledger.known_spans(joined)
        spans += [Span(h.start, h.end, h.key, h.text) for h in self._masker.own.find(joined)]  # type: ignore[arg-type]
        return [span for span in spans if "\x00" not in span.text]

    def _any_known(self, masked: list[str]) -> bool:
        joined = SEPARATOR.join(masked)
        return any(not self._touches(joined, span) for span in self._known(joined))

    def _touches(self, text: str, span: Span) -> bool:
        return self._ledger.touches_token(text, span.start, span.end)

    def _checked(self, text: str, *, clean: bool) -> str:
        """The text, unless the guard would find something in it, also in JSON that it quotes."""
        # When the texts were just found clean, only what one of them quotes is left to look at.
        parts = [part for part in nested_texts(text) if not (clean and part == text)]
        if not any(self.leaks(part) for part in parts):
            return text
        quoted = parse_quoted(text)
        if quoted is None:
            return WITHHELD
        plain = json.dumps(self.mask_json(quoted), ensure_ascii=False)
        return WITHHELD if any(self.leaks(part) for part in nested_texts(plain)) else plain


def _apart(text: str, span: Span, shown: str, *, touching: bool) -> str:
    """A token with a space where it would otherwise grow together with a letter or another token."""
    before, after = text[span.start - 1 : span.start], text[span.end : span.end + 1]
    left = " " if span.start and (touching or (before.isascii() and before.isalnum())) else ""
    right = " " if after.isascii() and after.isalnum() else ""
    return f"{left}{shown}{right}"
