"""Teams on Google ADK: an orchestrating agent of our own runs one LlmAgent a role, over ADK's OpenAI integration.

Sessions live in memory for one run; what must outlive it is with the toolbox. No code executor but `GateCodeExecutor`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import os
import threading
from collections.abc import AsyncGenerator
from typing import Any, cast

# Spans would carry whole messages.
os.environ["ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS"] = "false"
os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "false"

from google.adk.agents import BaseAgent, LlmAgent, RunConfig
from google.adk.agents.invocation_context import InvocationContext
from google.adk.apps import App
from google.adk.artifacts import InMemoryArtifactService
from google.adk.code_executors.base_code_executor import BaseCodeExecutor
from google.adk.code_executors.code_execution_utils import CodeExecutionInput, CodeExecutionResult
from google.adk.events import Event
from google.adk.integrations.openai import OpenAILlm
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.adk.tools.base_tool import BaseTool
from google.adk.tools.tool_context import ToolContext
from google.genai import types
from pydantic import PrivateAttr

from agents.code import CodeRunner, Ran
from agents.course import Course
from agents.model import ModelClients
from agents.prompting import static_texts, system_message
from agents.running import run_course
from agents.spec import RoleSpec, TeamSpec
from agents.team import Brief, TeamResult, Toolbox, ToolDescription

FRAMEWORK = "adk"
_APP = "casemate"
_USER = "casemate"

# Its errors carry whole messages.
for _name in ("google_adk", "google.adk", "google_genai"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


class AdkTeam:
    """One team spec on ADK. Holds no state between runs; takes many tickets at a time."""

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
        model = _model(self._clients)
        agents = {role.name: _agent(course, role, model) for role in self.spec.roles}
        sessions = InMemorySessionService()
        runner = Runner(
            app=App(name=_APP, root_agent=Orchestrator(course, agents)),
            session_service=sessions,
            # Asked for wherever code ran, though ours leaves no files behind.
            artifact_service=InMemoryArtifactService(),
        )
        try:
            session = await sessions.create_session(app_name=_APP, user_id=_USER)
            events = runner.run_async(
                user_id=_USER,
                session_id=session.id,
                new_message=_user(course.opening),
                run_config=RunConfig(max_llm_calls=self.spec.budget.model_requests + 1),
            )
            async for _ in events:
                pass
        finally:
            for agent in agents.values():
                if isinstance(agent.code_executor, GateCodeExecutor):
                    agent.code_executor.stop()
            await runner.close()


class Orchestrator(BaseAgent):
    """Lets the role whose turn it is speak, judges what it said, and goes on. It is code, not a model."""

    _course: Course = PrivateAttr()
    _agents: dict[str, LlmAgent] = PrivateAttr()

    def __init__(self, course: Course, agents: dict[str, LlmAgent]) -> None:
        super().__init__(name="casemate")
        self._course = course
        self._agents = agents

    async def _run_async_impl(self, ctx: InvocationContext) -> AsyncGenerator[Event, None]:
        while (role := self._course.turn) is not None:
            # Each role sees the brief and its own branch only; the rest is in the case file.
            branch = ctx.model_copy(update={"branch": role.name})
            text = ""
            async for event in self._agents[role.name].run_async(branch):
                if event.is_final_response():
                    text = _text(event) or text
                yield event
            said = self._course.heard(role, text)
            following = self._course.turn
            if said is not None and following is not None:
                yield Event(author="user", content=_user(said), branch=following.name, invocation_id=ctx.invocation_id)


class GateTool(BaseTool):
    """One tool of one role."""

    def __init__(self, course: Course, role: RoleSpec, tool: ToolDescription) -> None:
        super().__init__(name=tool.name, description=tool.description)
        self._course = course
        self._role = role
        self._parameters = tool.parameters

    def _get_declaration(self) -> types.FunctionDeclaration:
        return types.FunctionDeclaration(
            name=self.name, description=self.description, parameters_json_schema=self._parameters
        )

    async def run_async(self, *, args: dict[str, Any], tool_context: ToolContext) -> Any:
        return await self._course.call(self._role, self.name, args)


class GateCodeExecutor(BaseCodeExecutor):
    """Runs code as calls of `run_python`. ADK calls it in a thread; the call itself runs on the loop of the run."""

    _runner: CodeRunner = PrivateAttr()
    _loop: asyncio.AbstractEventLoop = PrivateAttr()
    _thread: int = PrivateAttr()
    _running: set[concurrent.futures.Future[Ran]] = PrivateAttr(default_factory=set)
    _stopped: bool = PrivateAttr(default=False)
    #: A call that begins while the run is being stopped is either seen by `stop` or sees it.
    _lock: threading.Lock = PrivateAttr(default_factory=threading.Lock)

    def __init__(self, runner: CodeRunner) -> None:
        """Make it on the loop that the run is on."""
        super().__init__(code_block_delimiters=[("```python\n", "```"), ("```py\n", "```"), ("```tool_code\n", "```")])
        self._runner = runner
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def execute_code(
        self, invocation_context: InvocationContext, code_execution_input: CodeExecutionInput
    ) -> CodeExecutionResult:
        if threading.get_ident() == self._thread:
            return CodeExecutionResult(stderr="Code is run from a thread, else it would wait for itself.", exit_code=1)
        over = CodeExecutionResult(stderr="The run was stopped before the code ended.", exit_code=1)
        with self._lock:
            if self._stopped:
                return over
            call = asyncio.run_coroutine_threadsafe(self._runner.run(code_execution_input.code), self._loop)
            self._running.add(call)
        try:
            ran = call.result()
        except concurrent.futures.CancelledError:
            return over
        finally:
            self._running.discard(call)
        return CodeExecutionResult(
            stdout="" if ran.failed else ran.output, stderr=ran.output if ran.failed else "", exit_code=int(ran.failed)
        )

    def stop(self) -> None:
        """End what still runs and let nothing begin, so that no thread waits for a run that is over."""
        with self._lock:
            self._stopped = True
            running = tuple(self._running)
        for call in running:
            call.cancel()


def _agent(course: Course, role: RoleSpec, model: OpenAILlm) -> LlmAgent:
    instruction = system_message(course.spec, role)

    async def mistaken(tool: BaseTool, args: dict[str, Any], tool_context: ToolContext, error: Exception) -> Any:
        # A tool that does not exist, or one that broke: the role is told, as on AutoGen.
        if tool.name not in role.tools:
            return await course.call(role, tool.name, args)
        return {"error": f"The tool failed ({type(error).__name__})."}

    return LlmAgent(
        name=role.name,
        model=model,
        # A function, because ADK fills braces in a plain string from session state.
        instruction=lambda _: instruction,
        tools=[GateTool(course, role, tool) for tool in course.tools(role)],
        code_executor=GateCodeExecutor(CodeRunner(course, role)) if role.code_blocks else None,
        on_tool_error_callback=mistaken,
        disallow_transfer_to_parent=True,
        disallow_transfer_to_peers=True,
    )


def _model(clients: ModelClients) -> OpenAILlm:
    made = clients.by_framework.get(FRAMEWORK)
    if made is None:
        made = OpenAILlm(model=clients.name, client=clients.openai, max_tokens=clients.answer_tokens)
        clients.by_framework[FRAMEWORK] = made
    return cast(OpenAILlm, made)


def _user(text: str) -> types.Content:
    return types.Content(role="user", parts=[types.Part(text=text)])


def _text(event: Event) -> str:
    parts = event.content.parts if event.content else None
    return "".join(part.text for part in parts or [] if part.text and not part.thought)
