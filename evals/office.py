"""Whole journeys in this process: the shipped policy, the real sandbox, the playbook model on a port of its own.

Each ticket gets a database of its own, so that no verdict depends on what was worked before it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from cli.up import free_port, local_model
from core.canonical import JsonObject
from core.clock import SystemClock
from core.settings import FrameworkChoice, Settings
from core.store.assessments import Run
from core.store.engine import Store
from core.ticket import Ticket, TicketState
from evals.example import Example
from workers.inline import inline_services, run_to_rest
from workers.wiring import open_store
from workflows import intake
from workflows.leases import LeaseKeeper
from workflows.services import Services

#: How a ticket ended: with a verdict, in a person's hands without one, in the dead letter, or not at all.
End = Literal["finished", "escalated", "crashed", "stuck"]
#: Seconds until a ticket counts as stuck; the slowest real one takes a tenth.
PATIENCE = 300.0
#: What every sentence about a blocked request begins with.
BLOCKED = "A request to the model was stopped"

_ENDS: dict[TicketState, End] = {
    TicketState.CLOSED: "finished",
    TicketState.AWAITING_APPROVAL: "finished",
    TicketState.ESCALATED: "escalated",
    TicketState.FAILED: "crashed",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Worked:
    """What became of one example."""

    example: Example
    framework: str
    kind: str
    end: End
    verdict: str | None
    techniques: tuple[str, ...]
    summary: str
    #: Why the team's answer is less than it should be.
    note: str | None
    #: Why it stands still.
    trouble: str | None
    requests: int
    seconds: float
    #: What the team said, called and was told, in order: `agent`, `role`, `content`; masked.
    turns: tuple[JsonObject, ...] = ()

    @property
    def blocked(self) -> bool:
        """Whether the egress guard had to stop a request."""
        return (self.trouble or "").startswith(BLOCKED)


class Office:
    """Works examples, several at once."""

    def __init__(self, services: Services, folder: Path, *, at_once: int) -> None:
        self._services = services
        self._folder = folder
        self._at_once = at_once

    def work(self, examples: Sequence[Example], framework: str) -> Iterator[Worked]:
        """Every example on one framework, in the order they are given."""
        with ThreadPoolExecutor(self._at_once, thread_name_prefix="eval") as pool:
            yield from pool.map(lambda pair: self._one(pair[1], framework, pair[0]), enumerate(examples))

    def _one(self, example: Example, framework: str, number: int) -> Worked:
        with self._fresh(f"{framework}-{number}") as services:
            started = time.monotonic()
            try:
                ticket, run, turns = _journey(services, example, framework)
            except Exception as error:  # noqa: BLE001 - what is counted here
                return _broken(example, framework, error, seconds=time.monotonic() - started)
        return _worked(example, ticket, run, turns, seconds=time.monotonic() - started)

    @contextmanager
    def _fresh(self, name: str) -> Iterator[Services]:
        """The same services on an empty database."""
        path = self._folder / f"{name}.db"
        shutil.copyfile(self._folder / "empty.db", path)
        store = Store.open(f"sqlite:///{path}", clock=SystemClock(), keyring=self._services.store.keyring)
        keeper = LeaseKeeper(store, seconds=self._services.settings.lease_seconds)
        try:
            yield replace(self._services, store=store, keeper=keeper)
        finally:
            keeper.close()
            store.close()
            for left in self._folder.glob(f"{name}.db*"):
                left.unlink()


@contextmanager
def opened(folder: Path, *, at_once: int = 4, **changes: Any) -> Iterator[Office]:
    """An office in an empty folder. `changes` go to its settings; the playbook is served for the life of the block,
    another model is for the caller to serve.
    """
    url = f"http://127.0.0.1:{free_port()}/v1"
    settings = Settings(**{"home": folder / "home", "model_url": url, "lab_path": folder / "lab.db", **changes})
    empty = settings.model_copy(update={"database_url": f"sqlite:///{folder / 'empty.db'}"})
    open_store(empty).close()
    store = open_store(settings)
    services = inline_services(settings, store)
    try:
        services.masker()
        services.sandbox()
        with local_model(settings):
            yield Office(services, folder, at_once=at_once)
    finally:
        services.close()


def _journey(services: Services, example: Example, framework: str) -> tuple[Ticket, Run | None, tuple[JsonObject, ...]]:
    """From intake to rest."""
    receipt = intake.submit(
        services.store,
        example.ticket,
        actor="evaluation",
        ring=lambda _ticket_id: None,
        framework=FrameworkChoice(framework),
    )
    run_to_rest(services, receipt.ticket_id, seconds=PATIENCE)
    with services.store.read() as tx:
        run = tx.assessments.latest(receipt.ticket_id)
        turns = tuple(tx.assessments.turns(run.id)) if run else ()
        return tx.tickets.get(receipt.ticket_id), run, turns


def _broken(example: Example, framework: str, error: Exception, *, seconds: float) -> Worked:
    return Worked(
        example=example,
        framework=framework,
        kind="",
        end="crashed",
        verdict=None,
        techniques=(),
        summary="",
        note=None,
        trouble=f"{type(error).__name__} out of the journey.",
        requests=0,
        seconds=seconds,
    )


def _worked(
    example: Example, ticket: Ticket, run: Run | None, turns: tuple[JsonObject, ...], *, seconds: float
) -> Worked:
    return Worked(
        example=example,
        framework=ticket.framework,
        kind=ticket.kind,
        end=_ENDS.get(ticket.state, "stuck"),
        verdict=ticket.verdict,
        techniques=tuple(run.assessment.techniques) if run else (),
        summary=run.assessment.summary if run else "",
        note=run.note if run else None,
        trouble=ticket.trouble,
        requests=run.model_requests if run else 0,
        seconds=seconds,
        turns=turns,
    )
