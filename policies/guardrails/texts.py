"""The checks that look at text: each puts it right, or says what to leave out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from core.canonical import Json
from policies.guardrails.instructions import Steers, without_instructions
from policies.guardrails.links import inert
from policies.guardrails.rules import Action, CheckName, Guardrails
from policies.guardrails.sentences import sentences
from policies.guardrails.triggered import Triggered

#: What stands for a text of which nothing is left.
NOTHING_LEFT = "(nothing readable)"


class Masks(Protocol):
    """The masking of one ticket; `policies.masking.session.MaskSession` is the real one."""

    def mask_json(self, value: Json, *, by_model: bool = False) -> Json:
        """The value with every original replaced by its token, and every secret taken out."""
        ...


@dataclass(kw_only=True)
class TextChecks:
    """Runs the checks over texts and remembers what they found."""

    rules: Guardrails
    session: Masks
    steers: Steers
    triggered: list[Triggered] = field(default_factory=list)

    def all_of(self, texts: Sequence[str], *, where: str, longest: int) -> list[str | None]:
        """The texts as they may be shown; None for one that is to be left out."""
        shown: list[str | None] = list(texts)
        for check, put_right in self._checks(longest):
            action = self.rules.checks.action(check)
            kept = [(number, text) for number, text in enumerate(shown) if text is not None]
            found = 0
            for (number, text), mended in zip(kept, put_right([text for _, text in kept]), strict=True):
                if mended != text:
                    found += 1
                    shown[number] = None if action == "drop" else mended
            self.note(check, where=where, count=found)
        return [None if text is None else text.strip() or NOTHING_LEFT for text in shown]

    def one(self, text: str, *, where: str, longest: int) -> str:
        """The same for a text that cannot be left out: what is dropped of it are sentences."""
        for check, put_right in self._checks(longest):
            [mended] = put_right([text])
            if mended == text:
                continue
            count = 1
            if self.rules.checks.action(check) == "drop":
                parts = [sentence + gap for sentence, gap in sentences(text)]
                sound = [part for part, right in zip(parts, put_right(parts), strict=True) if part == right]
                count = len(parts) - len(sound) or 1
                [mended] = put_right(["".join(sound)])  # what only several sentences together amount to
            self.note(check, where=where, count=count)
            text = mended
        return text.strip() or NOTHING_LEFT

    def note(self, check: CheckName, *, where: str, count: int) -> None:
        """Remember that a check found something."""
        if count:
            action: Action = self.rules.checks.action(check)
            self.triggered.append(Triggered(check=check, action=action, where=where, count=count))

    def _checks(self, longest: int) -> Iterator[tuple[CheckName, Callable[[list[str]], list[str]]]]:
        yield "originals", self._masked
        yield "instructions", lambda texts: [without_instructions(text, self.steers) for text in texts]
        yield "links", lambda texts: [inert(text) for text in texts]
        yield "length", lambda texts: [shortened(text, longest) for text in texts]

    def _masked(self, texts: list[str]) -> list[str]:
        masked: list[str] = self.session.mask_json(texts, by_model=True)
        return masked


def shortened(text: str, longest: int) -> str:
    """The text within a number of characters, cut between words where that costs little."""
    if len(text) <= longest:
        return text
    cut = text[: longest - 1]
    word = cut.rfind(" ")
    return (cut[:word] if word > longest - 40 else cut).rstrip() + "…"
