"""Presidio and spaCy, imported without torch: they look for it only to choose a device, and a worker would carry it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module, reload
from typing import Any

__all__ = ["Doc", "EntityRecognizer", "NlpArtifacts", "RecognizerRegistry", "RecognizerResult", "Vocab", "anew"]

#: What is not there for them, unless somebody had loaded it before.
_HEAVY = ("torch", "transformers")


@contextmanager
def _without_torch() -> Iterator[None]:
    hidden = [name for name in _HEAVY if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's way to say that a module is not there
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


with _without_torch():
    from presidio_analyzer import EntityRecognizer, RecognizerRegistry, RecognizerResult
    from presidio_analyzer.nlp_engine import NlpArtifacts
    from spacy.tokens import Doc
    from spacy.vocab import Vocab


def anew(module: str) -> Any:
    """A module of Presidio's, imported once more with all that is installed: for a name model that needs torch."""
    return reload(import_module(f"presidio_analyzer.predefined_recognizers.ner.{module}"))
