"""The two sides of every comparison: casemate's masker, and Presidio as it installs or with our name model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from benchmarks._masking_score import Hit
from core.vault import MemoryVault
from policies.bundle import Bundle, default_bundle_path, load_bundle
from policies.masking.detector import Detector
from policies.masking.masker import Masker
from policies.masking.rules import Indicators
from policies.masking.spans import Span

if TYPE_CHECKING:
    from policies.masking.names.model import NameModel
    from policies.masking.session import MaskSession


class Side(Protocol):
    """Something that hides personal data."""

    name: str

    def hits(self, text: str) -> list[Hit]:
        """What is gone from a text."""


def default_bundle() -> Bundle:
    """The bundle that ships."""
    return load_bundle(default_bundle_path())


def personal_bundle() -> Bundle:
    """The same, but indicators count as personal too: what a privacy team would write for texts without attackers."""
    bundle = default_bundle()
    everything = Indicators(addresses="mask", mail_domains="mask", urls="mask")
    return replace(bundle, masking=bundle.masking.model_copy(update={"indicators": everything}))


def name_model() -> NameModel | None:
    """The embedded name model; None where there is none."""
    try:
        from policies.masking.names.model import load_default

        return load_default()
    except (ImportError, OSError):
        return None


def forget_names(model: NameModel | None) -> None:
    """Empty the model's memory of texts it has read: a text that comes round again would cost nothing."""
    remembered = getattr(model, "_known", None)
    if remembered is not None:
        remembered.clear()


def warm(masker: Masker) -> Masker:
    """A masker that has loaded everything."""
    masker.warm_up()
    return masker


def pattern_reader(masker: Masker) -> Callable[[str], list[Span]]:
    """What reads a text with patterns alone, as the masker does, without the name model."""
    return Detector(masker.organization, masker.own, masker.rules).find


class Casemate:
    """Our masker; every text is a ticket of its own."""

    def __init__(self, name: str, masker: Masker) -> None:
        self.name = name
        self.masker = masker

    def session(self) -> MaskSession:
        return self.masker.session(MemoryVault())

    def hits(self, text: str) -> list[Hit]:
        masked, spans = self.session().mask_with_spans(text)
        return hits_of(text, masked, spans)

    def mask(self, text: str) -> str:
        return self.session().mask_text(text)


def hits_of(text: str, masked: str, spans: list[Span]) -> list[Hit]:
    """What the masked text no longer shows, read from the masked text itself.

    A domain that is kept beside the token of a mailbox is still there, so it is not gone. A card's last four digits
    are part of what replaced it.

    Raises:
        ValueError: the masked text is not the text with its spans replaced.
    """
    from cli.mask_parts import Part
    from cli.mask_show import MaskedPart, changes_of

    changes = changes_of(MaskedPart(Part("", text), masked, spans))
    if changes is None:
        raise ValueError("The masked text and its spans do not line up.")
    found = []
    for span, change in zip(spans, changes, strict=True):
        original = text[change.start : change.end]
        kept = change.shown.partition(span.token or "")[2].strip('"\u2060 ')
        size = len(kept) if kept and not kept.startswith("-") and original.endswith(kept) else 0
        found.append(Hit(change.start, change.end - size, span.entity, span.recognizer))
    return found
