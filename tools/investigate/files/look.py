"""What looking at one file came to; every reader adds to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: Characters of text kept to search for indicators.
MAX_TEXT = 1_000_000


@dataclass(kw_only=True, slots=True)
class Look:
    """Facts by name, and sentences in three kinds."""

    facts: dict[str, Any] = field(default_factory=dict)
    #: Reasons to be careful.
    signs: list[str] = field(default_factory=list)
    #: Worth knowing, and no reason by itself.
    notes: list[str] = field(default_factory=list)
    #: What could not be looked into, and why.
    unread: list[str] = field(default_factory=list)
    #: Parts of the detail by name.
    shown: dict[str, Any] = field(default_factory=dict)
    _texts: list[str] = field(default_factory=list)
    _room: int = MAX_TEXT

    def sign(self, sentence: str, **facts: Any) -> None:
        """A reason to be careful, once."""
        if sentence not in self.signs:
            self.signs.append(sentence)
        self.facts.update(facts)

    def note(self, sentence: str, **facts: Any) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)
        self.facts.update(facts)

    def text(self, text: str) -> None:
        """Text of the file in which indicators are searched."""
        self._texts.append(text[: max(0, self._room)])
        self._room -= len(text)

    @property
    def texts(self) -> str:
        return "\n".join(self._texts)
