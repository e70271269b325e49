"""How tickets were masked, and what fitness tests found, on both databases."""

from __future__ import annotations

from core.audit import AuditEvent
from core.clock import FixedClock
from core.masking import Masking
from core.store.engine import Store
from core.store.ticket_vault import TicketVault
from tests.samples import stored_ticket

LOCAL = Masking(profile="local", shown={"CARD": "partial", "indicators.urls": "keep"})
CLOUD = Masking(profile="cloud", shown={"CARD": "redact", "indicators.urls": "mask"})


def test_how_a_ticket_was_masked_is_kept_and_its_vault_knows(any_store: Store) -> None:
    ticket = stored_ticket(any_store)
    with any_store.read() as tx:
        assert tx.maskings.of(ticket.id) is None
    assert TicketVault(any_store, ticket.id).profile == "local"
    assert TicketVault(any_store, ticket.id, profile="cloud").profile == "cloud"
    for masking in (CLOUD, LOCAL, CLOUD):
        with any_store.begin() as tx:
            tx.maskings.keep(ticket.id, masking)
        with any_store.read() as tx:
            assert tx.maskings.of(ticket.id) == masking
        assert TicketVault(any_store, ticket.id).profile == masking.profile
    with any_store.begin() as tx:
        tx.maskings.keep(ticket.id, LOCAL, AuditEvent(action="ticket.masking_loosened", actor="w", ticket_id=ticket.id))
    with any_store.read() as tx:
        assert [event["action"] for event in tx.audit.of(ticket.id)][-1] == "ticket.masking_loosened"


def test_the_last_test_of_each_model_at_each_endpoint_is_kept(any_store: Store, clock: FixedClock) -> None:
    for url, model, fit in (("http://a", "m", False), ("http://a", "n", True), ("http://a", "m", True)):
        with any_store.begin() as tx:
            event = AuditEvent(action="model.probed", actor="user:x", data={"fit": fit})
            tx.probes.keep({"url": url, "model": model, "fit": fit}, event)
    with any_store.read() as tx:
        found = tx.probes.last()
        assert [event["data"]["fit"] for event in tx.audit.all() if event["action"] == "model.probed"] == [
            False,
            True,
            True,
        ]
    at = clock.now().isoformat(timespec="seconds")
    assert found == [
        {"url": "http://a", "model": "m", "fit": True, "at": at},
        {"url": "http://a", "model": "n", "fit": True, "at": at},
    ]
