"""Finds everything that patterns can find in a text: runs the recognizers of Presidio's registry after one scan."""

from __future__ import annotations

from presidio_analyzer import EntityRecognizer

from policies.masking.originals import Originals
from policies.masking.recognizers import LANGUAGE, PatternsRecognizer, Scanned, make_registry, no_language, whole_words
from policies.masking.rules import MaskingRules
from policies.masking.scan import Needs, Pattern, run
from policies.masking.spans import Span
from policies.masking.views import shape_of
from policies.organization import Organization


class Detector:
    """The recognizers for one organization. Safe to share between threads."""

    def __init__(self, organization: Organization, own: Originals, rules: MaskingRules) -> None:
        registry = make_registry(organization, own, rules.never_names, getattr(rules, "patterns", ()))
        recognizers: list[EntityRecognizer] = registry.get_recognizers(language=LANGUAGE, all_fields=True)
        self._scanned = [recognizer for recognizer in recognizers if isinstance(recognizer, Scanned)]
        self._others = [recognizer for recognizer in recognizers if not isinstance(recognizer, Scanned)]
        self._needs = Needs(need for recognizer in self._scanned for need in recognizer.needs)
        #: What to run when something is present, so that the others cost nothing, not even a look.
        self._patterns: dict[str, list[Pattern]] = {}
        for recognizer in self._scanned:
            if isinstance(recognizer, PatternsRecognizer):
                for pattern in recognizer.patterns:
                    self._patterns.setdefault(pattern.needs, []).append(pattern)
        self._scanned = [each for each in self._scanned if not isinstance(each, PatternsRecognizer)]

    def find(self, text: str) -> list[Span]:
        """Personal data, our own machines and secrets in the text as it stands; spans may overlap."""
        if not text:
            return []
        shape = shape_of(text)
        present = self._needs.present(shape)
        found = [hit for recognizer in self._scanned for hit in recognizer.find(text, shape, present)]
        for need in present & self._patterns.keys():
            found.extend(whole_words(run(self._patterns[need], shape), text))
        spans = [
            Span(hit.start, hit.end, hit.entity, text[hit.start : hit.end], None, hit.score, hit.name) for hit in found
        ]
        for recognizer in self._others:
            for result in recognizer.analyze(text, recognizer.supported_entities, no_language()):
                words = text[result.start : result.end]
                spans.append(
                    Span(result.start, result.end, result.entity_type, words, None, result.score, recognizer.name)
                )
        return spans
