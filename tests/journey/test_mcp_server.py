"""Casemate as an MCP server: a client reads, looks up and proposes; it approves nothing and sees no original."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import ClientSession, StdioServerParameters, types
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from core.action import EffectState, ProposalState
from core.audit import AuditEvent
from core.canonical import JsonObject
from core.settings import ApiKey
from core.store.ticket_vault import TicketVault
from core.ticket import Ticket, TicketState
from gateway.mcp_server import make_http_app
from tests.demo_cases import demo_ticket
from tests.house import House
from tests.journey.test_mcp_actions import approve, one
from tests.unit.mcp.web import serving

pytestmark = pytest.mark.journey

ROOT = Path(__file__).parents[2]
ROLES = {"ana": ["analyst"], "aud": ["auditor"], "sub": ["submitter"], "amy": ["analyst", "approver", "soc-lead"]}
OFFERED = {"search_cases", "get_case", "list_tools", "run_tool", "propose_action"}


@pytest.fixture
def waiting(house: House) -> Ticket:
    """A case that waits for people."""
    found = house.triage(demo_ticket("leaked_credential", "malicious"))
    assert found.state is TicketState.AWAITING_APPROVAL
    return found


@pytest.fixture
def address(house: House) -> Iterator[str]:
    """Casemate's own server over HTTP."""
    keys = {
        name: ApiKey(key_sha256=hashlib.sha256(f"{name}-key".encode()).hexdigest(), roles=roles)
        for name, roles in ROLES.items()
    }
    with serving(make_http_app(house.services, keys, hosts=["127.0.0.1:*"])) as found:
        yield f"{found}/mcp/"


@asynccontextmanager
async def client(address: str, name: str) -> AsyncIterator[ClientSession]:
    """The real client, with the key of somebody."""
    headers = {"Authorization": f"Bearer {name}-key"}
    async with (
        httpx.AsyncClient(headers=headers, timeout=60) as http,
        streamable_http_client(address, http_client=http) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        yield session


async def ask(address: str, name: str, offer: str, /, **arguments: Any) -> tuple[JsonObject, bool]:
    """One call, and whether it worked."""
    async with client(address, name) as session:
        return told(await session.call_tool(offer, arguments))


def told(answer: types.CallToolResult) -> tuple[JsonObject, bool]:
    [part] = answer.content
    assert isinstance(part, types.TextContent)
    found: JsonObject = json.loads(part.text)
    return found, not answer.isError


def events(house: House, action: str) -> list[JsonObject]:
    with house.services.store.read() as tx:
        return [event for event in tx.audit.all() if event["action"] == action]


async def test_what_is_offered_holds_no_way_to_approve(waiting: Ticket, address: str) -> None:
    del waiting
    async with client(address, "amy") as session:
        listed = (await session.list_tools()).tools
        assert {tool.name for tool in listed} == OFFERED
        assert {tool.name for tool in listed if tool.annotations and not tool.annotations.readOnlyHint} == {
            "propose_action"
        }
        for name in ("approve", "approve_action", "deny", "reveal", "execute", "isolate_host", "read_ticket"):
            found, worked = told(await session.call_tool(name, {}))
            assert not worked
            assert "There is no" in found["error"]


async def test_a_case_is_found_and_read_without_an_original(house: House, waiting: Ticket, address: str) -> None:
    found, _ = await ask(address, "aud", "search_cases", state="awaiting_approval", text="SECRET_")
    assert [row["ticket_id"] for row in found["cases"]] == [waiting.id]
    assert (await ask(address, "aud", "search_cases", kind="phishing"))[0] == {"cases": []}
    case, worked = await ask(address, "aud", "get_case", ticket_id=waiting.id)
    assert worked
    assert case["assessment"]["verdict"] == "malicious"
    hidden = house.services.masker().session(TicketVault(house.services.store, waiting.id)).originals()
    assert len(hidden) >= 3
    text = json.dumps([found, case], ensure_ascii=False)
    assert [value for value in hidden if value in text] == []


@pytest.mark.parametrize(
    ("name", "allowed"),
    [("aud", {"search_cases", "get_case", "list_tools"}), ("ana", OFFERED), ("sub", set())],
)
async def test_each_role_gets_what_it_may(waiting: Ticket, address: str, name: str, allowed: set[str]) -> None:
    asked: dict[str, JsonObject] = {
        "search_cases": {},
        "get_case": {"ticket_id": waiting.id},
        "list_tools": {},
        "run_tool": {"ticket_id": waiting.id, "tool": "read_ticket", "arguments": {}},
        "propose_action": {
            "ticket_id": waiting.id, "tool": "close_ticket", "arguments": {"resolution": "duplicate"},
            "reason": "It is one.", "evidence": ["E1"],
        },
    }  # fmt: skip
    async with client(address, name) as session:
        results = {tool: told(await session.call_tool(tool, arguments)) for tool, arguments in asked.items()}
    assert {tool for tool, (_, worked) in results.items() if worked} == allowed
    assert all("needs the role" in found["error"] for found, worked in results.values() if not worked)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic ana-key"}])
def test_without_a_key_there_is_no_conversation(waiting: Ticket, address: str, headers: dict[str, str]) -> None:
    del waiting
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"Accept": "application/json, text/event-stream"}
    assert httpx.post(address, json=body, headers={**headers, **accept}).status_code == 401
    good = {"Authorization": "Bearer ana-key", **accept}
    assert httpx.post(address, json=body, headers={**good, "Host": "evil.example"}).status_code == 421
    assert httpx.post(address, json=body, headers={**good, "Origin": "https://evil.example"}).status_code == 403


