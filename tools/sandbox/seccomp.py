"""The system-call filter of a sandbox, as a BPF program that a process loads before the tool's first byte."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterable
from functools import cache

from core.errors import SandboxUnavailable

#: Calls a tool never needs. Most are reachable from an empty user namespace and have been ways out of one.
DENIED = (
    # one process, one thread, one program: nothing to fork, so nothing outlives or outnumbers the tool
    "clone", "fork", "vfork", "execve", "execveat", "setsid", "setpgid",
    # becoming somebody else; without namespaces these would reach the host's ids
    "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid", "capset",
    # namespaces and mounts
    "unshare", "setns", "mount", "umount2", "umount", "pivot_root", "chroot", "mount_setattr", "move_mount",
    "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "statmount", "listmount",
    # sockets of every family, so also netlink, vsock and AF_ALG, which an empty network namespace leaves open
    "socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "socketcall",
    # other processes
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_open", "pidfd_getfd",
    "pidfd_send_signal", "kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "setpriority",
    "sched_setaffinity", "sched_setscheduler", "sched_setattr", "ioprio_set",
    # by path, so past a rule for opened files; a tool has open and unlink
    "truncate", "chmod", "fchmodat", "chown", "lchown", "fchownat", "setxattr", "lsetxattr", "removexattr",
    # kernel attack surface
    "io_uring_setup", "io_uring_enter", "io_uring_register", "io_setup", "io_submit", "bpf", "userfaultfd",
    "perf_event_open", "memfd_create", "memfd_secret", "keyctl", "add_key", "request_key", "fanotify_init",
    "name_to_handle_at", "open_by_handle_at", "lookup_dcookie", "vmsplice", "personality", "modify_ldt",
    "move_pages", "migrate_pages", "mbind", "set_mempolicy", "uselib", "nfsservctl", "quotactl", "quotactl_fd",
    # System V and POSIX queues, which outlive a process
    "shmget", "shmat", "shmctl", "msgget", "msgsnd", "msgrcv", "msgctl", "semget", "semop", "semctl", "mq_open",
    # the machine itself
    "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "reboot", "swapon", "swapoff",
    "acct", "syslog", "iopl", "ioperm", "settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "stime",
    "sethostname", "setdomainname", "vhangup", "mknod", "mknodat",
)  # fmt: skip

#: Without these the filter would not be one; a libseccomp that does not know them is refused.
REQUIRED = frozenset(
    {"clone", "execve", "kill", "socket", "unshare", "ptrace", "mount", "bpf", "keyctl", "io_uring_setup"}
)

#: ioctl requests that type into, or paste to, the terminal casemate was started from (CVE-2017-5226).
TERMINAL_REQUESTS = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
#: The kernel reads an ioctl request as 32 bits, so the filter must too (CVE-2019-10063).
LOW_32_BITS = 0xFFFFFFFF


@cache
def program() -> bytes:
    """The filter of a tool as BPF bytes.

    Raises:
        SandboxUnavailable: libseccomp is missing or too old.
    """
    return compiled(DENIED)


def compiled(denied: Iterable[str], *, clone_flags: Iterable[int] = ()) -> bytes:
    """A filter as BPF bytes. Calls of another ABI (i386, x32) kill the process: libseccomp's bad-arch action.

    Args:
        denied: names of the calls it refuses.
        clone_flags: flags that `clone` is refused with, where it is not refused altogether.

    Raises:
        SandboxUnavailable: libseccomp is missing or too old.
    """
    try:
        import pyseccomp
    except (ImportError, RuntimeError, OSError):
        raise SandboxUnavailable(
            "The sandbox needs libseccomp: install it with `apt install libseccomp2`, then run "
            "`casemate sandbox selftest`."
        ) from None
    filter_ = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    filter_.set_attr(pyseccomp.Attr.ACT_BADARCH, pyseccomp.KILL_PROCESS)
    for name in denied:
        try:
            filter_.add_rule(pyseccomp.ERRNO(errno.EPERM), name)
        except (OSError, ValueError):
            if name in REQUIRED:
                raise SandboxUnavailable(
                    f"This libseccomp does not know the system call {name}: upgrade it to 2.5 or later."
                ) from None
    for flag in clone_flags:
        filter_.add_rule(pyseccomp.ERRNO(errno.EPERM), "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, flag, flag))
    # Its flags lie in memory, where a filter cannot read them. The C library falls back to clone, which is filtered,
    # only if the kernel seems not to have clone3.
    filter_.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    for request in TERMINAL_REQUESTS:
        filter_.add_rule(
            pyseccomp.ERRNO(errno.EPERM), "ioctl", pyseccomp.Arg(1, pyseccomp.MASKED_EQ, LOW_32_BITS, request)
        )
    with tempfile.TemporaryFile() as file:
        filter_.export_bpf(file)
        file.seek(0)
        return file.read()
