"""The facts a condition may name, their types, and the value each takes when an example does not give it."""

from __future__ import annotations

import re
import sys
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

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
    "history": {
        "last_hour": "int",
        "last_day": "int",
        "target_last_hour": "int",
        "target_last_day": "int",
        "source_last_hour": "int",
        "source_last_day": "int",
    },
}

#: What a rule may ask of an argument: `args.host.trusted`.
ARGUMENT_FIELDS = ("value", "trusted", "sources")

#: Facts with a closed set of words; a comparison with any other word can never hold.
CLOSED_SETS: Mapping[str, tuple[str, ...]] = {
    "verdict.label": tuple(Verdict),
    "verdict.severity": tuple(Severity),
    "asset.kind": ("", *typing.get_args(Asset.model_fields["kind"].annotation)),
    "team.framework": ("autogen", "adk"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolShape:
    """What policy knows of a tool."""

    arguments: tuple[str, ...]
    acts: bool
    #: Which argument names the asset or identity it aims at: `{"asset": "host"}`; without one, nothing is known of it.
    target: Mapping[str, str] = field(default_factory=dict, hash=False)
    #: Which argument names what its effects are counted by, for `limit: {per_target: …}`; None: it aims at nothing.
    aims_at: str | None = None
    #: Kinds of question it may put to the network broker.
    asks: frozenset[str] = frozenset()


#: Tools that no registry lists: the gate's own, and the action that makes a bundle live.
BUILT_IN: Mapping[str, ToolShape] = {
    "case_file": ToolShape(arguments=(), acts=False),
    "activate_policy": ToolShape(arguments=("bundle",), acts=True),
}


#: One more than the largest whole number of CEL; its unsigned ones reach twice as far.
_INT = 2**63
_LARGEST = sys.float_info.max
#: Lists and objects inside one another; an argument that is deeper is no fact.
_DEEPEST = 32
_SURROGATE = re.compile("[\ud800-\udfff]")


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
        "history": dict.fromkeys(FIELDS["history"], 0),
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
    """The facts by the names conditions use. What has the wrong type is left out, so naming it is an error."""
    named: dict[str, Any] = {"tool": facts.tool} if carried(facts.tool) else {}
    for group, fields in FIELDS.items():
        values: Mapping[str, Fact] = getattr(facts, group)
        for name, kind in fields.items():
            value = typed(values.get(name), kind)
            if value is not None:
                named[f"{group}.{name}"] = value
    for name, argument in facts.args.items():
        if carried(argument.value):
            named[f"args.{name}.value"] = argument.value
        if isinstance(argument.trusted, bool):
            named[f"args.{name}.trusted"] = argument.trusted
        if carried(list(argument.sources)):
            named[f"args.{name}.sources"] = list(argument.sources)
    return named


def typed(value: object, kind: FactType) -> bool | int | float | str | None:
    """A fact in the type it is declared with; None when it is not of that type, or CEL cannot hold it exactly."""
    if kind == "bool":
        return value if isinstance(value, bool) else None
    if kind == "string":
        return str(value) if isinstance(value, str) and carried(str(value)) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if kind == "double":
        return float(value) if abs(value) <= _LARGEST or isinstance(value, float) else None
    whole = isinstance(value, int) or value.is_integer()
    return int(value) if whole and -_INT <= value < _INT else None


def carried(value: object, depth: int = 0) -> bool:
    """Whether CEL sees exactly this value. Its Python binding cuts a text at NUL, and a lone surrogate stops it."""
    kind = type(value)
    if kind is str:
        text = cast(str, value)
        return "\0" not in text and (text.isascii() or not _SURROGATE.search(text))
    if kind is int:
        return -_INT <= cast(int, value) < 2 * _INT
    if value is None or kind is bool or kind is float:
        return True
    if depth == _DEEPEST:
        return False
    if kind is list:
        return all(carried(item, depth + 1) for item in cast(list[object], value))
    if kind is dict:
        pairs = cast(dict[object, object], value).items()
        return all(type(key) is str and carried(key) and carried(item, depth + 1) for key, item in pairs)
    return False
