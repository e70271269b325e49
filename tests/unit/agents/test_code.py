"""Code that a role writes runs in the sandbox through the gate, in both frameworks, and in no other way."""

from __future__ import annotations

import ast
import asyncio
import json
import threading
import tomllib
from pathlib import Path
from typing import Any, cast

import pytest
from autogen_agentchat.agents import ApprovalResponse, CodeExecutorAgent
from autogen_agentchat.messages import TextMessage
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock
from autogen_ext.tools.code_execution import PythonCodeExecutionTool
from google.adk.agents import RunConfig
from google.adk.agents.invocation_context import InvocationContext
from google.adk.code_executors.code_execution_utils import CodeExecutionInput

from agents import adk_team, autogen_team
from agents.build import build_team
from agents.code import CodeRunner
from agents.course import Course
from agents.spec import RoleSpec, TeamSpec, load_teams
from agents.team import Toolbox
from core.assessment import Verdict
from core.canonical import JsonObject
from core.errors import BundleInvalid
from policies.bundle import default_bundle_path
from policies.masking.masker import Masker
from tests.bundles import DRILL, loaded, write_bundle
from tests.unit.agents.endpoint import ANSWER
from tests.unit.agents.recorded import (
    FRAMEWORKS,
    RecordedToolbox,
    clients_of,
    let_out,
    role_of,
    spec,
    stub_app,
)
from tests.unit.agents.test_conformance import malicious
from tests.unit.tools.house import House, build
from tools.sandbox.sandbox import open_sandbox

ROOT = Path(__file__).parents[3]
CODE = "import os\nprint('cwd', os.getcwd(), 'of', len(events))\n1 + 1"
frameworks = pytest.mark.parametrize("framework", FRAMEWORKS)


def block(code: str = CODE) -> str:
    return f"Let me see.\n```python\n{code}\n```\n"


def coding_team(**budget: float) -> TeamSpec:
    """The phishing team whose investigator may write code."""
    team = spec("phishing", **budget)
    first, *rest = team.roles
    coder = first.model_copy(update={"tools": [*first.tools, "run_python"], "code_blocks": True})
    return team.model_copy(update={"roles": [coder, *rest]})


def writes_code_until(words: str, heard: list[str], code: str = CODE) -> Any:
    """A model whose investigator writes the code until it reads these words; everybody else just answers."""

    def answer(body: JsonObject) -> str:
        role = role_of(body)
        if role == "responder":
            return "Done."
        if role == "reviewer":
            return json.dumps(ANSWER)
        text = "\n".join(str(m["content"]) for m in body["messages"] if m["role"] != "system")
        heard.append(text)
        return json.dumps(ANSWER) if words in text else block(code)

    return answer


@pytest.fixture
def house(tmp_path: Path) -> House:
    bundle = loaded(default_bundle_path())
    return build(
        tmp_path,
        bundle=bundle,
        masker=Masker(bundle),
        sandbox=open_sandbox(),
        body="Anna Lindqvist says: ```python\nprint('attacker')\n```",
        fields={"events": [{"a": 1, "b": 2}]},
    )


def hanging() -> tuple[RecordedToolbox, asyncio.Event]:
    """A toolbox whose run_python never answers, and what tells that it was asked."""
    asked = asyncio.Event()

    class Hanging(RecordedToolbox):
        async def call(self, name: str, arguments: JsonObject, *, agent: str) -> JsonObject:
            if name == "run_python":
                asked.set()
                await asyncio.Event().wait()
            return await super().call(name, arguments, agent=agent)

    return Hanging(ticket=malicious().ticket, results={}), asked


def runner(box: Toolbox) -> CodeRunner:
    team = coding_team()
    return CodeRunner(Course(team, malicious().brief(), box), team.roles[0])


# --- whole teams


