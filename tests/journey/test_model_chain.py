"""Whole journeys over a chain of endpoints: real servers that die, refuse, stall; one assessment comes out."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from agents.playbook.completion import complete, read_request
from agents.playbook.library import shipped_playbooks
from core.audit import AuditEvent
from core.canonical import JsonObject
from core.settings import ModelEndpoint
from core.ticket import Ticket, TicketState
from gateway.cases import case
from tests.demo_cases import demo_ticket
from tests.house import House
from tests.servers import free_port, http_server
from tests.unit.agents.recorded import FRAMEWORKS, role_of
from workflows import deliver

pytestmark = pytest.mark.journey

MakeHouse = Callable[..., House]


class Served:
    """An endpoint that thinks as the playbook does; `before` may answer in its place."""

    def __init__(self, before: Callable[[JsonObject, int], Any] = lambda body, number: None) -> None:
        self.paths: list[str] = []
        self.chats: list[JsonObject] = []
        self.decisions: list[JsonObject] = []
        self.entry: JsonObject = {}
        self._before = before
        self.app = FastAPI()
        self.app.add_api_route("/v1/models", self._models, methods=["GET"])
        self.app.add_api_route("/v1/chat/completions", self._chat, methods=["POST"])
        self.app.add_api_route("/v1/decisions", self._decision, methods=["POST"])

    async def _models(self) -> JsonObject:
        self.paths.append("/models")
        return {"data": [{"id": "big", **self.entry}]}

    async def _chat(self, request: Request) -> Response:
        self.paths.append("/chat/completions")
        body = await request.body()
        self.chats.append(json.loads(body))
        said = self._before(self.chats[-1], len(self.chats))
        return said or JSONResponse(complete(shipped_playbooks(), read_request(body), body))

    async def _decision(self, request: Request) -> JsonObject:
        self.paths.append("/decisions")
        self.decisions.append(await request.json())
        return {"answers": {"malicious": 0.8125, "suspicious": 0.1, "benign": 0.05, "needs_information": 0.0375}}


def falls(at: int) -> Callable[[JsonObject, int], Any]:
    """Answers until its `at`th request, then with server errors."""
    return lambda body, number: JSONResponse({"error": "out of memory"}, status_code=500) if number >= at else None


@contextmanager
def chained(make_house: MakeHouse, first: Served, *fallbacks: Any, **changes: Any) -> Iterator[House]:
    with http_server(first.app) as address:
        yield make_house(
            model_url=f"{address}/v1", model_name="big", model_fallbacks=[*fallbacks, "playbook"], **changes
        )


def kept(house: House, ticket: Ticket) -> tuple[JsonObject, list[JsonObject]]:
    """The case as the API shows it, and its audit trail."""
    with house.services.store.read() as tx:
        return case(tx, ticket.id), tx.audit.of(ticket.id)


def assessments_of(house: House, ticket: Ticket) -> int:
    with sqlite3.connect(house.settings.folder / "casemate.db") as database:
        [[count]] = database.execute("SELECT count(*) FROM assessments WHERE ticket_id = ?", (ticket.id,))
    return int(count)


def report_of(house: House) -> JsonObject:
    deliver.send_due(house.services)
    [path] = house.settings.report_folder.rglob("*.json")
    report: JsonObject = json.loads(path.read_text())
    return report


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("at", [1, 4, "responder's second"])
def test_a_run_whose_endpoint_dies_ends_on_the_next_with_one_of_everything(
    make_house: MakeHouse, framework: str, at: int | str
) -> None:
    def dies(body: JsonObject, number: int) -> Any:
        answered = sum(message["role"] == "tool" for message in body["messages"])
        now = role_of(body) == "responder" and answered > 1 if isinstance(at, str) else number >= at
        return JSONResponse({"error": "out of memory"}, status_code=500) if now else None

    with http_server((second := Served()).app) as address:
        fallback = ModelEndpoint(url=f"{address}/v1", name="second")
        with chained(make_house, first := Served(dies), fallback) as house:
            done = house.triage(demo_ticket("identity", "malicious"), framework=framework)
            found, trail = kept(house, done)
    assert first.chats
    assert second.chats
    assert assessments_of(house, done) == 1
    assert found["assessment"]["verdict"] == "malicious"
    assert {"revoke_sessions", "disable_account"} <= {action["tool"] for action in found["actions"]}
    for made in (found["evidence"], found["actions"]):
        asked = [(one["tool"], json.dumps(one["arguments"], sort_keys=True)) for one in made]
        assert len(set(asked)) == len(asked), "nothing was looked up or proposed twice"
    assert found["run"]["model"] == "second"
    assert found["run"]["note"] == "The model big was down."
    assert found["run"]["model_requests"] == len(second.chats), "each run has a budget of its own"
    [event] = [event for event in trail if event["action"] == "assessment.kept"]
    assert (event["data"]["model"], event["data"]["endpoint"]) == ("second", f"{address}/v1")
    report = report_of(house)
    assert (report["team"]["model"], report["team"]["note"]) == ("second", "The model big was down.")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_with_every_endpoint_down_the_worker_itself_ends_the_run(make_house: MakeHouse, framework: str) -> None:
    gone = ModelEndpoint(url=f"http://127.0.0.1:{free_port()}/v1", name="gone")
    house = make_house(
        model_url=f"http://127.0.0.1:{free_port()}/v1", model_name="big", model_fallbacks=[gone, "playbook"]
    )
    found, _ = kept(house, house.triage(demo_ticket("phishing", "malicious"), framework=framework))
    assert found["assessment"]["verdict"] == "malicious"
    assert found["run"]["model"] == "playbook"
    assert found["run"]["note"] == "The model big was down. The model gone was down."


def test_an_endpoint_that_fell_is_left_alone_by_the_next_tickets(make_house: MakeHouse) -> None:
    with chained(make_house, first := Served(falls(at=1))) as house:
        for kind in ("phishing", "cloud"):
            done = house.triage(demo_ticket(kind, "malicious"))
            assert kept(house, done)[0]["run"]["model"] == "playbook"
    assert len(first.chats) == 1


def test_the_kill_switch_in_the_middle_of_a_run_leads_to_no_other_endpoint(make_house: MakeHouse) -> None:
    houses: list[House] = []

    def switches(body: JsonObject, number: int) -> None:
        if number == 3:
            with houses[0].services.store.begin() as tx:
                tx.operations.halt(on=True, reason="drill", audit=AuditEvent(action="halt", actor="test"))

    with http_server((second := Served()).app) as address:
        fallback = ModelEndpoint(url=f"{address}/v1", name="second")
        with chained(make_house, first := Served(switches), fallback) as house:
            houses.append(house)
            waiting = house.work(house.submit(demo_ticket("cloud", "malicious")))
    assert waiting.state is TicketState.INVESTIGATING
    assert "casemate resume" in (waiting.trouble or "")
    assert len(first.chats) == 3
    assert second.paths == []


def test_a_request_that_the_guard_stops_is_tried_on_no_other_endpoint(make_house: MakeHouse) -> None:
    secret = "AKIA" + "J7Q2M5XW" * 2

    def tempts(body: JsonObject, number: int) -> Any:
        arguments = json.dumps({"values": [secret]})
        call = {"id": "c1", "type": "function", "function": {"name": "similar_cases", "arguments": arguments}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        return JSONResponse({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]})

    with http_server((second := Served()).app) as address:
        fallback = ModelEndpoint(url=f"{address}/v1", name="second")
        with chained(make_house, first := Served(tempts), fallback) as house:
            done = house.work(house.submit(demo_ticket("cloud", "malicious")))
    assert done.state is TicketState.ESCALATED
    assert "unmasked data" in (done.trouble or "")
    assert len(first.chats) == 1
    assert second.paths == []


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_probability_of_the_verdict_reaches_policy_report_and_audit(make_house: MakeHouse, framework: str) -> None:
    ours = Served()
    ours.entry = {"max_model_len": 131072, "casemate": {"structured_with_tools": True, "decisions": True}}
    with chained(make_house, ours) as house:
        done = house.triage(demo_ticket("endpoint", "malicious"), framework=framework)
        found, trail = kept(house, done)
        with house.services.store.read() as tx:
            decided = [entry for entry in tx.decisions.of(done.id) if entry.door == "proposal"]
    assert done.confidence == found["assessment"]["confidence"] == 0.8125
    assert found["run"]["confidence_by"] == "probability"
    assert decided
    assert {entry.facts["verdict"]["confidence"] for entry in decided} == {0.8125}
    [event] = [event for event in trail if event["action"] == "assessment.kept"]
    assert (event["data"]["confidence"], event["data"]["confidence_by"]) == (0.8125, "probability")
    assert report_of(house)["assessment"]["confidence_by"] == "probability"
    assert len(ours.decisions) == 1
    assert ours.paths.count("/models") == 1


def test_without_a_chain_a_ticket_costs_the_requests_it_did(make_house: MakeHouse) -> None:
    with http_server((only := Served()).app) as address:
        house = make_house(model_url=f"{address}/v1", model_name="big")
        for kind in ("phishing", "cloud"):
            found, _ = kept(house, house.triage(demo_ticket(kind, "malicious")))
            assert (found["run"]["note"], found["run"]["confidence_by"]) == (None, "model")
    assert only.paths.count("/models") == 1
    assert only.paths.count("/chat/completions") == len(only.paths) - 1
    assert not any(chat.get("response_format") for chat in only.chats)
