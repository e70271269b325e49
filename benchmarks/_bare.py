"""Bare teams: the frameworks with the same roles, prompts and tools, and nothing of casemate around them."""

from __future__ import annotations

from typing import Any, Protocol

from agents.prompting import system_message
from agents.spec import TeamSpec
from benchmarks._plain import PlainTools


class Bare(Protocol):
    """Runs one ticket."""

    async def run(self, spec: TeamSpec, opening: str, tools: PlainTools) -> None: ...


class BareAutogen:
    """Assistant agents with function tools in a selector group chat."""

    def __init__(self, url: str) -> None:
        from autogen_core.models import ModelFamily, ModelInfo
        from autogen_ext.models.openai import OpenAIChatCompletionClient

        self._client = OpenAIChatCompletionClient(
            model="playbook",
            base_url=url,
            api_key="none",
            max_retries=0,
            model_info=ModelInfo(
                vision=False, function_calling=True, json_output=True, structured_output=False,
                family=ModelFamily.UNKNOWN,
            ),
        )  # fmt: skip

    async def run(self, spec: TeamSpec, opening: str, tools: PlainTools) -> None:
        from autogen_agentchat.agents import AssistantAgent
        from autogen_agentchat.conditions import FunctionalTermination
        from autogen_agentchat.teams import SelectorGroupChat
        from autogen_core.tools import FunctionTool

        names = [role.name for role in spec.roles]
        agents: list[Any] = [
            AssistantAgent(
                role.name,
                model_client=self._client,
                system_message=system_message(spec, role),
                tools=[
                    FunctionTool(function, description=function.__doc__ or function.__name__)
                    for function in (tools.function(name, as_text=True) for name in role.tools)
                ],
                max_tool_iterations=spec.budget.model_requests,
            )
            for role in spec.roles
        ]

        def next_speaker(thread: Any) -> str:
            last = thread[-1]
            if last.source not in names:
                return names[0]
            tools.heard(str(last.content))
            return names[min(names.index(last.source) + 1, len(names) - 1)]

        def ended(messages: Any) -> bool:
            return bool(messages) and messages[-1].source == names[-1]

        chat = SelectorGroupChat(
            agents,
            model_client=self._client,
            selector_func=next_speaker,
            termination_condition=FunctionalTermination(ended),
        )
        await chat.run(task=opening)


class BareAdk:
    """LLM agents with function tools, run one after the other in one session."""

    def __init__(self, url: str) -> None:
        from google.adk.integrations.openai import OpenAILlm

        self._model = OpenAILlm(model="playbook", base_url=url, api_key="none")

    async def run(self, spec: TeamSpec, opening: str, tools: PlainTools) -> None:
        from google.adk.agents import LlmAgent
        from google.adk.apps import App
        from google.adk.runners import Runner
        from google.adk.sessions import InMemorySessionService
        from google.genai import types

        text = opening
        for role in spec.roles:
            instruction = system_message(spec, role)
            agent = LlmAgent(
                name=role.name,
                model=self._model,
                instruction=lambda _, said=instruction: said,
                tools=[tools.function(name) for name in role.tools],
            )
            sessions = InMemorySessionService()
            runner = Runner(app=App(name="bare", root_agent=agent), session_service=sessions)
            session = await sessions.create_session(app_name="bare", user_id="bare")
            message = types.Content(role="user", parts=[types.Part(text=text)])
            async for event in runner.run_async(user_id="bare", session_id=session.id, new_message=message):
                if event.is_final_response() and event.content:
                    tools.heard("".join(part.text or "" for part in event.content.parts or []))
            await runner.close()