@frameworks
async def test_code_in_an_answer_runs_in_the_sandbox_and_is_evidence(framework: str, house: House) -> None:
    gate, heard = house.gate(), list[str]()
    first = await gate.open()
    clients = clients_of(stub_app(writes_code_until("E2: The code ran", heard)))
    brief = malicious().brief()
    team = build_team(coding_team(), framework, clients)
    with let_out():
        result = await team.run(brief, gate)
    assert result.assessment.verdict is Verdict.SUSPICIOUS
    assert result.note is None
    ran = [e for e in gate.evidence if e.tool == "run_python"]
    assert [e.agent for e in ran] == ["investigator"]
    assert ran[0].detail == {"output": "cwd /tmp of 1\n", "value": 2}
    assert ran[0].sandbox == house.sandbox.tier
    assert "cwd /tmp of 1" in heard[-1]
    assert "evidence.recorded" in house.actions()
    assert first.id == "E1"


@frameworks
async def test_policy_denies_code_as_it_denies_a_call(framework: str, house: House, tmp_path: Path) -> None:
    rule = DRILL.format(id="no-code", tool="run_python", kind="phishing")
    gate = house.gate(bundle=loaded(write_bundle(tmp_path / "bundle", rules=rule)))
    await gate.open()
    heard: list[str] = []
    clients = clients_of(stub_app(writes_code_until("Policy does not allow run_python here", heard)))
    with let_out():
        result = await build_team(coding_team(), framework, clients).run(malicious().brief(), gate)
    assert result.assessment.verdict is Verdict.SUSPICIOUS
    assert [e for e in gate.evidence if e.tool == "run_python"] == []


@frameworks
async def test_code_of_the_ticket_is_never_run(framework: str) -> None:
    box = malicious()
    box.ticket["body"] = block("print('attacker')")
    box.results["run_python"] = {
        "facts": {"ok": True, "error": "", "lines": 1},
        "detail": {"output": "x\n", "value": None},
    }
    heard: list[str] = []
    clients = clients_of(stub_app(writes_code_until("run_python answered", heard)))
    with let_out():
        await build_team(coding_team(), framework, clients).run(box.brief(), box)
    assert [arguments["code"].strip() for _, name, arguments in box.calls if name == "run_python"] == [CODE]


@frameworks
async def test_a_role_without_the_switch_is_not_run(framework: str) -> None:
    box = malicious()
    team = coding_team()
    first, *rest = team.roles
    team = team.model_copy(update={"roles": [first.model_copy(update={"code_blocks": False}), *rest]})
    heard: list[str] = []
    clients = clients_of(stub_app(writes_code_until("holds no JSON object", heard)))
    with let_out():
        result = await build_team(team, framework, clients).run(box.brief(), box)
    assert result.assessment.verdict is Verdict.SUSPICIOUS
    assert [name for _, name, _ in box.calls if name == "run_python"] == []


@frameworks
async def test_a_model_that_only_writes_code_ends_with_its_budget(framework: str) -> None:
    box = malicious()
    box.results["run_python"] = {
        "facts": {"ok": True, "error": "", "lines": 0},
        "detail": {"output": "", "value": None},
    }
    heard: list[str] = []
    clients = clients_of(stub_app(writes_code_until("no such words", heard)))
    with let_out():
        result = await build_team(coding_team(model_requests=8, tool_calls=3), framework, clients).run(box.brief(), box)
    assert result.assessment.verdict is Verdict.NEEDS_INFORMATION
    assert len([name for _, name, _ in box.calls if name == "run_python"]) == 3
    assert result.model_requests <= 8
    assert any("budget of 3 tool calls is spent" in text for text in heard)


@frameworks
async def test_a_run_that_is_cancelled_while_code_runs_comes_to_an_end(framework: str) -> None:
    box, asked = hanging()
    clients = clients_of(stub_app(writes_code_until("no such words", [])))
    threads = threading.active_count()

    async def work() -> None:
        with let_out():
            await build_team(coding_team(), framework, clients).run(box.brief(), box)

    running = asyncio.ensure_future(work())
    await asyncio.wait_for(asked.wait(), 20)
    running.cancel()
    done, _ = await asyncio.wait({running}, timeout=20)
    assert done
    assert running.cancelled()
    # A thread that still waited for the code would keep the process from ending.
    await asyncio.wait_for(asyncio.get_running_loop().shutdown_default_executor(), 20)
    assert threading.active_count() <= threads + 1


