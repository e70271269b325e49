"""The room without a door: what a tool cannot do, and what happens to one that tries."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.canonical import JsonObject
from core.errors import SandboxUnavailable, ToolRefused
from tools.limits import Limits
from tools.sandbox import seccomp
from tools.sandbox.pooled import PooledSandbox
from tools.sandbox.root import root
from tools.sandbox.sandbox import Sandbox, make_sandbox, open_sandbox

PROBE = "tools.sandbox.probes."


@pytest.fixture(scope="module")
def room() -> Iterator[PooledSandbox]:
    made = make_sandbox("namespaces", size=2)
    yield made
    made.close()


async def found(room: Sandbox, probe: str, limits: Limits | None = None, **arguments: object) -> object:
    answer = await room.run(PROBE + probe, {"arguments": arguments}, limits or Limits())
    return answer["got"]


def test_every_escape_attempt_of_the_self_test_fails(room: PooledSandbox) -> None:
    result = room.selftest()
    assert [c for c in result.checks if not c.ok] == []
    assert result.ok
    assert result.tier == "namespaces"
    assert len(result.checks) >= 20
    assert set(result.as_json()) == {"ok", "tier", "checks"}


async def test_self_test_can_be_called_from_inside_a_running_loop(room: PooledSandbox) -> None:
    assert (await asyncio.to_thread(room.selftest)).ok


async def test_attempts_do_see_what_is_there_so_the_self_test_can_fail(room: PooledSandbox) -> None:
    """The probes are real: given what the sandbox does permit, they report it."""
    assert await found(room, "files:read", paths=["/casemate/tools/investigate", "/dev/null"]) == [
        "/casemate/tools/investigate",
        "/dev/null",
    ]
    assert await found(room, "files:write", paths=["/tmp", "/usr"]) == ["/tmp"]
    assert await found(room, "files:disk", files=1, megabytes=2, limit=1) == ["disk"]
    assert await found(room, "processes:identity", wanted=0, hostname=False) != []


async def test_only_the_tool_code_is_in_the_room(room: PooledSandbox) -> None:
    repository = Path(__file__).parents[3]
    paths = [f"/casemate/{p}" for p in ("core", "policies", "tools/gate.py", "tools/connectors", "pyproject.toml")]
    paths += [str(repository / p) for p in ("core", "tools", "policies", ".git")]
    assert await found(room, "files:read", paths=paths) == []


@pytest.mark.parametrize(
    "entry",
    [
        "os:system",
        "tools.gate:Gate",
        "tools.investigate.read_email:run:x",
        "tools.investigate.read_email",
        "tools.investigate..os:system",
        "tools.investigate.read_email:__import__",
        "tools.connectors.lab:LabConnector",
    ],
)
async def test_entry_outside_the_reading_tools_is_refused(room: PooledSandbox, entry: str) -> None:
    with pytest.raises(ToolRefused):
        await room.run(entry, {"arguments": {}, "inputs": {}})


async def test_tool_that_hangs_is_stopped_and_nothing_of_it_is_left(room: PooledSandbox) -> None:
    others = hanging()
    with pytest.raises(ToolRefused, match="longer than"):
        await room.run(PROBE + "processes:outlive", {"arguments": {}}, Limits(seconds=0.5))
    assert hanging() - others == set()


async def test_cancelled_call_kills_its_process(room: PooledSandbox) -> None:
    others = hanging()
    call = asyncio.create_task(room.run(PROBE + "processes:outlive", {"arguments": {}}, Limits(seconds=60)))
    async with asyncio.timeout(10):
        while not hanging() - others:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert hanging() - others == set()


def hanging() -> set[int]:
    """Processes below this one that ignore SIGTERM: the attempt to outlive its call, and servers of other tests."""
    found = set()
    for child in psutil.Process().children(recursive=True):
        try:
            lines = Path(f"/proc/{child.pid}/status").read_text().splitlines()
        except OSError:
            continue
        status = dict(line.split(":", 1) for line in lines)
        # One that is dead and not yet buried runs nothing any more.
        if status["State"].split()[0] not in "ZX" and int(status["SigIgn"], 16) & 1 << 14:
            found.add(child.pid)
    return found


async def test_calls_get_answers_to_their_own_questions_and_no_others(room: PooledSandbox) -> None:
    async def ask(question: JsonObject) -> JsonObject:
        return {"got": question["kind"]} if question["kind"] == "dns" else {"refused": "No."}

    answer = await room.run(PROBE + "network:ask", {"arguments": {}}, ask=ask)
    assert answer == {"got": ["dns"]}
    assert await found(room, "network:ask") == []


async def test_error_of_the_broker_reaches_the_tool_as_a_refusal(room: PooledSandbox) -> None:
    async def ask(question: JsonObject) -> JsonObject:
        raise ToolRefused(f"Not {question['kind']}.")

    assert await room.run(PROBE + "network:ask", {"arguments": {}}, ask=ask) == {"got": []}


async def test_memory_beyond_the_limit_is_refused_to_the_tool(room: PooledSandbox) -> None:
    assert await found(room, "amounts:memory", Limits(memory=512 * 1024**2)) == []


async def test_answer_beyond_the_limit_is_refused(room: PooledSandbox) -> None:
    with pytest.raises(ToolRefused, match="larger than 100 bytes"):
        await found(room, "files:read", Limits(output=100), paths=["/dev/null"] * 50)


async def test_request_beyond_the_limit_is_refused(room: PooledSandbox) -> None:
    with pytest.raises(ToolRefused, match="larger than"):
        await found(room, "files:read", Limits(request=1000), paths=["x" * 2000])


async def test_inherited_descriptors_do_not_reach_the_tool(room: PooledSandbox, tmp_path: Path) -> None:
    (tmp_path / "open").write_text("x")
    fd = os.open(tmp_path / "open", os.O_RDONLY)
    os.set_inheritable(fd, True)
    try:
        assert await found(room, "files:descriptors") == []
    finally:
        os.close(fd)


async def test_many_calls_at_once_all_answer(room: PooledSandbox) -> None:
    answers = await asyncio.gather(*(found(room, "processes:environment") for _ in range(12)))
    assert answers == [[]] * 12


def test_one_sandbox_serves_one_loop_after_another(room: PooledSandbox) -> None:
    async def burst() -> list[object]:
        return await asyncio.gather(*(found(room, "processes:environment") for _ in range(5)))

    assert asyncio.run(burst()) == asyncio.run(burst())


def test_missing_bubblewrap_is_one_sentence_and_no_fallback() -> None:
    with pytest.raises(SandboxUnavailable, match="apt install bubblewrap"):
        open_sandbox(bwrap="/nowhere/bwrap")


def test_bubblewrap_that_cannot_make_namespaces_is_refused(tmp_path: Path) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(SandboxUnavailable, match="user namespaces"):
        open_sandbox(bwrap=str(fake))


def test_bubblewrap_that_isolates_nothing_does_not_pass_the_self_test(tmp_path: Path) -> None:
    """A stand-in that drops every option and runs the command on the host, as a broken wrapper would."""
    fake = tmp_path / "bwrap"
    repository = Path(__file__).parents[3]
    # The code's place inside is put into the command, which is how the nursery finds it.
    fake.write_text(
        "#!/bin/bash\n"
        'while [ "$1" != "--" ]; do shift; done; shift\n'
        f'args=("${{@//\\/casemate/{str(repository).replace("/", chr(92) + "/")}}}")\n'
        'exec "${args[@]}"\n'
    )
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(SandboxUnavailable, match="read files of the host"):
        open_sandbox(bwrap=str(fake))


def test_unknown_tier_is_refused() -> None:
    with pytest.raises(SandboxUnavailable, match="no sandbox tier"):
        open_sandbox("none")  # type: ignore[arg-type]


def test_self_test_runs_once_per_process() -> None:
    assert open_sandbox() is open_sandbox()


def test_filter_is_a_bpf_program() -> None:
    program = seccomp.program()
    assert len(program) % 8 == 0
    assert len(program) > 8 * len(seccomp.REQUIRED)


def test_root_shows_no_home_and_no_checkout_except_the_code_it_needs() -> None:
    arguments = root(1024).arguments
    destinations = {arguments[i + 2] for i, a in enumerate(arguments) if a in {"--ro-bind", "--ro-bind-try", "--bind"}}
    repository = str(Path(__file__).parents[3])
    assert "--bind" not in arguments
    assert not {"/", "/etc", "/home", "/root", "/usr", "/proc", str(Path.home()), repository} & destinations
    assert all("/tools" not in d or d.startswith("/casemate/") for d in destinations)


def test_a_self_test_that_could_not_be_made_refuses_the_sandbox() -> None:
    """On a machine where nothing can be written there is no bait, and so no proof."""
    script = "from tools.sandbox.sandbox import open_sandbox; open_sandbox()"
    world = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    tried = subprocess.run(
        [*world, sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120
    )
    assert tried.returncode == 1
    assert "SandboxUnavailable: The sandbox could not be tested" in tried.stderr
