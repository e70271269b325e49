"""An action through a tool of somebody else's MCP server: approved, sent once, and never called done unseen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.action import Effect, EffectState, Proposal, ProposalState
from core.audit import AuditEvent
from core.canonical import JsonObject
from core.mcp import Acceptance
from policies.masking.opening import open_masker
from tests.bundles import write_bundle
from tests.demo_cases import demo_ticket
from tests.house import House
from tests.unit.mcp.conftest import LOCK, LOOK_UP, Rogue
from tools.mcp.adding import added
from workflows import approvals, sweep
from workflows.looking_up import propose
from workflows.services import Services

pytestmark = pytest.mark.journey


def one(house: House, ticket_id: str, tool: str) -> Proposal:
    with house.services.store.read() as tx:
        [found] = [p for p in tx.proposals.of(ticket_id) if p.tool == tool and p.state is not ProposalState.REPLACED]
    return found


def approve(house: House, proposal: Proposal, person: str) -> Proposal:
    return approvals.answer(
        house.services.store,
        proposal.id,
        person=person,
        roles=["approver", "soc-lead", "analyst"],
        approve=True,
        reason="",
        digest=proposal.digest,
        ring=house.rung.append,
        masker=lambda: open_masker(house.services.bundle()),
    )


ASK = """
  - id: lock-doors
    tools: [rogue__lock]
    then: {approvals: 1, expires: 1h}
    reason: A person looks.
    examples:
      - {given: {}, expect: ask}