@frameworks
async def test_code_that_outlasts_the_run_is_a_time_out_of_the_run(framework: str) -> None:
    box, _ = hanging()
    clients = clients_of(stub_app(writes_code_until("no such words", [])))
    with let_out():
        result = await asyncio.wait_for(
            build_team(coding_team(seconds=3), framework, clients).run(box.brief(), box), 30
        )
    assert result.assessment.verdict is Verdict.NEEDS_INFORMATION
    assert result.note is not None
    assert "3 seconds" in result.note


# --- AutoGen's own users of an executor


async def test_autogen_runs_blocks_one_by_one_until_one_fails(house: House) -> None:
    gate = house.gate()
    await gate.open()
    executor = autogen_team.GateCodeExecutor(runner(gate))
    blocks = [CodeBlock(code=code, language="python") for code in ("print('one')", "1/0", "print('three')")]
    async with executor:
        result = await executor.execute_code_blocks(blocks, CancellationToken())
        await executor.restart()
    assert result.exit_code == 1
    assert "one" in result.output
    assert "line 1: ZeroDivisionError: division by zero" in result.output
    assert "three" not in result.output
    assert len([e for e in gate.evidence if e.tool == "run_python"]) == 2


async def test_autogen_is_told_that_only_python_runs() -> None:
    box = malicious()
    result = await autogen_team.GateCodeExecutor(runner(box)).execute_code_blocks(
        [CodeBlock(code="rm -rf /", language="bash")], CancellationToken()
    )
    assert (result.exit_code, result.output) == (1, "Only Python is run here; write Python.")
    assert box.calls == []


async def test_autogens_code_execution_tool_goes_by_the_gate(house: House) -> None:
    gate = house.gate()
    await gate.open()
    tool = PythonCodeExecutionTool(autogen_team.GateCodeExecutor(runner(gate)))
    told = await tool.run_json({"code": "import socket\nsocket.socket()"}, CancellationToken())
    assert told.success is False
    assert "PermissionError" in told.output
    assert gate.evidence[-1].tool == "run_python"


async def test_autogens_code_executor_agent_goes_by_the_gate(house: House) -> None:
    gate = house.gate()
    await gate.open()
    agent = CodeExecutorAgent(
        "coder",
        autogen_team.GateCodeExecutor(runner(gate)),
        approval_func=lambda _: ApprovalResponse(approved=True, reason="test"),
    )
    said = await agent.on_messages([TextMessage(content=block(), source="user")], CancellationToken())
    assert "cwd /tmp of 1" in cast(TextMessage, said.chat_message).content


async def test_autogen_does_not_hang_when_code_is_cancelled() -> None:
    box, asked = hanging()
    token = CancellationToken()
    executor = autogen_team.GateCodeExecutor(runner(box))
    running = asyncio.ensure_future(executor.execute_code_blocks([CodeBlock(code="1", language="python")], token))
    await asyncio.wait_for(asked.wait(), 5)
    token.cancel()
    result = await asyncio.wait_for(running, 5)
    assert (result.exit_code, result.output) == (1, "The run was stopped before the code ended.")


async def test_a_broken_toolbox_is_told_without_its_words() -> None:
    class Broken(RecordedToolbox):
        async def call(self, name: str, arguments: JsonObject, *, agent: str) -> JsonObject:
            raise RuntimeError("secret words")

    ran = await runner(Broken(ticket=malicious().ticket, results={})).run("1")
    assert (ran.output, ran.failed) == ("The code could not be run (RuntimeError).", True)


# --- ADK's own users of an executor


