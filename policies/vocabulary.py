"""The facts a condition may name, their types, and the value each takes when an example does not give it."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any, Literal

from core.assessment import Severity, Verdict
from core.decision import ArgumentFacts, EmptyFacts, Facts
from core.evidence import Fact
from policies.organization import Asset

FactType = Literal["bool", "int", "double", "string"]

#: Group → field → type, as rules write them: `asset.tier`.
FIELDS: Mapping[str, Mapping[str, FactType]] = {
    "ticket": {"kind": "string", "source": "string", "age_minutes": "int"},
    "verdict": {"label": "string", "severity": "string", "confidence": "double", "findings": "int"},
    "asset": {"known": "bool", "tier": "int", "kind": "string", "owner": "string", "environment": "string"},
    "identity": {
        "known": "bool",
        "role": "string",
        "department": "string",
        "vip": "bool",
        "privileged": "bool",
        "service_account": "bool",
    },
    "team": {"name": "string", "framework": "string"},
    "evidence": {"count": "int", "internal": "int", "untrusted": "int", "manipulation": "bool"},
    "time": {"hour": "int", "weekday": "int", "business_hours": "bool"},
    "history": {"last_hour": "int", "last_day": "int"},
}

#: What a rule may ask of an argument: `args.host.trusted`.
ARGUMENT_FIELDS = ("value", "trusted", "evidence")

#: Facts with a closed set of words; a comparison with any other word can never hold.
CLOSED_SETS: Mapping[str, tuple[str, ...]] = {
    "verdict.label": tuple(Verdict),
    "verdict.severity": tuple(Severity),
    "asset.kind": ("", *typing.get_args(Asset.model_fields["kind"].annotation)),
    "team.framework": ("autogen", "adk"),
}


def strictest() -> dict[str, dict[str, Fact]]:
    """Every fact at the value that makes policy strictest: nothing known, nothing proven, nobody at work."""
    empty = EmptyFacts()
    return {
        "ticket": {"kind": "other", "source": "", "age_minutes": 0},
        "verdict": {"label": Verdict.NEEDS_INFORMATION.value, "severity": "medium", "confidence": 0.0, "findings": 0},
        "asset": dict(empty.asset),
        "identity": dict(empty.identity),
        "team": {"name": "", "framework": ""},
        "evidence": {"count": 0, "internal": 0, "untrusted": 0, "manipulation": True},
        "time": {"hour": 3, "weekday": 6, "business_hours": False},
        "history": {"last_hour": 0, "last_day": 0},
    }


def facts_over_strictest(
    tool: str, args: Mapping[str, ArgumentFacts], given: Mapping[str, Mapping[str, Fact]]
) -> Facts:
    """Facts for one call where what is not given takes its strictest value."""
    groups = strictest()
    for group, fields in given.items():
        groups[group].update(fields)
    return Facts(tool=tool, args=dict(args), **groups)


def activation(facts: Facts) -> dict[str, Any]:
    """The facts by the names conditions use. One of the wrong type is left out, so naming it is an error."""
    named: dict[str, Any] = {"tool": facts.tool}
    for group, fields in FIELDS.items():
        values: Mapping[str, Fact] = getattr(facts, group)
        for field, kind in fields.items():
            value = _typed(values.get(field), kind)
            if value is not None:
                named[f"{group}.{field}"] = value
    for name, argument in facts.args.items():
        named[f"args.{name}.value"] = argument.value
        named[f"args.{name}.trusted"] = argument.trusted
        named[f"args.{name}.evidence"] = list(argument.evidence)
    return named


def _typed(value: Fact | None, kind: FactType) -> Fact | None:
    if kind == "bool":
        return value if isinstance(value, bool) else None
    if kind == "string":
        return str(value) if isinstance(value, str) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if kind == "double" else int(value)
