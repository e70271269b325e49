"""The `namespaces` tier: bubblewrap for namespaces and root, seccomp for system calls, rlimits for amounts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import uuid
from weakref import WeakKeyDictionary

from core.canonical import JsonObject
from core.errors import SandboxUnavailable, ToolRefused
from tools.limits import Limits
from tools.sandbox import reply, seccomp, selftest
from tools.sandbox.root import CODE, root
from tools.sandbox.sandbox import BWRAP, Asked, SelfTest, Tier

#: The uid and gid a tool sees: nobody, who owns nothing.
NOBODY = "65534"
#: Bytes kept of what bubblewrap itself complains about; for the operator, never for a model.
STDERR = 4096
#: Seconds the kernel may take to end a killed sandbox; it takes milliseconds.
LAST_BREATH = 10.0
INSTALL = "install it with `apt install bubblewrap`, then run `casemate sandbox`"
#: Without `--new-session`: `start` makes the session, so one kill of its process group reaches the sandbox's PID 1 too.
#: A PID 1 in a session of its own outlives bubblewrap when the kill comes before it asked to die with its parent.
ISOLATION = (
    "--unshare-all", "--unshare-user", "--uid", NOBODY, "--gid", NOBODY, "--hostname", "sandbox",
    "--die-with-parent", "--clearenv", "--cap-drop", "ALL",
)  # fmt: skip


class BubblewrapSandbox:
    """A fresh set of namespaces for every call. One instance serves any number of calls, tickets and loops."""

    def __init__(self, *, bwrap: str = BWRAP, concurrency: int | None = None) -> None:
        found = shutil.which(bwrap)
        if found is None:
            raise SandboxUnavailable(f"bubblewrap ({bwrap}) is not installed, so no tool may run: {INSTALL}.")
        self._bwrap = found
        #: Calls at once; more of them only wait for a core while holding memory.
        self._concurrency = concurrency or max(2, os.cpu_count() or 1)
        self._slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    @property
    def tier(self) -> Tier:
        return "namespaces"

    async def run(
        self,
        entry: str,
        payload: JsonObject,
        limits: Limits = Limits(),
        *,
        ask: Asked | None = None,
    ) -> JsonObject:
        """See `Sandbox.run`. A cancelled call kills its sandbox before it returns."""
        call = {"entry": entry, "arguments": payload.get("arguments", {}), "inputs": payload.get("inputs", {})}
        request = json.dumps(call, allow_nan=False, ensure_ascii=True, separators=(",", ":")).encode()
        if len(request) > limits.request:
            raise ToolRefused(f"The input is larger than {limits.request} bytes, more than a tool may read.")
        loop = asyncio.get_running_loop()
        slots = self._slots.setdefault(loop, asyncio.Semaphore(self._concurrency))
        async with slots:
            process = await self.start(limits)
            answer = reply.parse(await self.finish(process, request, limits))
        if "refused" in answer:
            raise ToolRefused(str(answer["refused"]))
        if "crashed" in answer:
            raise ToolRefused(f"The tool stopped on this input ({answer['crashed']}); treat its result as unknown.")
        result = answer.get("result")
        if not isinstance(result, dict):
            raise ToolRefused("The tool gave no result; treat its result as unknown.")
        return result

    def selftest(self) -> SelfTest:
        """See `Sandbox.selftest`."""
        return selftest.attempt(self)

    def command(self, limits: Limits, seccomp_fd: int, mark: str) -> list[str]:
        """The whole command line; `mark` names this call in the process list."""
        inside = root(limits.file_bytes)
        numbers = (limits.cpu_seconds, limits.memory, limits.file_bytes, limits.descriptors, 0, limits.request)
        start = (
            f"import sys; sys.path[:0] = ({CODE!r},); sys.path.append({inside.packages!r}); "
            "from tools.sandbox.runtime import main; main()"
        )
        return [
            self._bwrap, *ISOLATION, *inside.arguments, "--seccomp", str(seccomp_fd), "--",
            inside.python, "-I", "-S", "-B", "-c", start, ",".join(map(str, numbers)), mark,
        ]  # fmt: skip

    async def finish(self, process: asyncio.subprocess.Process, request: bytes, limits: Limits) -> bytes:
        """Hand a started sandbox its request and take its answer; afterwards nothing of it is left."""
        try:
            async with asyncio.timeout(limits.seconds):
                answer, complaint = await _exchange(process, request, limits.output)
        except TimeoutError:
            raise ToolRefused(
                f"The tool took longer than {limits.seconds:g} seconds and was stopped; treat its result as unknown."
            ) from None
        finally:
            await _end(process)
        if complaint.startswith(b"bwrap:"):
            raise SandboxUnavailable(
                f"bubblewrap could not make a sandbox ({complaint.decode(errors='replace').strip()[:200]}): "
                "allow unprivileged user namespaces, then run `casemate sandbox`."
            )
        if not answer:
            raise ToolRefused("The tool used more memory or time than it may; treat its result as unknown.")
        return answer

    async def start(self, limits: Limits, mark: str | None = None) -> asyncio.subprocess.Process:
        """The sandbox process, waiting for its request on standard input."""
        fd = seccomp.program_fd()
        try:
            return await asyncio.create_subprocess_exec(
                *self.command(limits, fd, mark or uuid.uuid4().hex),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={},
                cwd="/",
                close_fds=True,
                pass_fds=(fd,),
                start_new_session=True,
            )
        except OSError as error:
            raise SandboxUnavailable(f"bubblewrap did not start ({error.strerror}): {INSTALL}.") from None
        finally:
            os.close(fd)


async def _exchange(process: asyncio.subprocess.Process, request: bytes, longest: int) -> tuple[bytes, bytes]:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    feeding = asyncio.ensure_future(_feed(process.stdin, request))
    complaining = asyncio.ensure_future(_read(process.stderr, STDERR))
    try:
        answer = await _read(process.stdout, longest + 1)
        if len(answer) > longest:
            raise ToolRefused(f"The tool's answer is larger than {longest} bytes; ask for less.")
        return answer, await complaining
    finally:
        feeding.cancel()
        complaining.cancel()
        await asyncio.gather(feeding, complaining, return_exceptions=True)


async def _feed(stdin: asyncio.StreamWriter, request: bytes) -> None:
    # A sandbox that died before it read everything is judged by its answer, which will be missing.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stdin.write(request)
        await stdin.drain()
    stdin.close()


async def _read(stream: asyncio.StreamReader, longest: int) -> bytes:
    kept = bytearray()
    while len(kept) < longest:
        chunk = await stream.read(min(65536, longest - len(kept)))
        if not chunk:
            break
        kept += chunk
    return bytes(kept)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill what is left: bubblewrap and the namespace's PID 1, with which the kernel kills all in it."""
    if process.returncode is None:
        _kill(process)
    try:
        await asyncio.shield(asyncio.wait_for(_drained(process), LAST_BREATH))
    except TimeoutError:
        _kill(process)
        raise SandboxUnavailable(
            "Something of a tool outlived its sandbox, so no tool may run: see `casemate sandbox` for what to mend."
        ) from None


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


async def _drained(process: asyncio.subprocess.Process) -> None:
    # Pipes close at their end of file only, and that is reached when every process holding them is gone.
    for stream in (process.stdout, process.stderr):
        while stream is not None and await stream.read(65536):
            pass
    await process.wait()
