"""The masker of a bundle: finds personal data in texts. One per process; sessions do the rest, one per ticket."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from core.masking import Profile
from core.vault import TokenVault
from policies.compiled import Bundle
from policies.masking.formats.encoded import Encoded, encoded_of
from policies.masking.formats.fields import Field, fields_of, value_of
from policies.masking.layers import layers_of
from policies.masking.outside import outside_spans
from policies.masking.rules import MaskingRules
from policies.masking.spans import SEPARATOR, Span, owners
from policies.masking.tokens import ENTITIES
from policies.masking.views import invisible_in
from policies.models import Models
from policies.organization import Organization

if TYPE_CHECKING:
    from policies.masking.detector import Detector
    from policies.masking.names.reader import NameReader
    from policies.masking.originals import Originals
    from policies.masking.session import MaskSession

#: Invisible characters of a text that somebody may still have typed; a text with more is hidden as a whole.
MAX_INVISIBLE = 20_000
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
        stricter = bundle.models.cloud.applied(self.rules)
        #: Masks tickets that clouds may see; this one itself where policy demands nothing more of them.
        self._for_clouds: Masker | None = None
        if stricter != self.rules:
            self._for_clouds = Masker(replace(bundle, masking=stricter, models=Models()), names)

    def session(self, vault: TokenVault) -> MaskSession:
        """The masking of one ticket, by the rules of the models that it is masked for."""
        from policies.masking.session import MaskSession

        return MaskSession(self.for_models(vault.profile), vault)

    def for_models(self, profile: Profile) -> Masker:
        """The masker of tickets for these models."""
        return self._for_clouds or self if profile == "cloud" else self

    def warm_up(self) -> None:
        """Load what the first text would have to wait for."""
        self.read("Warm up, says Ann Lee.")

    @cached_property
    def own(self) -> Originals:
        """People, accounts, hosts and addresses of the organization, except of entities that are kept."""
        from policies.masking.own import own_originals

        return own_originals(self.organization, [e for e in ENTITIES if self.rules.treatment(e) != "keep"])

    def detect(self, text: str) -> list[Span]:
        """Personal data in a text and in what its escapes mean; spans may overlap."""
        return list(self.read(text).spans)

    def read(self, text: str, *, by_model: bool = False) -> Reading:
        """Everything that a text gives away by itself, also in its escapes and its base64.

        Of what a model wrote (`by_model`) only forms count, not what keys and sentences may mean.
        """
        hidden: list[Span] = []
        if invisible_in(text) > MAX_INVISIBLE:
            text, hidden = _without_hidden(text)
        reading = self._read(text, budget=None if by_model else PROSE_BUDGET)
        return replace(reading, spans=(*hidden, *reading.spans)) if hidden else reading

    def _read(self, text: str, *, budget: int | None, encoded: bool = True) -> Reading:
        layers = layers_of(text)
        spans: list[Span] = []
        fields = [fields_of(layer.text) if budget is not None else [] for layer in layers]
        for layer, told in zip(layers, fields, strict=True):
            spans += layer.to_raw(text, self._find(layer.text, told))
        if self._names is not None and budget is not None:
            # Prose is read once, as its reader sees it.
            named, budget = self._names.find(layers[-1].text, budget)
            spans += layers[-1].to_raw(text, named)
        runs = encoded_of(text) if encoded else []
        telling = self._telling(runs, budget=budget)
        spans += [encoded_span(text, runs[number]) for number in telling]
        return Reading(
            spans=tuple(span for span in spans if self.rules.treatment(span.entity) != "keep"),
            encoded=tuple(run for number, run in enumerate(runs) if number not in telling),
            bare=frozenset((field.start, field.end) for field in fields[0] if field.bare),
        )

    def _telling(self, runs: list[Encoded], *, budget: int | None) -> set[int]:
        """Which runs of base64 hold personal data. They are read together: there may be thousands.

        What such a run says already holds what is encoded inside of it.
        """
        if not runs:
            return set()
        reading = self._read(SEPARATOR.join(run.text for run in runs), budget=budget, encoded=False)
        return owners([len(run.text) for run in runs], reading.spans)

    def _find(self, text: str, fields: Iterable[Field]) -> list[Span]:
        """What patterns and the keys of fields show."""
        spans = self._detector().find(text)
        for field in fields:
            value = value_of(text, field.start, field.end)
            spans.append(Span(field.start, field.end, field.entity, value, score=0.9, recognizer="keys"))
        spans.extend(outside_spans(text, self.rules.indicators))
        return spans

    def _detector(self) -> Detector:
        from policies.masking.detector import Detector

        with self._lock:
            if self._loaded is None:
                self._loaded = Detector(self.organization, self.own, self.rules)
            return self._loaded


def encoded_span(text: str, run: Encoded) -> Span:
    """A run of base64 as a whole, without the line break behind it, which belongs to what comes next."""
    end = run.start + len(text[run.start : run.end].rstrip())
    return Span(run.start, end, "ENCODED", text[run.start : end], recognizer="encoded")


def _without_hidden(text: str) -> tuple[str, list[Span]]:
    """Blanks in the place of each of the joined texts that is full of invisible characters, and those texts."""
    parts: list[str] = []
    hidden: list[Span] = []
    position = 0
    for part in text.split(SEPARATOR):
        plain = part.strip()
        if plain and invisible_in(part):
            start = position + part.index(plain)
            hidden.append(Span(start, start + len(plain), "PROSE", plain, recognizer="invisible"))
        parts.append(" " * len(part) if hidden and hidden[-1].start >= position else part)
        position += len(part) + len(SEPARATOR)
    return SEPARATOR.join(parts), hidden
