"""A review as a page shows it: answers and situations in words, and without what only admins may read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.canonical import Json, JsonObject
from workflows.rule_words import lasts, people

#: Key changes of this file name people and hosts.
_ORGANIZATION = "organization"


def terms(decision: Mapping[str, Any]) -> str:
    """An answer in a few words: `allow, reverts after 4 h`, `ask 2 people (soc-lead), open for 30 min`."""
    said = decision["outcome"]
    if said == "ask":
        said = f"ask {people(max(1, decision['approvals']), decision['roles'])}"
        if decision["expires_seconds"]:
            said += f", open for {lasts(decision['expires_seconds'])}"
        # A review that an older release kept does not have it.
        if decision.get("reauthenticate_seconds"):
            said += f", signed in {lasts(decision['reauthenticate_seconds'])} ago at most"
    if said != "deny" and decision["lease_seconds"]:
        said += f", reverts after {lasts(decision['lease_seconds'])}"
    return str(said)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shift:
    """One answer of one tool that becomes another, whichever rules lead to it."""

    tool: str
    direction: str
    before: str
    after: str
    #: As `policies.difference` gives them, most situations first.
    regions: tuple[JsonObject, ...]


def shifts(difference: JsonObject) -> list[Shift]:
    """The changes of answers, the looser ones first: one that several rules lead to is told once."""
    found: dict[tuple[str, str, str, str], list[JsonObject]] = {}
    for region in difference["regions"]:
        key = (region["direction"], region["tool"], terms(region["before"]), terms(region["after"]))
        found.setdefault(key, []).append(region)
    return [
        Shift(tool=tool, direction=direction, before=before, after=after, regions=tuple(regions))
        for (direction, tool, before, after), regions in found.items()
    ]


def situation(given: JsonObject) -> list[str]:
    """The facts of an example as short sentences."""
    found = [f"{given['tool']} is called"] if given.get("tool") else []
    for name, argument in given.get("args", {}).items():
        seen = "our own records hold it" if argument.get("trusted") else "only untrusted text holds it"
        found.append(f"{name} is {_value(argument['value'])}, and {seen}")
    for group, fields in given.items():
        if group not in ("tool", "args"):
            found += [f"{group}.{name} is {_value(value)}" for name, value in fields.items()]
    return found


def without_organization(review: JsonObject) -> JsonObject:
    """The review for those who may not read `organization.yaml`: its changes are counted, examples are left out."""
    differs = review["difference"]
    keys = [key for key in differs["keys"] if not key["key"].startswith(_ORGANIZATION)]
    regions = [{**region, "given": None, "example": None, "yaml": None} for region in differs["regions"]]
    return {
        **review,
        "difference": {**differs, "keys": keys, "regions": regions, "hidden": len(differs["keys"]) - len(keys)},
        "proof": _without_examples(review["proof"]),
        "live_invariants": _without_examples(review["live_invariants"]),
    }


def _without_examples(proof: JsonObject) -> JsonObject:
    kept = [
        {**one, "counterexample": one["counterexample"] and {**one["counterexample"], "given": None, "yaml": None}}
        for one in proof["invariants"]
    ]
    return {**proof, "invariants": kept}


def _value(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
