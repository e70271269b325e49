"""One call in a confined process: one request in, one answer out, then it ends. Standard library only."""

from __future__ import annotations

import importlib
import json
import re
import socket
from typing import Any

from tools import outside
from tools.sandbox import confine, wire

#: What may be named as an entry: a function of one reading tool, or of the escape attempts of the self-test.
ENTRY = re.compile(r"tools\.(?:investigate\.[a-z0-9_]+|sandbox\.probes\.[a-z]+):[a-z_]+")


def serve(talk: socket.socket, *, limited: bool) -> None:
    """Say that all is ready, take the call, answer it."""
    talk.sendall(wire.frame(wire.READY))
    kind, body = _receive(talk, wire.MAX_QUESTION)
    if kind != wire.LIMITS:
        return
    limits = json.loads(body)
    if limited:
        confine.limit(limits["cpu_seconds"], limits["memory"], limits["file_bytes"], limits["descriptors"])
    kind, request = _receive(talk, limits["request"])
    if kind == wire.CALL:
        with outside.answered_by(lambda question: _asked(talk, question)):
            answer = _answer(request)
        talk.sendall(wire.frame(wire.ANSWER, answer))


def _answer(request: bytes) -> bytes:
    try:
        call: dict[str, Any] = json.loads(request)
        del request
        entry = call["entry"]
        if not ENTRY.fullmatch(entry):
            return _line({"refused": "No such tool."})
        module, function = entry.split(":")
        run = getattr(importlib.import_module(module), function)
        return _line({"result": run(call["arguments"], call["inputs"])})
    except MemoryError:
        return _line({"crashed": "MemoryError"})
    except Exception as error:  # noqa: BLE001 - the outermost handler of the process
        if type(error).__name__ in {"InputRefused", "NotAnswered"}:
            return _line({"refused": str(error)[:500]})
        return _line({"crashed": type(error).__name__})


def _line(answer: dict[str, Any]) -> bytes:
    # Text cut out of hostile bytes may hold half a surrogate pair, which is not Unicode: shown as a question mark.
    text = json.dumps(answer, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def _asked(talk: socket.socket, question: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps(question).encode()
    if len(body) > wire.MAX_QUESTION:
        return {"refused": "The question is too long."}
    talk.sendall(wire.frame(wire.QUESTION, body))
    kind, reply = _receive(talk, wire.MAX_REPLY)
    answer = json.loads(reply) if kind == wire.REPLY else None
    return answer if isinstance(answer, dict) else {"refused": "The network broker gave no answer."}


def _receive(talk: socket.socket, longest: int) -> tuple[bytes, bytes]:
    kind, length = wire.HEADER.unpack(_exactly(talk, wire.HEADER.size))
    if length > longest:
        raise EOFError("longer than agreed")
    return kind, _exactly(talk, length)


def _exactly(talk: socket.socket, size: int) -> bytes:
    buffer = bytearray(size)
    view, filled = memoryview(buffer), 0
    while filled < size:
        got = talk.recv_into(view[filled:])
        if not got:
            raise EOFError("the worker is gone")
        filled += got
    return bytes(buffer)
