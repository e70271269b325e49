"""What can be wrong with a model or a request to it, each a sentence for a person."""

from __future__ import annotations

from core.errors import CasemateError


class ModelNotUsable(CasemateError):
    """The model cannot be served as asked; the sentence says what to change."""


class EngineFailed(CasemateError):
    """The engine could not finish this request; asking again may work."""


class DoesNotFit(CasemateError):
    """Prompt and answer together are longer than the model or its cache holds."""
