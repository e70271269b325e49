"""An endpoint of the test's own that offers what casemate's server does beyond chat, and keeps what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from core.canonical import JsonObject
from tests.unit.agents.recorded import completion, role_of

#: What casemate's own server says of itself.
OURS: JsonObject = {"max_model_len": 131072, "casemate": {"structured_with_tools": True, "decisions": True}}

ANSWER: JsonObject = {
    "verdict": "suspicious",
    "severity": "low",
    "confidence": 0.6,
    "techniques": [],
    "summary": "Something is odd.",
    "findings": [{"claim": "The ticket says so.", "evidence": ["E1"]}],
    "unknowns": [],
}


def sure(body: JsonObject) -> str:
    """The shortest course: each role that assesses says ANSWER, the responder does nothing."""
    return "Nothing to do." if role_of(body) == "responder" else json.dumps(ANSWER)


class Endpoint:
    """Serves chat by `answer`; `entry` is what its list of models says, and `decide` answers decisions."""

    def __init__(
        self,
        answer: Callable[[JsonObject], Any] = sure,
        *,
        entry: JsonObject | Response | None = None,
        decide: Callable[[JsonObject], Any] | None = None,
    ) -> None:
        self.paths: list[str] = []
        self.chats: list[JsonObject] = []
        self.raw: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.decisions: list[JsonObject] = []
        self._answer = answer
        self._entry = entry
        self._decide = decide
        self.app = FastAPI()
        self.app.add_api_route("/v1/models", self._models, methods=["GET"])
        self.app.add_api_route("/v1/chat/completions", self._chat, methods=["POST"])
        self.app.add_api_route("/v1/decisions", self._decision, methods=["POST"])

    async def _models(self, request: Request) -> Response:
        self.paths.append("/models")
        self.headers.append(dict(request.headers))
        if isinstance(self._entry, Response):
            return self._entry
        if self._entry is None:
            return JSONResponse({"detail": "Not Found"}, status_code=404)
        entry = {"id": "playbook", "object": "model", "created": 0, "owned_by": "test", **self._entry}
        return JSONResponse({"object": "list", "data": [entry]})

    async def _chat(self, request: Request) -> Response:
        self.paths.append("/chat/completions")
        self.raw.append(await request.body())
        self.chats.append(await request.json())
        self.headers.append(dict(request.headers))
        return await _response(self._answer(self.chats[-1]), completion)

    async def _decision(self, request: Request) -> Response:
        self.paths.append("/decisions")
        self.decisions.append(await request.json())
        assert self._decide is not None
        return await _response(
            self._decide(self.decisions[-1]), lambda answers: {"object": "decision", "answers": answers}
        )


async def _response(said: Any, whole: Callable[[Any], JsonObject]) -> Response:
    if hasattr(said, "__await__"):
        said = await said
    return said if isinstance(said, Response) else JSONResponse(whole(said))
