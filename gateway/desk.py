"""What casemate offers to MCP clients: cases, reading tools and proposals, all masked. Approvals are not on it.

Nothing here knows MCP; `gateway/mcp_server.py` does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from core.audit import AuditEvent
from core.canonical import JsonObject
from core.errors import CasemateError, ToolRefused
from core.identity import READERS, Role
from core.store.ticket_vault import TicketVault
from core.ticket import Ticket, TicketState
from gateway.cases import case
from gateway.identity import Caller
from tools.checks import parse
from tools.fit import fit
from workflows import looking_up
from workflows.services import Services

#: Characters of one answer.
MAX_ANSWER = 120_000
#: Tickets that one search goes through, newest first, and that it shows.
MAX_SEARCHED = 1_000
MAX_SHOWN = 50


class Arguments(BaseModel):
    """Arguments of what is offered: strict and closed."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Search(Arguments):
    text: Annotated[str, Field(max_length=200, description="Words of the masked title or body; empty: any.")] = ""
    state: Annotated[str, Field(max_length=40, description="State, such as awaiting_approval; empty: any.")] = ""
    kind: Annotated[str, Field(max_length=64, description="Kind, such as phishing; empty: any.")] = ""
    verdict: Annotated[str, Field(max_length=40, description="Verdict, such as malicious; empty: any.")] = ""
    limit: Annotated[int, Field(ge=1, le=MAX_SHOWN, description="Tickets to show.")] = 20


class OneCase(Arguments):
    ticket_id: Annotated[str, Field(max_length=40, description="The ticket's id, as search_cases shows it.")]


class NoArguments(Arguments):
    pass


class RunTool(OneCase):
    tool: Annotated[str, Field(max_length=64, description="A reading tool, as list_tools shows it.")]
    arguments: Annotated[dict[str, Any], Field(description="Its arguments; tokens as the case shows them.")]


class Propose(OneCase):
    tool: Annotated[str, Field(max_length=64, description="An acting tool, as list_tools shows it.")]
    arguments: Annotated[dict[str, Any], Field(description="Its arguments; tokens as the case shows them.")]
    reason: Annotated[str, Field(min_length=1, max_length=1000, description="Why this action, now.")]
    evidence: Annotated[list[str], Field(min_length=1, max_length=20, description='Evidence ids, such as ["E2"].')]


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """One thing a client can ask for."""

    description: str
    arguments: type[Arguments]
    roles: tuple[Role, ...]
    reads: bool = True

    def schema(self) -> JsonObject:
        return self.arguments.model_json_schema()


OFFERS: Mapping[str, Offer] = {
    "search_cases": Offer(
        description="Find tickets by words of their masked text, state, kind or verdict; newest first.",
        arguments=Search,
        roles=READERS,
    ),
    "get_case": Offer(
        description="A whole case: masked ticket, verdict with findings, evidence, actions and what became of them.",
        arguments=OneCase,
        roles=READERS,
    ),
    "list_tools": Offer(
        description="The tools that run_tool and propose_action take, with their arguments.",
        arguments=NoArguments,
        roles=READERS,
    ),
    "run_tool": Offer(
        description="Look something up on a ticket with a reading tool, in the sandbox; the result joins its evidence.",
        arguments=RunTool,
        roles=(Role.ANALYST,),
    ),
    "propose_action": Offer(
        description="Propose an action on a ticket. Policy and other people decide; nothing is done by this call.",
        arguments=Propose,
        roles=(Role.ANALYST,),
        reads=False,
    ),
}


