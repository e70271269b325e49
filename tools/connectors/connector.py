"""What every connector to a target system offers: send once, look, and undo."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from core.canonical import JsonObject

#: Is the wanted state there? `unknown` when the target cannot be asked.
Seen = Literal["yes", "no", "unknown"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """What the target answered. Accepted is not done: only a probe says that."""

    accepted: bool
    detail: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """What the target shows when it is looked at independently of what it answered."""

    state: Seen
    detail: JsonObject = field(default_factory=dict)


class Connector(Protocol):
    """Carries actions to one target system. Arguments are real values; keys make repeats harmless."""

    @property
    def name(self) -> str: ...

    def execute(self, tool: str, args: JsonObject, key: str) -> Sent:
        """Do it. The same key again changes nothing and gives the same answer."""
        ...

    def probe(self, tool: str, args: JsonObject, key: str = "") -> Probe:
        """Look whether the state the action wants is there; with its key, whether this very request brought it."""
        ...

    def undo(self, tool: str, args: JsonObject, key: str) -> Sent:
        """Take it back. The same key again changes nothing."""
        ...
