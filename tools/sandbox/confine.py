"""How a process that is about to run a tool gives up everything the tool does not need. Standard library only.

Each layer is one function; the order matters: what needs a right comes before that right is given up, and the filter
of system calls comes last.
"""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass

from tools.sandbox import kernel

#: The uid and gid a tool runs as: nobody, who owns nothing.
NOBODY = 65534
#: Read by libraries that want to know how much of the machine is theirs; DuckDB gives up where it is there and closed.
#: It names the container at most. It is another file for every process, so each makes its own ruleset.
CGROUP = "/proc/self/cgroup"
#: Descriptors closed besides the standard three and the channel: any process that wants more of them asks in vain.
HIGHEST_DESCRIPTOR = 65536


@dataclass(frozen=True, kw_only=True)
class Layers:
    """What the worker wants of a tier. All of it, or the tier is refused."""

    #: `private`, `landlock`, `nobody`, `capabilities`, `rlimits`, `seccomp`.
    names: frozenset[str]
    #: The BPF program of the filter.
    program: bytes
    #: What Landlock leaves readable, and writable.
    readable: tuple[str, ...]
    writable: tuple[str, ...]
    #: Bytes of /tmp.
    tmp_bytes: int


def confine(layers: Layers, channel: int, nursery: int) -> None:
    """Give up, for good, what the tier takes away; afterwards only `channel` leads outside.

    Args:
        nursery: pid of the process to die with, 0 when it cannot be seen from here.

    Raises:
        OSError: the kernel did not do one of the steps, so no tool may run here.
    """
    if "private" in layers.names:
        kernel.unshare(kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC)
        kernel.mount_tmpfs("/tmp", layers.tmp_bytes)  # noqa: S108 - the sandbox's own
        os.chdir("/tmp")  # noqa: S108
    _only(channel)
    if "rlimits" in layers.names:
        for kind in (resource.RLIMIT_NPROC, resource.RLIMIT_CORE, resource.RLIMIT_MEMLOCK, resource.RLIMIT_MSGQUEUE):
            resource.setrlimit(kind, (0, 0))
    if "nobody" in layers.names:
        _become_nobody()
    if "capabilities" in layers.names:
        kernel.drop_capabilities()
    kernel.die_with(nursery)
    kernel.hide()
    kernel.no_new_privileges()
    if "landlock" in layers.names:
        _hold_to_paths(layers)
    if "seccomp" in layers.names:
        kernel.load_filter(layers.program)


def limit(cpu: int, memory: int, file_bytes: int, descriptors: int) -> None:
    """Hard limits of one call, set before the first byte of its input is read."""
    for kind, most in (
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, descriptors),
    ):
        resource.setrlimit(kind, (most, most))


def _become_nobody() -> None:
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)


def _hold_to_paths(layers: Layers) -> None:
    own = (CGROUP,) if os.path.exists(CGROUP) else ()  # noqa: PTH110 - pathlib is not loaded here
    ruleset = kernel.landlock_ruleset((*layers.readable, *own), layers.writable)
    kernel.landlock_restrict(ruleset)
    os.close(ruleset)


def _only(channel: int) -> None:
    """Close every descriptor but the channel; what reads or prints finds nothing."""
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.closerange(3, channel)
    os.closerange(channel + 1, HIGHEST_DESCRIPTOR)
