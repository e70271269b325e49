"""The playbook model behind the OpenAI chat-completions API: no torch, no state, the same answer to the same chat."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.responses import Response

from agents.playbook import completion
from agents.playbook.completion import ChatRequest, complete, read_request, refusal
from agents.playbook.library import PLAYBOOKS, load_playbooks
from core.canonical import JsonObject
from core.errors import ToolRefused

#: Bytes of one request; a case file with long evidence is a tenth of it.
MAX_REQUEST = 16 * 1024 * 1024


def create_app(playbooks_dir: Path = PLAYBOOKS, record: Path | None = None) -> FastAPI:
    """The server. With `record`, every request body is appended to that file as one JSON line.

    Raises:
        BundleInvalid: a playbook is wrong; nothing is served until it is mended.
    """
    playbooks = load_playbooks(playbooks_dir)
    app = FastAPI(title="casemate playbook model", docs_url=None, redoc_url=None, openapi_url=None)
    recording = asyncio.Lock()

    @app.get("/healthz")
    async def healthz() -> JsonObject:
        return {"status": "ok", "playbooks": sorted(playbooks)}

    @app.get("/v1/models")
    async def models() -> JsonObject:
        return completion.models()

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        body = await request.body()
        if len(body) > MAX_REQUEST:
            return JSONResponse(
                refusal(f"The request is larger than {MAX_REQUEST} bytes; shorten the chat."), status_code=413
            )
        try:
            asked = read_request(body)
            if record is not None:
                async with recording:
                    await asyncio.to_thread(_append, record, body)
            answer = complete(playbooks, asked, body)
        except ToolRefused as refused:
            return JSONResponse(refusal(str(refused)), status_code=400)
        return _respond(asked, answer)

    return app


def serve(host: str = "127.0.0.1", port: int = 8621, record: Path | None = None) -> None:
    """Run the server until it is told to stop."""
    import uvicorn

    uvicorn.run(create_app(record=record), host=host, port=port, log_level="warning", access_log=False)


def _respond(asked: ChatRequest, answer: JsonObject) -> Response:
    if not asked.stream:
        return JSONResponse(answer)
    usage = bool(asked.stream_options and asked.stream_options.include_usage)
    return StreamingResponse(_events(answer, usage=usage), media_type="text/event-stream")


async def _events(answer: JsonObject, *, usage: bool) -> AsyncIterator[str]:
    head = {name: answer[name] for name in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    choice = answer["choices"][0]
    delta = dict(choice["message"])
    if "tool_calls" in delta:
        delta["tool_calls"] = [{**call, "index": index} for index, call in enumerate(delta["tool_calls"])]
    yield _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    yield _event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
    if usage:
        yield _event({**head, "choices": [], "usage": answer["usage"]})
    yield "data: [DONE]\n\n"


def _event(value: JsonObject) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


def _append(path: Path, body: bytes) -> None:
    line = json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":"))
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
