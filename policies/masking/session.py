"""The masking of one ticket: the same value always becomes the same token, and only a permitted place gets it back."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from core.canonical import Json, canonical_bytes
from core.errors import ForeignToken, ToolRefused
from core.vault import TokenEntry, TokenVault, seal
from policies.masking.draft import JOINER, Draft
from policies.masking.formats.encoded import encoded_of
from policies.masking.ledger import TokenLedger
from policies.masking.masker import Reading, encoded_span
from policies.masking.spans import SEPARATOR, Span, owners, uncovered
from policies.masking.strings import Hint, Slot, nested_texts, parse_quoted, rebuild, slots_of, strings_in
from policies.masking.tokens import garbled, is_well_formed, mentions, neutralise
from policies.masking.words import is_particular

if TYPE_CHECKING:
    from policies.masking.masker import Masker
    from policies.masking.rules import MaskingRules

#: Times a masked text is looked at again for what became known meanwhile; hostile text alone needs more than one.
MAX_ROUNDS = 4
#: Quotes around the token of a bare JSON number, with a mark by which restoring knows that they were added.
_QUOTED = (f'"{JOINER}', f'{JOINER}"')
#: What is shown of a text that still gives something away after masking; never seen outside of hostile tests.
WITHHELD = "[text withheld: it could not be masked]"


class MaskSession:
    """Masks and restores for one ticket. Safe to share between threads."""

    def __init__(self, masker: Masker, vault: TokenVault) -> None:
        self._masker = masker
        self._rules = masker.rules
        self._ledger = TokenLedger(vault, masker.rules, masker.organization)
        self._lock = threading.RLock()

    @property
    def rules(self) -> MaskingRules:
        """The rules that this ticket is masked by."""
        return self._rules

    def mask_text(self, text: str) -> str:
        """The text with every piece of personal data replaced by its token."""
        with self._lock:
            return self._mask([Slot(text=text)])[0][0]

    def mask_json(self, value: Json, keep_keys: Collection[str] = (), *, by_model: bool = False) -> Json:
        """The value with every string in it masked, keys too. Values under `keep_keys` stay as they are.

        What a model wrote out of masked text (`by_model`) is looked at for originals and for values with a form of
        their own, not for what a key or a sentence may mean: a query must come back as it was written.
        """
        with self._lock:
            slots = list(slots_of(value, frozenset(keep_keys)))
            unique = list(dict.fromkeys(slots))
            masked = dict(zip(unique, self._mask(unique, by_model=by_model)[0], strict=True))
            return rebuild(value, frozenset(keep_keys), masked)

    def note_shown(self, value: Json) -> None:
        """Tell the session what a model has already seen (a masked ticket, stored evidence), when a run is resumed."""
        with self._lock:
            self._ledger.note_shown(strings_in(value))

    def mask_with_spans(self, text: str) -> tuple[str, list[Span]]:
        """The masked text, and what was replaced: each span with its place in the text as it came and its token."""
        with self._lock:
            masked, spans = self._mask([Slot(text=text)])
            named = [replace(span, token=self._ledger.token_of(span.entity, span.text)) for span in spans]
            return masked[0], named

    def restore_text(self, text: str, entities: frozenset[str] | None = None) -> str:
        """The text with its tokens restored, of the given entities only. Other tokens stay."""
        pieces: list[str] = []
        position = 0
        for mention in mentions(text):
            entry = self._ledger.entry(mention.token)
            if entry is None or (entities is not None and entry.entity not in entities):
                continue
            end = self._end_of(entry, text, mention.end)
            if not self._reversible(entry) or end is None:
                continue
            start, end = _with_joiners(text, mention.start, end)
            pieces += [text[position:start], entry.value]
            position = end
        return "".join([*pieces, text[position:]])

    def restore_argument(self, tool: str, argument: str, value: str) -> str:
        """The real value of an argument, for the one place that policy lets have it.

        A redacted value has no original any more: its token itself is the reference the tool gets.

        Raises:
            ForeignToken: a token that this ticket never issued, or what is left of one.
            ToolRefused: policy does not let this argument have this kind of value.
        """
        permitted = self._rules.sink(tool, argument)
        pieces: list[str] = []
        position = 0
        for mention in mentions(value):
            token = mention.token
            entry = self._ledger.entry(token)
            if entry is None:
                why = "was never issued for this ticket" if is_well_formed(token) else "is garbled"
                raise ForeignToken(f"{token} {why}; copy tokens exactly as the ticket and the evidence show them.")
            if entry.entity not in permitted:
                takes = ", ".join(sorted(permitted)) or "no masked value"
                raise ToolRefused(f"`{argument}` of {tool} may not receive a {entry.entity}; it takes {takes}.")
            end = self._end_of(entry, value, mention.end)
            if end is None:
                raise ForeignToken(f"{token} stands before another domain than it was issued with; copy it exactly.")
            start, end = _with_joiners(value, mention.start, end)
            pieces += [value[position:start], entry.value if self._reversible(entry) else token]
            position = end
        rest = garbled(value)
        if rest is not None:
            raise ForeignToken(f"{rest} is garbled; copy tokens exactly as the ticket and the evidence show them.")
        return "".join([*pieces, value[position:]])

    def restore_permitted(self, tool: str, argument: str, value: Json) -> Json:
        """The value with the tokens restored that this argument may have; the others stay tokens, at any depth."""
        if isinstance(value, str):
            return self.restore_text(value, self._rules.sink(tool, argument))
        if isinstance(value, list):
            return [self.restore_permitted(tool, argument, item) for item in value]
        if isinstance(value, dict):
            return {key: self.restore_permitted(tool, argument, child) for key, child in value.items()}
        return value

    def commitment(self, value: Json) -> str:
        """A keyed digest over the originals behind the tokens in a value: it changes if any of them would."""
        texts = strings_in(value)
        tokens = sorted({mention.token for text in texts for mention in mentions(text)})
        behind = []
        for token in tokens:
            entry = self._ledger.entry(token)
            behind.append([token, entry.fingerprint if entry else None, entry.value if entry else None])
        return hmac.new(self._ledger.key, b"commitment\0" + canonical_bytes(behind), hashlib.sha256).hexdigest()

    def seal(self, plaintext: bytes, *, context: str) -> bytes:
        """What only this ticket's data key opens; once the ticket is shredded, nothing does."""
        return seal(self._ledger.key, plaintext, context=context)

    def entries(self) -> list[TokenEntry]:
        """All tokens of this ticket so far."""
        return self._ledger.entries()

    def originals(self) -> frozenset[str]:
        """The values that must not reach a model wherever they stand; ordinary words among them are left out."""
        entries = self._ledger.entries()
        return frozenset(entry.value for entry in entries if entry.value and is_particular(entry.value, entry.entity))

    def leaks(self, text: str) -> frozenset[str]:
        """Entities of which a text shows an original: of this ticket, or of the organization."""
        meant = [text, SEPARATOR.join(run.text for run in encoded_of(text))]
        found = {hit.key for part in meant for hit in self._masker.own.find(part)}
        return frozenset(found.union(*map(self._ledger.guarded_hits, meant)))

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

    def _mask(self, slots: list[Slot], *, by_model: bool = False) -> tuple[list[str], list[Span]]:
        """The masked texts, and what was replaced, with places counted over the joined texts."""
        if not slots:
            return [], []
        # A text that holds a part of the separator would be split where it never was joined.
        texts = [neutralise(slot.text.replace("\x00", "\ufffd"), self._ledger.issued) for slot in slots]
        hints = [None if by_model else slot.hinted(text) for slot, text in zip(slots, texts, strict=True)]
        draft = Draft(SEPARATOR.join(texts))
        reading = self._masker.read(draft.text, by_model=by_model)
        bare = self._detect(draft, reading, texts, hints)
        masked, clean = self._settle(draft, bare)
        shown = [self._checked(text, clean=clean) for text in masked.split(SEPARATOR)]
        self._ledger.show_texts(shown)
        return shown, draft.spans

    def _detect(
        self, draft: Draft, reading: Reading, texts: list[str], hints: Sequence[Hint | None]
    ) -> frozenset[tuple[int, int]]:
        """Find what the recognizers, the names of keys and the ticket's originals give away; where bare numbers are."""
        spans = list(reading.spans)
        position = 0
        for text, hint in zip(texts, hints, strict=True):
            if hint is not None:
                start, end, entity = hint
                spans.append(Span(position + start, position + end, entity, text[start:end], recognizer="keys"))
            position += len(text) + len(SEPARATOR)
        draft.add(span for span in spans if self._is_inside(draft.text, span) and not self._touches(draft.text, span))
        self._ledger.keep([entry for span in draft.spans for entry in self._ledger.issue(span.entity, span.text)])
        known = uncovered(self._known(draft.text), draft.spans)
        told = self._ledger.known_spans(SEPARATOR.join(run.text for run in reading.encoded))
        runs = [reading.encoded[number] for number in owners([len(run.text) for run in reading.encoded], told)]
        draft.add([*known, *(encoded_span(draft.text, run) for run in runs)])
        return reading.bare

    def _settle(self, draft: Draft, bare: frozenset[tuple[int, int]]) -> tuple[str, bool]:
        """The draft as it is shown, and whether nothing known is in it any more."""
        masked = ""
        for _ in range(MAX_ROUNDS):
            masked = self._render(draft, bare)
            known = [span for span in self._known(masked) if not self._touches(masked, span)]
            if not known:
                return masked, True
            raw = [draft.raw_span(span.start, span.end) for span in known]
            draft.add(replace(span, start=start, end=end) for span, (start, end) in zip(known, raw, strict=True))
        return masked, False

    def _render(self, draft: Draft, bare: frozenset[tuple[int, int]]) -> str:
        fresh: list[TokenEntry] = []

        def show(span: Span) -> str:
            shown, new = self._ledger.show(span.entity, span.text)
            fresh.extend(new)
            return shown.join(_QUOTED) if (span.start, span.end) in bare else shown

        masked = draft.render(show)
        self._ledger.keep(fresh)
        return masked

    def _known(self, text: str) -> list[Span]:
        """Originals of the ticket and of the organization in a text, outside its tokens."""
        spans = self._ledger.known_spans(text)
        spans += [
            Span(hit.start, hit.end, hit.key, hit.text, recognizer="organization")  # type: ignore[arg-type]
            for hit in self._masker.own.find(text)
        ]
        return [span for span in spans if self._is_inside(text, span) and not self._touches(text, span)]

    @staticmethod
    def _is_inside(text: str, span: Span) -> bool:
        """Whether a span lies in one of the joined texts."""
        return text.find("\x00", span.start, span.end) < 0

    def _touches(self, text: str, span: Span) -> bool:
        return self._ledger.touches_token(text, span.start, span.end)

    def _checked(self, text: str, *, clean: bool) -> str:
        """The text, unless the guard would find something in it, also in JSON that it quotes."""
        # When the texts were just found clean, only what one of them quotes is left to look at.
        parts = [part for part in nested_texts(text) if not (clean and part == text)]
        if not parts or not self.leaks(SEPARATOR.join(parts)):
            return text
        quoted = parse_quoted(text)
        if quoted is None:
            return WITHHELD
        plain = json.dumps(self.mask_json(quoted), ensure_ascii=False)
        return WITHHELD if self.leaks(SEPARATOR.join(nested_texts(plain))) else plain


def _with_joiners(text: str, start: int, end: int) -> tuple[int, int]:
    """A restored place together with what masking put around the token."""
    left, right = _QUOTED
    if text[start - len(left) : start] == left and text[end : end + len(right)] == right:
        return start - len(left), end + len(right)
    return start - (text[start - 1 : start] == JOINER), end + (text[end : end + 1] == JOINER)
