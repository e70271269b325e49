"""Fifty rules as a bank would write them, and calls to decide: made from a fixed seed, the same for every side."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from core.canonical import Json, JsonObject
from core.decision import ArgumentFacts, Facts
from policies.actions import Rule
from policies.bundle import default_bundle_path, load_bundle
from policies.compiled import Bundle, CompiledRule
from policies.condition import Compiler
from policies.vocabulary import facts_over_strictest

RULES = 50
#: Acting tools and the argument that says what each aims at.
TARGETS = {
    "isolate_host": "host",
    "block_indicator": "indicator",
    "disable_account": "account",
    "revoke_sessions": "account",
    "quarantine_email": "message_id",
    "rotate_secret": "secret",
    "close_ticket": "resolution",
}

_ASK: Json = {"approvals": 1, "expires": "4h"}
_ASK_TWO: Json = {"approvals": 2, "from": ["soc-lead", "server-owner"], "expires": "30m", "on_expiry": "escalate"}

#: What a rule asks, and its answer. `{arg}` is the argument that is aimed at, `{tier}` and `{n}` differ by rule.
_KINDS: tuple[tuple[str, Json], ...] = (
    (
        'asset.tier >= {tier} && verdict.label == "malicious" && verdict.confidence >= 0.{n} && args.{arg}.trusted',
        "allow",
    ),
    ("asset.tier < {tier} && !time.business_hours", _ASK_TWO),
    ('verdict.label != "malicious" && verdict.confidence < 0.{n}', _ASK),
    ("evidence.manipulation && evidence.untrusted > {tier}", _ASK),
    ('ticket.source in ["siem", "edr"] && verdict.severity in ["high", "critical"] && asset.tier >= {tier}', "allow"),
    ("isOwn(args.{arg}.value) || isPartner(args.{arg}.value)", "deny"),
    ('asset.kind in ["server", "domain_controller"] && asset.environment == "production"', _ASK_TWO),
    ("(identity.privileged || identity.service_account || identity.vip) && verdict.confidence < 0.{n}", _ASK_TWO),
    ('args.{arg}.value.startsWith("SRV-{n}") && asset.known', _ASK),
    ('asset.owner.matches("^svc-[a-z]+-{n}$")', "deny"),
    ('team.framework == "adk" && history.last_hour >= {n}', _ASK),
    ('!asset.known && (ticket.age_minutes > {n} || ticket.kind == "phishing")', _ASK_TWO),
    ('args.{arg}.value == "WS-TRE-0{n}" || args.{arg}.value in ["DC-01", "DC-02", "SWIFT-{n}"]', "deny"),
    ('identity.department == "payments" && time.hour >= 1{tier} && evidence.internal == 0', _ASK),
)


def bundle_of(tools: Sequence[str]) -> Bundle:
    """The default bundle with fifty made rules instead of its own, about these tools in turn."""
    shipped = load_bundle(default_bundle_path())
    compiler = Compiler(shipped.organization)
    rows = [_row(number, tools[number % len(tools)]) for number in range(RULES)]
    rules = [Rule.model_validate(row) for row in rows]
    compiled = tuple(CompiledRule(rule=rule, condition=compiler.compile(rule.when or "true")) for rule in rules)
    return replace(shipped, rules=compiled)


def _row(number: int, tool: str) -> dict[str, Any]:
    when, then = _KINDS[number % len(_KINDS)]
    when = when.format(arg=TARGETS[tool], tier=number % 4, n=10 + number)
    row: JsonObject = {"id": f"rule-{number}", "tools": [tool], "when": when, "then": then}
    if then == "allow":
        row |= {"lease": "4h", "limit": {"per_hour": 20, "per_target": {"per_day": 3}}}
    return {**row, "examples": [{"given": {}, "expect": "deny"}]}


def calls(tools: Sequence[str], count: int) -> list[Facts]:
    """Calls of these tools, each with different facts."""
    draw = random.Random(4)
    return [_call(draw, tools[number % len(tools)]) for number in range(count)]


def _call(draw: random.Random, tool: str) -> Facts:
    pick = draw.choice
    value = pick(["SRV-21", "SWIFT-22", "a.lindqvist", "203.0.113.7", "198.51.100.4", "evil.example", "LT-881"])
    return facts_over_strictest(
        tool,
        {TARGETS[tool]: ArgumentFacts(value=value, trusted=draw.random() < 0.8, sources=("E1", "E3"))},
        {
            "ticket": {
                "kind": pick(["phishing", "malware"]),
                "source": pick(["siem", "edr", "portal"]),
                "age_minutes": 9,
            },
            "verdict": {
                "label": pick(["malicious", "malicious", "suspicious", "benign"]),
                "severity": pick(["low", "medium", "high", "critical"]),
                "confidence": round(draw.random(), 2),
                "findings": 3,
            },
            "asset": {
                "known": draw.random() < 0.8,
                "tier": draw.randrange(5),
                "kind": pick(["workstation", "laptop", "server", "domain_controller"]),
                "owner": pick(["a.lindqvist", "svc-backup-19", "b.berg"]),
                "environment": pick(["production", "test"]),
            },
            "identity": {"known": True, "department": pick(["payments", "it"]), "vip": False, "privileged": False},
            "team": {"name": "phishing", "framework": pick(["autogen", "adk"])},
            "evidence": {
                "count": 7,
                "internal": draw.randrange(4),
                "untrusted": 3,
                "manipulation": draw.random() < 0.05,
            },
            "time": {"hour": draw.randrange(24), "weekday": 2, "business_hours": draw.random() < 0.5},
            "history": {"last_hour": draw.randrange(25), "target_last_day": draw.randrange(4)},
        },
    )
