"""Makes the masker that processes use: patterns, the organization's own names, and the name models of the settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from policies.compiled import Bundle
from policies.masking.masker import Masker

if TYPE_CHECKING:
    from policies.masking.names.model import NameModel

#: What reads for names where nothing else is said.
DEFAULT_NAMES = ("embedded",)


def open_masker(bundle: Bundle, names: Sequence[str] = DEFAULT_NAMES) -> Masker:
    """A masker with the name models that `names` lists (see `names.engines`).

    Raises:
        MaskingUnavailable: a model is not there. Nothing is masked without it, so nothing is shown to anybody.
    """
    from policies.masking.names.engines import open_name_models

    return masker_with(bundle, open_name_models(names))


def masker_with(bundle: Bundle, models: Sequence[NameModel]) -> Masker:
    """A masker with name models that are open already: they know nothing of any bundle, so several share them."""
    from policies.masking.names.reader import NameReader
    from policies.masking.words import never_words

    return Masker(bundle, NameReader(models, never_words(bundle.organization, bundle.masking.never_names)))
