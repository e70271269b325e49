"""Every page of the console, found by its routes, so that a new one is looked at by every test of all pages."""

from __future__ import annotations

from fastapi.routing import APIRoute

from gateway.console.routes import ROUTERS
from tests.console.site import Site

#: Paths that are no pages: they redirect, stream, or answer files and data.
NO_PAGES = frozenset({"/", "/live", "/static/{name}", "/cases/{ticket_id}/case.json"})


def whole(site: Site, person: str) -> list[str]:
    """Those of `paths` that are whole pages, not pieces of one, for this person."""
    with site.client(person) as client:
        return [path for path in paths(site) if "<!doctype html>" in client.get(path).text[:100].lower()]


def paths(site: Site) -> list[str]:
    """The path of every page that somebody who has signed in can open, with what stands in the demo."""
    with site.store.read() as tx:
        waiting = tx.proposals.waiting()
        live = tx.bundles.live()
        ticket = next(ticket for ticket in tx.tickets.recent() if ticket.id == waiting[0].ticket_id)
        changes = tx.bundles.changes.recent(limit=1)
        decisions = tx.decisions.search(limit=1)
    values = {
        "ticket_id": ticket.id,
        "proposal_id": waiting[0].id,
        "bundle_hash": live.bundle_hash if live else "",
        "change_id": changes[0].id if changes else "",
        "name": "isolate_host",
        "chart": "volume",
        "evidence_id": "E1",
        "number": "1",
        "decision_id": decisions[0].id if decisions else "",
    }
    found = []
    for route in (route for router in ROUTERS for route in router.routes):
        if not isinstance(route, APIRoute) or "GET" not in (route.methods or ()) or route.path in NO_PAGES:
            continue
        if all(values.get(name) for name in route.param_convertors):
            found.append(route.path.format(**values))
    return sorted(found)
