"""The playbook model's answers as OpenAI chat completions: one code for its server and for the worker itself."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.playbook.reply import as_message, reply
from agents.playbook.schema import Playbook
from core.canonical import JsonObject
from core.errors import ToolRefused

MODEL = "playbook"
#: Characters a token stands for on average; usage is an estimate, stated as OpenAI does.
CHARACTERS_PER_TOKEN = 4


class _Function(BaseModel):
    model_config = ConfigDict(extra="ignore")
    name: Annotated[str, Field(min_length=1, max_length=128)]


class _Tool(BaseModel):
    model_config = ConfigDict(extra="ignore")
    function: _Function


class _StreamOptions(BaseModel):
    model_config = ConfigDict(extra="ignore")
    include_usage: bool = False


class ChatRequest(BaseModel):
    """The part of a chat-completions request that matters here; sampling options are accepted and have no effect."""

    model_config = ConfigDict(extra="ignore")
    model: str = MODEL
    messages: Annotated[list[JsonObject], Field(min_length=1, max_length=2000)]
    tools: list[_Tool] | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None


def read_request(body: bytes) -> ChatRequest:
    """A request's body.

    Raises:
        ToolRefused: it is not a chat completion; the sentence says what is wrong.
    """
    try:
        return ChatRequest.model_validate(json.loads(body))
    except (ValueError, RecursionError) as error:
        raise ToolRefused(f"The request is not a chat completion: {_first(error)}.") from None


def complete(playbooks: Mapping[str, Playbook], asked: ChatRequest, body: bytes) -> JsonObject:
    """The whole completion; `body` is what `asked` was read from. The same answer to the same body, but for the time.

    Raises:
        ToolRefused: the chat is not one that a casemate team holds.
    """
    answer = reply(playbooks, asked.messages, {tool.function.name for tool in asked.tools or []})
    identity = hashlib.sha256(body).hexdigest()[:24]
    message = as_message(answer, identity[:12])
    written = len(json.dumps(message, ensure_ascii=False)) // CHARACTERS_PER_TOKEN + 1
    read = len(body) // CHARACTERS_PER_TOKEN + 1
    reason = "tool_calls" if answer.calls else "stop"
    return {
        "id": f"chatcmpl-{identity}",
        "created": int(time.time()),
        "model": asked.model,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}],
        "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written},
    }


def models() -> JsonObject:
    """The answer to `GET /v1/models`."""
    return {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "casemate"}]}


def refusal(sentence: str) -> JsonObject:
    """An error as OpenAI writes it."""
    return {"error": {"message": sentence, "type": "invalid_request_error", "param": None, "code": None}}


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        item = error.errors(include_url=False, include_input=False, include_context=False)[0]
        return f"`{'.'.join(str(part) for part in item['loc'])}` {item['msg']}"
    return "it is not JSON"
