"""Attempts on files: reading, writing, following links, using what was left open, filling the disk."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import signal
from typing import Any

Found = dict[str, Any]
#: Descriptors looked at for one that was inherited.
DESCRIPTORS = 1024


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
            file = pathlib.Path(folder) / "casemate-probe"
            file.write_bytes(b"x")
            got.append(folder)
            file.unlink()
    return {"got": got}


def links(arguments: Found, inputs: Found) -> Found:
    """Is a file of the host reached through a symbolic or a hard link, a rename, or a way up with dots?"""
    del inputs
    got = []
    for number, target in enumerate(arguments["paths"]):
        soft, hard = pathlib.Path(f"/tmp/soft{number}"), pathlib.Path(f"/tmp/hard{number}")  # noqa: S108
        with contextlib.suppress(OSError):
            soft.symlink_to(target)
            got += [f"symbolic link to {target}"] if _readable(str(soft)) else []
        with contextlib.suppress(OSError):
            hard.hardlink_to(target)
            got.append(f"hard link to {target}")
        with contextlib.suppress(OSError):
            os.rename(target, f"/tmp/moved{number}")  # noqa: PTH104, S108 - the call itself is tried
            got.append(f"moved {target}")
        if _readable(f"/tmp/../../..{target}"):  # noqa: S108
            got.append(f"dots to {target}")
    return {"got": got}


def descriptors(arguments: Found, inputs: Found) -> Found:
    """Which descriptors are open, beside the standard three and the channel of the call?"""
    del arguments, inputs
    got = []
    for fd in range(3, DESCRIPTORS):
        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_GETFD)
            got.append(fd)
    return {"got": got[1:]}


def disk(arguments: Found, inputs: Found) -> Found:
    """Can more be written than the limit, into one file or many?"""
    del inputs
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    written, block = 0, b"x" * (1024 * 1024)
    for number in range(arguments["files"]):
        with contextlib.suppress(OSError), open(f"/tmp/{number}", "wb", buffering=0) as file:  # noqa: S108, PTH123
            for _ in range(arguments["megabytes"]):
                written += file.write(block)
    for number in range(arguments["files"]):
        with contextlib.suppress(OSError):
            pathlib.Path(f"/tmp/{number}").unlink()  # noqa: S108
    return {"got": ["disk"] if written > arguments["limit"] else []}


def traces(arguments: Found, inputs: Found) -> Found:
    """Is anything of an earlier call here? Leaves traces itself, for a second attempt to find."""
    del inputs
    got = []
    mark = pathlib.Path("/tmp") / arguments["name"]  # noqa: S108
    if mark.exists():
        got.append("file")
    if getattr(os, "casemate_trace", False):
        got.append("memory")
    os.casemate_trace = True  # type: ignore[attr-defined]
    with contextlib.suppress(OSError):
        mark.write_text("x")
    return {"got": got}


def _readable(path: str) -> bool:
    with contextlib.suppress(OSError):
        place = pathlib.Path(path)
        if place.is_dir():
            return any(place.iterdir())
        with place.open("rb") as file:
            file.read(1)
        return True
    return False