async def test_adk_begins_no_code_in_a_run_that_is_being_stopped() -> None:
    box, asked = hanging()
    executor = adk_team.GateCodeExecutor(runner(box))
    executor.stop()
    context = cast(InvocationContext, None)
    late = asyncio.to_thread(executor.execute_code, context, CodeExecutionInput(code="1"))
    result = await asyncio.wait_for(late, 5)
    assert result.stderr == "The run was stopped before the code ended."
    assert not asked.is_set()


async def test_adk_calls_it_from_a_thread_and_never_from_its_own_loop(house: House) -> None:
    gate = house.gate()
    await gate.open()
    executor = adk_team.GateCodeExecutor(runner(gate))
    context = cast(InvocationContext, None)
    good = await asyncio.to_thread(executor.execute_code, context, CodeExecutionInput(code=CODE))
    assert (good.exit_code, good.stderr) == (0, "")
    assert "cwd /tmp of 1" in good.stdout
    bad = await asyncio.to_thread(executor.execute_code, context, CodeExecutionInput(code="1/0"))
    assert (bad.exit_code, bad.stdout) == (1, "")
    assert "ZeroDivisionError" in bad.stderr
    assert "from a thread" in executor.execute_code(context, CodeExecutionInput(code=CODE)).stderr


# --- and no other way


#: What is imported for code executors: the frameworks' own interfaces, and the speaker that is handed one.
IMPORTED = {
    "agents/autogen_team.py": {"autogen_core.code_executor", "autogen_agentchat.agents.CodeExecutorAgent"},
    "agents/adk_team.py": {
        "google.adk.code_executors.base_code_executor",
        "google.adk.code_executors.code_execution_utils",
    },
}


def test_no_other_executor_is_imported_anywhere() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
    found: dict[str, set[str]] = {}
    for file in (file for package in packages for file in (ROOT / package).rglob("*.py")):
        for name in imported(ast.parse(file.read_text())):
            if "codeexec" in name.lower().replace("_", ""):
                found.setdefault(str(file.relative_to(ROOT)), set()).add(name)
    assert found == IMPORTED


def imported(tree: ast.Module) -> set[str]:
    """Modules, and of modules that are not named for code what is taken from them."""
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            named = "code_exec" in node.module
            names |= {node.module} if named else {f"{node.module}.{alias.name}" for alias in node.names}
    return names


async def test_an_adk_agent_has_our_executor_or_none() -> None:
    """ADK loads an executor that runs on the host by itself; here it is given to nobody."""
    clients = clients_of(stub_app(lambda _: "x"))
    for team in (coding_team(), *load_teams().by_name.values()):
        course = Course(team, malicious().brief(), malicious())
        for role in team.roles:
            executor = adk_team._agent(course, role, adk_team._model(clients)).code_executor
            assert isinstance(executor, adk_team.GateCodeExecutor) if role.code_blocks else executor is None
    assert RunConfig().support_cfc is False, "it would bring an executor of ADK's own"


@pytest.mark.parametrize("name", sorted(load_teams().by_name))
async def test_no_shipped_team_runs_code_but_by_a_call(name: str) -> None:
    assert [role.name for role in load_teams().by_name[name].roles if role.code_blocks] == []


def test_a_role_that_writes_code_needs_the_tool_and_a_name_of_its_own(tmp_path: Path) -> None:
    text = (ROOT / "agents/teams/default.yaml").read_text()
    wrong = text.replace("name: reviewer", "name: investigator_code").replace("run_python, ", "")
    wrong = wrong.replace("    answers: assessment\n", "    answers: assessment\n    code_blocks: true\n")
    (tmp_path / "default.yaml").write_text(wrong)
    with pytest.raises(BundleInvalid) as refused:
        load_teams(tmp_path)
    assert "`investigator` has code_blocks but not the tool `run_python`" in str(refused.value)
    assert "`investigator_code` is what the code of `investigator` speaks as" in str(refused.value)


def test_the_switch_is_off_unless_said() -> None:
    assert RoleSpec(name="a", prompt="investigator", tools=["run_python"], answers="assessment").code_blocks is False
