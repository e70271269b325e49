"""Runs the examples of `masking.yaml`: what they say is hidden must be hidden, and what they say stays must stay."""

from __future__ import annotations

from collections.abc import Iterator

from core.errors import Problem
from core.vault import MemoryVault
from policies.compiled import Bundle
from policies.masking.masker import Masker
from policies.masking.rules import IdPattern, MaskingExample
from policies.trial import Trial


def run_masking_examples(bundle: Bundle) -> list[Problem]:
    """Every example that fails, at its line. Patterns and keys only: a name model's guess is no promise."""
    return [trial.place for trial in try_masking_examples(bundle) if trial.failed]


def try_masking_examples(bundle: Bundle) -> Iterator[Trial]:
    """Every example and every pattern of `masking.yaml`."""
    document = bundle.documents["masking.yaml"]
    masker = Masker(bundle)
    for number, example in enumerate(bundle.masking.examples):
        place = document.problem(("examples", number), _example_message(masker, example))
        yield Trial(kind="masking", name=f"example {number + 1}", place=place)
    for number, pattern in enumerate(bundle.masking.patterns):
        place = document.problem(("patterns", number), _pattern_message(masker, pattern))
        yield Trial(kind="masking", name=f"pattern {number + 1} ({pattern.entity})", place=place)


def _example_message(masker: Masker, example: MaskingExample) -> str:
    """How an example fails, or nothing."""
    masked = masker.session(MemoryVault()).mask_text(example.text)
    shown = [text for text in example.hides if text in masked]
    lost = [text for text in example.shows if text not in masked]
    if any(text not in example.text for text in (*example.hides, *example.shows)):
        return "this example speaks of something that does not stand in its text"
    if shown:
        return f"this example must hide `{shown[0]}`, but it is still readable"
    return f"this example must leave `{lost[0]}` readable, but it is masked" if lost else ""


def _pattern_message(masker: Masker, pattern: IdPattern) -> str:
    """What is wrong with the examples of a pattern, or nothing."""
    for text in pattern.examples:
        if not any(span.entity == pattern.entity for span in masker.detect(text)):
            return f"its example `{text}` holds no {pattern.entity} for this pattern"
    for text in pattern.not_examples:
        if any(span.entity == pattern.entity for span in masker.detect(text)):
            return f"`{text}` must not be taken for a {pattern.entity}, but it is"
    return ""
