"""System calls that Python has no function for, as the sandbox's processes need them. Standard library only.

Landlock after `Documentation/userspace-api/landlock.rst` of the Linux kernel; its three calls have no C library
function, so they go by number (the same on every architecture since Linux 5.13).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable

#: Flags of `unshare`.
CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWPID = 0x00020000, 0x08000000, 0x20000000
#: Flags of `mount`.
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 2, 4, 8, 0x4000, 0x40000
#: Operations of `prctl`.
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP = 1, 4, 22
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 24, 38, 47
PR_CAP_AMBIENT_CLEAR_ALL, SECCOMP_MODE_FILTER = 4, 2
#: The highest capability any kernel has; asking for one that is not there is an error that ends the loop.
LAST_CAPABILITY = 63
CAPABILITY_VERSION = 0x20080522  # _LINUX_CAPABILITY_VERSION_3
SYS_LANDLOCK_CREATE, SYS_LANDLOCK_ADD, SYS_LANDLOCK_RESTRICT = 444, 445, 446
LANDLOCK_VERSION, LANDLOCK_PATH_BENEATH = 1, 1

#: Landlock's rights to files, in the order of their bits, and the version of the interface that brought each.
FILE_RIGHTS = (
    ("execute", 1), ("write_file", 1), ("read_file", 1), ("read_dir", 1), ("remove_dir", 1), ("remove_file", 1),
    ("make_char", 1), ("make_dir", 1), ("make_reg", 1), ("make_sock", 1), ("make_fifo", 1), ("make_block", 1),
    ("make_sym", 1), ("refer", 2), ("truncate", 3), ("ioctl_dev", 5),
)  # fmt: skip
READ_FILE, WRITE_FILE, READ_DIR = 1 << 2, 1 << 1, 1 << 3
#: Rights to TCP ports (bind, connect; version 4) and scopes (abstract sockets, signals; version 6): all taken away.
NET_RIGHTS, SCOPES = 0b11, 0b11

_libc = ctypes.CDLL(None, use_errno=True)


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("program", ctypes.c_void_p))


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def unshare(flags: int) -> None:
    """Leave namespaces; `CLONE_NEWPID` counts for the children that follow.

    Raises:
        OSError: the kernel refused; the same for every function here.
    """
    _checked(_libc.unshare(flags), "unshare")


def enter(fd: int, flags: int) -> None:
    """Go back into the namespaces of the process a pidfd stands for."""
    _checked(_libc.setns(fd, flags), "setns")


def mount_tmpfs(folder: str, size: int) -> None:
    """An empty private folder in memory, of at most `size` bytes, seen by this mount namespace only."""
    # Without it the mount would reach the namespace this one was copied from.
    _checked(_libc.mount(b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None), "mount --make-rprivate")
    flags = ctypes.c_ulong(MS_NOSUID | MS_NODEV | MS_NOEXEC)
    options = f"size={size},mode=0700,nr_inodes=4096".encode()
    _checked(_libc.mount(b"tmpfs", folder.encode(), b"tmpfs", flags, options), "mount tmpfs")


def die_with(parent: int) -> None:
    """Be killed when the parent process ends; a parent that is gone already ends this process now."""
    _prctl(PR_SET_PDEATHSIG, 9)
    if parent and os.getppid() != parent:
        os._exit(1)


def hide() -> None:
    """No core dumps, no debugger, and files in /proc that only root may open."""
    _prctl(PR_SET_DUMPABLE, 0)


def no_new_privileges() -> None:
    """Set-user-id programs and file capabilities give nothing from here on."""
    _prctl(PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Give up every capability, for good."""
    for capability in range(LAST_CAPABILITY + 1):
        # Without CAP_SETPCAP, or past the last one: there is nothing to drop.
        if _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break
    _libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = _CapabilityHeader(CAPABILITY_VERSION, 0)
    _checked(_libc.capset(ctypes.byref(header), (ctypes.c_uint32 * 6)()), "capset")


def capabilities() -> int:
    """The effective and permitted capabilities of this process, as bits."""
    header, data = _CapabilityHeader(CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    _checked(_libc.capget(ctypes.byref(header), data), "capget")
    return data[0] | data[1] | (data[3] | data[4]) << 32


def load_filter(program: bytes) -> None:
    """Put a compiled BPF program before every system call of this process, for good."""
    buffer = ctypes.create_string_buffer(program, len(program))
    filter_ = _Filter(len(program) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    _prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(filter_))


def landlock_version() -> int:
    """The version of Landlock's interface; 0 where the kernel has none or it is switched off."""
    return max(0, int(_libc.syscall(SYS_LANDLOCK_CREATE, None, ctypes.c_size_t(0), LANDLOCK_VERSION)))


def landlock_ruleset(readable: Iterable[str], writable: Iterable[str]) -> int:
    """A ruleset, as a descriptor, that permits reading below some paths, writing to some files, and nothing else."""
    version = landlock_version()
    if version < 1:
        raise OSError(95, "the kernel has no Landlock")
    every = sum(1 << bit for bit, (_, since) in enumerate(FILE_RIGHTS) if since <= version)
    rules = _Ruleset(every, NET_RIGHTS if version >= 4 else 0, SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    fd = int(_libc.syscall(SYS_LANDLOCK_CREATE, ctypes.byref(rules), ctypes.c_size_t(size), 0))
    _checked(min(fd, 0), "landlock_create_ruleset")
    for path in (*readable, *writable):
        rights = READ_FILE | (READ_DIR if os.path.isdir(path) else 0)  # noqa: PTH112 - pathlib is not loaded here
        _allow(fd, path, rights | (WRITE_FILE if path in writable else 0))
    return fd


def _allow(ruleset: int, path: str, rights: int) -> None:
    parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = _PathBeneath(rights, parent)
        done = _libc.syscall(SYS_LANDLOCK_ADD, ruleset, LANDLOCK_PATH_BENEATH, ctypes.byref(rule), 0)
        _checked(done, "landlock_add_rule")
    finally:
        os.close(parent)


def landlock_restrict(ruleset: int) -> None:
    """Hold this process to a ruleset, for good; it needs `no_new_privileges` first."""
    _checked(_libc.syscall(SYS_LANDLOCK_RESTRICT, ruleset, 0), "landlock_restrict_self")


def _prctl(*arguments: object) -> None:
    _checked(_libc.prctl(*arguments, *(0,) * (5 - len(arguments))), f"prctl {arguments[0]}")


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
