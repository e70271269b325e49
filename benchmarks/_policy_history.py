"""Fills a store with past decisions as a busy house would have them: for benchmarks, and for tests of simulation."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Iterator

from core.audit import AuditEvent
from core.decision import ArgumentFacts, Facts, Outcome
from core.decision_log import DecisionEntry, Door, seal_context
from core.evidence import Fact
from core.ids import new_id
from core.store.engine import Store
from core.ticket import TicketIn
from core.vault import seal
from policies.bundle import Bundle
from policies.engine import decide
from policies.vocabulary import CLOSED_SETS, facts_over_strictest
from tools.facts import under
from tools.registry import Registry, Tool

#: Decisions of one ticket: its tool calls, its proposals, their re-checks.
PER_TICKET = 25
#: Decisions that one transaction writes.
BATCH = 2_000
#: One call in three is an action.
ACTING = 1 / 3

_EVENT = AuditEvent(action="benchmark.filled", actor="benchmark")


def fill(store: Store, registry: Registry, bundle: Bundle, *, decisions: int, seed: int = 1) -> None:
    """Write that many decisions that `bundle` took, on facts drawn at random from its organization and the rest.

    Facts that name a host or a person are sealed under the data keys of real tickets, as the log's own are.
    """
    draw = random.Random(seed)
    keys = _tickets(store, max(1, decisions // PER_TICKET))
    made = _entries(draw, registry, bundle, keys)
    left = decisions
    while left:
        with store.begin() as tx:
            for _ in range(min(BATCH, left)):
                tx.decisions.add(next(made))
        left -= min(BATCH, left)


def facts_at_random(draw: random.Random, tool: Tool, bundle: Bundle) -> Facts:
    """One call of a tool: every fact drawn, but those of its target, which the bundle's organization tells."""
    given: dict[str, dict[str, Fact]] = {
        "ticket": {
            "kind": draw.choice(("phishing", "endpoint", "identity", "cloud")),
            "source": draw.choice(("siem", "mail", "edr")),
            "age_minutes": draw.randrange(600),
        },
        "verdict": {
            "label": draw.choice(CLOSED_SETS["verdict.label"]),
            "severity": draw.choice(CLOSED_SETS["verdict.severity"]),
            "confidence": draw.randrange(101) / 100,
            "findings": draw.randrange(8),
        },
        "team": {"name": "phishing", "framework": draw.choice(("autogen", "adk"))},
        "evidence": {
            "count": draw.randrange(12),
            "internal": draw.randrange(6),
            "untrusted": draw.randrange(6),
            "manipulation": draw.random() < 0.1,
        },
        "time": {"hour": draw.randrange(24), "weekday": draw.randrange(7), "business_hours": draw.random() < 0.4},
        "history": {
            "last_hour": draw.randrange(8),
            "last_day": draw.randrange(40),
            "target_last_hour": draw.randrange(3),
            "target_last_day": draw.randrange(4),
            "source_last_hour": draw.randrange(6),
            "source_last_day": draw.randrange(20),
        },
    }
    values = {name: _value(draw, tool, name, bundle) for name in tool.argument_names}
    args = {
        name: ArgumentFacts(value=value, trusted=draw.random() < 0.7, sources=("E1", "E2")[: draw.randrange(3)])
        for name, value in values.items()
    }
    return under(bundle, facts_over_strictest(tool.name, args, given), tool.target)


def _value(draw: random.Random, tool: Tool, name: str, bundle: Bundle) -> Fact:
    own = draw.random() < 0.9
    if tool.target.get("asset") == name:
        return draw.choice(bundle.organization.assets).hostname if own else f"WS-{draw.randrange(1000)}"
    if tool.target.get("identity") == name:
        return draw.choice(bundle.organization.people).username if own else f"user{draw.randrange(1000)}"
    return draw.choice(("203.0.113.7", "login.example.net", "https://pay.example.org/x", "198.51.100.0/24", 3))


def _tickets(store: Store, count: int) -> list[tuple[str, bytes]]:
    """New tickets and their data keys."""
    keys = []
    with store.begin() as tx:
        for number in range(count):
            taken = TicketIn(source="benchmark", external_id=f"{new_id('ref')}-{number}", title="Made up", body="")
            ticket = tx.tickets.add(taken, kind="phishing", framework="autogen", audit=_EVENT)
            keys.append((ticket.id, tx.vault.data_key(ticket.id)))
    return keys


def _entries(
    draw: random.Random, registry: Registry, bundle: Bundle, keys: list[tuple[str, bytes]]
) -> Iterator[DecisionEntry]:
    acting = [registry.get(name) for name in registry.acting()]
    reading = [registry.get(name) for name in registry.names() if not registry.get(name).acts]
    while True:
        ticket = draw.choice(keys)
        tool = draw.choice(acting if draw.random() < ACTING else reading)
        facts = facts_at_random(draw, tool, bundle)
        proposal_id = new_id("prp") if tool.acts else None
        door: Door = "tool" if proposal_id is None else draw.choices(("proposal", "edit"), (9, 1))[0]
        entry = _entry(facts, bundle, ticket, door, proposal_id)
        yield entry
        if tool.acts and entry.decision.outcome is not Outcome.DENY and draw.random() < 0.5:
            again = dataclasses.replace(facts, history={**facts.history, "last_hour": draw.randrange(8)})
            yield _entry(again, bundle, ticket, "execution", proposal_id)


def _entry(
    facts: Facts, bundle: Bundle, ticket: tuple[str, bytes], door: Door, proposal_id: str | None
) -> DecisionEntry:
    (ticket_id, key), decision_id, exact = ticket, new_id("dec"), facts.as_json()
    shown = facts.as_json()
    for name, argument in shown["args"].items():
        if isinstance(argument["value"], str):
            argument["value"] = f"{name.upper()}_K7Q2XB"
    sealed = None
    if shown != exact:
        plain = json.dumps(exact, separators=(",", ":")).encode()
        sealed = seal(key, plain, context=seal_context(decision_id, ticket_id))
    return DecisionEntry(
        id=decision_id,
        ticket_id=ticket_id,
        proposal_id=proposal_id,
        door=door,
        tool=facts.tool,
        facts=shown,
        sealed=sealed,
        decision=decide(bundle, facts),
        microseconds=20,
    )
