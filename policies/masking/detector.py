"""Finds everything that patterns can find in a text: runs the recognizers of Presidio's registry after one scan."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any, cast

from policies.masking.needs import Needs, Signs, united
from policies.masking.originals import Originals
from policies.masking.presidio import EntityRecognizer
from policies.masking.recognizers import LANGUAGE, PatternsRecognizer, Scanned, make_registry, no_language, whole_words
from policies.masking.rules import Entity, MaskingRules
from policies.masking.scan import Prepared, run_prepared, searcher
from policies.masking.spans import Span
from policies.masking.views import shape_of
from policies.organization import Organization


class Detector:
    """The recognizers for one organization. Safe to share between threads."""

    def __init__(self, organization: Organization, own: Originals, rules: MaskingRules) -> None:
        registry = make_registry(organization, own, rules.never_names, rules.patterns)
        recognizers: list[EntityRecognizer] = registry.get_recognizers(language=LANGUAGE, all_fields=True)
        self._scanned: list[Scanned] = [recognizer for recognizer in recognizers if isinstance(recognizer, Scanned)]
        self._others: list[Any] = [recognizer for recognizer in recognizers if not isinstance(recognizer, Scanned)]
        patterns = [p for r in self._scanned if isinstance(r, PatternsRecognizer) for p in r.patterns]
        # What needs nothing is looked for together with the other expressions, and needs itself.
        patterns = [p if p.needs else replace(p, needs=(f"~{p.regex}",)) for p in patterns]
        self._scanned = [each for each in self._scanned if not isinstance(each, PatternsRecognizer)]
        needs = {need for pattern in patterns for need in pattern.needs}.union(*(r.needs for r in self._scanned))
        self._needs = _needs_of(frozenset(needs))
        self._patterns = patterns
        self._by_need: dict[str, list[int]] = {need: [] for need in needs}
        for number, pattern in enumerate(patterns):
            for need in pattern.needs:
                self._by_need[need].append(number)
        #: What to run where which strings are present; tickets and events of a kind have the same ones.
        self._plan = lru_cache(maxsize=4096)(self._planned)

    def find(self, text: str) -> list[Span]:
        """Personal data, our own machines and secrets in the text as it stands; spans may overlap."""
        if not text:
            return []
        shape = shape_of(text)
        signs, again = self._needs.signs(shape)
        present, prepared = self._plan(signs)
        spans = [
            Span(start, end, pattern.entity, text[start:end], None, pattern.score, pattern.name)
            for start, end, pattern in whole_words(run_prepared(prepared, shape, again), text)
        ]
        for recognizer in self._scanned:
            spans += [
                Span(start, end, entity, text[start:end], None, score, name)
                for start, end, entity, score, name in recognizer.find(text, shape, present)
            ]
        for other in self._others:
            for result in other.analyze(text, other.supported_entities, no_language()):
                entity = cast("Entity", result.entity_type)
                words = text[result.start : result.end]
                spans.append(Span(result.start, result.end, entity, words, None, result.score, other.name))
        return spans

    def _planned(self, signs: Signs) -> tuple[frozenset[str], list[Prepared]]:
        """What a text with some signs has of all needs, and the patterns that can match in it."""
        present = united(signs)
        prepared: list[Prepared] = []
        for number in sorted({number for need in present for number in self._by_need[need]}):
            pattern = self._patterns[number]
            its = [sign for sign in signs if not sign.isdisjoint(pattern.needs)]
            prepared.append((pattern, *searcher(pattern.regex), its[0] if len(its) == 1 else None))
        return present, prepared


@lru_cache(maxsize=8)
def _needs_of(needs: frozenset[str]) -> Needs:
    """Bundles of the same organization need the same, and everybody may read them at once."""
    return Needs(needs)
