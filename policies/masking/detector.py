"""Finds everything that patterns can find in a text: runs the recognizers of Presidio's registry after one scan."""

from __future__ import annotations

import re
from functools import lru_cache, partial
from typing import Any, cast

from presidio_analyzer import EntityRecognizer

from policies.masking.originals import Originals
from policies.masking.recognizers import LANGUAGE, PatternsRecognizer, Scanned, make_registry, no_language, whole_words
from policies.masking.rules import Entity, MaskingRules
from policies.masking.scan import Needs, Pattern, is_needed, run
from policies.masking.spans import Span
from policies.masking.views import shape_of
from policies.organization import Organization


class Detector:
    """The recognizers for one organization. Safe to share between threads."""

    def __init__(self, organization: Organization, own: Originals, rules: MaskingRules) -> None:
        registry = make_registry(organization, own, rules.never_names, getattr(rules, "patterns", ()))
        recognizers: list[EntityRecognizer] = registry.get_recognizers(language=LANGUAGE, all_fields=True)
        self._scanned: list[Scanned] = [recognizer for recognizer in recognizers if isinstance(recognizer, Scanned)]
        self._others: list[Any] = [recognizer for recognizer in recognizers if not isinstance(recognizer, Scanned)]
        self._needs = Needs(need for recognizer in self._scanned for need in recognizer.needs)
        patterns = [p for r in self._scanned if isinstance(r, PatternsRecognizer) for p in r.patterns]
        #: What to run where which strings are present; tickets and events of a kind have the same ones.
        self._plan = lru_cache(maxsize=4096)(partial(_needed, patterns))
        self._scanned = [each for each in self._scanned if not isinstance(each, PatternsRecognizer)]

    def find(self, text: str) -> list[Span]:
        """Personal data, our own machines and secrets in the text as it stands; spans may overlap."""
        if not text:
            return []
        shape = _shape(text)
        present = self._needs.present(shape)
        found = whole_words(run(self._plan(present), shape), text)
        for recognizer in self._scanned:
            found.extend(recognizer.find(text, shape, present))
        spans = [
            Span(hit.start, hit.end, hit.entity, text[hit.start : hit.end], None, hit.score, hit.name) for hit in found
        ]
        for other in self._others:
            for result in other.analyze(text, other.supported_entities, no_language()):
                entity = cast("Entity", result.entity_type)
                words = text[result.start : result.end]
                spans.append(Span(result.start, result.end, entity, words, None, result.score, other.name))
        return spans


def _shape(text: str) -> bytes:
    """The same as `shape_of`, which asks a table for every character, in texts with few others than ASCII."""
    if text.isascii() or len(text) > _SHORT:
        return shape_of(text)
    return _OTHERS.sub(lambda run: shape_of(run.group()).decode("ascii"), text).encode("ascii")


_OTHERS = re.compile(r"[^\x00-\x7f]+")
#: Characters up to which a text is not worth a table for all of them.
_SHORT = 4_000


def _needed(patterns: list[Pattern], present: frozenset[str]) -> list[Pattern]:
    return [pattern for pattern in patterns if is_needed(pattern.needs, present)]
