"""One call, as the worker sees it: hand over the request, answer questions, take the answer, leave nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict

from core.canonical import JsonObject
from core.errors import CasemateError, SandboxUnavailable, ToolRefused
from tools.limits import Limits
from tools.sandbox import reply, wire
from tools.sandbox.pool import Child

#: Answers one question of a tool: a typed request in, `{"refused": …}` or what the broker found out.
Asked = Callable[[JsonObject], Awaitable[JsonObject]]
#: Questions one call may put.
MAX_QUESTIONS = 50
#: Seconds the kernel may take to end a killed process; it takes milliseconds.
LAST_BREATH = 10.0
#: Bytes of a frame that is neither answer nor question.
SMALL = 4096
USED_UP = "The tool used more memory or time than it may; treat its result as unknown."


async def exchange(child: Child, request: bytes, limits: Limits, ask: Asked | None) -> bytes:
    """The answer of a tool, unread. The child is killed afterwards, however this ends.

    Raises:
        ToolRefused: it took too long, used too much, or answered too much.
        SandboxUnavailable: the child could not be confined, or outlived its end.
    """
    try:
        async with asyncio.timeout(limits.seconds):
            answer = await _talk(_Frames(child, limits), request, limits, ask)
            # It has nothing more to do and cannot run on once killed, so nobody waits for the kernel to clear it away.
            child.close()
            return answer
    except TimeoutError:
        raise ToolRefused(
            f"The tool took longer than {limits.seconds:g} seconds and was stopped; treat its result as unknown."
        ) from None
    except OSError:  # it ended while it was talked to
        raise ToolRefused(USED_UP) from None
    finally:
        if not child.closed:
            await asyncio.shield(_end(child))


async def _talk(frames: _Frames, request: bytes, limits: Limits, ask: Asked | None) -> bytes:
    kind, body = await frames.next()
    if kind != wire.READY:
        raise SandboxUnavailable(
            f"A tool could not be confined ({body.decode(errors='replace')[:200]}), so none may run: "
            "see `casemate sandbox selftest`."
        )
    await frames.send(wire.frame(wire.LIMITS, json.dumps(asdict(limits)).encode()) + wire.frame(wire.CALL, request))
    questions = 0
    while True:
        kind, body = await frames.next()
        if kind == wire.ANSWER:
            return body
        questions += 1
        if questions > MAX_QUESTIONS:
            raise ToolRefused(f"The tool asked more than {MAX_QUESTIONS} questions; treat its result as unknown.")
        await frames.send(wire.frame(wire.REPLY, await _reply(body, ask)))


async def _reply(question: bytes, ask: Asked | None) -> bytes:
    if ask is None:
        answer: JsonObject = {"refused": "This tool may not ask anything outside."}
    else:
        try:
            answer = await ask(reply.parse(question))
        except CasemateError as error:
            answer = {"refused": str(error)}
    body = json.dumps(answer, ensure_ascii=True).encode()
    return body if len(body) <= wire.MAX_REPLY else b'{"refused": "The answer is too long."}'


class _Frames:
    """Frames from and to a child, which may send anything at all."""

    def __init__(self, child: Child, limits: Limits) -> None:
        self._channel = child.channel
        self._longest = {wire.ANSWER: limits.output, wire.QUESTION: wire.MAX_QUESTION,
                         wire.READY: SMALL, wire.BROKEN: SMALL}  # fmt: skip
        self._kept = bytearray()
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        # A child that died before it read everything is judged by its answer, which will be missing.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await self._loop.sock_sendall(self._channel, data)

    async def next(self) -> tuple[bytes, bytes]:
        """Raises:
        ToolRefused: it ended, or sent what it may not.
        """
        kind, length = wire.HEADER.unpack(await self._exactly(wire.HEADER.size))
        if kind not in self._longest:
            raise ToolRefused("The tool's answer was not well-formed; treat its result as unknown.")
        if length > self._longest[kind]:
            raise ToolRefused(f"The tool's answer is larger than {self._longest[kind]} bytes; ask for less.")
        return kind, await self._exactly(length)

    async def _exactly(self, size: int) -> bytes:
        while len(self._kept) < size:
            chunk = await self._loop.sock_recv(self._channel, 65536)
            if not chunk:
                raise ToolRefused(USED_UP)
            self._kept += chunk
        taken = bytes(self._kept[:size])
        del self._kept[:size]
        return taken


async def _end(child: Child) -> None:
    """Kill the child, and with it its namespace; it counts as gone when the kernel says so."""
    child.kill()
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(child.pidfd, gone.set)
    try:
        await asyncio.wait_for(gone.wait(), LAST_BREATH)
    except TimeoutError:
        raise SandboxUnavailable(
            "Something of a tool outlived its sandbox, so no tool may run: see `casemate sandbox selftest`."
        ) from None
    finally:
        loop.remove_reader(child.pidfd)
        child.close()
