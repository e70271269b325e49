"""Makes the masker that processes use: patterns, the organization's own names, and the name models of the settings."""

from __future__ import annotations

from collections.abc import Sequence

from policies.compiled import Bundle
from policies.masking.masker import Masker

#: What reads for names where nothing else is said.
DEFAULT_NAMES = ("embedded",)


def open_masker(bundle: Bundle, names: Sequence[str] = DEFAULT_NAMES) -> Masker:
    """A masker with the name models that `names` lists (see `names.engines`).

    Raises:
        MaskingUnavailable: a model is not there. Nothing is masked without it, so nothing is shown to anybody.
    """
    from policies.masking.names.engines import open_name_models
    from policies.masking.names.reader import NameReader
    from policies.masking.words import never_words

    models = open_name_models(names)
    return Masker(bundle, NameReader(models, never_words(bundle.organization, bundle.masking.never_names)))
