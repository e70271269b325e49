"""Watches tickets on their way and draws the board."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from cli.board import board, print_board
from cli.output import console, say
from core.canonical import JsonObject
from core.errors import CasemateError
from core.ticket import RESTING, TicketState

if TYPE_CHECKING:
    from core.store.engine import Store

#: Seconds between two looks at the store.
LOOK = 0.25


class StillAtWork(CasemateError):
    """Tickets that did not come to rest in time."""


def rows(store: Store) -> list[JsonObject]:
    """One row for each ticket, in order of arrival."""
    from workflows.report import action

    found = []
    with store.read() as tx:
        for ticket in reversed(tx.tickets.recent(limit=10_000)):
            effects = {effect.proposal_id: effect for effect in tx.effects.of(ticket.id)}
            actions = [action(proposal, effects.get(proposal.id)) for proposal in tx.proposals.of(ticket.id)]
            found.append(
                {
                    "id": ticket.id,
                    "external_id": ticket.external_id,
                    "kind": ticket.kind,
                    "framework": ticket.framework,
                    "state": ticket.state.value,
                    "verdict": ticket.verdict,
                    "confidence": ticket.confidence,
                    "severity": ticket.severity,
                    "evidence": len(tx.evidence.of(ticket.id)),
                    "actions": [{name: a[name] for name in ("tool", "decision", "rules", "state")} for a in actions],
                    "seconds": round((ticket.updated_at - ticket.created_at).total_seconds(), 3),
                }
            )
    return found


class Watch:
    """Follows all tickets of a store until they rest."""

    def __init__(self, store: Store, refused: list[JsonObject], *, quiet: bool) -> None:
        self._store = store
        self._refused = refused
        self._quiet = quiet
        self._seen: dict[str, str] = {}

    def until_at_rest(self, *, seconds: float, check: Callable[[], None]) -> None:
        """Return when no ticket has anything left to do without a person; draw the board on the way.

        Raises:
            StillAtWork: some ticket did not come to rest in time.
        """
        deadline = time.monotonic() + seconds
        if self._quiet:
            self._follow(deadline, check, draw=lambda _rows: None)
        elif sys.stdout.isatty():
            self._follow_live(deadline, check)
        else:
            self._follow(deadline, check, draw=self._print_moves)
            print_board(rows(self._store))
        if not self._quiet:
            for item in self._refused:
                say(f"Refused at the door: {item['name']}. {item['why']}")

    def _follow_live(self, deadline: float, check: Callable[[], None]) -> None:
        from rich.live import Live

        with Live(board([]), console=console(), refresh_per_second=4) as live:
            self._follow(deadline, check, draw=lambda found: live.update(board(found)))

    def _follow(self, deadline: float, check: Callable[[], None], *, draw: Callable[[list[JsonObject]], None]) -> None:
        while True:
            found = rows(self._store)
            draw(found)
            at_work = [row["external_id"] for row in found if TicketState(row["state"]) not in RESTING]
            if not at_work:
                return
            if time.monotonic() >= deadline:
                raise StillAtWork(f"{len(at_work)} tickets are still at work, first {at_work[0]}; see the logs.")
            check()
            time.sleep(LOOK)

    def _print_moves(self, found: list[JsonObject]) -> None:
        for row in found:
            if self._seen.get(row["id"]) != row["state"]:
                self._seen[row["id"]] = row["state"]
                say(f"{row['external_id']}: {row['state']} {row['verdict'] or ''}")
