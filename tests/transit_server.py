"""A Transit engine as tests need it: real HTTP, real AES-GCM, versions, associated data, and ways to misbehave."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


@dataclass
class Engine:
    """The state of one server; tests change it while it runs."""

    url: str = ""
    token: str = "hvs.good"
    key: str = "casemate"
    mount: str = "transit"
    versions: list[bytes] = field(default_factory=lambda: [os.urandom(32)])
    #: Whether associated data is honoured; servers before 1.13 did not know it.
    binds: bool = True
    sealed: bool = False
    #: Sent instead of any answer: (status, body).
    instead: tuple[int, bytes] | None = None
    #: While set, requests get no answer until the test ends.
    silent: bool = False
    ended: threading.Event = field(default_factory=threading.Event)
    #: (path, namespace) of every request.
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def rotate(self) -> None:
        self.versions.append(os.urandom(32))

    def answer(self, path: str, token: str | None, said: dict[str, Any]) -> tuple[int, bytes]:
        if self.instead is not None:
            return self.instead
        if self.sealed:
            return _errors(503, "Vault is sealed")
        if token != self.token:
            return _errors(403, "permission denied")
        bound = base64.b64decode(said.get("associated_data", "")) if self.binds else b""
        if path == f"/v1/{self.mount}/encrypt/{self.key}":
            nonce = os.urandom(12)
            sealed = AESGCM(self.versions[-1]).encrypt(nonce, base64.b64decode(said["plaintext"]), bound)
            text = base64.b64encode(nonce + sealed).decode()
            return _data({"ciphertext": f"vault:v{len(self.versions)}:{text}", "key_version": len(self.versions)})
        if path == f"/v1/{self.mount}/decrypt/{self.key}":
            return self._decrypt(said["ciphertext"], bound)
        return _errors(404, "no handler for route")

    def _decrypt(self, ciphertext: str, bound: bytes) -> tuple[int, bytes]:
        try:
            _, version, text = ciphertext.split(":")
            raw = base64.b64decode(text, validate=True)
            plain = AESGCM(self.versions[int(version[1:]) - 1]).decrypt(raw[:12], raw[12:], bound)
        except (InvalidTag, ValueError, IndexError):
            return _errors(400, "cipher: message authentication failed")
        return _data({"plaintext": base64.b64encode(plain).decode()})


def _data(data: dict[str, Any]) -> tuple[int, bytes]:
    return 200, json.dumps({"request_id": "1", "data": data}).encode()


def _errors(status: int, *errors: str) -> tuple[int, bytes]:
    return status, json.dumps({"errors": list(errors)}).encode()


@contextmanager
def transit_server() -> Iterator[Engine]:
    """An engine on a free loopback port, in threads of this process."""
    engine = Engine()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
            engine.asked.append((self.path, self.headers.get("x-vault-namespace")))
            if engine.silent:
                engine.ended.wait(60)
                return
            status, body = engine.answer(self.path, self.headers.get("x-vault-token"), said)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            if status == 307:
                self.send_header("location", "http://127.0.0.1:9/v1/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the library's name
            """Tests need no access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    engine.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield engine
    finally:
        engine.ended.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
