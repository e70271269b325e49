"""What of a server's messages reaches the client library: answers to our own requests, and nothing else.

Requests of the server (to sample a model, to ask the user, to list folders) are answered with an error here;
notifications are dropped. So no word of a server ever starts anything in this process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mcp import types

#: Bytes of everything one server says in one session.
MAX_SESSION = 4 * 1024 * 1024


class Flooded(Exception):
    """A server said more than `MAX_SESSION` bytes."""


@dataclass(slots=True)
class Meter:
    """Counts what a server says; beyond the cap it is cut off."""

    left: int = MAX_SESSION
    flooded: bool = False
    #: Called once it is too much: closes what a client waits on.
    at_flood: Callable[[], None] | None = None

    def take(self, size: int) -> None:
        """Raises:
        Flooded: that is too much.
        """
        self.left -= size
        if self.left < 0:
            self.flooded = True
            if self.at_flood is not None:
                self.at_flood()
            raise Flooded


def parsed(line: bytes) -> types.JSONRPCMessage | None:
    """One message; None for a line that is none, such as a greeting that a program prints."""
    try:
        return types.JSONRPCMessage.model_validate_json(line)
    except ValueError:
        return None


def sorted_out(message: types.JSONRPCMessage) -> tuple[types.JSONRPCMessage | None, types.JSONRPCMessage | None]:
    """What is handed on to the client library, and what is answered at once."""
    root = message.root
    if isinstance(root, types.JSONRPCRequest):
        if root.method == "ping":
            return None, types.JSONRPCMessage(types.JSONRPCResponse(jsonrpc="2.0", id=root.id, result={}))
        error = types.ErrorData(code=types.METHOD_NOT_FOUND, message="This client offers nothing to servers.")
        return None, types.JSONRPCMessage(types.JSONRPCError(jsonrpc="2.0", id=root.id, error=error))
    if isinstance(root, types.JSONRPCNotification):
        return None, None
    # Ours are numbers; the library would put any other into a log line.
    return (message, None) if str(root.id).isdigit() else (None, None)
