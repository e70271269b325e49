"""Counting."""

from __future__ import annotations

from typing import Any

from evals.example import Example
from evals.office import BLOCKED, Worked
from evals.tally import tally


def worked(name: str, *, attack: bool | None, verdict: str | None, **more: Any) -> Worked:
    example = Example(
        name=name,
        group="all",
        ticket={},
        attack=attack,
        techniques=more.pop("named", frozenset()),
        tactic=more.pop("tactic", None),
    )
    facts: dict[str, Any] = {
        "framework": "adk",
        "kind": "cloud",
        "end": "finished",
        "techniques": (),
        "summary": "",
        "note": None,
        "trouble": None,
        "requests": 8,
        "seconds": 2.0,
    }
    return Worked(example=example, verdict=verdict, **{**facts, **more})


def test_alarms_are_counted_apart_for_attacks_and_the_rest() -> None:
    counted = tally(
        "panther",
        "adk",
        [
            worked("a", attack=True, verdict="suspicious"),
            worked("b", attack=True, verdict="needs_information"),
            worked("c", attack=False, verdict="malicious", seconds=9.0),
            worked("d", attack=None, verdict="benign"),
        ],
    )
    assert counted["alarms"] == {
        "attack": {"raised": 1, "of": 2, "share": 0.5},
        "no_attack": {"raised": 1, "of": 1, "share": 1.0},
    }
    assert counted["verdicts"]["all"] == {"benign": 1, "malicious": 1, "needs_information": 1, "suspicious": 1}
    assert (counted["finished"], counted["model_requests"], counted["median_seconds"]) == (4, 32, 2.0)


def test_what_did_not_end_well_is_counted_and_named() -> None:
    blocked = f"{BLOCKED} because it shows unmasked data (PERSON)."
    counted = tally(
        "mails",
        "adk",
        [
            worked("lost", attack=None, verdict=None, end="stuck"),
            worked("shown", attack=None, verdict=None, end="escalated", trouble=blocked),
            worked("short", attack=None, verdict="needs_information", note="The budget ended."),
        ],
    )
    assert (counted["finished"], counted["stuck"], counted["escalated"], counted["crashed"]) == (1, 1, 1, 0)
    assert (counted["egress_blocks"], counted["cut_short"]) == (1, 1)
    assert counted["trouble"] == {"It ended stuck.": ["lost"], blocked: ["shown"], "The budget ended.": ["short"]}
    assert counted["verdicts"]["all"] == {"escalated": 1, "needs_information": 1, "stuck": 1}


def test_a_technique_is_right_when_it_is_the_one_or_its_parent() -> None:
    known: dict[str, Any] = {
        "named": frozenset({"T1562.008"}),
        "tactic": "defense-evasion",
        "attack": True,
        "verdict": "suspicious",
    }
    counted = tally(
        "stratus",
        "adk",
        [
            worked("exact", techniques=("T1562.008",), **known),
            worked("parent", techniques=("T1562",), **known),
            worked("wrong", techniques=("T1098.001",), **known),
        ],
    )
    assert counted["technique_named"] == {"right": 2, "of": 3}
    assert counted["tactic_named"] == {"right": 2, "of": 3}
