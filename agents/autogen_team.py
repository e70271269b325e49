"""Teams on AutoGen: a SelectorGroupChat whose speakers are chosen by the course and whose tools are the toolbox.

No text terminations (a ticket could contain the word), no handoffs, and no code executor but `GateCodeExecutor`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any, cast

# Spans would carry whole messages; AutoGen reads this when a runtime is made.
os.environ["AUTOGEN_DISABLE_RUNTIME_TRACING"] = "true"

from autogen_agentchat.agents import (
    ApprovalRequest,
    ApprovalResponse,
    AssistantAgent,
    BaseChatAgent,
    CodeExecutorAgent,
)
from autogen_agentchat.base import Response
from autogen_agentchat.conditions import FunctionalTermination
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage, TextMessage
from autogen_agentchat.teams import SelectorGroupChat
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock, CodeExecutor, CodeResult
from autogen_core.models import ChatCompletionClient, ModelFamily, ModelInfo
from autogen_core.tools import ParametersSchema, TextResultContent, ToolResult, ToolSchema, Workbench
from autogen_ext.models.openai import OpenAIChatCompletionClient

from agents.code import BLOCK, PYTHON, CodeRunner
from agents.course import Course
from agents.model import ModelClients
from agents.prompting import static_texts, system_message
from agents.running import run_course
from agents.spec import CODE, RoleSpec, TeamSpec
from agents.team import Brief, TeamResult, Toolbox

FRAMEWORK = "autogen"
#: The speaker that judges answers; it is code, not a model.
CHECKER = "checker"
#: Seconds a cancelled team has to come to rest before it is dropped.
GRACE = 5.0

# Their events and errors carry whole messages.
for _name in (
    "autogen_core",
    "autogen_core.events",
    "autogen_core.trace",
    "autogen_agentchat",
    "autogen_agentchat.events",
):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


class AutogenTeam:
    """One team spec on AutoGen. Holds no state between runs; takes many tickets at a time."""

    framework = FRAMEWORK

    def __init__(self, spec: TeamSpec, clients: ModelClients) -> None:
        self.spec = spec
        self._clients = clients

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def static_texts(self) -> tuple[str, ...]:
        return static_texts(self.spec)

    async def run(self, brief: Brief, toolbox: Toolbox) -> TeamResult:
        return await run_course(self.spec, FRAMEWORK, brief, toolbox, self._drive, clients=self._clients)

    async def _drive(self, course: Course) -> None:
        chat = self._chat(course)
        token = CancellationToken()
        running = asyncio.ensure_future(chat.run(task=course.opening, cancellation_token=token))
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            # Cancelled from outside, AutoGen would first wait for its agents; its own token stops them.
            token.cancel()
            await asyncio.wait({running}, timeout=GRACE)
            running.cancel()
            raise
        finally:
            if running.done() and not running.cancelled():
                running.exception()

    def _chat(self, course: Course) -> SelectorGroupChat:
        client = _client(self._clients)
        members: list[Any] = [_agent(course, role, client) for role in self.spec.roles]
        roles = {role.name: role for role in self.spec.roles}

        coders = [_coder(course, role) for role in self.spec.roles if role.code_blocks]

        def next_speaker(thread: Sequence[BaseAgentEvent | BaseChatMessage]) -> str:
            turn, last = course.turn, thread[-1]
            if turn is None:
                return CHECKER
            if last.source in roles:
                return last.source + CODE if _has_code(roles[last.source], last) else CHECKER
            return turn.name

        return SelectorGroupChat(
            [*members, *coders, Checker(course, roles)],
            model_client=client,
            selector_func=next_speaker,
            allow_repeated_speaker=True,
            termination_condition=FunctionalTermination(lambda _: course.turn is None),
        )


class Checker(BaseChatAgent):
    """Reads each answer, keeps what is valid, and says who goes on and with what."""

    def __init__(self, course: Course, roles: Mapping[str, RoleSpec]) -> None:
        super().__init__(name=CHECKER, description="Judges answers against the schema.")
        self._course = course
        self._roles = roles

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        last = messages[-1]
        text = last.content if isinstance(last, TextMessage) else ""
        said = self._course.heard(self._roles[last.source], text)
        return Response(chat_message=TextMessage(content=said or "The run is over.", source=CHECKER))

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        return None


class GateWorkbench(Workbench):
    """One role's tools. Never raises and never lets a cancellation through: AutoGen would wait for ever."""

    component_type = "workbench"

    def __init__(self, course: Course, role: RoleSpec) -> None:
        self._course = course
        self._role = role

    async def list_tools(self) -> list[ToolSchema]:
        return [
            ToolSchema(
                name=tool.name,
                description=tool.description,
                parameters=cast(ParametersSchema, tool.parameters),
            )
            for tool in self._course.tools(self._role)
        ]

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
        call_id: str | None = None,
    ) -> ToolResult:
        call = asyncio.ensure_future(self._course.call(self._role, name, dict(arguments or {})))
        if cancellation_token is not None:
            cancellation_token.link_future(call)
        try:
            result = await call
        except asyncio.CancelledError:
            result = {"error": "The run was stopped before the tool answered."}
        except Exception as error:  # noqa: BLE001 - the outermost handler of a tool call
            result = {"error": f"The tool failed ({type(error).__name__})."}
        text = json.dumps(result, ensure_ascii=False)
        return ToolResult(name=name, result=[TextResultContent(content=text)], is_error="error" in result)

    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        return None

    async def reset(self) -> None:
        return None

    async def save_state(self) -> Mapping[str, Any]:
        return {}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        return None


