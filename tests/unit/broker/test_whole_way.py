"""The whole way: an agent's call through the gate, the real sandbox, the worker's check, the socket, the broker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from policies.masking.masker import Masker
from tests.unit.broker.world import EVERYTHING, World, bundle, page, redirect, world
from tests.unit.tools.house import House, build
from tools.broker.client import NO_BROKER, BrokerClient
from tools.broker.server import listening
from tools.gate import Gate
from tools.runner import Runner
from tools.sandbox.sandbox import Sandbox

BODY = """Reported by Marit Solvang <marit.solvang@customer.example.org>: she was sent to
http://login.example.com/in?u=marit.solvang@customer.example.org and to hxxp://login[.]example[.]com/next"""


@asynccontextmanager
async def room(folder: Path, sandbox: Sandbox, network: str = EVERYTHING) -> AsyncIterator[tuple[World, House, Gate]]:
    """A ticket in the gate's room, and a broker beside it."""
    known = {"login.example.com": ["127.0.0.1"]}
    socket = folder / "b.sock"
    async with world(folder, known=known, network=network) as there, listening(there.broker, socket):
        live = there.live.bundle
        assert live is not None
        house = build(folder, bundle=live, masker=Masker(live), sandbox=sandbox, body=BODY)
        gate = house.gate(runner=Runner(sandbox=sandbox, broker=BrokerClient(socket=socket)))
        await gate.open()
        yield there, house, gate


async def asked(gate: Gate, tool: str = "query_url", **arguments: Any) -> dict[str, Any]:
    return await gate.call(tool, arguments, agent="investigator")


async def test_page_named_in_the_ticket_becomes_evidence(tmp_path: Path, sandbox: Sandbox) -> None:
    async with room(tmp_path, sandbox) as (there, house, gate):
        there.web.pages["/next"] = page("<title>Sign in</title>Dear Anna Lindqvist<form><input type=password></form>")
        said = await asked(gate, url="hxxp://login[.]example[.]com/next")
        assert said["facts"]["login_form"]
        assert said["facts"]["title"] == "Sign in"
        assert said["trust"] == "untrusted"
        # What a stranger's page says of our people is masked like all else.
        assert "Lindqvist" not in str(said)
        assert "evidence.recorded" in house.actions()
        assert there.connections == 1


async def test_address_that_stands_in_no_evidence_is_not_asked_for(tmp_path: Path, sandbox: Sandbox) -> None:
    """An injected team would carry out what it read in the address of a page; policy wants to see where it is from."""
    async with room(tmp_path, sandbox) as (there, _, gate):
        for url in ("http://login.example.com/next?summary=treasury", "http://evil.example.com/"):
            assert "Policy does not allow query_url" in (await asked(gate, url=url))["error"]
        said = await asked(gate, "query_dns", value="treasury.login.example.com")
        assert "Policy does not allow query_dns" in said["error"]
        assert there.names.asked == []


async def test_token_is_not_restored_for_a_question_to_the_outside(tmp_path: Path, sandbox: Sandbox) -> None:
    async with room(tmp_path, sandbox) as (there, house, gate):
        masked = str(house.case.masked.body)
        url = next(word for word in masked.split() if word.startswith("http://login"))
        assert "marit" not in url
        assert "may not receive" in (await asked(gate, url=url))["error"]
        assert there.names.asked == []


async def test_original_that_the_team_found_out_is_stopped_before_the_socket(tmp_path: Path, sandbox: Sandbox) -> None:
    async with room(tmp_path, sandbox) as (there, _, gate):
        said = await asked(gate, url="http://login.example.com/in?u=marit.solvang@customer.example.org")
        assert "error" in said
        assert there.names.asked == []
        assert (await there.broker.status())["counts"] == {}


async def test_redirects_of_a_visit_from_the_sandbox_stay_outside(tmp_path: Path, sandbox: Sandbox) -> None:
    async with room(tmp_path, sandbox) as (there, _, gate):
        there.web.pages["/next"] = redirect("http://169.254.169.254/latest/meta-data/")
        said = await asked(gate, url="http://login.example.com/next")
        assert "error" not in said
        assert (said["facts"]["cut_short"], said["facts"]["status"]) == (True, 302)
        assert there.connections == 1


async def test_large_page_comes_through_the_channel_of_the_sandbox(tmp_path: Path, sandbox: Sandbox) -> None:
    network = "tools: {query_url: {http_get: {any_public: true, schemes: [http], ports: [80], max_bytes: 4194304}}}"
    async with room(tmp_path, sandbox, network) as (there, _, gate):
        there.web.pages["/next"] = page("🦊" * 900_000)
        said = await asked(gate, url="http://login.example.com/next")
        assert "error" not in said, said["error"]
        assert (said["facts"]["bytes"], said["facts"]["complete"]) == (3_600_000, True)


async def test_tool_that_may_ask_nobody_is_not_offered_and_refused(tmp_path: Path, sandbox: Sandbox) -> None:
    async with room(tmp_path, sandbox, "tools: {query_url: {http_get: {any_public: true}}}") as (_, _, gate):
        offered = [spec.name for spec in gate.specs(["case_file", "query_url", "query_dns", "whois", "read_email"])]
        assert offered == ["case_file", "query_url", "read_email"]
        said = await asked(gate, "query_dns", value="login.example.com")
        assert "Policy does not let query_dns ask for dns." in said["error"]


@pytest.mark.parametrize("broker", [None, BrokerClient(socket=Path("/nonexistent/b.sock"))])
async def test_without_a_broker_the_team_is_told_and_goes_on(
    tmp_path: Path, sandbox: Sandbox, broker: BrokerClient | None
) -> None:
    live = bundle()
    house = build(tmp_path, bundle=live, masker=Masker(live), sandbox=sandbox, body=BODY)
    gate = house.gate(runner=Runner(sandbox=sandbox, broker=broker))
    await gate.open()
    said = await asked(gate, url="http://login.example.com/next")
    assert said["error"] == NO_BROKER
