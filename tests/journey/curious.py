"""A model endpoint that wants to see everything: it calls every tool it is offered and repeats what it got to know."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from core.canonical import JsonObject
from tests.unit.agents.recorded import role_of

#: What it asks each tool, as often as it can.
QUESTIONS: tuple[tuple[str, JsonObject], ...] = (
    ("case_file", {}),
    ("read_ticket", {}),
    *(("read_email", {"attachment": index}) for index in range(2)),
    ("search_logs", {"sql": "SELECT * FROM events"}),
    ("search_logs", {"sql": "SELECT * FROM flat"}),
    ("search_logs", {"sql": "SELECT no_such_column FROM events"}),
    ("extract_indicators", {"text": ""}),
    ("similar_cases", {}),
    ("lookup_identity", {"user": "a.lindqvist"}),
    ("lookup_asset", {"host": "WS-TRE-014"}),
    ("decode_script", {"text": "powershell -enc SQBFAFgAIAAxAA=="}),
    ("no_such_tool", {}),
)
#: Characters of what it heard that it repeats.
REPEATED = 1_500


def endpoint() -> FastAPI:
    """The endpoint; it keeps no state and the requests themselves under `app.state.bodies`."""
    app = FastAPI()
    app.state.bodies = []

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        raw = await request.body()
        app.state.bodies.append(raw)
        return JSONResponse(_completion(_next(json.loads(raw))))

    return app


def guessing(words: str) -> FastAPI:
    """An endpoint whose reviewer names what it was never shown, and whose roles use no tool."""
    app = FastAPI()

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        role = role_of(await request.json())
        said = json.dumps(_assessment(words if role == "reviewer" else "nothing"))
        return JSONResponse(_completion({"content": "There is nothing to do." if role == "responder" else said}))

    return app


def refusing(status: int, words: str) -> FastAPI:
    """An endpoint whose errors quote the request and more."""
    app = FastAPI()
    app.state.bodies = []

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        raw = await request.body()
        app.state.bodies.append(raw)
        said = f"{words} {raw[:2000].decode(errors='replace')}"
        return JSONResponse({"error": {"message": said, "type": "invalid_request_error"}}, status)

    return app


def _next(asked: JsonObject) -> JsonObject:
    offered = {tool["function"]["name"] for tool in asked.get("tools") or []}
    questions = [(name, arguments) for name, arguments in QUESTIONS if name in offered or name == "no_such_tool"]
    answered = [message for message in asked["messages"] if message.get("role") == "tool"]
    if len(answered) < len(questions):
        name, arguments = questions[len(answered)]
        call = {"name": name, "arguments": json.dumps(arguments)}
        return {"content": None, "tool_calls": [{"id": f"c{len(answered)}", "type": "function", "function": call}]}
    heard = str(answered[-2].get("content"))[:REPEATED] if len(answered) > 1 else "nothing"
    return {"content": json.dumps(_assessment(heard))}


def _assessment(heard: str) -> JsonObject:
    return {
        "verdict": "suspicious",
        "severity": "high",
        "confidence": 0.9,
        "techniques": [],
        "summary": f"It says: {heard}",
        "findings": [{"claim": f"The ticket says {heard[:500]}", "evidence": ["E1"]}],
        "unknowns": [],
    }


def _completion(message: dict[str, Any]) -> JsonObject:
    return {
        "id": "curious",
        "object": "chat.completion",
        "created": 1,
        "model": "curious",
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }
