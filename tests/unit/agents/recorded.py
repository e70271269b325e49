"""A toolbox recorded from dictionaries, a stub model endpoint, and the pieces every test of teams needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from agents.meter import guarded
from agents.model import ModelClients
from agents.spec import Budget, TeamSpec, shipped_teams
from agents.team import Brief
from core.assessment import Assessment
from core.canonical import JsonObject
from core.errors import EgressBlocked
from serving.playbook import create_app
from tools.registry import ToolSpec, default_registry

URL = "http://model.test/v1"
FRAMEWORKS = ("autogen", "adk")


@dataclass
class RecordedToolbox:
    """Answers each tool with what was recorded for it, and keeps what happened."""

    ticket: JsonObject
    results: dict[str, JsonObject]
    calls: list[tuple[str, str, JsonObject]] = field(default_factory=list)
    evidence: list[JsonObject] = field(default_factory=list)
    proposals: list[JsonObject] = field(default_factory=list)
    drafts: list[tuple[str, Assessment]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._record("read_ticket", {}, self.results.get("read_ticket") or {"facts": {"manipulation": False}})

    def specs(self, names: Iterable[str]) -> list[ToolSpec]:
        registry = default_registry()
        empty = {"type": "object", "properties": {}, "additionalProperties": False}
        case_file = ToolSpec(name="case_file", description="Everything known so far.", parameters=empty, acts=False)
        return [case_file if name == "case_file" else registry.get(name).spec() for name in names]

    async def call(self, name: str, arguments: JsonObject, *, agent: str) -> JsonObject:
        self.calls.append((agent, name, arguments))
        if name == "case_file":
            draft = self.drafts[-1][1].model_dump(mode="json") if self.drafts else None
            return {
                "ticket": self.ticket,
                "evidence": list(self.evidence),
                "assessment": draft,
                "proposals": list(self.proposals),
            }
        if default_registry().get(name).acts:
            bare = {k: v for k, v in arguments.items() if k not in {"reason", "evidence"}}
            self.proposals.append({"proposal": f"prp_{len(self.proposals)}", "tool": name, "arguments": bare})
            return {"proposal": self.proposals[-1]["proposal"], "status": "recorded"}
        recorded = self.results.get(name, {"error": f"{name} has nothing recorded."})
        if "error" in recorded:
            return recorded
        return self._record(name, arguments, recorded)

    def note_assessment(self, draft: Assessment, *, agent: str) -> None:
        self.drafts.append((agent, draft))

    def evidence_ids(self) -> frozenset[str]:
        return frozenset(e["evidence"] for e in self.evidence)

    def _record(self, name: str, arguments: JsonObject, recorded: JsonObject) -> JsonObject:
        shown = {
            "evidence": f"E{len(self.evidence) + 1}",
            "tool": name,
            "arguments": arguments,
            "trust": default_registry().get(name).trust.value,
            "summary": f"{name} answered.",
            "facts": recorded.get("facts", {}),
            "detail": recorded.get("detail", {}),
        }
        self.evidence.append(shown)
        return shown

    def brief(self, kind: str = "phishing", ticket_id: str = "tkt_1") -> Brief:
        return Brief(ticket_id=ticket_id, kind=kind, ticket=self.ticket, first_evidence=self.evidence[0])


class OpenGuard:
    """Lets everything out and keeps it."""

    def __init__(self, refuse: bytes | None = None) -> None:
        self.bodies: list[bytes] = []
        self._refuse = refuse

    def check(self, body: bytes) -> None:
        if self._refuse is not None and self._refuse in body:
            raise EgressBlocked("A PERSON of this ticket stood in a model request, so it was not sent.")
        self.bodies.append(body)


def playbook_clients(before_request: Callable[[], None] = lambda: None) -> ModelClients:
    """Clients of the real playbook server, in this process."""
    return clients_of(create_app(), before_request)


def clients_of(app: FastAPI, before_request: Callable[[], None] = lambda: None) -> ModelClients:
    transport = httpx2.ASGITransport(app=app)
    return ModelClients(url=URL, name="playbook", timeout=20, before_request=before_request, transport=transport)


def stub_app(answer: Callable[[JsonObject], Any]) -> FastAPI:
    """An endpoint of the test's own: `answer` makes a response, or a message, from the request."""
    app = FastAPI()

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        said = answer(await request.json())
        if hasattr(said, "__await__"):
            said = await said
        return said if isinstance(said, Response) else JSONResponse(completion(said))

    return app


def completion(message: JsonObject | str) -> JsonObject:
    full = {"role": "assistant", "content": message} if isinstance(message, str) else {"role": "assistant", **message}
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "stub",
        "choices": [{"index": 0, "message": full, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


def tool_call(name: str, arguments: Any, identity: str = "c1") -> JsonObject:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {
        "content": None,
        "tool_calls": [{"id": identity, "type": "function", "function": {"name": name, "arguments": text}}],
    }


def role_of(body: JsonObject) -> str:
    system = next(m["content"] for m in body["messages"] if m["role"] == "system")
    return str(json.loads(system[system.rindex("casemate: ") + 10 :].splitlines()[0])["role"])


def spec(name: str = "phishing", **budget: float) -> TeamSpec:
    shipped = shipped_teams().by_name[name]
    limits = {**shipped.budget.model_dump(), **budget}
    return shipped.model_copy(update={"budget": Budget.model_validate(limits)})


@contextmanager
def let_out(guard: OpenGuard | None = None) -> Iterator[OpenGuard]:
    guard = guard or OpenGuard()
    with guarded(guard):
        yield guard
