"""`/metrics` for Prometheus: numbers and hashes from the store, nothing about anybody."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from core.ticket import TicketState
from gateway.identity import Open
from gateway.parts import Parts, parts
from workflows import candidates

#: Numbers about nobody, for a scraper that carries no key.
ANYBODY = [Depends(Open("numbers about nobody"))]

router = APIRouter(tags=["health"])


class _FromStore(Collector):
    """Reads at every scrape, so that any gateway tells of the whole installation."""

    def __init__(self, our: Parts) -> None:
        self._our = our

    def collect(self) -> Iterable[Metric]:
        our = self._our
        own = len(candidates.trouble(our.live, our.store))
        with our.store.read() as tx:
            live = tx.bundles.live()
            processes = candidates.processes(tx, our.store)
            changes = len(tx.bundles.changes.waiting())
            waiting = len(tx.proposals.waiting())
            counts = tx.tickets.counts()
        troubled = sum(bool(process["trouble"]) or not process["live"] for process in processes)
        if live is not None:
            yield InfoMetricFamily("casemate_policy_live", "The live policy bundle.", {"hash": live.bundle_hash})
            yield GaugeMetricFamily(
                "casemate_policy_last_activation_timestamp",
                "When the live bundle went live, in Unix seconds.",
                value=live.created_at.timestamp(),
            )
        yield GaugeMetricFamily(
            "casemate_policy_trouble",
            "Things wrong with the policy: of this gateway, and processes in trouble or on another bundle.",
            value=own + troubled,
        )
        yield GaugeMetricFamily(
            "casemate_policy_changes_waiting", "Policy changes that wait for people.", value=changes
        )
        yield GaugeMetricFamily("casemate_pending_approvals", "Actions that wait for people.", value=waiting)
        tickets = GaugeMetricFamily("casemate_tickets", "Tickets by state.", labels=["state"])
        for state in TicketState:  # also those of which there are none, so that a rise from nothing is seen
            tickets.add_metric([state.value], counts.get(state.value, 0))
        yield tickets


@router.get(
    "/metrics",
    response_class=Response,
    dependencies=ANYBODY,
    responses={503: {"description": "The database does not answer"}},
)
def metrics(our: Annotated[Parts, Depends(parts)]) -> Response:
    """Prometheus text. No ticket, no name and no address is in it."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_FromStore(our))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
