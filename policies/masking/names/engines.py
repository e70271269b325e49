"""Which models read for names: the embedded one, and larger ones that the settings name, through Presidio's engines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.errors import MaskingUnavailable
from policies.masking.names.model import Found, NameModel, load_default
from policies.masking.presidio import anew
from policies.masking.rules import Entity

#: What Presidio's engines call our entities.
_ENTITIES: dict[str, Entity] = {
    "PERSON": "PERSON",
    "LOCATION": "LOCATION",
    "ORGANIZATION": "ORGANIZATION",
    "NRP": "NRP",
    "STREET_ADDRESS": "ADDRESS",
}
#: What GLiNER is asked for.
_GLINER_LABELS = {
    "person": "PERSON",
    "location": "LOCATION",
    "organization": "ORGANIZATION",
    "street address": "STREET_ADDRESS",
    "nationality": "NRP",
}


def open_name_models(names: Sequence[str]) -> list[NameModel]:
    """The models that a setting names: `embedded`, `spacy:NAME_OR_FOLDER`, `gliner:FOLDER`, `transformers:FOLDER`.

    Nothing is ever downloaded: a model must be installed or lie in a folder.

    Raises:
        MaskingUnavailable: it is not there, or what it needs is not installed. Texts are not masked without it.
    """
    return [_open(name) for name in names]


def _open(name: str) -> NameModel:
    kind, _, place = name.partition(":")
    if name == "embedded":
        return load_default()
    if kind == "spacy" and place:
        return _spacy(name, place)
    if kind in ("gliner", "transformers") and place:
        if not Path(place).is_dir():
            raise MaskingUnavailable(f"The name model {name} is not there: {place} must be a folder with the model.")
        return _gliner(name, place) if kind == "gliner" else _transformers(name, place)
    raise MaskingUnavailable(
        f"`{name}` names no name model; use embedded, spacy:NAME, gliner:FOLDER or transformers:FOLDER."
    )


def _spacy(name: str, place: str) -> NameModel:
    from presidio_analyzer.nlp_engine import NlpEngineProvider
    from presidio_analyzer.predefined_recognizers import SpacyRecognizer
    from spacy.util import is_package

    if not is_package(place) and not Path(place).is_dir():
        # Presidio would download it.
        raise MaskingUnavailable(f"The spaCy model {place} is not installed; install it, or name the folder it is in.")
    configuration = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": place}]}
    engine = NlpEngineProvider(nlp_configuration=configuration).create_engine()
    engine.load()
    return _Engine(name, SpacyRecognizer(supported_entities=list(_ENTITIES)), engine)


def _gliner(name: str, place: str) -> NameModel:
    with _Needs(name, "gliner"):
        recognizer = anew("gliner_recognizer").GLiNERRecognizer(
            entity_mapping=_GLINER_LABELS,
            model_name=place,
            map_location="cpu",
            load_onnx_model=(Path(place) / "model.onnx").is_file(),
        )
    return _Engine(name, recognizer)


def _transformers(name: str, place: str) -> NameModel:
    with _Needs(name, "transformers and torch"):
        recognizer = anew("huggingface_ner_recognizer").HuggingFaceNerRecognizer(model_name=place, device="cpu")
    return _Engine(name, recognizer)


class _Needs:
    """Says what to install when a recognizer lacks its library."""

    def __init__(self, name: str, libraries: str) -> None:
        self._message = f"The name model {name} needs {libraries} installed beside casemate."

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, ImportError):
            raise MaskingUnavailable(self._message) from None


class _Engine:
    """A Presidio recognizer as a name model; one text at a time, as Presidio does it."""

    def __init__(self, name: str, recognizer: Any, engine: Any = None) -> None:
        self.name = name
        self._recognizer = recognizer
        self._engine = engine

    def find(self, texts: Sequence[str]) -> list[list[Found]]:
        return [self._find(text) for text in texts]

    def _find(self, text: str) -> list[Found]:
        artifacts = self._engine.process_text(text, "en") if self._engine is not None else None
        results = self._recognizer.analyze(text, list(_ENTITIES), artifacts)
        return [
            Found(result.start, result.end, _ENTITIES[result.entity_type], result.score)
            for result in results
            if result.entity_type in _ENTITIES
        ]
