"""The socket: who may speak, in what shape, and what becomes of a question when something is missing."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.errors import EgressBlocked
from tests.unit.broker.world import EVERYTHING, TICKET, World, bundle, page, world
from tools.broker.client import MAX_QUESTIONS, NO_BROKER, Behalf, BrokerClient
from tools.broker.questions import MAX_QUESTION
from tools.broker.server import SocketTaken, listening
from tools.registry import default_registry

KNOWN = {"site.example.com": ["127.0.0.1"]}
TOOL = default_registry().get("query_url")
QUESTION = {"kind": "http_get", "url": "http://site.example.com/"}


def behalf(**changes: Any) -> Behalf:
    given: dict[str, Any] = {"ticket_id": TICKET, "network": bundle().network, "check": lambda _question: None}
    return Behalf(**{**given, **changes})


@asynccontextmanager
async def serving(folder: Path, **changes: Any) -> Any:
    async with world(folder, known=KNOWN, **changes) as there, listening(there.broker, folder / "home" / "b.sock"):
        there.web.pages["/"] = page("hello")
        yield there, BrokerClient(socket=folder / "home" / "b.sock")


async def raw(path: Path, line: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(line)
    if not line.endswith(b"\n"):
        writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


async def test_question_of_a_tool_goes_through_the_socket_and_back(tmp_path: Path) -> None:
    async with serving(tmp_path) as (there, client):
        answer = await client.ask_for(TOOL, behalf())(QUESTION)
        assert (answer["status"], answer["text"]) == (200, "hello")
        assert there.connections == 1
        status = await client.status()
    assert status["network"] == bundle().network.digest
    assert status["counts"] == {"http_get asked": 1}
    assert status["tools"]["query_url"] == ["http_get", "dns"]
    assert "site.example.com" not in json.dumps(status)


async def test_socket_is_the_owners_alone(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, client):
        assert stat.S_IMODE(client.socket.stat().st_mode) == 0o600
        assert stat.S_IMODE(client.socket.parent.stat().st_mode) == 0o700
    assert not client.socket.exists()


async def test_stranger_is_turned_away_by_what_the_kernel_says_of_him(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path) as (there, client):
        monkeypatch.setattr("tools.broker.server.os.getuid", lambda: os.geteuid() + 1)
        answer = await client.ask_for(TOOL, behalf())(QUESTION)
        assert answer == {"refused": NO_BROKER}
        assert there.connections == 0


async def test_second_broker_does_not_take_the_socket_of_the_first(tmp_path: Path) -> None:
    async with serving(tmp_path) as (there, client):
        with pytest.raises(SocketTaken, match="runs on this socket"):
            async with listening(there.broker, client.socket):
                pass
        assert "status" in await client.ask_for(TOOL, behalf())(QUESTION)


async def test_socket_left_by_one_that_died_is_taken_over(tmp_path: Path) -> None:
    import socket

    (tmp_path / "home").mkdir()
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "home" / "b.sock"))
    left.close()
    async with serving(tmp_path) as (_, client):
        assert (await client.ask_for(TOOL, behalf())(QUESTION))["status"] == 200


def errand(**changes: Any) -> bytes:
    said = {"tool": "query_url", "ticket": None, "network": "0" * 64, "question": QUESTION}
    return json.dumps({**said, **changes}).encode() + b"\n"


@pytest.mark.parametrize(
    "line",
    [
        b"", b"\n", b"hello\n", b"[]\n", b"{}\n", b'"x"\n', b"\xff\xfe\n", b"[" * 5000 + b"\n", b'{"status": false}\n',
        errand(network=""), errand(tool="../x"), errand(ticket="me"), errand(more=1), errand(tool=None),
        errand(question={"kind": "exec", "url": "x"}), errand(question={**QUESTION, "method": "POST"}),
        errand(question={**QUESTION, "url": 1}),
        errand(question={"kind": "dns", "name": "x.example.com", "type": "ANY"}),
        b"x" * (MAX_QUESTION * 2) + b"\n",
    ],
)  # fmt: skip
async def test_what_has_not_the_shape_of_a_question_is_refused(tmp_path: Path, line: bytes) -> None:
    async with serving(tmp_path) as (there, client):
        assert json.loads(await raw(client.socket, line)) == {"refused": "The question has the wrong shape."}
        assert there.connections == 0


async def test_without_a_broker_the_tool_is_told_so(tmp_path: Path) -> None:
    client = BrokerClient(socket=tmp_path / "none.sock")
    assert await client.ask_for(TOOL, behalf())(QUESTION) == {"refused": NO_BROKER}


@pytest.mark.parametrize("said", [b"", b"\n", b"nonsense\n", b"[1]\n", b"{" * 100_000 + b"\n", b"x" * 5_000_000])
async def test_broker_that_answers_nonsense_counts_as_none(tmp_path: Path, said: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(said)
        writer.close()

    async with await asyncio.start_unix_server(answer, tmp_path / "x.sock"):
        client = BrokerClient(socket=tmp_path / "x.sock")
        assert await client.ask_for(TOOL, behalf())(QUESTION) == {"refused": NO_BROKER}


async def test_question_that_the_ticket_forbids_never_reaches_the_socket(tmp_path: Path) -> None:
    def check(_question: object) -> None:
        raise EgressBlocked("The question was not put, because it shows unmasked data (PERSON).")

    async with serving(tmp_path) as (there, client):
        answer = await client.ask_for(TOOL, behalf(check=check))(QUESTION)
        assert "unmasked data (PERSON)" in answer["refused"]
        assert (await client.status())["counts"] == {}
        assert there.connections == 0


async def test_tool_asks_only_what_it_declares_and_only_so_often(tmp_path: Path) -> None:
    async with serving(tmp_path) as (there, client):
        ask = client.ask_for(TOOL, behalf())
        assert "never asks" in (await ask({"kind": "whois", "name": "example.com"}))["refused"]
        for odd in ({}, {"kind": "http_get"}, {"kind": "http_get", "url": "x", "headers": {}}, ["x"]):
            assert "wrong shape" in (await ask(odd))["refused"]
        for _ in range(MAX_QUESTIONS - 5):
            await ask(QUESTION)
        assert "One call may ask" in (await ask(QUESTION))["refused"]
        assert there.connections == 1


# --- the rules of the live bundle


async def asked(there: World, client: BrokerClient, **changes: Any) -> dict[str, Any]:
    return await client.ask_for(TOOL, behalf(**changes))(QUESTION)


async def test_without_a_live_bundle_nothing_is_asked(tmp_path: Path) -> None:
    async with serving(tmp_path) as (there, client):
        there.live.bundle = None
        assert "no rules to go by" in (await asked(there, client))["refused"]
        assert "does not load" in (await client.status())["trouble"]
        assert there.connections == 0


async def test_worker_with_other_rules_is_refused_in_both_directions(tmp_path: Path) -> None:
    nothing, everything = bundle("tools: {}\n"), bundle(EVERYTHING)
    async with serving(tmp_path) as (there, client):
        there.live.bundle = nothing
        assert "have changed meanwhile" in (await asked(there, client, network=everything.network))["refused"]
        there.live.bundle = everything
        assert "have changed meanwhile" in (await asked(there, client, network=nothing.network))["refused"]
        assert there.connections == 0


async def test_newer_rules_are_looked_up_when_the_worker_already_has_them(tmp_path: Path) -> None:
    async with serving(tmp_path) as (there, client):
        there.live.bundle, there.live.newer = bundle("tools: {}\n"), bundle(EVERYTHING)
        assert (await asked(there, client))["status"] == 200


async def test_tool_that_the_rules_do_not_name_reaches_nobody(tmp_path: Path) -> None:
    other = default_registry().get("query_dns")
    async with serving(tmp_path, network="tools: {query_url: {http_get: {any_public: true}}}") as (there, client):
        live = there.live.bundle.network
        said = await client.ask_for(other, behalf(network=live))(
            {"kind": "dns", "name": "site.example.com", "type": "A"}
        )
        assert said["refused"] == "Policy does not let query_dns ask for dns."
        assert there.names.asked == []


async def test_question_that_breaks_the_broker_breaks_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(tmp_path) as (there, client):

        async def broken(*_: object, **__: object) -> object:
            raise RuntimeError("anna.lindqvist")

        with monkeypatch.context() as patch:
            patch.setattr(there.broker, "_asked", broken)
            answer = await asked(there, client)
            assert answer["refused"].startswith("The network broker broke on this question (RuntimeError)")
        assert (await asked(there, client))["status"] == 200
