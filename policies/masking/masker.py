"""The masker of a bundle: finds personal data in texts. One per process; sessions do the rest, one per ticket."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

from core.vault import TokenVault
from policies.compiled import Bundle
from policies.masking.rules import MaskingRules
from policies.masking.spans import Span
from policies.masking.tokens import ENTITIES
from policies.masking.views import decoded_view
from policies.organization import Organization

if TYPE_CHECKING:
    from policies.masking.originals import Originals
    from policies.masking.session import MaskSession


class Masker:
    """Detects with Presidio, which is loaded at the first text (a second or two). Safe to share between threads."""

    def __init__(self, bundle: Bundle) -> None:
        self.organization: Organization = bundle.organization
        self.rules: MaskingRules = bundle.masking
        self._lock = threading.Lock()
        self._registry: Any = None

    def session(self, vault: TokenVault) -> MaskSession:
        """The masking of one ticket."""
        from policies.masking.session import MaskSession

        return MaskSession(self, vault)

    def warm_up(self) -> None:
        """Load what the first text would have to wait for."""
        self.detect("warm up")

    @cached_property
    def own(self) -> Originals:
        """People, accounts, hosts and addresses of the organization, except of entities that are kept."""
        from policies.masking.recognizers import own_originals

        return own_originals(self.organization, [e for e in ENTITIES if self.rules.treatment(e) != "keep"])

    def detect(self, text: str) -> list[Span]:
        """Personal data in a text and in what its escapes mean; spans may overlap."""
        spans = self._analyze(text)
        view = decoded_view(text)
        if view is not None:
            spans.extend(
                Span(*view.raw_span(span.start, span.end), span.entity, span.text) for span in self._analyze(view.text)
            )
        return [span for span in spans if self.rules.treatment(span.entity) != "keep"]

    def _analyze(self, text: str) -> list[Span]:
        from policies.masking.recognizers import LANGUAGE, Shape

        artifacts = Shape(text)
        return [
            Span(result.start, result.end, result.entity_type, text[result.start : result.end])
            for recognizer in self._recognizers(LANGUAGE)
            for result in recognizer.analyze(text, recognizer.supported_entities, artifacts)
        ]

    def _recognizers(self, language: str) -> list[Any]:
        from policies.masking.recognizers import make_registry

        with self._lock:
            if self._registry is None:
                self._registry = make_registry(self.organization, self.own, self.rules.never_names)
        found: list[Any] = self._registry.get_recognizers(language=language, all_fields=True)
        return found
