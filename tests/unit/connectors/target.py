"""A target system as tests need it: a real HTTP server that answers as a test says, and keeps what it was asked."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request as it arrived."""

    method: str
    #: The path exactly as it came, still encoded.
    raw_path: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode(), strict_parsing=True).items()}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a target says: its body is JSON unless it is bytes."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    #: Close the connection instead of answering.
    hang_up: bool = False
    #: Say nothing until the test ends.
    silent: bool = False
    #: Send this much of a body that never ends.
    endless: int = 0


Handle = Callable[[Asked], Answer | None]


@dataclass
class Target:
    """One server; a test sets `handle` and looks at `asked`."""

    url: str = ""
    handle: Handle = lambda asked: None
    #: Answers given before `handle` is asked, in turn.
    first: list[Answer] = field(default_factory=list)
    #: Which requests those answers are for.
    first_for: Callable[[Asked], bool] = lambda asked: True
    asked: list[Asked] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, asked: Asked) -> Answer:
        with self.lock:
            self.asked.append(asked)
            if self.first and self.first_for(asked):
                return self.first.pop(0)
            return self.handle(asked) or Answer(status=404, body={"error": "no such thing"})

    def seen(self, method: str, path: str) -> list[Asked]:
        return [asked for asked in self.asked if (asked.method, asked.path) == (method, path)]


@contextmanager
def target_server(tls: ssl.SSLContext | None = None) -> Iterator[Target]:
    """A target on a free loopback port, in threads of this process."""
    target = Target()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            asked = Asked(
                method=self.command,
                raw_path=parts.path,
                path=unquote(parts.path),
                query={name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()},
                headers={name.lower(): value for name, value in self.headers.items()},
                body=body,
            )
            answer = target.answer(asked)
            if answer.silent:
                target.ended.wait(60)
            if answer.silent or answer.hang_up:
                self.close_connection = True
                return
            if answer.endless:
                self._flood(answer)
                return
            raw = answer.body if isinstance(answer.body, bytes) else b"" if answer.body is None else None
            raw = json.dumps(answer.body).encode() if raw is None else raw
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def _flood(self, answer: Answer) -> None:
            self.close_connection = True
            self.send_response(answer.status)
            self.send_header("content-length", str(1 << 40))
            self.end_headers()
            for _ in range(answer.endless // 65536):
                self.wfile.write(b" " * 65536)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815 - the library's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the library's name
            """Tests need no access log."""

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hangs up is what some tests are about."""

    server = Quiet(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    target.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield target
    finally:
        target.ended.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
