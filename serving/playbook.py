"""The playbook model behind the OpenAI chat-completions API: no torch, no state, the same answer to the same chat."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from agents.playbook.library import PLAYBOOKS, load_playbooks
from agents.playbook.reply import Reply, as_message, reply
from core.canonical import JsonObject
from core.errors import ToolRefused

MODEL = "playbook"
#: Characters a token stands for on average; usage is an estimate, stated as OpenAI does.
CHARACTERS_PER_TOKEN = 4
#: Bytes of one request; a case file with long evidence is a tenth of it.
MAX_REQUEST = 16 * 1024 * 1024


class _Function(BaseModel):
    model_config = ConfigDict(extra="ignore")
    name: Annotated[str, Field(min_length=1, max_length=128)]


class _Tool(BaseModel):
    model_config = ConfigDict(extra="ignore")
    function: _Function


class _StreamOptions(BaseModel):
    model_config = ConfigDict(extra="ignore")
    include_usage: bool = False


class _ChatRequest(BaseModel):
    """The part of a chat-completions request that matters here; sampling options are accepted and have no effect."""

    model_config = ConfigDict(extra="ignore")
    model: str = MODEL
    messages: Annotated[list[JsonObject], Field(min_length=1, max_length=2000)]
    tools: list[_Tool] | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None


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
        return {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "casemate"}]}

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        body = await request.body()
        if len(body) > MAX_REQUEST:
            return _error(413, f"The request is larger than {MAX_REQUEST} bytes; shorten the chat.")
        try:
            asked = _ChatRequest.model_validate(json.loads(body))
        except (ValueError, RecursionError) as error:
            return _error(400, f"The request is not a chat completion: {_first(error)}.")
        if record is not None:
            async with recording:
                await asyncio.to_thread(_append, record, body)
        try:
            answer = reply(playbooks, asked.messages, {tool.function.name for tool in asked.tools or []})
        except ToolRefused as refusal:
            return _error(400, str(refusal))
        return _respond(asked, body, answer)

    return app


def serve(host: str = "127.0.0.1", port: int = 8621, record: Path | None = None) -> None:
    """Run the server until it is told to stop."""
    import uvicorn

    uvicorn.run(create_app(record=record), host=host, port=port, log_level="warning", access_log=False)


def _respond(asked: _ChatRequest, body: bytes, answer: Reply) -> Response:
    identity = hashlib.sha256(body).hexdigest()[:24]
    message = as_message(answer, identity[:12])
    reason = "tool_calls" if answer.calls else "stop"
    written = len(json.dumps(message, ensure_ascii=False)) // CHARACTERS_PER_TOKEN + 1
    read = len(body) // CHARACTERS_PER_TOKEN + 1
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    head: JsonObject = {"id": f"chatcmpl-{identity}", "created": int(time.time()), "model": asked.model}
    if asked.stream:
        wanted = usage if asked.stream_options and asked.stream_options.include_usage else None
        return StreamingResponse(_events(head, message, reason, wanted), media_type="text/event-stream")
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
    return JSONResponse({**head, "object": "chat.completion", "choices": [choice], "usage": usage})


async def _events(head: JsonObject, message: JsonObject, reason: str, usage: JsonObject | None) -> AsyncIterator[str]:
    head = {**head, "object": "chat.completion.chunk"}
    delta = dict(message)
    if "tool_calls" in delta:
        delta["tool_calls"] = [{**call, "index": index} for index, call in enumerate(delta["tool_calls"])]
    yield _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    yield _event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    if usage is not None:
        yield _event({**head, "choices": [], "usage": usage})
    yield "data: [DONE]\n\n"


def _event(value: JsonObject) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


def _append(path: Path, body: bytes) -> None:
    line = json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":"))
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def _error(status: int, sentence: str) -> JSONResponse:
    error: dict[str, Any] = {"message": sentence, "type": "invalid_request_error", "param": None, "code": None}
    return JSONResponse({"error": error}, status_code=status)


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        item = error.errors(include_url=False, include_input=False, include_context=False)[0]
        return f"`{'.'.join(str(part) for part in item['loc'])}` {item['msg']}"
    return "it is not JSON"
