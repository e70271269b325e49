"""Runs the examples of `masking.yaml`: what they say is hidden must be hidden, and what they say stays must stay."""

from __future__ import annotations

from core.errors import Problem
from core.vault import MemoryVault
from policies.compiled import Bundle
from policies.masking.masker import Masker
from policies.masking.rules import IdPattern


def run_masking_examples(bundle: Bundle) -> list[Problem]:
    """Every example that fails, at its line. Patterns and keys only: a name model's guess is no promise."""
    document = bundle.documents["masking.yaml"]
    masker = Masker(bundle)
    problems: list[Problem] = []
    for number, example in enumerate(bundle.masking.examples):
        masked = masker.session(MemoryVault()).mask_text(example.text)
        shown = [text for text in example.hides if text in masked]
        lost = [text for text in example.shows if text not in masked]
        unknown = [text for text in (*example.hides, *example.shows) if text not in example.text]
        if unknown:
            message = "this example speaks of something that does not stand in its text"
        elif shown:
            message = f"this example must hide `{shown[0]}`, but it is still readable"
        elif lost:
            message = f"this example must leave `{lost[0]}` readable, but it is masked"
        else:
            continue
        problems.append(document.problem(("examples", number), message))
    for number, pattern in enumerate(bundle.masking.patterns):
        message = _pattern_message(masker, pattern)
        if message:
            problems.append(document.problem(("patterns", number), message))
    return problems


def _pattern_message(masker: Masker, pattern: IdPattern) -> str:
    """What is wrong with the examples of a pattern, or nothing."""
    for text in pattern.examples:
        if not any(span.entity == pattern.entity for span in masker.detect(text)):
            return f"its example `{text}` holds no {pattern.entity} for this pattern"
    for text in pattern.not_examples:
        if any(span.entity == pattern.entity for span in masker.detect(text)):
            return f"`{text}` must not be taken for a {pattern.entity}, but it is"
    return ""