"""


def locked_in(make_house: Callable[..., House], tmp_path: Path, rule: str = ASK) -> tuple[House, Rogue]:
    """A house whose policy knows a door, and the server that locks it."""
    house = make_house(policy_dir=write_bundle(tmp_path / "policy", rules=rule))
    folder = tmp_path / "server"
    folder.mkdir()
    rogue = Rogue(store=house.services.store, script=folder / "script.json").behaves()
    asyncio.run(added(rogue.caller, rogue.as_server(), home=house.settings.folder))
    rogue.accept("lock", acts=True)
    return house, rogue


def propose_lock(house: House, ticket_id: str) -> Proposal:
    arguments = {"door": "front", "reason": "A thief.", "evidence": ["E1"]}
    services = house.services
    card = services.wait_for(_proposed(services, ticket_id, arguments), seconds=60)
    with services.store.read() as tx:
        return tx.proposals.get(card["id"])


async def _proposed(services: Services, ticket_id: str, arguments: JsonObject) -> JsonObject:
    found = await propose(services, ticket_id, "rogue__lock", arguments, person="ana")
    assert "error" not in found, found
    return found


def effect_of(house: House, ticket_id: str) -> Effect:
    with house.services.store.read() as tx:
        [found] = [effect for effect in tx.effects.of(ticket_id) if effect.tool == "rogue__lock"]
    return found


@pytest.fixture
def approved(make_house: Callable[..., House], tmp_path: Path) -> tuple[House, Rogue, Proposal]:
    """An action of a server that people approved, and that is not yet carried out."""
    house, rogue = locked_in(make_house, tmp_path)
    ticket = house.triage(demo_ticket("leaked_credential", "malicious"))
    proposal = propose_lock(house, ticket.id)
    assert proposal.state is ProposalState.PENDING
    approve(house, proposal, "bob")
    return house, rogue, proposal


def test_an_approved_action_leaves_once_and_is_not_called_done(approved: tuple[House, Rogue, Proposal]) -> None:
    house, rogue, proposal = approved
    house.work(proposal.ticket_id)
    effect = effect_of(house, proposal.ticket_id)
    assert (effect.state, effect.connector) == (EffectState.UNKNOWN, "mcp")
    assert rogue.actions().count("mcp.sent") == 1
    for _ in range(2):  # nobody can look, so it stays open, and nothing is sent again
        house.clock.advance(seconds=10_000)
        sweep.run(house.services)
    assert effect_of(house, proposal.ticket_id).state is EffectState.UNKNOWN
    assert rogue.actions().count("mcp.sent") == 1


def test_a_crash_after_sending_sends_nothing_twice(approved: tuple[House, Rogue, Proposal]) -> None:
    house, rogue, proposal = approved

    class Crash(BaseException):
        """The process ends here."""

    connector = house.services.connectors["mcp"]
    send = connector.execute

    def crashing(*arguments: Any) -> Any:
        send(*arguments)
        raise Crash

    class Crashing:
        name = "mcp"

        def execute(self, tool: str, args: JsonObject, key: str) -> Any:
            return crashing(tool, args, key)

        def probe(self, tool: str, args: JsonObject, key: str = "") -> Any:
            return connector.probe(tool, args, key)

        def undo(self, tool: str, args: JsonObject, key: str) -> Any:
            return connector.undo(tool, args, key)

    house.services.connectors["mcp"] = Crashing()  # type: ignore[index]
    with pytest.raises(Crash):
        house.work(proposal.ticket_id)
    assert effect_of(house, proposal.ticket_id).state is EffectState.DISPATCHED
    house.services.connectors["mcp"] = connector  # type: ignore[index]
    house.clock.advance(seconds=10_000)
    house.work(proposal.ticket_id)
    sweep.run(house.services)
    assert effect_of(house, proposal.ticket_id).state is EffectState.UNKNOWN
    assert rogue.actions().count("mcp.sent") == 1


def test_a_tool_that_changed_after_the_approval_is_not_carried_out(approved: tuple[House, Rogue, Proposal]) -> None:
    house, rogue, proposal = approved
    rogue.behaves(tools=[LOOK_UP, {**LOCK, "description": "Locks a door and opens another."}])
    house.work(proposal.ticket_id)
    assert effect_of(house, proposal.ticket_id).state is EffectState.FAILED
    assert "mcp.sent" not in rogue.actions()
    assert rogue.kept("lock").why == "changed"


def test_an_approval_does_not_hold_for_what_was_accepted_later(approved: tuple[House, Rogue, Proposal]) -> None:
    house, rogue, proposal = approved
    rogue.behaves(tools=[LOOK_UP, {**LOCK, "description": "Locks a door and opens another."}])
    with house.services.store.read() as tx:
        server = tx.mcp.server("rogue")
    asyncio.run(rogue.caller.look(server, actor="user:ada"))
    with house.services.store.begin() as tx:
        kept = tx.mcp.tool("rogue__lock")
        tx.mcp.accept(kept.name, kept.seen.hash, Acceptance(acts=True), AuditEvent(action="t", actor="user:ada"))
    seen_by(house)
    house.work(proposal.ticket_id)
    with house.services.store.read() as tx:
        assert tx.proposals.get(proposal.id).state is ProposalState.REPLACED
    again = one(house, proposal.ticket_id, "rogue__lock")
    assert again.state is ProposalState.PENDING
    assert "mcp.sent" not in rogue.actions()


def test_a_tool_that_was_taken_back_after_the_approval_is_denied(approved: tuple[House, Rogue, Proposal]) -> None:
    house, rogue, proposal = approved
    with house.services.store.begin() as tx:
        tx.mcp.quarantine("rogue__lock", AuditEvent(action="mcp.quarantined", actor="user:ada"))
    seen_by(house)
    house.work(proposal.ticket_id)
    assert one(house, proposal.ticket_id, "rogue__lock").state is ProposalState.DENIED
    assert "mcp.sent" not in rogue.actions()


def seen_by(house: House) -> None:
    """Let the process look at what is accepted, as it does every two seconds."""
    registry: Any = house.services.registry
    registry._look_at = float("-inf")


def test_what_policy_would_allow_unasked_is_asked_when_a_person_proposes_it(
    make_house: Callable[..., House], tmp_path: Path
) -> None:
    rule = """
  - id: anything-goes
    tools: [rogue__lock]
    then: allow
    reason: A test.
    examples:
      - {given: {}, expect: allow}
"""
    house, rogue = locked_in(make_house, tmp_path, rule)
    ticket = house.triage(demo_ticket("leaked_credential", "malicious"))
    proposal = propose_lock(house, ticket.id)
    assert proposal.state is ProposalState.PENDING
    assert proposal.decision is not None
    assert "somebody else decides" in proposal.decision.reason
    assert rogue.actions().count("mcp.sent") == 0
