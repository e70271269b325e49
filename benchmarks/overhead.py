"""CPU time per ticket of the whole journey, against a bare team of the same framework on the same stub endpoint.

The endpoint is the playbook model in a process of its own, so its CPU time counts for neither side and it answers
at once. Both sides make the same model requests and call the same tools. Prints one JSON document; quote the ratios.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks._bare import Bare, BareAdk, BareAutogen
from benchmarks._plain import PlainTools, opening
from benchmarks._recorded import recorded
from core.canonical import JsonObject
from core.log import configure
from core.settings import FrameworkChoice
from core.ticket import Original, parse_ticket
from workflows import intake, journey
from workflows.services import Services

#: Tickets of one side in one round.
TICKETS = 12
#: Rounds; the sides take turns, and the smallest round counts.
ROUNDS = 3


class Meter:
    """CPU time of the whole machine but for the endpoint's.

    A sandbox is killed once it has answered, so the kernel never adds its time to this process's children: only the
    machine's own count holds it. Run this on a machine that does nothing else.
    """

    def __init__(self, endpoint: int) -> None:
        self._endpoint = Path(f"/proc/{endpoint}/stat")
        self._ticks = os.sysconf("SC_CLK_TCK")

    def seconds(self) -> float:
        """Busy seconds of all cores so far, without the endpoint's (proc(5))."""
        machine = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
        user, nice, system, _idle, _iowait, irq, softirq = map(int, machine[:7])
        # After the name in parentheses: fields 3 onwards; 14 and 15 are user and system time.
        endpoint = self._endpoint.read_text().rpartition(")")[2].split()
        spent = int(endpoint[11]) + int(endpoint[12])
        return (user + nice + system + irq + softirq - spent) / self._ticks


def samples() -> list[JsonObject]:
    """Tickets of all kinds, malicious and benign."""
    from cli.samples import load_samples

    return [s.ticket for s in load_samples() if s.expect in {"malicious", "benign"} and not s.superseded][:TICKETS]


class Counting:
    """How often the endpoint was asked, read from its record."""

    def __init__(self, record: Path) -> None:
        self._record = record
        self._seen = 0

    def since_last(self) -> int:
        lines = self._record.read_text().count("\n") if self._record.exists() else 0
        fresh, self._seen = lines - self._seen, lines
        return fresh


def run_journey(services: Services, framework: str, tickets: list[JsonObject], *, mark: str) -> None:
    """Whole journeys, one after the other."""
    for number, ticket in enumerate(tickets):
        receipt = intake.submit(
            services.store,
            {**ticket, "external_id": f"{mark}-{number}"},
            actor="benchmark",
            ring=lambda _: None,
            framework=FrameworkChoice(framework),
        )
        while journey.advance(services, receipt.ticket_id).ring:
            pass
        with services.store.read() as tx:
            done = tx.tickets.get(receipt.ticket_id)
        if done.verdict is None:
            raise SystemExit(f"The journey of {mark}-{number} ended {done.state.value}: {done.trouble}")


def run_bare(services: Services, team: Bare, tickets: list[JsonObject]) -> None:
    """Bare teams on the same tickets, unmasked."""
    for ticket in tickets:
        case = _case(services, ticket)
        tools = PlainTools(case, services.registry, services.bundle(), services.store, services.rules)
        first = tools.call("read_ticket", {})
        tools.call("extract_indicators", {"text": ""})
        spec = services.teams.for_kind(case.kind)
        services.wait_for(team.run(spec, opening(case, first), tools), seconds=300)


def _case(services: Services, ticket: JsonObject) -> Any:
    from agents.kinds import classify
    from core.ticket import Attachment, MaskedTicket
    from tools.case import Case

    sent = parse_ticket(ticket)
    original = Original(
        source=sent.source, external_id=sent.external_id, version=sent.version, kind=sent.kind, title=sent.title,
        body=sent.body, fields=sent.fields, reporter=sent.reporter, occurred_at=sent.occurred_at,
        attachments=tuple(Attachment(name=a.name, content=a.content) for a in sent.attachments),
    )  # fmt: skip
    kind = sent.kind or classify(original)
    nothing = MaskedTicket(title="", body="", fields={}, reporter=None, occurred_at=None, attachments=())
    return Case(
        ticket_id="bare", kind=kind, source=sent.source, team=kind, framework="bare", original=original, masked=nothing
    )


def measure(meter: Meter, work: Callable[[], None]) -> float:
    """CPU milliseconds per ticket of one round."""
    before = meter.seconds()
    work()
    return (meter.seconds() - before) * 1000 / TICKETS


def compare(services: Services, framework: str, team: Bare, counting: Counting, meter: Meter) -> JsonObject:
    """Both sides of one framework, taking turns."""
    tickets = samples()
    run_journey(services, framework, tickets[:2], mark=f"{framework}-warm")
    run_bare(services, team, tickets[:2])
    bare, whole = [], []
    counting.since_last()
    requests: JsonObject = {}
    for turn in range(ROUNDS):
        bare.append(measure(meter, partial(run_bare, services, team, tickets)))
        requests["bare"] = counting.since_last() / TICKETS
        mark = f"{framework}-{turn}"
        whole.append(measure(meter, partial(run_journey, services, framework, tickets, mark=mark)))
        requests["journey"] = counting.since_last() / TICKETS
    return {
        "tickets": TICKETS,
        "rounds": ROUNDS,
        "bare_cpu_ms_per_ticket": round(min(bare), 1),
        "journey_cpu_ms_per_ticket": round(min(whole), 1),
        "ratio": round(min(whole) / min(bare), 2),
        "model_requests_per_ticket": {side: round(count, 1) for side, count in requests.items()},
    }


def main() -> None:
    """Run both frameworks and print the document."""
    configure("error")
    with recorded() as house:
        services = house.services
        services.masker(), services.sandbox()
        counting, meter, url = Counting(house.record), Meter(house.pid), services.settings.model_url
        document = {
            "benchmark": "overhead",
            "autogen": compare(services, "autogen", BareAutogen(url), counting, meter),
            "adk": compare(services, "adk", BareAdk(url), counting, meter),
        }
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
