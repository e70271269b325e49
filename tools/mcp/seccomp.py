"""The system-call filter of an MCP server: that of a tool, but a server may have threads and processes of its own."""

from __future__ import annotations

import os
from functools import cache

from tools.sandbox.seccomp import DENIED, compiled

#: Runtimes such as Node and asyncio start threads and programs, signal them and pair sockets with themselves, all of it
#: inside namespaces of their own. New sockets stay forbidden.
NEEDED = frozenset({
    "clone", "fork", "vfork", "execve", "setsid", "setpgid", "socketpair", "kill", "tkill", "tgkill",
    "rt_sigqueueinfo", "rt_tgsigqueueinfo", "setpriority", "sched_setaffinity", "sched_setscheduler", "sched_setattr",
    "truncate", "chmod", "fchmodat",
})  # fmt: skip
#: CLONE_NEW*: time, mount, cgroup, UTS, IPC, user, PID, network.
NAMESPACES = (0x00000080, 0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)


@cache
def program() -> bytes:
    """The filter as BPF bytes.

    Raises:
        SandboxUnavailable: libseccomp is missing or too old.
    """
    return compiled([name for name in DENIED if name not in NEEDED], clone_flags=NAMESPACES)


def program_fd() -> int:
    """A fresh descriptor to read the program from; bubblewrap reads it once to the end. The caller closes it."""
    fd = os.memfd_create("seccomp", os.MFD_CLOEXEC)
    os.write(fd, program())
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
