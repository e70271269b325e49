"""The system-call filter of an MCP server: that of a tool, but a server may have threads and processes of its own."""

from __future__ import annotations

import errno
import os
import tempfile
from functools import cache

from core.errors import SandboxUnavailable
from tools.sandbox.seccomp import DENIED, LOW_32_BITS, REQUIRED, TERMINAL_REQUESTS

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
    try:
        import pyseccomp
    except (ImportError, RuntimeError, OSError):
        raise SandboxUnavailable(
            "MCP servers over stdio need libseccomp: install it with `apt install libseccomp2`."
        ) from None
    filter_ = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    filter_.set_attr(pyseccomp.Attr.ACT_BADARCH, pyseccomp.KILL_PROCESS)
    for name in DENIED:
        if name in NEEDED:
            continue
        try:
            filter_.add_rule(pyseccomp.ERRNO(errno.EPERM), name)
        except (OSError, ValueError):
            if name in REQUIRED:
                raise SandboxUnavailable(
                    f"This libseccomp does not know the system call {name}: upgrade it to 2.5 or later."
                ) from None
    for flag in NAMESPACES:
        filter_.add_rule(pyseccomp.ERRNO(errno.EPERM), "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, flag, flag))
    # Its flags lie in memory, where a filter cannot read them; the C library falls back to clone.
    filter_.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    for request in TERMINAL_REQUESTS:
        filter_.add_rule(
            pyseccomp.ERRNO(errno.EPERM), "ioctl", pyseccomp.Arg(1, pyseccomp.MASKED_EQ, LOW_32_BITS, request)
        )
    with tempfile.TemporaryFile() as file:
        filter_.export_bpf(file)
        file.seek(0)
        return file.read()


def program_fd() -> int:
    """A fresh descriptor to read the program from; bubblewrap reads it once to the end. The caller closes it."""
    fd = os.memfd_create("seccomp", os.MFD_CLOEXEC)
    os.write(fd, program())
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
