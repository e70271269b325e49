"""Attempts on other processes and on the kernel: seeing, signalling, starting, becoming somebody, outliving."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import pathlib
import signal
import sys
import threading
import time
from typing import Any, Never

from tools.sandbox import kernel

Found = dict[str, Any]
PTRACE_ATTACH = 16
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


def environment(arguments: Found, inputs: Found) -> Found:
    """Which variables are set, beyond the folder bubblewrap and the locale Python put there?"""
    del arguments, inputs
    return {"got": sorted(set(os.environ) - {"PWD", "LC_CTYPE"})}


def loaded(arguments: Found, inputs: Found) -> Found:
    """Which of these modules were loaded before the call, and which cached table of them was read?"""
    del inputs
    got = [name for name in arguments["names"] if name in sys.modules]
    cached = arguments.get("cached", "")
    tables = [getattr(sys.modules[name], cached) for name in got if hasattr(sys.modules[name], cached)]
    return {"got": got + [table.__name__ for table in tables if table.cache_info().currsize]}


def others(arguments: Found, inputs: Found) -> Found:
    """Can other processes be seen, signalled, traced, or their memory and environment be read?"""
    del inputs
    got: list[str] = []
    if arguments["first"] and os.getpid() != 1:
        got.append("shares its process namespace")
    with contextlib.suppress(OSError):
        got += [f"sees {entry.name}" for entry in pathlib.Path("/proc").iterdir() if entry.name.isdigit()]
    libc = ctypes.CDLL(None, use_errno=True)
    for pid in arguments["pids"]:
        with contextlib.suppress(OSError):
            os.kill(pid, 0)
            got.append(f"signal {pid}")
        if libc.ptrace(PTRACE_ATTACH, pid, 0, 0) == 0:
            got.append(f"ptrace {pid}")
        for name in ("environ", "mem", "maps", "cmdline", "root/etc/passwd"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/{name}", "rb") as file:  # noqa: PTH123
                file.read(1)
                got.append(f"{name} of {pid}")
    with contextlib.suppress(OSError):
        os.kill(-1, 0)
        got.append("signal everybody")
    return {"got": got}


def forks(arguments: Found, inputs: Found) -> Found:
    """How many processes and threads can be started, and can a program be?"""
    del inputs
    got = []
    for _ in range(arguments["attempts"]):
        try:
            child = os.fork()
        except OSError:
            break
        if child == 0:
            os._exit(0)
        got.append("fork")
    with contextlib.suppress(RuntimeError):
        thread = threading.Thread(target=time.sleep, args=(0,))
        thread.start()
        got.append("thread")
    for program in arguments["programs"]:
        try:
            os.execv(program, [program, "-c", "0"])  # noqa: S606 - the attempt itself
        except OSError as error:
            got += [] if error.errno in (errno.EPERM, errno.EACCES, errno.ENOENT) else [f"exec {program}"]
    return {"got": got}


def system_calls(arguments: Found, inputs: Found) -> Found:
    """Which of these system calls, by number, are let through to the kernel?"""
    del inputs
    libc = ctypes.CDLL(None, use_errno=True)
    got = []
    for name, number in arguments["numbers"].items():
        ctypes.set_errno(0)
        failed = libc.syscall(number, 0, 0, 0, 0, 0, 0) == -1
        if not failed or ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
            got.append(name)
    return {"got": got}


def namespaces(arguments: Found, inputs: Found) -> Found:
    """Can new namespaces be made, which give rights inside them?"""
    del arguments, inputs
    got = []
    for name, flag in (("user", CLONE_NEWUSER), ("net", CLONE_NEWNET), ("mount", kernel.CLONE_NEWNS)):
        with contextlib.suppress(OSError):
            kernel.unshare(flag)
            got.append(name)
    with contextlib.suppress(OSError):
        kernel.mount_tmpfs("/tmp", 4096)  # noqa: S108 - the attempt itself
        got.append("a mount")
    return {"got": got}


def terminal(arguments: Found, inputs: Found) -> Found:
    """Is typing into the terminal, also with high bits set in the request, refused by the filter?"""
    del inputs
    libc = ctypes.CDLL(None, use_errno=True)
    got = []
    for request in arguments["requests"]:
        for number in (request, request | 1 << 32):
            libc.ioctl(0, ctypes.c_ulong(number), b"x")
            if ctypes.get_errno() != errno.EPERM:
                got.append(hex(number))
    return {"got": got}


def identity(arguments: Found, inputs: Found) -> Found:
    """Does the process have an id, a name or a right it should not have, or can it get one?"""
    del inputs
    wanted = arguments["wanted"]
    got = [str(i) for i in (os.getuid(), os.geteuid(), os.getgid(), *os.getgroups()) if i != wanted]
    if arguments["hostname"] and os.uname().nodename != "sandbox":
        got.append("hostname")
    if kernel.capabilities():
        got.append(f"capabilities {kernel.capabilities():x}")
    for name, become in (("setuid", os.setuid), ("setgid", os.setgid), ("seteuid", os.seteuid)):
        with contextlib.suppress(OSError):
            become(0)
            got.append(name)
    return {"got": got}


def outlive(arguments: Found, inputs: Found) -> Never:
    """Leave a process behind (twice forked, in a session of its own), or else never end and ignore every signal."""
    del arguments, inputs
    with contextlib.suppress(OSError):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(300)
            os._exit(0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(60)
