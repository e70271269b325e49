"""The tasks. Each is a plain call into `workflows/`; what they return holds ids and sentences, never ticket text."""

from __future__ import annotations

import threading
from typing import Any

from celery import Celery, Task
from celery.exceptions import Reject

from core.errors import InvalidTicket, Temporary
from core.log import logger
from core.log_filter import place
from core.ticket import named
from workers.app import ADVANCE, SUBMIT, SWEEP
from workflows import intake, journey, sweep
from workflows.services import Services

log = logger(__name__)

#: Seconds a hand-in waits before it goes back to the queue while the database is away.
BACK_OFF_SECONDS = 2.0


class IntakeBroke(Exception):
    """What a client that waits for a receipt is told of a bug; a traceback in the result backend could say more."""


def register(app: Celery, services: Services) -> None:
    """Give `app` its tasks, bound to this process's services."""
    paused = threading.Event()

    @app.task(name=SUBMIT, shared=False, bind=True, acks_late=True, ignore_result=False)  # type: ignore[untyped-decorator]
    def submit_ticket(task: Task, ticket: Any = None, **unknown: Any) -> dict[str, Any]:
        """Take one ticket in; the answer is the receipt, or `{"error": {"field", "reason"}}`."""
        if unknown:
            return _problem(InvalidTicket(named(min(unknown)), "is not a parameter; send only `ticket`"))
        try:
            receipt = intake.submit(
                services.store, ticket, actor="celery", ring=services.ring, framework=services.settings.framework
            )
        except InvalidTicket as error:
            log.warning("ticket_refused", field=error.field, door="celery")
            return _problem(error)
        except Temporary as error:
            log.error("intake_waits", trouble=str(error))
            paused.wait(BACK_OFF_SECONDS)
            raise Reject(str(error), requeue=True) from None
        except Exception as error:  # noqa: BLE001 - the outermost handler: its text may quote the ticket
            log.error("intake_broke", error=type(error).__name__, at=place(error))
            raise IntakeBroke(type(error).__name__) from None
        return receipt.as_json()

    @app.task(name=ADVANCE, shared=False)  # type: ignore[untyped-decorator]
    def advance(ticket_id: str) -> None:
        """Run the next step of a ticket; ring again when another can follow at once."""
        try:
            done = journey.advance(services, str(ticket_id))
        except Temporary as error:
            log.error("step_waits", trouble=str(error))
            return
        if done.ring:
            services.ring(str(ticket_id))

    @app.task(name=SWEEP, shared=False)  # type: ignore[untyped-decorator]
    def run_sweep() -> None:
        """Ring for every idle ticket, expire, revert, reconcile, deliver."""
        try:
            sweep.run(services)
        except Temporary as error:
            log.error("sweep_waits", trouble=str(error))


def _problem(error: InvalidTicket) -> dict[str, Any]:
    return {"error": {"field": error.field, "reason": error.reason, "detail": str(error)}}


def ringer(app: Celery) -> Any:
    """A function that rings for a ticket. A lost ring is heard again at the next sweep, so it never raises."""

    def ring(ticket_id: str) -> None:
        try:
            app.send_task(ADVANCE, args=[ticket_id], argsrepr=f"({ticket_id!r},)", kwargsrepr="{}", retry=False)
        except Exception as error:  # noqa: BLE001 - any broker trouble: the sweep rings again
            log.warning("bell_silent", ticket_id=ticket_id, error=type(error).__name__)

    return ring
