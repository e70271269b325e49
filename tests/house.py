"""The whole house in one process: real store, masker, policy, sandbox, teams, lab; the playbook model over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.clock import FixedClock
from core.settings import FrameworkChoice, Settings
from core.ticket import RESTING, Ticket
from tests.tables import with_tables
from workers.wiring import open_services, open_store
from workflows import intake, journey
from workflows.services import Services


@dataclass
class House:
    """One casemate, driven by hand."""

    settings: Settings
    services: Services
    clock: FixedClock
    rung: list[str]
    record: Path

    def submit(self, ticket: dict[str, Any], *, framework: str = "autogen") -> str:
        """Hand a ticket in; gives its id."""
        receipt = intake.submit(
            self.services.store, ticket, actor="test", ring=self.rung.append, framework=FrameworkChoice(framework)
        )
        return receipt.ticket_id

    def work(self, ticket_id: str, *, steps: int = 30) -> Ticket:
        """Advance a ticket until it rests or waits."""
        for _ in range(steps):
            done = journey.advance(self.services, ticket_id)
            if not done.ring:
                break
        return self.ticket(ticket_id)

    def ticket(self, ticket_id: str) -> Ticket:
        with self.services.store.read() as tx:
            return tx.tickets.get(ticket_id)

    def triage(self, ticket: dict[str, Any], *, framework: str = "autogen") -> Ticket:
        """Hand a ticket in and work it to its rest."""
        done = self.work(self.submit(ticket, framework=framework))
        assert done.state in RESTING, (done.state, done.trouble)
        return done


def open_house(home: Path, model: tuple[str, Path], clock: FixedClock, **changes: Any) -> House:
    """A house in the folder `home`; `changes` are settings. Whoever opens it closes its services."""
    url, record = model
    settings = Settings(**{"home": home, "model_url": url, "lease_seconds": 3600, **changes})
    rung: list[str] = []
    file = home / "casemate.db"
    if settings.store_url == f"sqlite:///{file}" and not file.exists():
        with_tables(file)
    store = open_store(settings, clock=clock)
    services = open_services(settings, ring=rung.append, store=store)
    return House(settings=settings, services=services, clock=clock, rung=rung, record=record)
