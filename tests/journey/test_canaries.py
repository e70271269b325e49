"""A thousand planted values go through the real journey on both frameworks, and none is seen in any sink."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from cli.ocsf import event
from core.canonical import JsonObject
from core.settings import ApiKey
from core.ticket import RESTING
from gateway.app import create_app
from policies.bundle import default_bundle_path
from tests.demo_cases import demo_ticket
from tests.house import House
from tests.integration.fleet import fleet
from tests.journey.canaries import HOW_MANY, Canary, Search, crop, write_bundle
from tests.journey.curious import endpoint, guessing, refusing
from tests.journey.planting import message_id, ticket_of
from tests.journey.sinks import Leaks, Telemetry, files, leaks, table, talkative
from tests.servers import http_server, until
from tools.connectors.connector import Probe, Sent
from workflows import deliver

pytestmark = pytest.mark.journey

SEED = 20260105
TICKETS = 6
FRAMEWORKS = ("autogen", "adk")
#: What may hold originals: the key, and the estate that actions change, which stands for other people's systems.
MAY_HOLD = frozenset({"lab.db", "master.key"})

MakeHouse = Callable[..., House]


def judge(found: Leaks, planted: list[Canary]) -> None:
    """Fail on any leak, naming kind, place and sink."""
    assert found == {}, table(found, planted)


@pytest.fixture(scope="session")
def telemetry() -> Iterator[Telemetry]:
    made = Telemetry()
    yield made
    made.spans.shutdown()


@pytest.fixture(scope="module")
def planted() -> list[list[Canary]]:
    return crop(SEED, TICKETS)


@pytest.fixture
def bundle_folder(tmp_path: Path, planted: list[list[Canary]]) -> Path:
    target = tmp_path / "bundle"
    write_bundle(default_bundle_path(), target, [canary for ticket in planted for canary in ticket])
    return target


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that this process and its children take for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def answers_of_the_gateway(house: House, ids: list[str]) -> bytes:
    """What the API shows to somebody who may read cases but no originals."""
    key = ApiKey(key_sha256=hashlib.sha256(b"auditor-key").hexdigest(), roles=["auditor", "analyst", "submitter"])
    app = create_app(
        store=house.services.store,
        clock=house.clock,
        ring=house.rung.append,
        api_keys={"auditor": key},
        masker=house.services.masker,
        live=house.services.bundle,
        registry=house.services.registry,
    )
    with TestClient(app, headers={"Authorization": "Bearer auditor-key"}, raise_server_exceptions=False) as client:
        shown = [client.get(f"/api/v1/tickets/{ticket_id}").content for ticket_id in ids]
        shown += [client.get("/api/v1/tickets").content, client.get("/api/v1/approvals").content]
    return b"\n".join(shown)


def decisions_of(house: House) -> bytes:
    """The decision log as it is shown, and as it leaves for a SIEM."""
    with house.services.store.read() as tx:
        logged = tx.decisions.search(limit=100_000)
    assert any(one.sealed for one in logged), "facts that name somebody are sealed"
    shown = [one.as_json() for one in logged]
    sent = [event(one, acts=True, product_version="0") for one in logged]
    return json.dumps([shown, sent]).encode()


def audit_of(house: House, ids: list[str]) -> bytes:
    with house.services.store.read() as tx:
        return json.dumps([tx.audit.of(ticket_id) for ticket_id in ids], default=str).encode()


def test_none_of_a_thousand_canaries_is_seen_in_any_sink(  # noqa: PLR0917 — fixtures
    make_house: MakeHouse,
    model: tuple[str, Path],
    planted: list[list[Canary]],
    bundle_folder: Path,
    temporary: Path,
    telemetry: Telemetry,
    capfd: pytest.CaptureFixture[str],
) -> None:
    everyone = [canary for ticket in planted for canary in ticket]
    assert len(everyone) == HOW_MANY
    record = model[1]
    before = record.stat().st_size if record.exists() else 0
    with talkative() as log, http_server(curious := endpoint()) as address:
        house = make_house(policy_dir=bundle_folder)
        nosy = make_house(policy_dir=bundle_folder, model_url=f"{address}/v1")
        ids = []
        for number, canaries in enumerate(planted):
            ticket = ticket_of(number, canaries)
            house.services.connectors["lab"].deliver(  # type: ignore[attr-defined]
                message_id(number), "helpdesk@harbourbank.example", subject=canaries[0].value, sender=canaries[1].value
            )
            for framework in FRAMEWORKS:
                done = house.triage({**ticket, "external_id": f"{number}-{framework}"}, framework=framework)
                ids.append(done.id)
            framework = FRAMEWORKS[number % 2]
            ids.append(nosy.triage({**ticket, "external_id": f"{number}-nosy"}, framework=framework).id)
        deliver.send_due(house.services)
        shown = answers_of_the_gateway(house, ids)
    output = "\n".join(capfd.readouterr())
    requests = record.read_bytes()[before:] + b"\n".join(curious.state.bodies)
    search = Search(everyone)
    sinks = [
        ("model requests", requests),
        *files(house.settings.folder, but=MAY_HOLD),
        ("logs", log.getvalue().encode()),
        ("standard output", output.encode()),
        *telemetry.collected(),
        ("audit", audit_of(house, ids)),
        ("decisions", decisions_of(house)),
        ("answers of the gateway", shown),
        ("bells", json.dumps(house.rung + nosy.rung).encode()),
        *(("temporary files", data) for _, data in files(temporary)),
    ]
    seen = {name for name, _ in sinks}
    assert {"model requests", "casemate.db", "decisions", "reports", "traces", "logs"} <= seen
    assert len(requests) > 1_000_000
    found = leaks(search, sinks)
    if os.environ.get("CANARIES_TABLE"):
        Path(os.environ["CANARIES_TABLE"]).write_text(table(found, everyone))
    assert search.find(json.dumps(ticket_of(0, planted[0])).encode()), "the search finds canaries where they are"
    judge(found, everyone)


def few(number: int = 96) -> list[Canary]:
    """A small crop of other canaries than the thousand."""
    [canaries] = crop(SEED + 1, 1, number)
    return canaries


class Breaking:
    """A target system whose client breaks, with canaries in its words and its locals."""

    name = "lab"

    def __init__(self, words: str) -> None:
        self._words = words

    def execute(self, tool: str, args: JsonObject, key: str) -> Sent:
        local = self._words
        raise RuntimeError(f"{tool} {key} {args}: {local}")

    def probe(self, tool: str, args: JsonObject, key: str = "") -> Probe:
        local = self._words
        raise LookupError(f"{tool} {key} {args}: {local}")

    undo = execute


class BreakingSandbox:
    """A sandbox that breaks on one tool, with canaries in its words and its locals."""

    def __init__(self, inner: Any, entry: str, words: str) -> None:
        self._inner, self._entry, self._words = inner, entry, words
        self.tier = inner.tier
        self.selftest = inner.selftest

    async def run(self, entry: str, payload: JsonObject, *rest: Any, ask: Any = None) -> JsonObject:
        if self._entry in entry:
            local = self._words
            raise ValueError(f"cannot read {local}: {payload}")
        found: JsonObject = await self._inner.run(entry, payload, *rest, ask=ask)
        return found


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("broken", ["connector", "tool", "first tool"])
def test_no_exception_carries_a_canary_out(
    make_house: MakeHouse, telemetry: Telemetry, capfd: pytest.CaptureFixture[str], broken: str, framework: str
) -> None:
    canaries = few()
    words = " ".join(canary.prose for canary in canaries)
    with talkative() as log:
        house = make_house()
        services = house.services
        if broken == "connector":
            house.services = dataclasses.replace(services, connectors={"lab": Breaking(words)})
        else:
            entry = "lookup_asset" if broken == "tool" else "read_ticket"
            sandbox = BreakingSandbox(services.sandbox(), entry, words)
            house.services = dataclasses.replace(services, sandbox=lambda: sandbox)
        ticket_id = house.submit(demo_ticket("endpoint", "malicious"), framework=framework)
        for _ in range(6):
            house.work(ticket_id)
            house.clock.advance(seconds=60)
    found = leaks(
        Search(canaries),
        [
            *files(house.settings.folder, but=MAY_HOLD),
            ("logs", log.getvalue().encode()),
            ("standard output", "\n".join(capfd.readouterr()).encode()),
            *telemetry.collected(),
        ],
    )
    assert found == {}, table(found, canaries)
    assert {"connector": "RuntimeError", "tool": "advanced", "first tool": "ValueError"}[broken] in log.getvalue()


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("status", [400, 500])
def test_a_model_that_quotes_the_request_in_its_error_is_not_quoted(
    make_house: MakeHouse, telemetry: Telemetry, capfd: pytest.CaptureFixture[str], status: int, framework: str
) -> None:
    canaries = few()
    words = " ".join(canary.prose for canary in canaries)
    with talkative() as log, http_server(refusing(status, words)) as address:
        house = make_house(model_url=f"{address}/v1".replace("://", "://kay:Hunter22-Quarterstaff@"), model_patience=0)
        done = house.work(house.submit(demo_ticket("endpoint", "malicious"), framework=framework))
    assert done.state in RESTING
    sinks = [
        *files(house.settings.folder, but=MAY_HOLD),
        ("logs", log.getvalue().encode()),
        ("standard output", "\n".join(capfd.readouterr()).encode()),
        *telemetry.collected(),
    ]
    found = leaks(Search(canaries), sinks)
    assert found == {}, table(found, canaries)
    assert [sink for sink, data in sinks if b"Hunter22" in data] == []


def test_an_original_that_a_model_guessed_is_kept_masked(make_house: MakeHouse) -> None:
    guess = "Anna Lindqvist (anna.lindqvist@harbourbank.example) on WS-TRE-014"
    with http_server(guessing(guess)) as address:
        house = make_house(model_url=f"{address}/v1")
        done = house.triage(demo_ticket("endpoint", "malicious"), framework="adk")
        with house.services.store.read() as tx:
            run = tx.assessments.latest(done.id)
    assert run is not None
    assert run.assessment.summary.startswith("It says: PERSON_")
    everything = b"".join(data for _, data in files(house.settings.folder, but=MAY_HOLD | {"reports"}))
    assert [word for word in ("indqvist", "WS-TRE-014") if word.encode() in everything] == []


def test_the_gateway_quotes_nobody_in_its_refusals(make_house: MakeHouse, capfd: pytest.CaptureFixture[str]) -> None:
    [canaries] = crop(SEED + 2, 1, 60)
    house = make_house()
    key = ApiKey(key_sha256=hashlib.sha256(b"k").hexdigest(), roles=["admin"])
    app = create_app(
        store=house.services.store,
        clock=house.clock,
        ring=house.rung.append,
        api_keys={"k": key},
        masker=house.services.masker,
        live=house.services.bundle,
        registry=house.services.registry,
    )
    good = {"source": "canaries", "external_id": "1", "title": "t", "body": "b"}
    with talkative() as log, TestClient(app, headers={"Authorization": "Bearer k"}) as client:
        answers = []
        for canary in canaries:
            for bad in (
                {**good, canary.value: 1},
                {**good, "fields": {"x": 2**60, "y": canary.value}},
                {**good, "version": canary.value},
                {**good, "source": f"{canary.value}!"},
                {**good, "kind": f"{canary.value}!"},
                {**good, "occurred_at": f"{canary.value}!"},
                {**good, "attachments": [{"name": "a", "content_base64": f"%{canary.value}"}]},
                {**good, "attachments": [{"name": "a", "content_base64": "", canary.value: 1}]},
                [canary.value],
                canary.value,
            ):
                answers.append(client.post("/api/v1/tickets", json=bad))
            answers.append(client.post("/api/v1/tickets", content=canary.prose.encode()))
            answers.append(client.get("/api/v1/tickets", params={"state": canary.value, "cursor": canary.value}))
            answers.append(client.post("/api/v1/approvals/x/approve", json={"digest": canary.value, canary.value: 1}))
    assert {answer.status_code for answer in answers} == {422}
    said = b"\n".join(answer.content for answer in answers)
    sinks = [
        ("answers", said),
        ("logs", log.getvalue().encode()),
        ("standard output", "\n".join(capfd.readouterr()).encode()),
    ]
    found = leaks(Search(canaries), sinks)
    assert found == {}, table(found, canaries)


@pytest.mark.integration
def test_no_file_of_a_real_worker_keeps_a_canary(tmp_path: Path, model: tuple[str, Path]) -> None:
    """Handed in by a Celery client that knows the broker alone, with logs at their most talkative."""
    tickets = crop(SEED + 3, 2, 200)
    everyone = [canary for ticket in tickets for canary in ticket]
    stray = few()
    write_bundle(default_bundle_path(), tmp_path / "bundle", everyone)
    home = tmp_path / "home"
    settings = {
        "database_url": f"sqlite:///{home / 'casemate.db'}",
        "broker_url": f"sqla+sqlite:///{home / 'broker.db'}",
        "policy_dir": str(tmp_path / "bundle"),
        "model_url": model[0],
        "sweep_seconds": "1",
        "log_level": "debug",
    }
    # Libraries that read their own variables are asked to tell everything.
    talk = {"OPENAI_LOG": "debug", "ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS": "true", "PYTHONASYNCIODEBUG": "1"}
    with fleet(home, **settings) as started:
        started.env.update(talk)
        store = started.store()
        started.start("worker", "worker")
        started.start("beat", "beat")
        started.wait_until_ready(store)
        ids = hand_in(home, tickets, stray)
        for ticket_id in ids:
            started.rested(store, ticket_id)
        store.close()
        search = Search([*everyone, *stray])

        def broker_is_clean() -> bool:
            return not any(search.find(data) for name, data in files(home) if name.startswith("broker.db"))

        until(broker_is_clean, seconds=60, what="the last trace of the hand-in leaving the broker")
    found = leaks(search, [(name, data) for name, data in files(home, but=MAY_HOLD)])
    assert (home / "worker.log").stat().st_size > 0
    judge(found, [*everyone, *stray])


def hand_in(home: Path, tickets: list[list[Canary]], stray: list[Canary]) -> list[str]:
    """Send tickets, and things that are none, from a process of its own; gives the tickets' ids."""
    text = " ".join(canary.prose for canary in stray)
    messages = [ticket_of(number, canaries) for number, canaries in enumerate(tickets)]
    (home.parent / "sent.json").write_text(json.dumps({"tickets": messages, "text": text}))
    script = f"""
import json
from celery import Celery
sent = json.load(open({str(home.parent / "sent.json")!r}))
app = Celery(broker="sqla+sqlite:///{home}/broker.db", backend="db+sqlite:///{home}/results.db")
def send(task="casemate.submit_ticket", **kwargs):
    return app.send_task(task, kwargs=kwargs, queue="casemate.intake", argsrepr="-", kwargsrepr="-")
text = sent["text"]
bad = [send(ticket=text), send(ticket={{**sent["tickets"][0], text: 1}}), send(**{{text: 1}}), send(ticket=[text])]
send("casemate.no_such_task", ticket=text)
with app.connection_for_write() as connection:
    producer = app.amqp.Producer(connection)
    producer.publish(text, routing_key="casemate.intake", serializer=None, content_type="application/x-odd")
    producer.publish([text], routing_key="casemate.intake", headers={{"task": "casemate.other", "id": "odd"}})
good = [send(ticket=ticket) for ticket in sent["tickets"]]
for answer in bad:
    assert "error" in answer.get(timeout=60), "refused"
print(json.dumps([answer.get(timeout=60)["ticket_id"] for answer in good]))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False, timeout=150
    )
    assert done.returncode == 0, done.stderr[-3000:]
    ids: list[str] = json.loads(done.stdout)
    return ids
