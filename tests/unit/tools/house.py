"""A whole room for the gate's tests: real store, real default bundle, real masking, real sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.audit import AuditEvent
from core.clock import FixedClock
from core.store.engine import Store
from core.store.ticket_vault import TicketVault
from core.ticket import Attachment, MaskedTicket, Original, TicketIn
from core.vault import Keyring
from policies.compiled import Bundle
from policies.masking.masker import Masker
from policies.masking.session import MaskSession
from tests.tables import with_tables
from tools.case import Case
from tools.gate import Gate
from tools.registry import default_registry
from tools.runner import Runner
from tools.sandbox.sandbox import Sandbox

EVENT = AuditEvent(action="test", actor="test")


@dataclass(frozen=True, kw_only=True)
class House:
    """What outlives a run: the store, the ticket, the masking."""

    store: Store
    clock: FixedClock
    bundle: Bundle
    session: MaskSession
    case: Case
    sandbox: Sandbox

    def gate(self, **changes: Any) -> Gate:
        """A fresh gate, as every run of a team gets one."""
        parts: dict[str, Any] = {
            "case": self.case,
            "registry": default_registry(),
            "bundle": self.bundle,
            "session": self.session,
            "runner": Runner(sandbox=self.sandbox),
            "store": self.store,
            "clock": self.clock,
        }
        return Gate(**{**parts, **changes})

    def actions(self) -> list[str]:
        """Actions of this ticket's audit events, oldest first."""
        with self.store.read() as tx:
            return [event["action"] for event in tx.audit.of(self.case.ticket_id)]


def build(
    folder: Path,
    *,
    bundle: Bundle,
    masker: Masker,
    sandbox: Sandbox,
    title: str = "Reported mail",
    body: str = "",
    fields: dict[str, Any] | None = None,
    attachments: dict[str, bytes] | None = None,
    clock: FixedClock | None = None,
    store: Store | None = None,
    external_id: str = "T-1",
) -> House:
    """A ticket taken in and masked, as the journey leaves it before a team starts."""
    clock = clock or FixedClock()
    if store is None:
        keyring = Keyring.from_file(folder / "master.key", create=True)
        file = folder / "casemate.db"
        url = f"sqlite:///{file if file.exists() else with_tables(file)}"
        store = Store.open(url, clock=clock, keyring=keyring)
    files = tuple(Attachment(name=name, content=content) for name, content in (attachments or {}).items())
    taken = TicketIn(source="test", external_id=external_id, title=title, body=body, fields=fields or {})
    with store.begin() as tx:
        ticket = tx.tickets.add(taken, kind="phishing", framework="autogen", audit=EVENT)
    original = Original(
        source="test", external_id=external_id, version=1, kind="phishing", title=title, body=body, fields=fields or {},
        reporter="anna.lindqvist@harbourbank.example", occurred_at=clock.now(), attachments=files,
    )  # fmt: skip
    session = masker.session(TicketVault(store, ticket.id))
    masked = MaskedTicket(
        title=session.mask_text(title), body=session.mask_text(body), fields=session.mask_json(fields or {}),
        reporter=session.mask_text(original.reporter or ""), occurred_at=clock.now().isoformat(),
        attachments=tuple({"name": session.mask_text(f.name), "size": len(f.content)} for f in files),
    )  # fmt: skip
    case = Case(
        ticket_id=ticket.id, kind="phishing", source="test", team="phishing", framework="autogen", original=original,
        masked=masked,
    )  # fmt: skip
    return House(store=store, clock=clock, bundle=bundle, session=session, case=case, sandbox=sandbox)
