"""Sends agents' conversations to a chat-completions endpoint, many at once, and times what comes back."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx2

from benchmarks._serving_conversations import Conversation
from core.canonical import JsonObject

#: Seconds for one request; a slow side must end too.
PATIENCE = 600.0


@dataclass(kw_only=True, slots=True)
class Load:
    """What one replay came to."""

    concurrency: int
    requests: int = 0
    #: Generated tokens.
    tokens: int = 0
    #: Tokens of prompts, where the endpoint says so.
    prompt_tokens: int = 0
    seconds: float = 0.0
    #: Seconds to the first token of each request.
    firsts: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Generated tokens per second, all conversations together."""
        return self.tokens / self.seconds if self.seconds else 0.0

    def as_json(self) -> JsonObject:
        return {
            "concurrency": self.concurrency,
            "requests": self.requests,
            "generated_tokens": self.tokens,
            "prompt_tokens": self.prompt_tokens,
            "tokens_per_second": round(self.rate, 1),
            "first_token_ms_median": round(statistics.median(self.firsts) * 1000, 1) if self.firsts else None,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """How conversations are put to an endpoint."""

    url: str
    model: str
    max_tokens: int
    #: Requests of each conversation that are sent.
    turns: int
    #: With tools and the schema of an assessment, or as plain text.
    constrained: bool

    def body(self, request: JsonObject) -> JsonObject:
        body: JsonObject = {
            "model": self.model,
            "messages": request["messages"],
            "max_tokens": self.max_tokens,
            "temperature": 1.0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self.constrained:
            body["response_format"] = assessment_format()
        return body


def assessment_format() -> JsonObject:
    """What teams ask of an endpoint that keeps schemas."""
    from core.assessment import Assessment

    return {"type": "json_schema", "json_schema": {"name": "assessment", "schema": Assessment.model_json_schema()}}


async def replay(asking: Asking, conversations: Sequence[Conversation], *, concurrency: int) -> Load:
    """`concurrency` conversations side by side, each request after the one before it."""
    load = Load(concurrency=concurrency)
    limits = httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    transport = httpx2.AsyncHTTPTransport(limits=limits)
    async with httpx2.AsyncClient(transport=transport, timeout=PATIENCE, trust_env=False) as client:
        started = time.perf_counter()
        chosen = [conversations[number % len(conversations)] for number in range(concurrency)]
        await asyncio.gather(*(_converse(client, asking, conversation, load) for conversation in chosen))
        load.seconds = time.perf_counter() - started
    return load


async def _converse(client: httpx2.AsyncClient, asking: Asking, conversation: Conversation, load: Load) -> None:
    for request in conversation[: asking.turns]:
        await _ask(client, asking, request, load)


async def _ask(client: httpx2.AsyncClient, asking: Asking, request: JsonObject, load: Load) -> None:
    started, first, chunks, usage = time.perf_counter(), None, 0, None
    async with client.stream("POST", f"{asking.url}/chat/completions", json=asking.body(request)) as answer:
        if answer.status_code != 200:
            raise SystemExit(f"{asking.url} answered {answer.status_code}: {(await answer.aread())[:300]!r}")
        async for line in answer.aiter_lines():
            if not line.startswith("data: {"):
                continue
            event = json.loads(line[6:])
            usage = event.get("usage") or usage
            if any(choice["delta"].get("content") for choice in event.get("choices", [])):
                first = first or time.perf_counter() - started
                chunks += 1
    load.requests += 1
    load.tokens += usage["completion_tokens"] if usage else chunks
    load.prompt_tokens += usage["prompt_tokens"] if usage else 0
    if first is not None:
        load.firsts.append(first)
