"""A real room for teams: store, default bundle, masking, sandbox and gate; the model's egress is guarded."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from agents.build import build_team
from agents.kinds import classify
from agents.meter import guarded
from agents.model import ModelClients
from agents.spec import load_teams
from agents.team import Brief, TeamResult
from core.audit import AuditEvent
from core.clock import FixedClock
from core.store.engine import Store
from core.store.ticket_vault import TicketVault
from core.ticket import Attachment, Original, TicketIn, parse_ticket
from policies.compiled import Bundle
from policies.masking.egress import EgressGuard
from policies.masking.masker import Masker
from policies.masking.session import MaskSession
from tools.case import Case
from tools.gate import Gate
from tools.registry import default_registry
from tools.runner import Runner
from tools.sandbox.sandbox import Sandbox
from workflows.mask import mask_ticket


@dataclass(frozen=True, kw_only=True)
class Room:
    """What teams on all tickets of a process share."""

    store: Store
    clock: FixedClock
    bundle: Bundle
    masker: Masker
    sandbox: Sandbox
    clients: ModelClients

    async def work(self, ticket: dict[str, Any], framework: str) -> Done:
        """Take a ticket in, mask it, and let its team work it."""
        taken = parse_ticket(copy.deepcopy(ticket))
        taken = taken.model_copy(update={"external_id": f"{taken.external_id}/{framework}"})
        original = original_of(taken)
        kind = original.kind or classify(original)
        spec = load_teams().for_kind(kind)
        event = AuditEvent(action="test", actor="test")
        with self.store.begin() as tx:
            stored = tx.tickets.add(taken, kind=kind, framework=framework, audit=event)
        session = self.masker.session(TicketVault(self.store, stored.id))
        case = Case(
            ticket_id=stored.id,
            kind=kind,
            source=original.source,
            team=spec.name,
            framework=framework,
            original=original,
            masked=mask_ticket(original, session),
        )
        gate = Gate(
            case=case,
            registry=default_registry(),
            bundle=self.bundle,
            session=session,
            runner=Runner(sandbox=self.sandbox),
            store=self.store,
            clock=self.clock,
        )
        first = await gate.open()
        brief = Brief(ticket_id=stored.id, kind=kind, ticket=case.masked.as_json(), first_evidence=first.as_json())
        team = build_team(spec, framework, self.clients)
        with guarded(EgressGuard(session, static=team.static_texts)):
            result = await team.run(brief, gate)
        return Done(result=result, gate=gate, session=session)


@dataclass(frozen=True, kw_only=True)
class Done:
    """A worked ticket."""

    result: TeamResult
    gate: Gate
    session: MaskSession

    @property
    def verdict(self) -> str:
        return self.result.assessment.verdict.value

    @property
    def tools(self) -> list[str]:
        return [proposal.tool for proposal in self.gate.proposals]


def original_of(taken: TicketIn) -> Original:
    return Original(
        source=taken.source,
        external_id=taken.external_id,
        version=taken.version,
        kind=taken.kind,
        title=taken.title,
        body=taken.body,
        fields=taken.fields,
        reporter=taken.reporter,
        occurred_at=taken.occurred_at,
        attachments=tuple(Attachment(name=a.name, content=a.content) for a in taken.attachments),
    )
