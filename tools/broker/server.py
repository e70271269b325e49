"""The broker's socket: who may speak, how much, and for how long."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from core.canonical import JsonObject
from core.errors import CasemateError
from core.log import logger
from tools.broker.desk import Broker
from tools.broker.questions import MAX_ANSWER, MAX_QUESTION, Refused, StatusQuestion, line_of, read_line

log = logger(__name__)

#: Seconds a question may take to arrive, and an answer to be taken.
LINE_SECONDS = 10.0
#: Connections at once; more are turned away.
MAX_CONNECTIONS = 128
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid


class SocketTaken(CasemateError):
    """Another broker listens there."""


@asynccontextmanager
async def listening(broker: Broker, path: Path) -> AsyncIterator[None]:
    """The broker answers on a unix socket while the block runs; only processes of its own user may speak.

    Raises:
        SocketTaken: another broker has the socket.
        CasemateError: the socket cannot be made.
    """
    with _locked(path), _made(path) as listener:
        door = _Door(broker)
        server = await asyncio.start_unix_server(door.serve, sock=listener, limit=MAX_QUESTION)
        try:
            async with server:
                yield
        finally:
            await door.close()


class _locked:  # noqa: N801 - a context manager, used like a function
    """Holds the lock beside the socket, so that nobody takes a live broker's socket away."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")

    def __enter__(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise SocketTaken(f"Another network broker runs on this socket (its lock is {self._path}).") from None

    def __exit__(self, *_error: object) -> None:
        os.close(self._file)


class _made:  # noqa: N801 - a context manager, used like a function
    """A listening socket that only its owner can open."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Never open to others, not even between being made and having its mode set.
        before = os.umask(0o177)
        try:
            with suppress(FileNotFoundError):
                self._path.unlink()  # left by one that died: we hold the lock
            listener.bind(str(self._path))
        except OSError as error:
            listener.close()
            raise CasemateError(
                f"The broker's socket {self._path} cannot be made ({error.strerror or error}); "
                "set CASEMATE_BROKER_SOCKET to a short path in a folder of its own."
            ) from None
        finally:
            os.umask(before)
        listener.listen(MAX_CONNECTIONS)
        listener.setblocking(False)
        return listener

    def __exit__(self, *_error: object) -> None:
        with suppress(OSError):
            self._path.unlink()


class _Door:
    """One question, one answer, one connection."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._open: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            if len(self._open) > MAX_CONNECTIONS or not _is_ours(writer):
                return
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                await self._exchange(reader, writer)
        finally:
            self._open.discard(task)
            writer.close()

    async def close(self) -> None:
        """Break off what is open."""
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(LINE_SECONDS):
                line = await reader.readline()
        except ValueError:  # longer than the limit
            line = b""
        answer = line_of(await self._answer(line))
        if len(answer) > MAX_ANSWER:
            answer = line_of({"refused": "The answer is larger than anybody could read."})
        writer.write(answer)
        async with asyncio.timeout(LINE_SECONDS):
            await writer.drain()

    async def _answer(self, line: bytes) -> JsonObject:
        try:
            asked = read_line(line)
            if isinstance(asked, StatusQuestion):
                return await self._broker.status()
            return await self._broker.answer(asked)
        except Refused as refused:
            return {"refused": str(refused)}
        except Exception as error:  # noqa: BLE001 - the outermost handler; one question must not end the broker
            log.error("network_question_broke", error=type(error).__name__)
            return {"refused": f"The network broker broke on this question ({type(error).__name__}); go on without it."}


def _is_ours(writer: asyncio.StreamWriter) -> bool:
    """Whether the other side runs as the same user; the kernel says so, not the other side."""
    end: socket.socket = writer.get_extra_info("socket")
    raw = end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(raw)
    if uid != os.getuid():
        log.warning("network_stranger")
    return bool(uid == os.getuid())
