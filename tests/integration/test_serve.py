"""`casemate serve FOLDER`: the real process with a tiny model, used with the clients that people have."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import AuthenticationError, OpenAI

from cli.up import answers
from tests.servers import free_port, until
from tests.tiny_model import make_tiny_model

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
KEY = "the-key-of-this-test-alone"
#: Seconds in which torch is imported and the tiny model is warm, on a machine that is busy with other things.
READY_SECONDS = 120
CANARY = "Zanzibar-4711"
VERDICT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "verdict": {"enum": ["benign", "malicious"]},
        "reasons": {"type": "array", "items": {"type": "string", "maxLength": 20}, "maxItems": 2},
    },
    "required": ["verdict", "reasons"],
    "additionalProperties": False,
}


def tool(name: str) -> Any:
    parameters = {
        "type": "object",
        "properties": {"host": {"type": "string", "maxLength": 12}, "days": {"type": "integer"}},
        "required": ["host"],
        "additionalProperties": False,
    }
    return {"type": "function", "function": {"name": name, "description": "Looks up.", "parameters": parameters}}


@dataclass(frozen=True)
class Served:
    """The process and where it answers."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    @contextmanager
    def client(self, key: str = KEY) -> Iterator[OpenAI]:
        with OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=60) as client:
            yield client


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Served]:
    """The process, ready; killed at the end if it still runs."""
    port, log = free_port(), folder / "serve.log"
    (folder / "keys").write_text(KEY + "\n")
    command = [sys.executable, "-m", "cli", "serve", str(folder / "model"), "--port", str(port), "--device", "cpu"]
    command += ["--name", "tiny", "--api-key-file", str(folder / "keys"), *options]
    with (
        log.open("wb") as out,
        subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, env=dict(os.environ)) as process,
    ):
        served = Served(process=process, url=f"http://127.0.0.1:{port}", log=log)
        try:

            def ready() -> bool:
                assert process.poll() is None, log.read_text()[-2000:]
                return answers(f"{served.url}/readyz")

            until(ready, seconds=READY_SECONDS, what="a warm model")
            yield served
        finally:
            process.kill()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serve")
    make_tiny_model(folder / "model")
    return folder


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    with serving(folder) as served:
        yield served


def test_a_schema_is_kept_by_a_model_that_says_noise(served: Served) -> None:
    schema: Any = {"type": "json_schema", "json_schema": {"name": "verdict", "schema": VERDICT}}
    with served.client() as client:
        answer = client.chat.completions.create(
            model="tiny",
            messages=[{"role": "user", "content": CANARY}],
            temperature=1,
            response_format=schema,
        )
    assert answer.choices[0].finish_reason == "stop"
    value = json.loads(answer.choices[0].message.content or "")
    assert value["verdict"] in {"benign", "malicious"}
    assert len(value["reasons"]) <= 2


def test_calls_come_whole_and_go_round(served: Served) -> None:
    chat: list[Any] = [{"role": "user", "content": CANARY}]
    tools = [tool("look_up"), tool("find")]
    with served.client() as client:
        first = client.chat.completions.create(
            model="tiny", messages=chat, tools=tools, tool_choice="required", temperature=1, max_tokens=200
        )
        message = first.choices[0].message
        assert first.choices[0].finish_reason == "tool_calls"
        assert message.tool_calls
        chat.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls:
            assert call.type == "function"
            assert call.function.name in {"look_up", "find"}
            assert "host" in json.loads(call.function.arguments)
            chat.append({"role": "tool", "tool_call_id": call.id, "content": '{"found": []}'})
        second = client.chat.completions.create(model="tiny", messages=chat, tools=tools, max_tokens=20)
    assert len({call.id for call in message.tool_calls}) == len(message.tool_calls)
    assert second.usage is not None
    assert first.usage is not None
    details = second.usage.prompt_tokens_details
    assert details is not None
    assert details.cached_tokens is not None
    assert details.cached_tokens > 0.7 * first.usage.prompt_tokens


def test_a_stream_of_calls_is_put_together_by_the_client(served: Served) -> None:
    with served.client() as client:
        stream = client.chat.completions.stream(
            model="tiny",
            messages=[{"role": "user", "content": CANARY}],
            tools=[tool("look_up")],
            tool_choice={"type": "function", "function": {"name": "look_up"}},
            temperature=1,
        )
        with stream as events:
            final = events.get_final_completion()
    [call] = final.choices[0].message.tool_calls or []
    assert (call.function.name, final.choices[0].finish_reason) == ("look_up", "tool_calls")
    assert set(json.loads(call.function.arguments)) <= {"host", "days"}


def test_a_wrong_key_is_refused(served: Served) -> None:
    with served.client("another-key-altogether") as client, pytest.raises(AuthenticationError):
        client.models.list()


def test_logs_hold_nothing_of_what_was_asked(served: Served) -> None:
    with served.client() as client:
        client.chat.completions.create(model="tiny", messages=[{"role": "user", "content": CANARY}], max_tokens=4)
    httpx2.post(f"{served.url}/v1/chat/completions", json={CANARY: 1}, headers={"Authorization": f"Bearer {KEY}"})
    log = served.log.read_text()
    assert [json.loads(line)["event"] for line in log.splitlines()] == ["model_ready"]
    assert CANARY not in log
    assert KEY not in log


def test_told_to_stop_it_finishes_what_runs_and_ends_well(folder: Path) -> None:
    with serving(folder) as served:
        body = {"model": "tiny", "messages": [{"role": "user", "content": "x"}], "max_tokens": 400, "stream": True}
        headers = {"Authorization": f"Bearer {KEY}"}
        with httpx2.stream(
            "POST", f"{served.url}/v1/chat/completions", json=body, headers=headers, timeout=60, trust_env=False
        ) as response:
            lines = (line for line in response.iter_lines() if line)
            next(lines)
            served.process.send_signal(signal.SIGTERM)
            *_, last, done = lines
        assert json.loads(last.removeprefix("data: "))["choices"][0]["finish_reason"] in {"length", "stop"}
        assert done == "data: [DONE]"
        assert served.process.wait(timeout=60) == 0, served.log.read_text()


def test_a_model_that_cannot_be_loaded_ends_the_process_with_a_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cli", "serve", str(tmp_path / "nothing"), "--port", str(free_port())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=READY_SECONDS)
    assert done.returncode == 1
    assert "is not a model's folder" in done.stderr
    assert done.stderr.count("\n") == 1, "one sentence and no trace"
