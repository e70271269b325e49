"""Counts what became of a suite's examples."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from statistics import median

from core.canonical import JsonObject
from evals.office import Worked

#: Verdicts that raise the alarm.
ALARM = frozenset({"malicious", "suspicious"})
#: Examples listed by name under one heading.
MAX_NAMED = 50


def tally(suite: str, framework: str, results: Sequence[Worked]) -> JsonObject:
    """One suite on one framework as a JSON document."""
    ends = Counter(result.end for result in results)
    return {
        "suite": suite,
        "framework": framework,
        "examples": len(results),
        **{end: ends[end] for end in ("finished", "escalated", "crashed", "stuck")},
        "egress_blocks": sum(result.blocked for result in results),
        "cut_short": sum(result.note is not None for result in results),
        "median_seconds": round(median([result.seconds for result in results] or [0.0]), 2),
        "model_requests": sum(result.requests for result in results),
        "kinds": dict(Counter(result.kind for result in results).most_common()),
        "verdicts": _by_group(results),
        "alarms": {"attack": _share(results, attack=True), "no_attack": _share(results, attack=False)},
        **_techniques(results),
        "trouble": _trouble(results),
    }


def alarmed(result: Worked) -> bool:
    """Whether a person would be called."""
    return result.verdict in ALARM


def _by_group(results: Sequence[Worked]) -> JsonObject:
    groups: dict[str, Counter[str]] = {}
    for result in results:
        groups.setdefault(result.example.group, Counter())[result.verdict or result.end] += 1
    return {group: dict(sorted(counts.items())) for group, counts in sorted(groups.items())}


def _share(results: Sequence[Worked], *, attack: bool) -> JsonObject | None:
    """How many of those labelled so raised the alarm; None when nothing is labelled so."""
    labelled = [result for result in results if result.example.attack is attack]
    raised = sum(alarmed(result) for result in labelled)
    return {"raised": raised, "of": len(labelled), "share": round(raised / len(labelled), 3)} if labelled else None


def _techniques(results: Sequence[Worked]) -> JsonObject:
    """For examples whose technique or tactic is known: how often the assessment names it."""
    named = [result for result in results if result.example.techniques]
    tactics = [result for result in results if result.example.tactic]
    if not tactics:
        return {}
    return {
        "technique_named": {"right": sum(map(_names_technique, named)), "of": len(named)},
        "tactic_named": {"right": sum(map(_names_tactic, tactics)), "of": len(tactics)},
    }


def _names_technique(result: Worked) -> bool:
    """The technique itself, or the one it is a part of or contains."""
    wanted = {technique.partition(".")[0] for technique in result.example.techniques}
    return bool(wanted & {technique.partition(".")[0] for technique in result.techniques})


def _names_tactic(result: Worked) -> bool:
    return any(_tactics().get(technique) == result.example.tactic for technique in result.techniques)


@lru_cache(maxsize=1)
def _tactics() -> dict[str, str]:
    """The shipped table: technique → tactic."""
    text = resources.files("tools.investigate").joinpath("techniques.json").read_text(encoding="utf-8")
    return {entry["id"]: entry["tactic"] for entry in json.loads(text)}


def _trouble(results: Sequence[Worked]) -> JsonObject:
    """Sentences of what did not end well, with the examples they belong to."""
    found: dict[str, list[str]] = {}
    for result in results:
        sentence = result.note if result.end == "finished" else result.trouble or f"It ended {result.end}."
        if sentence is not None:
            names = found.setdefault(sentence, [])
            names.extend([result.example.name] if len(names) < MAX_NAMED else [])
    return dict(found)
