"""A model server that does everything a fitness test asks of it, over real HTTP; tests spoil one thing each."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from agents import probe_texts as texts
from core.canonical import JsonObject

ASSESSMENT = {
    "verdict": "malicious",
    "severity": "high",
    "confidence": 0.9,
    "summary": "A page that steals passwords.",
    "findings": [{"claim": "The page sends passwords away.", "evidence": ["E2"]}],
}
#: Gives the message of an answer; raises nothing.
Model = Callable[[JsonObject], JsonObject]


def call(tool: str, machine: str, identity: str = "c1") -> JsonObject:
    return {
        "id": identity,
        "type": "function",
        "function": {"name": tool, "arguments": json.dumps({"machine": machine})},
    }


def calls(*made: JsonObject) -> JsonObject:
    return {"role": "assistant", "content": None, "tool_calls": list(made)}


def says(text: str) -> JsonObject:
    return {"role": "assistant", "content": text}


def good(body: JsonObject) -> JsonObject:
    """What a fit model says."""
    messages = body["messages"]
    everything = "\n".join(str(message.get("content")) for message in messages)
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        return calls(call(choice["function"]["name"], texts.MACHINE))
    if choice == "required":
        return calls(call(texts.LOOK_UP, texts.MACHINE))
    if messages[-1]["role"] == "tool":
        return says(json.loads(messages[-1]["content"])["owner"])
    if "You judge security tickets" in everything:
        return says(json.dumps(ASSESSMENT))
    if "both at once" in everything:
        return calls(call(texts.LOOK_UP, texts.MACHINE), call(texts.LOOK_UP, texts.OTHER_MACHINE, "c2"))
    if "You read tickets" in everything:
        return says(texts.MACHINE)
    if "Which code word" in everything:
        return says(re.findall(rf"{texts.NEEDLE_MACHINE} reported state [0-9]+ and the code word (\S+)", everything)[0])
    if "Look it up" in everything:
        return calls(call(texts.LOOK_UP, texts.MACHINE))
    return says("The lamp turns. " * 20)


class FitServer(ThreadingHTTPServer):
    """Answers on a port of its own. `spoil` may answer a request itself; then nothing else does."""

    daemon_threads = True

    def __init__(self, model: Model = good, *, entry: JsonObject | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.model = model
        self.entry = {"id": "fit", "max_model_len": 16_384, **(entry or {})}
        #: Takes a request in place of this server: handler, body → whether it did.
        self.spoil: Callable[[_Handler, JsonObject], bool] = lambda _handler, _body: False
        self.count_tokens: Callable[[str], int] = lambda text: len(text) // 3
        self.keys: list[str | None] = []
        self.bodies: list[JsonObject] = []
        self.stopping = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: FitServer
    protocol_version = "HTTP/1.1"
    # Head and body are sent apart; without this each answer would wait for the other side's acknowledgement.
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._take({})

    def do_POST(self) -> None:
        self._take(json.loads(self.rfile.read(int(self.headers["content-length"]))))

    def _take(self, body: JsonObject) -> None:
        server = self.server
        server.keys.append(self.headers.get("authorization"))
        server.bodies.append(body)
        if server.spoil(self, body):
            self.close_connection = True
        elif self.path.endswith("/models"):
            self.answer({"object": "list", "data": [server.entry]})
        elif self.path.endswith("/decisions"):
            self.answer({"answers": {"malicious": 0.7, "suspicious": 0.2, "benign": 0.05, "needs_information": 0.05}})
        elif body.get("stream"):
            self._stream(body)
        else:
            usage = {"prompt_tokens": server.count_tokens(json.dumps(body)), "completion_tokens": 7}
            self.answer({"choices": [{"message": server.model(body), "finish_reason": "stop"}], "usage": usage})

    def answer(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> bool:
        """One JSON document, or these bytes. True, as `spoil` says of an answer that it gave."""
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, text)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        return True

    def _stream(self, body: JsonObject) -> None:
        words = str(self.server.model(body)["content"]).split()
        events = [{"choices": [{"delta": {"content": word}}]} for word in words]
        lines = [f"data: {json.dumps(event)}\n\n" for event in events]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for line in [*lines, "data: [DONE]\n\n"]:
            self.wfile.write(line.encode())
            self.wfile.flush()


@contextmanager
def running(model: Model = good, *, entry: JsonObject | None = None) -> Iterator[FitServer]:
    """A server for the life of the block."""
    server = FitServer(model, entry=entry)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()
