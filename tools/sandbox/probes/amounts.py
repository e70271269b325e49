"""Attempts to take more than there is for one call, and to answer with something the worker would choke on."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
from typing import Any

from tools.sandbox import wire

Found = dict[str, Any]
#: Bytes asked for by the memory bomb.
BOMB = 3 * 1024**3


def memory(arguments: Found, inputs: Found) -> Found:
    """Can more memory be had than the limit?"""
    del arguments, inputs
    with contextlib.suppress(MemoryError):
        return {"got": [f"{len(bytearray(BOMB))} bytes"]}
    return {"got": []}


def descriptors(arguments: Found, inputs: Found) -> Found:
    """Can more files be open than the limit, or a limit be raised?"""
    del inputs
    got: list[str] = []
    opened: list[int] = []
    with contextlib.suppress(OSError):
        while len(opened) < arguments["attempts"]:
            opened.append(os.dup(0))
        got.append(f"{len(opened)} descriptors")
    for fd in opened:
        os.close(fd)
    for kind in (resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            got.append(f"limit {kind}")
    return {"got": got}


def flood(arguments: Found, inputs: Found) -> Found:
    """An answer of this many bytes."""
    del inputs
    return {"got": ["x" * arguments["bytes"]]}


def lie(arguments: Found, inputs: Found) -> Found:
    """Send these bytes as the answer, or whatever frame they are, past the code that writes answers."""
    del inputs
    channel = next(fd for fd in range(3, 64) if _is_socket(fd))
    with socket.socket(fileno=channel) as talk:
        raw = arguments["raw"].encode("latin-1")
        talk.sendall(raw if arguments["bare"] else wire.frame(wire.ANSWER, raw))
    os._exit(0)


def _is_socket(fd: int) -> bool:
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(fd)) as found:
        return found.family == socket.AF_UNIX
    return False
