"""Finds everything that patterns can find in a text: runs the recognizers of Presidio's registry after one scan."""

from __future__ import annotations

from typing import Any, cast

from presidio_analyzer import EntityRecognizer

from policies.masking.originals import Originals
from policies.masking.recognizers import LANGUAGE, PatternsRecognizer, Scanned, make_registry, no_language, whole_words
from policies.masking.rules import Entity, MaskingRules
from policies.masking.scan import Needs, Pattern, run
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
        self._always = [pattern for pattern in patterns if not pattern.needs]
        #: What to run when a string is present, so that the rest costs nothing, not even a look.
        self._patterns: dict[str, list[Pattern]] = {}
        for pattern in patterns:
            for stem in pattern.needs:
                self._patterns.setdefault(stem, []).append(pattern)
        self._scanned = [each for each in self._scanned if not isinstance(each, PatternsRecognizer)]

    def find(self, text: str) -> list[Span]:
        """Personal data, our own machines and secrets in the text as it stands; spans may overlap."""
        if not text:
            return []
        shape = shape_of(text)
        present = self._needs.present(shape)
        patterns = {id(pattern): pattern for stem in present for pattern in self._patterns.get(stem, ())}
        found = whole_words(run((*self._always, *patterns.values()), shape), text)
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
