"""The sandbox of an MCP server that speaks over stdio: bubblewrap without network, and nothing of casemate in it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

from core.errors import SandboxUnavailable, ToolRefused
from core.mcp import McpServer
from tools.mcp import seccomp
from tools.sandbox.root import mounts, root
from tools.sandbox.tiers import NOBODY

#: Bytes of its only writable place, /tmp, which is gone with it.
TMP_BYTES = 16 * 1024**2
#: Seconds of processor time of one call, open descriptors, processes and threads together.
CPU_SECONDS = 60
DESCRIPTORS = 256
PROCESSES = 128
#: Bytes of one pipe buffer that may wait unread.
PIPE_LIMIT = 65_536
#: Seconds the kernel may take to end a killed sandbox; it takes milliseconds.
LAST_BREATH = 10.0
#: Links on the way to a program.
MAX_LINKS = 10
#: Folders that no server is shown, whatever an admin asks for.
NEVER_SHOWN = ("/", "/proc", "/sys", "/dev", "/run", "/var/run", "/etc", "/root", "/home")

_ISOLATION = (
    "--unshare-all", "--unshare-user", "--uid", NOBODY, "--gid", NOBODY, "--hostname", "mcp",
    "--die-with-parent", "--clearenv", "--cap-drop", "ALL",
)  # fmt: skip
#: Sets limits, then becomes the server. The first word after the program text is a list of numbers.
_START = (
    "import os,resource as r,sys;"
    "cpu,memory,size,files,tasks=map(int,sys.argv[1].split(','));"
    "[r.setrlimit(k,(v,v)) for k,v in ((r.RLIMIT_CPU,cpu),(r.RLIMIT_AS,memory),(r.RLIMIT_FSIZE,size),"
    "(r.RLIMIT_NOFILE,files),(r.RLIMIT_NPROC,tasks),(r.RLIMIT_CORE,0))];"
    "os.execv(sys.argv[2],sys.argv[2:])"
)


def resolved(command: list[str], *, show: list[Path], home: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The command with absolute paths, and everything its sandbox must show.

    Shown by themselves: the program, the virtual environment it lies in, and every file that the command names.

    Raises:
        ToolRefused: the program is not there, or something would be shown that must not be.
    """
    program = shutil.which(command[0])
    if program is None:
        raise ToolRefused(f"There is no program {command[0]!r}; give its path.")
    words = [str(Path(program).absolute())]
    shown = [path.absolute() for path in show]
    environment = Path(words[0]).parent.parent
    if (environment / "pyvenv.cfg").is_file():
        shown.append(environment)
    shown += [hop for hop in _hops(Path(words[0])) if not any(folder in hop.parents for folder in shown)]
    for word in command[1:]:
        path = Path(word)
        if path.is_file():
            words.append(str(path.absolute()))
            shown.append(path.absolute())
        else:
            words.append(word)
    for path in shown:
        _check_shown(path, home)
    return tuple(words), tuple(dict.fromkeys(map(str, shown)))


def _hops(path: Path) -> list[Path]:
    """A program and every link on the way to it."""
    found = [path]
    while found[-1].is_symlink() and len(found) < MAX_LINKS:
        target = found[-1].parent / found[-1].readlink()
        found.append(Path(os.path.normpath(target)))
    return found


def _check_shown(path: Path, home: Path) -> None:
    real = path.resolve()
    if not real.exists():
        raise ToolRefused(f"There is nothing at {path} to show; give an existing file or folder.")
    if str(real) in NEVER_SHOWN:
        raise ToolRefused(f"{path} is too much to show to a server; name the folder it needs.")
    kept = home.resolve()
    if real == kept or kept in real.parents or real in kept.parents:
        raise ToolRefused(f"{path} holds what casemate keeps, so no server is shown it; put the server elsewhere.")


def command(server: McpServer, *, bwrap: str, seccomp_fd: int) -> list[str]:
    """The whole command line of one fresh process of a server."""
    # What Python and most programs need; none of casemate's own code.
    inside = root(TMP_BYTES)
    arguments = mounts(TMP_BYTES, ((path, path) for path in (*inside.shown, *server.shows)))
    numbers = (CPU_SECONDS, server.memory, TMP_BYTES, DESCRIPTORS, PROCESSES)
    return [
        bwrap, *_ISOLATION, *arguments, "--seccomp", str(seccomp_fd), "--",
        inside.python, "-I", "-S", "-B", "-c", _START, ",".join(map(str, numbers)), *server.command,
    ]  # fmt: skip


async def start(server: McpServer, *, bwrap: str) -> asyncio.subprocess.Process:
    """A fresh process of the server, waiting for its first message.

    Raises:
        SandboxUnavailable: bubblewrap or libseccomp is missing: there is no running without them.
    """
    found = shutil.which(bwrap)
    if found is None:
        raise SandboxUnavailable(f"bubblewrap ({bwrap}) is not installed, so no MCP server over stdio may run.")
    fd = seccomp.program_fd()
    try:
        return await asyncio.create_subprocess_exec(
            *command(server, bwrap=found, seccomp_fd=fd),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            limit=PIPE_LIMIT,
            env={},
            cwd="/",
            close_fds=True,
            pass_fds=(fd,),
            # One kill of this process group reaches the PID 1 of the sandbox, and with it the kernel ends all in it.
            start_new_session=True,
        )
    except OSError as error:
        raise SandboxUnavailable(f"bubblewrap did not start ({error.strerror}).") from None
    finally:
        os.close(fd)


async def end(process: asyncio.subprocess.Process) -> None:
    """Kill what is left of a server. Returns when nothing of it holds a pipe any more.

    Raises:
        SandboxUnavailable: something outlived its sandbox.
    """
    if process.stdin is not None:
        process.stdin.close()
    _kill(process)
    try:
        await asyncio.shield(asyncio.wait_for(_drained(process), LAST_BREATH))
    except TimeoutError:
        _kill(process)
        raise SandboxUnavailable("Something of an MCP server outlived its sandbox; look for it and end it.") from None


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


async def _drained(process: asyncio.subprocess.Process) -> None:
    for stream in (process.stdout, process.stderr):
        while stream is not None and await stream.read(PIPE_LIMIT):
            pass
    await process.wait()
