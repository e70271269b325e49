"""Presidio by itself: its predefined recognizers on an empty spaCy pipeline, as it works without a download."""

from __future__ import annotations

import logging
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import spacy
import tldextract.tldextract
from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts, SpacyNlpEngine

from benchmarks._masking_score import Hit

if TYPE_CHECKING:
    from policies.masking.names.model import NameModel

#: Characters of a piece that the name model reads at once; the same as on our side.
PIECE = 2_000

_PIECES = re.compile(rf"(?s).{{1,{PIECE}}}(?=\s|\Z)|.{{1,{PIECE}}}")


class NameRecognizer(EntityRecognizer):
    """Our name model as a recognizer of Presidio: it reads the whole text, in pieces the model can take."""

    def __init__(self, model: NameModel) -> None:
        self._model = model
        super().__init__(["PERSON", "ADDRESS", "LOCATION", "ORGANIZATION", "NRP"], name="casemate name model")

    def load(self) -> None:
        """The model is loaded already."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts) -> list[RecognizerResult]:
        pieces = [(match.start(), match.group()) for match in _PIECES.finditer(text)]
        found = self._model.find([piece for _, piece in pieces])
        return [
            RecognizerResult(one.entity, begin + one.start, begin + one.end, one.score)
            for (begin, _), ones in zip(pieces, found, strict=True)
            for one in ones
        ]


class Presidio:
    """An analyzer; everything it reports counts as gone, whatever its score."""

    def __init__(self, name: str, model: NameModel | None = None) -> None:
        self.name = name
        self._engine = make_engine(model)

    def hits(self, text: str) -> list[Hit]:
        results: list[Any] = self._engine.analyze(text, language="en")
        return [Hit(one.start, one.end, one.entity_type) for one in results]


def make_engine(model: NameModel | None) -> AnalyzerEngine:
    """The analyzer with all it loads by default, and a name model if there is one."""
    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    # It would fetch the list of public suffixes; the one in the package is as good.
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
    with tempfile.TemporaryDirectory(prefix="casemate-spacy-") as folder:
        path = Path(folder) / "blank"
        spacy.blank("en").to_disk(path)
        nlp = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": str(path)}])
        nlp.load()
    engine = AnalyzerEngine(nlp_engine=nlp, supported_languages=["en"])
    if model is not None:
        engine.registry.add_recognizer(NameRecognizer(model))
    return engine
