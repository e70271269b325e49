"""How long the console's server works on a page, with many tickets, on SQLite and on PostgreSQL.

The sample tickets are triaged by the playbook model, then copied by plain SQL until there are as many as asked for.
Pages are asked of the application itself in this process, one after the other, all pages in turns; from the request to
the last byte of the answer, without a network. CPU time is this process's (a PostgreSQL works in its own): look at it
where the machine has other work. Prints one JSON document; `--out FILE` keeps it as well.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks._console_fill import fill
from benchmarks._recorded import recorded
from core.audit import AuditEvent
from core.canonical import JsonObject
from core.identity import new_secret, secret_digest
from core.log import configure
from core.settings import FrameworkChoice, Settings
from core.store.engine import Store
from core.worklist import Filters
from workflows import intake, journey
from workflows.queue import CASES_SHOWN
from workflows.services import Services

TICKETS = 100_000
#: Times each page is asked for, after the first two that nobody counts.
ROUNDS = 60
#: Milliseconds that nine pages of ten, and a half more, must stay below.
GOAL = 50.0
#: An application as servers call it.
Asgi = Callable[[Any, Any, Any], Awaitable[None]]
AUDIT = AuditEvent(action="benchmark", actor="benchmark")


def pages(store: Store, real: str) -> dict[str, str]:
    """What is asked for; `real` is a question whose ticket is whole, not a copy."""
    with store.read() as tx:
        ticket_id = tx.proposals.get(real).ticket_id
        quarter = quote((store.clock.now() - timedelta(days=90)).replace(second=0, microsecond=0).isoformat())
        page_500 = tx.worklist.cases(Filters()).lines[0].sequence - 500 * CASES_SHOWN
    return {
        "queue": "/queue",
        "queue, page 500": f"/queue?before={page_500}",
        "queue, one filter": "/queue?verdict=malicious",
        "queue, five filters": "/queue?state=finished&verdict=malicious&severity=critical&source=siem&team=identity",
        "queue, filters that nothing passes": "/queue?state=finished&verdict=benign&severity=critical&source=siem",
        "queue, finished": "/queue?state=finished",
        "queue, what I can answer": "/queue?answer=1",
        "queue, a word": "/queue?q=mailbox",
        "queue, words that are nowhere": "/queue?q=no+such+words",
        "queue, an external id": "/queue?q=SIEM-511",
        "queue, rows for an open page": "/queue#part",
        "overview": "/overview",
        "behind the overview, runs": f"/overview/runs?since={quarter}",
        "behind the overview, decisions": f"/overview/decisions?since={quarter}",
        "behind the overview, hidden values": f"/overview/masked?since={quarter}",
        "case": f"/cases/{ticket_id}",
        "card": f"/cards/{real}",
    }


async def measure(app: Asgi, wanted: dict[str, str], cookie: str) -> dict[str, JsonObject]:
    """Every page `ROUNDS` times, all of them in turns."""
    took: dict[str, list[float]] = {name: [] for name in wanted}
    busy: dict[str, list[float]] = {name: [] for name in wanted}
    sizes: dict[str, int] = {}
    statuses: dict[str, int] = {}
    for turn in range(ROUNDS + 2):
        for name, path in wanted.items():
            before = time.process_time()
            status, milliseconds, size = await ask(app, path, cookie)
            spent = (time.process_time() - before) * 1000
            statuses[name], sizes[name] = status, size
            if turn >= 2:
                took[name].append(milliseconds)
                busy[name].append(spent)
    return {
        name: {
            **_quantiles("", took[name]),
            **_quantiles("cpu_", busy[name]),
            "bytes": sizes[name],
            **({} if statuses[name] == 200 else {"status": statuses[name]}),
        }
        for name in wanted
    }


def _quantiles(prefix: str, milliseconds: list[float]) -> JsonObject:
    return {
        f"{prefix}p50_ms": round(statistics.median(milliseconds), 1),
        f"{prefix}p95_ms": round(statistics.quantiles(milliseconds, n=20)[-1], 1),
    }


async def ask(app: Asgi, path: str, cookie: str) -> tuple[int, float, int]:
    """Status, milliseconds and bytes of one GET."""
    where, _, part = path.partition("#")
    path, _, query = where.partition("?")
    headers = [(b"host", b"localhost"), (b"accept", b"text/html"), (b"accept-encoding", b"gzip")]
    headers += [(b"cookie", f"casemate={cookie}".encode())] + ([(b"hx-request", b"true")] if part else [])
    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "headers": headers,
        "server": ("localhost", 80), "client": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip
    status = size = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status, size
        status = message.get("status", status)
        size += len(message.get("body", b""))

    begun = time.perf_counter()
    await app(scope, receive, send)
    return status, (time.perf_counter() - begun) * 1000, size


def session_of(store: Store) -> str:
    """The secret of a session of somebody who may do everything."""
    secret = new_secret()
    with store.begin() as tx:
        roles = ["admin", "approver", "soc-lead"]
        user = tx.users.add("bench", roles=roles, password_hash=None, audit=AUDIT)
        until = store.clock.now() + timedelta(hours=8)
        tx.sessions.start(digest=secret_digest(secret), user_id=user.id, expires_at=until, audit=AUDIT)
    return secret


def triage(services: Services) -> str:
    """Work every sample; gives one of the questions that wait then."""
    from cli.samples import load_samples

    for sample in (one for one in load_samples() if one.valid):
        receipt = intake.submit(
            services.store, sample.ticket, actor="bench", ring=lambda _: None, framework=FrameworkChoice.AUTOGEN
        )
        while journey.advance(services, receipt.ticket_id).ring:
            pass
    with services.store.read() as tx:
        return tx.proposals.waiting()[0].id


def console_over(store: Store, settings: Settings) -> Asgi:
    """The application, with the parts that the gateway process gives it."""
    from gateway.app import create_app
    from workers.live import LiveBundle, LiveMasker
    from workers.wiring import open_registry

    registry = open_registry(settings, store)
    live = LiveBundle(settings, store, registry)
    return create_app(
        store=store, clock=store.clock, ring=lambda _: None, api_keys={}, masker=LiveMasker(live, settings), live=live,
        registry=registry, settings=settings,
    )  # fmt: skip


def side(tickets: int, url: str) -> JsonObject:
    """One database: filled, asked, and gone."""
    with recorded(**({"database_url": url} if url else {})) as running:
        store = running.services.store
        real = triage(running.services)
        begun = time.perf_counter()
        fill(running.settings.store_url, tickets)
        filled = time.perf_counter() - begun
        app = console_over(store, running.settings)
        found = asyncio.run(measure(app, pages(store, real), session_of(store)))
    slowest = {key: max(page[key] for page in found.values()) for key in ("p95_ms", "cpu_p95_ms")}
    return {
        "filled_seconds": round(filled),
        "slowest": slowest,
        "within_goal": slowest["p95_ms"] <= GOAL,
        "pages": found,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tickets", type=int, default=TICKETS)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    configure("error")
    sides: JsonObject = {}
    if given.only != "postgresql":
        sides["sqlite"] = side(given.tickets, "")
    if given.only != "sqlite":
        from tests.servers import postgres_server

        with postgres_server() as url:
            sides["postgresql"] = side(given.tickets, url)
    document = {
        "benchmark": "console",
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "load_before": os.getloadavg()[0]},
        "tickets": given.tickets,
        "rounds": ROUNDS,
        "goal_p95_ms": GOAL,
        **sides,
    }
    text = json.dumps(document, indent=2)
    if given.out:
        given.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