async def test_a_look_up_runs_through_the_gate_and_joins_the_case(house: House, waiting: Ticket, address: str) -> None:
    case, _ = await ask(address, "ana", "get_case", ticket_id=waiting.id)
    before = len(case["evidence"])
    found, worked = await ask(
        address, "ana", "run_tool", ticket_id=waiting.id, tool="lookup_technique", arguments={"query": "T1552"}
    )
    assert worked, found
    assert found["evidence"] == f"E{before + 1}"
    with house.services.store.read() as tx:
        newest = tx.evidence.of(waiting.id)[-1]
    assert (newest.agent, newest.tool, newest.sandbox) == ("user:ana", "lookup_technique", "namespaces")
    assert [e["actor"] for e in events(house, "evidence.recorded")][-1] == "user:ana"
    assert {e["data"]["asked"] for e in events(house, "mcp.served")} == {"get_case", "run_tool"}
    assert {e["actor"] for e in events(house, "mcp.served")} == {"user:ana"}


@pytest.mark.parametrize(
    ("tool", "arguments", "why"),
    [
        ("isolate_host", {"host": "WS-1"}, "propose_action"),
        ("no_such_tool", {}, "no tool"),
        ("lookup_asset", {"host": "HOST_ZZZZZZ"}, "never issued|garbled"),
        ("lookup_asset", {"wrong": 1}, "arguments are"),
    ],
)
async def test_what_the_gate_refuses_a_team_it_refuses_a_person(
    waiting: Ticket, address: str, tool: str, arguments: JsonObject, why: str
) -> None:
    found, worked = await ask(address, "ana", "run_tool", ticket_id=waiting.id, tool=tool, arguments=arguments)
    assert not worked
    assert any(part in found["error"] for part in why.split("|"))


async def test_a_proposal_always_waits_for_somebody_else(house: House, waiting: Ticket, address: str) -> None:
    found, worked = await ask(
        address, "amy", "propose_action", ticket_id=waiting.id, tool="close_ticket",
        arguments={"resolution": "duplicate"}, reason="The same as yesterday.", evidence=["E1"],
    )  # fmt: skip
    assert worked, found
    assert (found["state"], found["proposed_by"]) == ("pending", "user:amy")
    proposal = one(house, waiting.id, "close_ticket")
    with pytest.raises(Exception, match="somebody else must answer"):
        approve(house, proposal, "amy")
    assert approve(house, proposal, "bob").state is ProposalState.APPROVED
    house.work(waiting.id)
    with house.services.store.read() as tx:
        [effect] = [e for e in tx.effects.of(waiting.id) if e.tool == "close_ticket"]
    assert effect.state is EffectState.CONFIRMED


async def test_nothing_is_proposed_where_nobody_would_decide(house: House, address: str) -> None:
    done = await asyncio.to_thread(house.triage, demo_ticket("identity", "benign"))
    found, worked = await ask(
        address, "ana", "propose_action", ticket_id=done.id, tool="close_ticket",
        arguments={"resolution": "benign"}, reason="Done.", evidence=["E1"],
    )  # fmt: skip
    assert not worked
    assert "nobody would decide" in found["error"]


async def test_a_halted_casemate_looks_nothing_up(house: House, waiting: Ticket, address: str) -> None:
    with house.services.store.begin() as tx:
        tx.operations.halt(on=True, reason="drill", audit=AuditEvent(action="test", actor="test"))
    found, worked = await ask(address, "ana", "run_tool", ticket_id=waiting.id, tool="read_ticket", arguments={})
    assert not worked
    assert "halted" in found["error"]


async def test_every_refusal_leaves_a_trace_without_what_was_written(
    house: House, waiting: Ticket, address: str
) -> None:
    await ask(address, "aud", "run_tool", ticket_id=waiting.id, tool="read_ticket", arguments={"secret": "hunter2"})
    await ask(address, "ana", "get_case", ticket_id="tkt_none", extra="hunter2")
    await ask(address, "ana", "Anna Lindqvist")
    refused = events(house, "mcp.refused")
    assert [e["data"] for e in refused] == [{"asked": "run_tool"}, {"asked": "get_case"}, {"asked": "unknown"}]
    assert "hunter2" not in json.dumps(refused)


async def test_over_standard_input_only_the_protocol_is_on_standard_output(house: House, waiting: Ticket) -> None:
    settings = {
        "CASEMATE_HOME": str(house.settings.home),
        "CASEMATE_MODEL_URL": house.settings.model_url,
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
    }
    parameters = StdioServerParameters(command=sys.executable, args=["-m", "cli", "mcp", "serve"], env=settings)
    heard: list[object] = []

    async def hear(message: object) -> None:
        heard.append(message)

    async with (
        stdio_client(parameters) as (read, write),
        ClientSession(read, write, message_handler=hear) as session,
    ):
        await session.initialize()
        assert {tool.name for tool in (await session.list_tools()).tools} == OFFERED
        found, worked = told(await session.call_tool("get_case", {"ticket_id": waiting.id}))
        assert (worked, found["id"]) == (True, waiting.id)
        arguments = {"ticket_id": waiting.id, "tool": "lookup_technique", "arguments": {"query": "T1110"}}
        found, worked = told(await session.call_tool("run_tool", arguments))
        assert worked, found
    # A line that is no message would have come as an exception.
    assert heard == []