class Desk:
    """Serves any number of callers at once."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._serve: Mapping[str, Callable[[Caller, Any], Awaitable[JsonObject]]] = {
            "search_cases": self._search,
            "get_case": self._case,
            "list_tools": self._tools,
            "run_tool": self._run,
            "propose_action": self._propose,
        }

    async def call(self, caller: Caller, name: str, arguments: JsonObject) -> tuple[JsonObject, bool]:
        """What was asked for, and whether it worked; refusals are sentences. Every call is audited before it is made.

        Never raises but for cancellation.
        """
        try:
            offer = _offer(caller, name)
            asked = parse(offer.arguments, arguments)
            await asyncio.to_thread(self._audit, "mcp.served", caller, name, getattr(asked, "ticket_id", None))
            found = await self._serve[name](caller, asked)
        except CasemateError as error:
            await asyncio.to_thread(self._refused, caller, name)
            return {"error": str(error)[:600]}, False
        except Exception as error:  # noqa: BLE001 - the outermost handler; a trace could quote a ticket
            return {"error": f"Casemate broke with {type(error).__name__}; please report this."}, False
        return fit(found, MAX_ANSWER), "error" not in found

    # --- what is offered

    async def _search(self, _caller: Caller, asked: Search) -> JsonObject:
        return await asyncio.to_thread(self._found, asked)

    async def _case(self, _caller: Caller, asked: OneCase) -> JsonObject:
        return await asyncio.to_thread(self._whole, asked.ticket_id)

    async def _tools(self, _caller: Caller, _asked: NoArguments) -> JsonObject:
        bundle = await asyncio.to_thread(self._services.bundle)
        ruled = {tool for rule in bundle.actions.rules for tool in rule.tools}
        specs = [tool.spec() for tool in self._services.registry.snapshot().all() if tool.name in ruled]
        return {
            "run_tool": [_described(spec.name, spec.description, spec.parameters) for spec in specs if not spec.acts],
            "propose_action": [_described(spec.name, spec.description, spec.parameters) for spec in specs if spec.acts],
        }

    async def _run(self, caller: Caller, asked: RunTool) -> JsonObject:
        return await looking_up.run_tool(
            self._services, asked.ticket_id, asked.tool, asked.arguments, person=caller.name
        )

    async def _propose(self, caller: Caller, asked: Propose) -> JsonObject:
        arguments = {**asked.arguments, "reason": asked.reason, "evidence": asked.evidence}
        return await looking_up.propose(self._services, asked.ticket_id, asked.tool, arguments, person=caller.name)

    # --- the store

    def _found(self, asked: Search) -> JsonObject:
        if asked.state and asked.state not in {state.value for state in TicketState}:
            raise ToolRefused(f"There is no state {asked.state!r}; states are {', '.join(TicketState)}.")
        states = [TicketState(asked.state)] if asked.state else None
        words = asked.text.casefold().split()
        rows: list[JsonObject] = []
        with self._services.store.read() as tx:
            for ticket in tx.tickets.recent(states=states, limit=MAX_SEARCHED):
                if (asked.kind and ticket.kind != asked.kind) or (asked.verdict and ticket.verdict != asked.verdict):
                    continue
                masked = tx.tickets.masked(ticket.id)
                shown = masked.as_json() if masked is not None else {}
                text = json.dumps(shown, ensure_ascii=False).casefold() if words else ""
                if all(word in text for word in words):
                    rows.append({**_row(ticket), "title": shown.get("title")})
                if len(rows) >= asked.limit:
                    break
        return {"cases": rows}

    def _whole(self, ticket_id: str) -> JsonObject:
        services = self._services
        with services.store.read() as tx:
            found = case(tx, ticket_id)
        # Beside what teams have seen, a case holds what its source calls the ticket, which may be anything.
        session = services.masker().session(TicketVault(services.store, ticket_id))
        found["external_id"] = session.mask_text(str(found["external_id"]))
        found.pop("deliveries")
        return found

    def _audit(self, action: str, caller: Caller, name: str, ticket_id: str | None) -> None:
        with self._services.store.begin() as tx:
            if ticket_id is not None:
                tx.tickets.get(ticket_id)  # an event of a ticket that is none would be nobody's
            event = AuditEvent(action=action, actor=f"user:{caller.name}", ticket_id=ticket_id, data={"asked": name})
            tx.audit.take(event)

    def _refused(self, caller: Caller, name: str) -> None:
        known = name if name in OFFERS else "unknown"
        with self._services.store.begin() as tx:
            tx.audit.take(AuditEvent(action="mcp.refused", actor=f"user:{caller.name}", data={"asked": known}))


def _offer(caller: Caller, name: str) -> Offer:
    """Raises:
    ToolRefused: there is no such thing, or the caller's roles do not cover it.
    """
    offer = OFFERS.get(name)
    if offer is None:
        raise ToolRefused(f"There is no {name[:40]!r} here; there are {', '.join(OFFERS)}.")
    if not caller.has(*offer.roles):
        raise ToolRefused(f"{name} needs the role {' or '.join(offer.roles)}, which {caller.name} lacks.")
    return offer


def _described(name: str, description: str, parameters: JsonObject) -> JsonObject:
    return {"tool": name, "description": description, "arguments": parameters}


def _row(ticket: Ticket) -> JsonObject:
    return {
        "ticket_id": ticket.id,
        "kind": ticket.kind,
        "state": ticket.state.value,
        "verdict": ticket.verdict,
        "severity": ticket.severity,
        "confidence": ticket.confidence,
        "created_at": ticket.created_at.isoformat(),
    }
