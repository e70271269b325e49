"""What every connector to a target system offers: send once, look, and undo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from core.canonical import JsonObject

#: Is the wanted state there? `unknown` when the target cannot be asked.
Seen = Literal["yes", "no", "unknown"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """What the target answered. Accepted is not done: only a probe says that."""

    accepted: bool
    detail: JsonObject = field(default_factory=dict)
    #: It left, and no answer came that says what became of it: it may have been carried out.
    lost: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """What the target shows when it is looked at independently of what it answered."""

    state: Seen
    detail: JsonObject = field(default_factory=dict)
    #: There is no way to look: what the target answered is all that will ever be known.
    blind: bool = False


#: Puts a prepared action on its way.
Send: TypeAlias = Callable[[], Sent]


class Connector(Protocol):
    """Carries actions to one target system. Arguments are real values; keys make repeats harmless."""

    @property
    def name(self) -> str: ...

    def execute(self, tool: str, args: JsonObject, key: str) -> Sent:
        """Do it. The same key again changes nothing and gives the same answer.

        Raises:
            ToolRefused: this can never be carried out; nothing was sent.
            TargetUnavailable: not now; nothing was sent, or the target said that it did nothing.
        """
        ...

    def probe(self, tool: str, args: JsonObject, key: str = "") -> Probe:
        """Look whether the state the action wants is there; with its key, whether this very request brought it."""
        ...

    def undo(self, tool: str, args: JsonObject, key: str) -> Sent:
        """Take it back. The same key again changes nothing. Raises as `execute` does."""
        ...


@runtime_checkable
class Preparing(Protocol):
    """A connector that has something to do before it acts: look an id up, fetch a token, wait its turn."""

    def prepare(self, tool: str, args: JsonObject, key: str) -> Send:
        """Everything up to the request that acts, and what sends that one. Raises as `execute` does."""
        ...

    def repeatable(self, tool: str) -> bool:
        """Whether the same request again is harmless, so that it may be sent again after a crash."""
        ...


@runtime_checkable
class Versioned(Protocol):
    """A connector whose way of carrying out a tool can change, and is part of what people approve."""

    def version(self, tool: str) -> str:
        """Digest of how it carries this tool out."""
        ...


def prepared(connector: Connector, tool: str, args: JsonObject, key: str) -> Send:
    """What sends an action, once everything before that is done. Raises as `Connector.execute` does."""
    if isinstance(connector, Preparing):
        return connector.prepare(tool, args, key)
    return lambda: connector.execute(tool, args, key)


def repeatable(connector: Connector, tool: str) -> bool:
    """Whether an action whose fate is not known may be sent again with its key."""
    return connector.repeatable(tool) if isinstance(connector, Preparing) else True


def carrier(connector: Connector, tool: str) -> str:
    """What an approval is bound to: who carries a tool out, and how. Empty for one that cannot change."""
    return f"{connector.name} {connector.version(tool)}" if isinstance(connector, Versioned) else ""
