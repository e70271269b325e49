"""Whose requests may run, when only one adapter is active at a time."""

from __future__ import annotations

from collections import deque

from serving.asking import Request


class Turns:
    """Whose requests may run: those of one adapter at a time, the oldest waiting request deciding which is next.

    A request joins the running ones if its adapter is active and nobody waits. Else it waits. When the last running
    request ended, the oldest waiting one's adapter has its turn, with all requests that wait for it; later ones wait
    for the next turn. So every adapter gets its turn, however busy another one is.
    """

    def __init__(self) -> None:
        self.active: str | None = None
        self._running: dict[str, Request] = {}
        self._waiting: deque[Request] = deque()
        self._held = False

    @property
    def due(self) -> bool:
        """Whether another adapter should become active now."""
        return not self._held and not self._running and bool(self._waiting)

    @property
    def counts(self) -> tuple[int, int]:
        """Requests that run and that wait."""
        return len(self._running), len(self._waiting)

    def arrive(self, request: Request) -> list[Request]:
        """A new request; returns those that shall run now."""
        self._waiting.append(request)
        return self._next()

    def leave(self, request: Request) -> list[Request]:
        """A request that ended or went away; returns those that shall run now."""
        if self._running.pop(request.id, None) is None and request in self._waiting:
            self._waiting.remove(request)
        return self._next()

    def hold(self) -> list[Request]:
        """Let nobody start until `begin`; returns the requests that run, the oldest first."""
        self._held = True
        return list(self._running.values())

    def fall(self, request: Request) -> None:
        """A running request that must start again: it waits, before all that never ran."""
        del self._running[request.id]
        self._waiting.appendleft(request)

    def begin(self) -> list[Request]:
        """The turn of the oldest waiting request's adapter; returns all that wait for it."""
        self._held = False
        if self._waiting and not self._running:
            self.active = self._waiting[0].adapter
        return self._take([request for request in self._waiting if request.adapter == self.active])

    @property
    def upcoming(self) -> str | None:
        """The adapter whose turn `begin` starts."""
        return self._waiting[0].adapter if self._waiting else self.active

    def _next(self) -> list[Request]:
        if self._held:
            return []
        first: list[Request] = []
        for request in self._waiting:
            if request.adapter != self.active:
                break
            first.append(request)
        return self._take(first)

    def _take(self, chosen: list[Request]) -> list[Request]:
        for request in chosen:
            self._waiting.remove(request)
            self._running[request.id] = request
        return chosen
