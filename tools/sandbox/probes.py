"""Attempts to escape, run inside the sandbox by its self-test. Each returns what it got; getting nothing is the aim."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import pathlib
import signal
import socket
import time
from typing import Any, Never

Found = dict[str, Any]
#: Descriptors looked at for one that was inherited.
DESCRIPTORS = 1024
#: Bytes asked for by the memory bomb.
BOMB = 3 * 1024**3


def read(arguments: Found, inputs: Found) -> Found:
    """Which of these files can be read?"""
    del inputs
    return {"got": [path for path in arguments["paths"] if _readable(path)]}


def write(arguments: Found, inputs: Found) -> Found:
    """Into which of these folders can a file be written?"""
    del inputs
    got = []
    for folder in arguments["paths"]:
        with contextlib.suppress(OSError):
            (pathlib.Path(folder) / "casemate-probe").write_bytes(b"x")
            got.append(folder)
    return {"got": got}


def environment(arguments: Found, inputs: Found) -> Found:
    """Which variables are set, beyond the folder bubblewrap and the locale Python put there?"""
    del arguments, inputs
    return {"got": sorted(set(os.environ) - {"PWD", "LC_CTYPE"})}


def descriptors(arguments: Found, inputs: Found) -> Found:
    """Which descriptors above the standard three, and the one of the answer, are open?"""
    del arguments, inputs
    got = []
    for fd in range(3, DESCRIPTORS):
        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_GETFD)
            got.append(fd)
    # One of them is the pipe the answer goes through.
    return {"got": got[1:]}


def connect(arguments: Found, inputs: Found) -> Found:
    """Can a socket of any family be made, or something be reached through one?"""
    del inputs
    got = []
    families = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK, socket.AF_VSOCK, socket.AF_ALG)
    for family in families:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
            with contextlib.suppress(OSError), socket.socket(family, kind):
                got.append(f"{family.name}/{kind.name}")
    for address in arguments["tcp"]:
        with contextlib.suppress(OSError), socket.create_connection(tuple(address), timeout=1):
            got.append(f"tcp {address}")
    return {"got": got}


def processes(arguments: Found, inputs: Found) -> Found:
    """Can other processes be seen or signalled? In the namespace there are bubblewrap's PID 1 and this one."""
    del inputs
    got: list[str] = []
    with contextlib.suppress(OSError):
        got += [entry.name for entry in pathlib.Path("/proc").iterdir() if entry.name.isdigit()]
    for pid in arguments["pids"]:
        with contextlib.suppress(OSError):
            os.kill(pid, 0)
            got.append(f"signal {pid}")
    return {"got": got}


def forks(arguments: Found, inputs: Found) -> Found:
    """How many processes can be started?"""
    del inputs
    got = 0
    for _ in range(arguments["attempts"]):
        try:
            child = os.fork()
        except OSError:
            break
        if child == 0:
            os._exit(0)
        got += 1
    for _ in range(got):
        os.wait()
    return {"got": ["fork"] * got}


def memory(arguments: Found, inputs: Found) -> Found:
    """Can more memory be had than the limit?"""
    del arguments, inputs
    with contextlib.suppress(MemoryError):
        return {"got": [f"{len(bytearray(BOMB))} bytes"]}
    return {"got": []}


def disk(arguments: Found, inputs: Found) -> Found:
    """Can more be written than the limit, into one file or many?"""
    del inputs
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    written, block = 0, b"x" * (1024 * 1024)
    for number in range(arguments["files"]):
        with contextlib.suppress(OSError), open(f"/tmp/{number}", "wb", buffering=0) as file:  # noqa: S108, PTH123
            for _ in range(arguments["megabytes"]):
                written += file.write(block)
    return {"got": ["disk"] if written > arguments["limit"] else []}


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
    """Does the process have an id or a name of the host?"""
    got = [str(i) for i in (os.getuid(), os.geteuid(), os.getgid(), *os.getgroups()) if i != arguments["nobody"]]
    if os.uname().nodename != "sandbox":
        got.append("hostname")
    del inputs
    return {"got": got}


def hang(arguments: Found, inputs: Found) -> Never:
    """Never end, and ignore every signal that can be ignored."""
    del arguments, inputs
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(60)


def _readable(path: str) -> bool:
    with contextlib.suppress(OSError):
        place = pathlib.Path(path)
        if place.is_dir():
            return any(place.iterdir())
        with place.open("rb") as file:
            file.read(1)
        return True
    return False
