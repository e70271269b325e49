"""The self-test: plant what an intruder would want outside, try to get it from inside, and report each attempt."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from core.canonical import JsonObject
from core.errors import CasemateError, SandboxUnavailable, ToolRefused
from tools.limits import Limits
from tools.sandbox.bait import Bait, planted
from tools.sandbox.call import exchange
from tools.sandbox.sandbox import Check, SelfTest
from tools.sandbox.seccomp import TERMINAL_REQUESTS
from tools.sandbox.tiers import NOBODY, TMP_BYTES

if TYPE_CHECKING:
    from tools.sandbox.pooled import PooledSandbox

#: Seconds a whole attempt may take on a busy machine.
PATIENCE = 30.0
#: Seconds until the attempt that hangs is killed.
HANG = 0.5
#: Bytes an answer may have in the attempt to flood.
SMALL = 10_000
#: Numbers of calls the filter must refuse, by machine. Other machines skip this attempt and rely on the others.
NUMBERS = {
    "x86_64": {"ptrace": 101, "mount": 165, "unshare": 272, "setns": 308, "keyctl": 250, "bpf": 321, "add_key": 248,
               "userfaultfd": 323, "perf_event_open": 298, "io_uring_setup": 425, "io_uring_enter": 426,
               "io_uring_register": 427, "memfd_create": 319, "process_vm_readv": 310, "process_vm_writev": 311,
               "clone3": 435, "kexec_load": 246, "init_module": 175, "open_tree": 428, "pidfd_open": 434,
               "pidfd_getfd": 438, "kcmp": 312, "shmget": 29, "mq_open": 240, "personality": 135},
    "aarch64": {"ptrace": 117, "mount": 40, "unshare": 97, "setns": 268, "keyctl": 219, "bpf": 280, "add_key": 217,
                "userfaultfd": 282, "perf_event_open": 241, "io_uring_setup": 425, "io_uring_enter": 426,
                "io_uring_register": 427, "memfd_create": 279, "process_vm_readv": 270, "process_vm_writev": 271,
                "clone3": 435, "kexec_load": 104, "init_module": 105, "open_tree": 428, "pidfd_open": 434,
                "pidfd_getfd": 438, "kcmp": 272, "shmget": 194, "mq_open": 180, "personality": 92},
}  # fmt: skip
#: Programs tried; the last is there wherever casemate is.
PROGRAMS = ["/bin/sh", "/usr/bin/env", str(Path(sys.executable).resolve())]
#: What a tool that was taken over may send in place of an answer, and whether it is put into a frame.
LIES = (
    ('{"result": {"got": NaN}}', False), ('{"result": {}, "result": {"got": []}}', False),
    ('{"result": ' + '{"a":' * 500 + "1" + "}" * 501, False), ("[" * 200_000, False), ("null", False), ("", False),
    ('{"result": {"n": 123456789012345678901234567890}}', False), ("\xff\xfe", False), ('{"result": [1]}', False),
    ("A\xff\xff\xff\xff", True), ("Z\x00\x00\x00\x00", True), ("R\x00\x00", True),
)  # fmt: skip


def attempt(sandbox: PooledSandbox) -> SelfTest:
    """Run every attempt, in a thread with a loop of its own, so that it may be called from anywhere.

    Raises:
        SandboxUnavailable: the sandbox does not start, or the attempts could not be made.
    """
    checks: list[Check] = []
    error: list[CasemateError] = []

    def run() -> None:
        try:
            with planted() as bait:
                checks.extend(asyncio.run(_attempts(sandbox, bait)))
        except CasemateError as raised:
            error.append(raised)
        except Exception as broken:  # noqa: BLE001 - a test that could not be made must not count as passed
            error.append(
                SandboxUnavailable(
                    f"The sandbox could not be tested ({type(broken).__name__}), so no tool may run: "
                    "check that there is a folder for temporary files and that sockets can be opened."
                )
            )

    thread = threading.Thread(target=run, name="sandbox-selftest")
    thread.start()
    thread.join()
    if error:
        raise error[0]
    # No attempt at all proves nothing.
    return SelfTest(ok=bool(checks) and all(c.ok for c in checks), tier=sandbox.tier, checks=tuple(checks))


async def _attempts(sandbox: PooledSandbox, bait: Bait) -> list[Check]:
    limits = Limits(seconds=PATIENCE, file_bytes=2 * 1024**2)
    checks = []
    for name, probe, arguments in _plan(sandbox, bait, limits):
        checks.append(await _check(sandbox, name, probe, arguments, limits))
    return [*checks, *[await _special(sandbox, name, special) for name, special in SPECIAL]]


def _plan(sandbox: PooledSandbox, bait: Bait, limits: Limits) -> list[tuple[str, str, JsonObject]]:
    apart = sandbox.tier == "namespaces"
    # Without namespaces an ordinary user stays who he is; as root, a tool becomes nobody.
    wanted = int(NOBODY) if apart or os.getuid() == 0 else os.getuid()
    pids = [os.getpid(), os.getppid(), 1 if not apart else 2, 3, 4]
    numbers = NUMBERS.get(platform.machine(), {})
    plan: list[tuple[str, str, JsonObject]] = [
        ("read files of the host", "files:read", {"paths": bait.files()}),
        ("write outside /tmp, and into code that is loaded later", "files:write", {"paths": bait.folders()}),
        ("follow links and dots out", "files:links", {"paths": [str(bait.folder / "secret"), "/etc/passwd"]}),
        ("read the environment", "processes:environment", {}),
        ("use an inherited descriptor", "files:descriptors", {}),
        (
            "open a socket",
            "network:connect",
            {"tcp": [list(bait.tcp), ["169.254.169.254", 80]], "udp": [list(bait.udp), ["127.0.0.53", 53]],
             "unix": [*bait.unix, "/var/run/docker.sock", "/run/systemd/private"]},
        ),
        ("ask outside without leave", "network:ask", {}),
        ("pass a descriptor through the channel", "network:pass_on", {}),
        ("see, signal, trace or read other processes", "processes:others", {"pids": pids, "first": apart}),
        ("start processes, threads, programs", "processes:forks", {"attempts": 200, "programs": PROGRAMS}),
        ("make namespaces", "processes:namespaces", {}),
        ("type into the terminal", "processes:terminal", {"requests": list(TERMINAL_REQUESTS)}),
        ("be or become somebody", "processes:identity", {"wanted": wanted, "hostname": apart}),
        ("take more memory than allowed", "amounts:memory", {}),
        ("open more files than allowed, or raise a limit", "amounts:descriptors", {"attempts": 500}),
        ("fill the disk", "files:disk", {"files": 24, "megabytes": 4, "limit": TMP_BYTES}),
        ("fill one file", "files:disk", {"files": 1, "megabytes": 4, "limit": limits.file_bytes}),
    ]  # fmt: skip
    if numbers:
        plan.append(("reach dangerous system calls", "processes:system_calls", {"numbers": numbers}))
    return plan


async def _check(sandbox: PooledSandbox, name: str, probe: str, arguments: JsonObject, limits: Limits) -> Check:
    try:
        found = await sandbox.run(f"tools.sandbox.probes.{probe}", {"arguments": arguments}, limits)
    except ToolRefused as refused:
        # An attempt that crashed proves nothing, so it counts as an escape.
        return Check(name=name, ok=False, detail=f"the attempt gave no answer: {refused}")
    got = found["got"]
    return Check(name=name, ok=got == [], detail="nothing got through" if not got else f"got {got}"[:300])


async def _special(sandbox: PooledSandbox, name: str, special: Callable[[PooledSandbox], Awaitable[str]]) -> Check:
    got = await special(sandbox)
    return Check(name=name, ok=not got, detail=got or "nothing got through")


async def _flood(sandbox: PooledSandbox) -> str:
    limits = Limits(seconds=PATIENCE, output=SMALL)
    try:
        await sandbox.run("tools.sandbox.probes.amounts:flood", {"arguments": {"bytes": 50_000_000}}, limits)
    except ToolRefused:
        return ""
    return "an answer larger than allowed was taken"


async def _lies(sandbox: PooledSandbox) -> str:
    taken = []
    for number, (raw, bare) in enumerate(LIES):
        arguments = {"raw": raw, "bare": bare}
        try:
            await sandbox.run("tools.sandbox.probes.amounts:lie", {"arguments": arguments}, Limits(seconds=PATIENCE))
            taken.append(number)
        except ToolRefused:
            continue
    return f"malformed answers {taken} were taken" if taken else ""


async def _traces(sandbox: PooledSandbox) -> str:
    call: JsonObject = {"arguments": {"name": f"casemate-{os.urandom(8).hex()}"}}
    for _ in range(2):
        found = await sandbox.run("tools.sandbox.probes.files:traces", call, Limits(seconds=PATIENCE))
    return f"left behind for the next call: {found['got']}" if found["got"] else ""


async def _outlive(sandbox: PooledSandbox) -> str:
    """Hang until killed, then look for it and for what it left."""
    child = await sandbox.take()
    pid = child.pid
    call = {"entry": "tools.sandbox.probes.processes:outlive", "arguments": {}, "inputs": {}}
    try:
        await exchange(child, json.dumps(call).encode(), Limits(seconds=HANG), None)
    except ToolRefused as refused:
        if "longer than" not in str(refused):
            return f"the attempt to hang ended by itself: {refused}"
    else:
        return "the attempt to hang ended by itself"
    return f"process {pid} survived" if _runs(pid) else ""


def _runs(pid: int) -> bool:
    """Whether a process is there and not just waiting to be buried."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(") ")[2]
    except OSError:
        return False
    return state[:1] not in "ZX"


SPECIAL: tuple[tuple[str, Callable[[PooledSandbox], Awaitable[str]]], ...] = (
    ("flood the worker with output", _flood),
    ("confuse the worker with its answer", _lies),
    ("leave something for the next call", _traces),
    ("survive the time limit", _outlive),
)
