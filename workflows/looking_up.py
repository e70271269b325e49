"""What a person does on a case through casemate's own MCP server: look something up, and propose an action.

Both go through the gate that teams go through. A proposal is decided by policy at once, and never without a person:
where policy would allow it unasked, somebody else is asked all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from core.action import Proposal, ProposalState
from core.audit import AuditEvent
from core.canonical import JsonObject
from core.errors import ToolRefused
from core.ticket import TicketState
from workflows import approvals, clouds
from workflows.casework import open_case
from workflows.decide import Bench, rule
from workflows.services import Services

if TYPE_CHECKING:
    from tools.gate import Gate

T = TypeVar("T")

#: States in which a proposal of a person still finds people who decide on it.
OPEN = frozenset({TicketState.AWAITING_APPROVAL, TicketState.EXECUTING})
#: Why an action that policy allows is asked about.
BY_PERSON = "A person proposed this through an MCP client, so somebody else decides."


async def run_tool(services: Services, ticket_id: str, tool: str, arguments: JsonObject, *, person: str) -> JsonObject:
    """Evidence of a reading tool, masked; it becomes part of the case. Refusals come back as `{"error": …}`.

    Raises:
        NotFound: there is no such ticket, or no such tool.
        ToolRefused: the tool acts.
        Halted: the kill switch is on.
    """
    if services.registry.get(tool).acts:
        raise ToolRefused(f"{tool} acts, so it is not run here; use propose_action.")
    return await _at(services, _through_gate(services, ticket_id, tool, arguments, person=person))


async def propose(services: Services, ticket_id: str, tool: str, arguments: JsonObject, *, person: str) -> JsonObject:
    """Record a proposal and put it before policy and people; `arguments` hold `reason` and `evidence` as well.

    Raises:
        NotFound: there is no such ticket, or no such tool.
        ToolRefused: the tool only reads, or nobody would decide on the proposal any more.
        Halted: the kill switch is on.
    """
    if not services.registry.get(tool).acts:
        raise ToolRefused(f"{tool} only reads; use run_tool.")
    with services.store.read() as tx:
        _check_open(tx.tickets.get(ticket_id).state)
    recorded = await _at(services, _through_gate(services, ticket_id, tool, arguments, person=person))
    if "error" in recorded:
        return recorded
    return await asyncio.to_thread(_decided, services, ticket_id, str(recorded["proposal"]), person)


async def _through_gate(
    services: Services, ticket_id: str, tool: str, arguments: JsonObject, *, person: str
) -> JsonObject:
    gate = await asyncio.to_thread(_gate, services, ticket_id)
    await gate.open()
    return await gate.call(tool, arguments, agent=f"user:{person}")


def _gate(services: Services, ticket_id: str) -> Gate:
    from tools.gate import Gate

    with services.store.read() as tx:
        tx.operations.check_not_halted()
    bundle = services.bundle()
    case, session = open_case(services, ticket_id, bundle)
    clouds.note(services, ticket_id, session, bundle)
    return Gate(
        case=case,
        registry=services.registry.snapshot(),
        bundle=bundle,
        session=session,
        runner=services.runner(),
        store=services.store,
        clock=services.clock,
    )


async def _at(services: Services, work: Coroutine[Any, Any, T]) -> T:
    """On the loop that tools of this process run on."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, services.loop))


def _check_open(state: TicketState) -> None:
    if state not in OPEN:
        raise ToolRefused(
            f"The ticket is {state.value.replace('_', ' ')}, so nobody would decide on a proposal; "
            "propose while it waits for approval."
        )


def _decided(services: Services, ticket_id: str, proposal_id: str, person: str) -> JsonObject:
    """Policy's answer, and the card that people see."""
    bench = Bench.open(services, ticket_id)
    proposal = next(one for one in bench.proposals if one.id == proposal_id)
    if proposal.state is ProposalState.PROPOSED:
        _rule(services, bench, proposal, person)
    with services.store.read() as tx:
        return approvals.card(tx, tx.proposals.get(proposal_id))


def _rule(services: Services, bench: Bench, proposal: Proposal, person: str) -> None:
    opinion = bench.weigh(proposal, ask_anew=BY_PERSON)
    with services.store.begin() as tx:
        state = tx.tickets.get(proposal.ticket_id, lock=True).state
        if state in OPEN:
            rule(tx, proposal, opinion, now=services.clock.now())
        else:
            tx.proposals.move(
                proposal,
                ProposalState.SUPERSEDED,
                AuditEvent(action="proposal.superseded", actor=f"user:{person}", data={"state": state.value}),
            )
    _check_open(state)
