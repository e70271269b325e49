"""The self-test: plant what an intruder would want outside, try to get it from inside, and report each attempt."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.canonical import JsonObject
from core.errors import CasemateError, SandboxUnavailable, ToolRefused
from tools.limits import Limits
from tools.sandbox.sandbox import Check, SelfTest
from tools.sandbox.seccomp import TERMINAL_REQUESTS

if TYPE_CHECKING:
    from tools.sandbox.bubblewrap import BubblewrapSandbox

#: Seconds a whole attempt may take on a busy machine.
PATIENCE = 30.0
#: Seconds until the attempt that hangs is killed.
HANG = 0.5
#: Numbers of calls the filter must refuse, by machine. Other machines skip this attempt and rely on the others.
NUMBERS = {
    "x86_64": {"ptrace": 101, "mount": 165, "unshare": 272, "setns": 308, "keyctl": 250, "bpf": 321,
               "userfaultfd": 323, "perf_event_open": 298, "io_uring_setup": 425, "memfd_create": 319,
               "process_vm_readv": 310, "clone3": 435, "kexec_load": 246, "init_module": 175, "open_tree": 428},
    "aarch64": {"ptrace": 117, "mount": 40, "unshare": 97, "setns": 268, "keyctl": 219, "bpf": 280,
                "userfaultfd": 282, "perf_event_open": 241, "io_uring_setup": 425, "memfd_create": 279,
                "process_vm_readv": 270, "clone3": 435, "kexec_load": 104, "init_module": 105, "open_tree": 428},
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class _Bait:
    folder: Path
    tcp: tuple[str, int]
    #: An inheritable descriptor, as a careless library would leave one open.
    descriptor: int


def attempt(sandbox: BubblewrapSandbox) -> SelfTest:
    """Run every attempt, in a thread with a loop of its own, so that it may be called from anywhere."""
    checks: list[Check] = []
    error: list[CasemateError] = []

    def run() -> None:
        try:
            with _bait() as bait:
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


@contextmanager
def _bait() -> Iterator[_Bait]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="casemate-selftest-")))
        (folder / "secret").write_text("secret")
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        descriptor = os.open(folder / "secret", os.O_RDONLY)
        stack.callback(os.close, descriptor)
        os.set_inheritable(descriptor, True)
        yield _Bait(folder=folder, tcp=listener.getsockname(), descriptor=descriptor)


async def _attempts(sandbox: BubblewrapSandbox, bait: _Bait) -> list[Check]:
    files, folders = _wanted(bait)
    limits = Limits(seconds=PATIENCE, file_bytes=2 * 1024**2)
    numbers = NUMBERS.get(platform.machine(), {})
    plan: list[tuple[str, str, JsonObject]] = [
        ("read files of the host", "read", {"paths": files}),
        ("write outside /tmp", "write", {"paths": folders}),
        ("read the environment", "environment", {}),
        ("use an inherited descriptor", "descriptors", {}),
        ("open a socket", "connect", {"tcp": [list(bait.tcp), ["169.254.169.254", 80]]}),
        ("see or signal other processes", "processes", {"pids": [os.getpid(), os.getppid(), 3, 4]}),
        ("start processes", "forks", {"attempts": 200}),
        ("take more memory than allowed", "memory", {}),
        ("fill the disk", "disk", {"files": 8, "megabytes": 4, "limit": limits.file_bytes}),
        ("reach dangerous system calls", "system_calls", {"numbers": numbers}),
        ("type into the terminal", "terminal", {"requests": list(TERMINAL_REQUESTS)}),
        ("be somebody", "identity", {"nobody": 65534}),
    ]
    if not numbers:
        plan = [step for step in plan if step[1] != "system_calls"]
    checks = [await _check(sandbox, name, probe, arguments, limits) for name, probe, arguments in plan]
    return [*checks, await _survive(sandbox)]


def _wanted(bait: _Bait) -> tuple[list[str], list[str]]:
    """Files worth reading and folders worth writing to."""
    code = Path(__file__).resolve().parents[2]
    home = Path.home()
    files = [
        *("/etc/shadow", "/etc/passwd", "/etc/hostname", "/proc/self/environ", "/proc/1/root", "/sys/kernel"),
        *("/run", "/var/lib", "/dev/mem", "/dev/shm", "/dev/tty", "/root/.bashrc"),  # noqa: S108 - to be refused
        *map(str, (bait.folder / "secret", code / "pyproject.toml", code / "core", home / ".ssh", home / ".bashrc")),
    ]
    folders = [
        *("/", "/usr", "/usr/lib", "/etc", "/dev", "/dev/shm", "/run", "/var/tmp"),  # noqa: S108 - to be refused
        *("/casemate", "/casemate/tools/investigate", str(bait.folder), str(home)),
    ]
    return files, folders


async def _check(sandbox: BubblewrapSandbox, name: str, probe: str, arguments: JsonObject, limits: Limits) -> Check:
    try:
        found = await sandbox.run(f"tools.sandbox.probes:{probe}", {"arguments": arguments}, limits)
    except ToolRefused as refused:
        # An attempt that crashed proves nothing, so it counts as an escape.
        return Check(name=name, ok=False, detail=f"the attempt gave no answer: {refused}")
    got = found["got"]
    return Check(name=name, ok=got == [], detail="nothing got through" if not got else f"got {got}"[:300])


async def _survive(sandbox: BubblewrapSandbox) -> Check:
    """Hang until killed, then look for anything of it in the process list."""
    name = "survive the time limit"
    mark = f"casemate-selftest-{os.urandom(8).hex()}"
    limits = Limits(seconds=HANG)
    process = await sandbox.start(limits, mark)
    request = json.dumps({"entry": "tools.sandbox.probes:hang", "arguments": {}, "inputs": {}}).encode()
    try:
        await sandbox.finish(process, request, limits)
        return Check(name=name, ok=False, detail="the attempt to hang ended by itself")
    except ToolRefused:
        left = _marked(mark)
        for _ in range(100):
            if not left:
                break
            await asyncio.sleep(0.02)
            left = _marked(mark)
    return Check(name=name, ok=not left, detail=f"processes {left} survived" if left else "nothing survived")


def _marked(mark: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if mark.encode() in command:
                found.append(int(entry.name))
    return found
