"""The OpenAI clients of both agent frameworks, as they come, round and round with tools."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from autogen_core import CancellationToken, FunctionCall
from autogen_core.models import (
    AssistantMessage,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    ModelFamily,
    ModelInfo,
    SystemMessage,
    UserMessage,
)
from autogen_core.tools import FunctionTool
from autogen_ext.models.openai import OpenAIChatCompletionClient
from google.adk.integrations.openai import OpenAILlm
from google.adk.models.llm_request import LlmRequest
from google.genai import types
from openai import AsyncOpenAI

from tests.unit.serving.engines import PATIENCE, load_tiny, running
from tests.unit.serving.served import House, house


def look_up(host: str, days: int) -> str:
    """Looks up a host."""
    return f"{host}: nothing in {days} days"


@pytest.fixture(scope="module")
def server(tiny_model: Path) -> Iterator[House]:
    with running(replace(load_tiny(tiny_model), name="tiny")) as engine, house(engine) as house_:
        yield house_


async def test_autogen_calls_reads_results_and_goes_on(server: House) -> None:
    info = ModelInfo(
        vision=False, function_calling=True, json_output=True, structured_output=False, family=ModelFamily.UNKNOWN
    )
    # AutoGen passes this on without declaring it, and closes no connection itself.
    shared: dict[str, Any] = {"http_client": httpx2.AsyncClient(timeout=PATIENCE, trust_env=False)}
    client = OpenAIChatCompletionClient(
        **shared, model="tiny", base_url=f"{server.url}/v1", api_key="none", model_info=info, max_retries=0
    )
    tool = FunctionTool(look_up, description="Looks up a host.")
    chat: list[LLMMessage] = [SystemMessage(content="You triage."), UserMessage(content="Look.", source="user")]
    sampling: dict[str, Any] = {"temperature": 1.0, "max_tokens": 200}

    async def ask(choice: Any) -> CreateResult:
        return await client.create(chat, tools=[tool], tool_choice=choice, extra_create_args=sampling)

    for choice in ("required", tool):
        result = await ask(choice)
        assert result.finish_reason == "function_calls"
        assert isinstance(result.content, list)
        results = []
        for call in result.content:
            assert isinstance(call, FunctionCall)
            said = await tool.run_json(json.loads(call.arguments), CancellationToken())
            results.append(FunctionExecutionResult(content=str(said), name=call.name, call_id=call.id, is_error=False))
        chat += [
            AssistantMessage(content=result.content, source="analyst"),
            FunctionExecutionResultMessage(content=results),
        ]
    final = await ask("none")
    assert isinstance(final.content, str)
    assert final.usage.prompt_tokens > 50
    await shared["http_client"].aclose()


@pytest.mark.parametrize("stream", [False, True])
async def test_adk_calls_reads_results_and_goes_on(server: House, *, stream: bool) -> None:
    schema = types.Schema(
        type=types.Type.OBJECT,
        properties={"host": types.Schema(type=types.Type.STRING), "days": types.Schema(type=types.Type.INTEGER)},
        required=["host"],
    )
    function = types.FunctionDeclaration(name="look_up", description="Looks up a host.", parameters=schema)
    calling = types.ToolConfig(
        function_calling_config=types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.ANY)
    )
    contents = [types.Content(role="user", parts=[types.Part(text="Look.")])]
    async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=PATIENCE) as client:
        model = OpenAILlm(model="tiny", client=client, max_tokens=200)
        for _ in range(2):
            config = types.GenerateContentConfig(
                system_instruction="You triage.",
                temperature=1.0,
                tools=[types.Tool(function_declarations=[function])],
                tool_config=calling,
            )
            request = LlmRequest(model="tiny", contents=contents, config=config)
            *_, answer = [part async for part in model.generate_content_async(request, stream=stream)]
            assert answer.error_code is None, answer.error_message
            assert answer.content is not None
            assert answer.content.parts
            calls = [part.function_call for part in answer.content.parts if part.function_call]
            assert calls
            assert all(call.name == "look_up" and "host" in (call.args or {}) for call in calls)
            results = [
                types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"found": []}))
                for call in calls
            ]
            contents += [answer.content, types.Content(role="user", parts=results)]
