"""`casemate up`: everything on one machine, used through all of its doors, and gone when told to stop."""

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
import psutil
import pytest

from cli.up import answers, free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
TICKET = {
    "source": "siem",
    "external_id": "UP-1",
    "title": "Odd process on WS-TRE-014",
    "body": "Please look.",
    "fields": {"events": [{"host": "WS-TRE-014", "process": "powershell.exe", "user": "a.lindqvist"}]},
}


@dataclass(frozen=True)
class House:
    """A running casemate."""

    process: subprocess.Popen[str]
    env: dict[str, str]
    url: str
    key: str

    def casemate(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            env=self.env, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip


@contextmanager
def started(home: Path) -> Iterator[House]:
    """`casemate up` under `home`, ready."""
    port = free_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CASEMATE_")}
    env = {
        **clean,
        "CASEMATE_HOME": str(home),
        "CASEMATE_HTTP_PORT": str(port),
        "CASEMATE_MODEL_URL": f"http://127.0.0.1:{free_port()}/v1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "up"],
        env=env,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:  # ends when the process does, so a failed start does not hang
        said.append(line)
        if line.startswith("Ready"):
            break
    assert said[-1].startswith("Ready"), said
    key = (home / "api-key").read_text().strip()
    try:
        yield House(process=process, env=env, url=f"http://127.0.0.1:{port}", key=key)
    finally:
        process.terminate()
        process.wait(timeout=60)
        process.stdout.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with started(tmp_path_factory.mktemp("up") / "home") as up:
        yield up


def test_everything_is_healthy(house: House) -> None:
    done = house.casemate("doctor", "--json")
    assert [check for check in json.loads(done.stdout)["checks"] if not check["ok"]] == []
    assert done.returncode == 0


def test_a_ticket_from_each_door_is_worked_to_its_end(house: House) -> None:
    sent = house.casemate("ticket", "submit", "--wait", "--json", str(_file(house)))
    assert sent.returncode == 0, sent.stderr
    case: dict[str, Any] = json.loads(sent.stdout)
    assert case["state"] in {"closed", "awaiting_approval"}
    assert case["assessment"]["verdict"] in {"malicious", "suspicious", "benign", "needs_information"}
    assert case["evidence"][0]["sandbox"] == "namespaces"
    answer = httpx2.post(
        f"{house.url}/api/v1/tickets", json=TICKET, headers={"Authorization": f"Bearer {house.key}"}, trust_env=False
    )
    assert (answer.status_code, answer.headers["Idempotent-Replayed"]) == (202, "true")
    assert answer.json()["ticket_id"] == case["id"]


def test_a_celery_client_that_knows_only_the_name_hands_a_ticket_in(house: House) -> None:
    # In a process of its own, as a client of somebody else's is: Celery's pools belong to the whole process.
    script = (
        "import json, sys\nfrom celery import Celery\nfolder, ticket = sys.argv[1], json.loads(sys.argv[2])\n"
        "client = Celery(broker=f'sqla+sqlite:///{folder}/broker.db', backend=f'db+sqlite:///{folder}/results.db')\n"
        "sent = client.send_task('casemate.submit_ticket', kwargs={'ticket': ticket}, queue='casemate.intake')\n"
        "print(json.dumps(sent.get(timeout=60)))\n"
    )
    ticket = json.dumps({**TICKET, "external_id": "UP-2"})
    ran = subprocess.run(
        [sys.executable, "-c", script, house.env["CASEMATE_HOME"], ticket],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    shown = house.casemate("ticket", "show", json.loads(ran.stdout)["ticket_id"], "--json")
    assert json.loads(shown.stdout)["external_id"] == "UP-2"


def test_when_told_to_stop_nothing_is_left(tmp_path: Path) -> None:
    with started(tmp_path / "home") as house:
        children = psutil.Process(house.process.pid).children(recursive=True)
        assert len(children) >= 4
        house.process.send_signal(signal.SIGTERM)
        assert house.process.wait(timeout=60) == 0
        _, alive = psutil.wait_procs(children, timeout=5)
        assert alive == []
        assert not answers(f"{house.url}/healthz")


def _file(house: House) -> Path:
    path = Path(house.env["CASEMATE_HOME"]) / "ticket.json"
    path.write_text(json.dumps(TICKET))
    return path
