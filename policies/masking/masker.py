"""The masker of a bundle: finds personal data in texts. One per process; sessions do the rest, one per ticket."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from core.vault import TokenVault
from policies.compiled import Bundle
from policies.masking.formats.encoded import Encoded, encoded_of
from policies.masking.formats.fields import Field, fields_of
from policies.masking.outside import outside_spans
from policies.masking.rules import MaskingRules
from policies.masking.spans import MIN_REST, SEPARATOR, Span, owners
from policies.masking.tokens import ENTITIES
from policies.masking.views import View, decoded_view
from policies.organization import Organization

if TYPE_CHECKING:
    from policies.masking.detector import Detector
    from policies.masking.names.reader import NameReader
    from policies.masking.originals import Originals
    from policies.masking.session import MaskSession

#: Levels of base64 within base64 that are looked into.
MAX_ENCODING = 3
#: Characters of prose that the name model reads in one text; what is beyond is hidden as a whole.
PROSE_BUDGET = 80_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What was found in one text."""

    #: They may overlap.
    spans: tuple[Span, ...]
    #: Runs of base64 in which no recognizer found anything; the ticket's own originals may still be in them.
    encoded: tuple[Encoded, ...] = ()
    #: Places of bare JSON numbers: a token needs quotes there.
    bare: frozenset[tuple[int, int]] = frozenset()


class Masker:
    """Detects with Presidio, which is loaded at the first text (a second or two). Safe to share between threads."""

    def __init__(self, bundle: Bundle, names: NameReader | None = None) -> None:
        """`names` reads prose for names; without one, patterns and the organization's own names are all there is."""
        self.organization: Organization = bundle.organization
        self.rules: MaskingRules = bundle.masking
        self._names = names
        self._lock = threading.Lock()
        self._loaded: Detector | None = None

    def session(self, vault: TokenVault) -> MaskSession:
        """The masking of one ticket."""
        from policies.masking.session import MaskSession

        return MaskSession(self, vault)

    def warm_up(self) -> None:
        """Load what the first text would have to wait for."""
        self.read("Warm up, says Ann Lee.")

    @cached_property
    def own(self) -> Originals:
        """People, accounts, hosts and addresses of the organization, except of entities that are kept."""
        from policies.masking.recognizers import own_originals

        return own_originals(self.organization, [e for e in ENTITIES if self.rules.treatment(e) != "keep"])

    def detect(self, text: str) -> list[Span]:
        """Personal data in a text and in what its escapes mean; spans may overlap."""
        return list(self.read(text).spans)

    def read(self, text: str) -> Reading:
        """Everything that a text gives away by itself, also in its escapes and its base64."""
        return self._read(text, budget=PROSE_BUDGET, depth=0)

    def _read(self, text: str, *, budget: int, depth: int) -> Reading:
        spans, fields = self._find(text)
        view = decoded_view(text)
        if view is not None:
            spans = [part for span in spans for part in _snapped(view, text, span)]
            spans += _mapped(view, self._find(view.text)[0])
        if self._names is not None:
            # What is written in escapes is read once, as what it means.
            named, budget = self._names.find(text if view is None else view.text, budget)
            spans += named if view is None else _mapped(view, named)
        runs = encoded_of(text) if depth < MAX_ENCODING else []
        telling = self._telling(runs, budget=budget, depth=depth)
        spans += [_encoded_span(text, runs[number]) for number in telling]
        return Reading(
            spans=tuple(span for span in spans if self.rules.treatment(span.entity) != "keep"),
            encoded=tuple(run for number, run in enumerate(runs) if number not in telling),
            bare=frozenset((field.start, field.end) for field in fields if field.bare),
        )

    def _telling(self, runs: list[Encoded], *, budget: int, depth: int) -> set[int]:
        """Which runs of base64 hold personal data. They are read together: there may be thousands."""
        if not runs:
            return set()
        reading = self._read(SEPARATOR.join(run.text for run in runs), budget=budget, depth=depth + 1)
        return owners([len(run.text) for run in runs], reading.spans)

    def _find(self, text: str) -> tuple[list[Span], list[Field]]:
        """What patterns and the keys of fields show, and the fields."""
        spans = self._detector().find(text)
        fields = fields_of(text)
        spans.extend(
            Span(field.start, field.end, field.entity, text[field.start : field.end], score=0.9, recognizer="keys")
            for field in fields
        )
        spans.extend(outside_spans(text, self.rules.indicators))
        return spans, fields

    def _detector(self) -> Detector:
        from policies.masking.detector import Detector

        with self._lock:
            if self._loaded is None:
                self._loaded = Detector(self.organization, self.own, self.rules)
            return self._loaded


def _encoded_span(text: str, run: Encoded) -> Span:
    return Span(run.start, run.end, "ENCODED", text[run.start : run.end], recognizer="encoded")


def _snapped(view: View, text: str, span: Span) -> Iterator[Span]:
    """A span of the raw text without the halves of escapes at its ends, if anything is left then."""
    start, end = view.snapped(span.start, span.end)
    if (start, end) == (span.start, span.end):
        yield span
    elif sum(map(str.isalnum, text[start:end])) >= MIN_REST:
        yield replace(span, start=start, end=end, text=text[start:end])


def _mapped(view: View, spans: Iterable[Span]) -> list[Span]:
    return [
        Span(*view.raw_span(span.start, span.end), span.entity, span.text, score=span.score, recognizer=span.recognizer)
        for span in spans
    ]
