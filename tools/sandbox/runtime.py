"""The process inside the sandbox: one request in, one answer out, then it ends.

Standard library only, and as little of it as possible: this file is paid for on every call.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import resource
import sys
from typing import Any

#: What may be named as an entry: a function of one reading tool, or of the escape attempts of the self-test.
ENTRY = re.compile(r"tools\.(?:investigate\.[a-z_]+|sandbox\.probes):[a-z_]+")


def main() -> None:
    """Answer the request on standard input; print and tracebacks of the tool go nowhere."""
    limits = [int(number) for number in sys.argv[1].split(",")]
    answer_fd = os.dup(1)
    null = os.open("/dev/null", os.O_RDWR)
    confine(limits)
    request = sys.stdin.buffer.read(limits[5] + 1)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)
    answer = _answer(request, limits[5])
    with os.fdopen(answer_fd, "wb") as out:
        out.write(answer)


def confine(limits: list[int]) -> None:
    """Hard limits, set before the first byte of input is read: cpu, memory, file, descriptors (NPROC and CORE: 0)."""
    cpu, memory, file_bytes, descriptors = limits[:4]
    for kind, limit in (
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, descriptors),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))


def _answer(request: bytes, longest: int) -> bytes:
    try:
        if len(request) > longest:
            return _line({"refused": "The input is larger than a tool may read."})
        call: dict[str, Any] = json.loads(request)
        entry = call["entry"]
        if not ENTRY.fullmatch(entry):
            return _line({"refused": "No such tool."})
        module, function = entry.split(":")
        run = getattr(importlib.import_module(module), function)
        return _line({"result": run(call["arguments"], call["inputs"])})
    except MemoryError:
        return _line({"crashed": "MemoryError"})
    except Exception as error:  # noqa: BLE001 - the outermost handler of the process
        if type(error).__name__ == "InputRefused":
            return _line({"refused": str(error)[:500]})
        return _line({"crashed": type(error).__name__})


def _line(answer: dict[str, Any]) -> bytes:
    # Text cut out of hostile bytes may hold half a surrogate pair, which is not Unicode: shown as a question mark.
    text = json.dumps(answer, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace") + b"\n"