class GateCodeExecutor(CodeExecutor):
    """Runs blocks of Python as calls of `run_python`, one by one until one fails. Never raises, as the workbench."""

    def __init__(self, runner: CodeRunner) -> None:
        self._runner = runner

    async def execute_code_blocks(
        self, code_blocks: list[CodeBlock], cancellation_token: CancellationToken
    ) -> CodeResult:
        told: list[str] = []
        for block in code_blocks:
            if block.language.strip().lower() not in PYTHON:
                return CodeResult(exit_code=1, output="\n".join([*told, "Only Python is run here; write Python."]))
            call = asyncio.ensure_future(self._runner.run(block.code))
            cancellation_token.link_future(call)
            try:
                ran = await call
            except asyncio.CancelledError:
                return CodeResult(exit_code=1, output="\n".join([*told, "The run was stopped before the code ended."]))
            told.append(ran.output)
            if ran.failed:
                return CodeResult(exit_code=1, output="\n".join(told))
        return CodeResult(exit_code=0, output="\n".join(told))

    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        return None

    async def restart(self) -> None:
        return None


def _has_code(role: RoleSpec, message: BaseAgentEvent | BaseChatMessage) -> bool:
    return role.code_blocks and isinstance(message, TextMessage) and BLOCK.search(message.content) is not None


def _coder(course: Course, role: RoleSpec) -> CodeExecutorAgent:
    """Runs what its role writes, and nobody else: a ticket may hold blocks of code as well."""
    return CodeExecutorAgent(
        role.name + CODE,
        GateCodeExecutor(CodeRunner(course, role)),
        description=f"Runs the code of the {role.name}.",
        sources=[role.name],
        supported_languages=sorted(PYTHON, reverse=True),
        approval_func=_leave_it_to_the_gate,
    )


def _leave_it_to_the_gate(_request: ApprovalRequest) -> ApprovalResponse:
    return ApprovalResponse(approved=True, reason="Policy decides at the gate.")


def _agent(course: Course, role: RoleSpec, client: ChatCompletionClient) -> AssistantAgent:
    return AssistantAgent(
        role.name,
        model_client=client,
        workbench=GateWorkbench(course, role),
        system_message=system_message(course.spec, role),
        description=f"The {role.name}.",
        reflect_on_tool_use=False,
        # The budget of model requests ends the loop before this does.
        max_tool_iterations=course.spec.budget.model_requests + 1,
    )


def _client(clients: ModelClients) -> ChatCompletionClient:
    made = clients.by_framework.get(FRAMEWORK)
    if made is None:
        # `http_client` is an argument of OpenAI's client that AutoGen passes on but does not declare.
        shared: dict[str, Any] = {"http_client": clients.http}
        made = OpenAIChatCompletionClient(
            **shared,
            model=clients.name,
            base_url=clients.url,
            api_key=clients.api_key or "none",
            max_retries=0,
            timeout=clients.timeout,
            max_tokens=clients.answer_tokens,
            model_info=ModelInfo(
                vision=False,
                function_calling=True,
                json_output=True,
                structured_output=False,
                family=ModelFamily.UNKNOWN,
            ),
        )
        clients.by_framework[FRAMEWORK] = made
    return cast(ChatCompletionClient, made)
