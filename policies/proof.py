"""What `policies.prove` found out about a bundle, for people and programs to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from core.canonical import JsonObject
from core.decision import Decision, Facts, Outcome
from core.errors import Problem
from policies.idle import IdleRule
from policies.invariants import Invariant
from policies.written import example_yaml

Status = Literal["proved", "violated", "not_proved"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Counterexample:
    """A situation in which the policy answers what it must never answer."""

    facts: Facts
    #: What the live engine answers.
    decision: Decision
    #: The facts that matter, as an example gives them.
    given: dict[str, Any]

    def yaml(self) -> str:
        """An example of what the policy answers now, to paste and correct."""
        return example_yaml(self.given, self.decision.outcome, self.decision.approvals)

    def as_json(self) -> JsonObject:
        return {
            "facts": self.facts.as_json(),
            "decision": self.decision.as_json(),
            "given": self.given,
            "yaml": self.yaml(),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Doubt:
    """A part of a condition whose values cannot be gone through."""

    condition: str
    #: Rules and invariants that hold it, each with its place.
    places: tuple[tuple[str, Problem], ...]

    def __str__(self) -> str:
        named = ", ".join(f"{name} ({place.file}:{place.line})" for name, place in self.places)
        return f"`{self.condition}` in {named}" if named else f"`{self.condition}`"

    def as_json(self) -> JsonObject:
        places = [{"in": name, "file": place.file, "line": place.line} for name, place in self.places]
        return {"condition": self.condition, "places": places}


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What was found out about one invariant."""

    invariant: Invariant
    status: Status
    #: Cells of the tools it speaks of.
    cells: int
    counterexample: Counterexample | None = None
    #: When it is not proved: what it hangs on; empty when there were too many cells.
    doubts: tuple[Doubt, ...] = ()
    #: No situation makes its condition true, so it forbids nothing.
    says_nothing: bool = False

    def sentence(self) -> str:
        """The result in one sentence."""
        match self.status:
            case "proved" if self.says_nothing:
                return "holds, but its condition is never true, so it forbids nothing; correct or remove it"
            case "proved":
                return f"proved for all {self.cells:,} cells"
            case "violated":
                assert self.counterexample is not None
                decision = self.counterexample.decision
                rules = ", ".join(decision.rules) or "no rule"
                return f"violated: the engine answers {in_words(decision)} (rules: {rules})"
            case "not_proved" if self.doubts:
                return (
                    f"not proved: it hangs on {'; '.join(map(str, self.doubts))}, whose values cannot be gone through"
                )
            case _:
                return "not proved: there are too many cells to go through; split the rules or the invariant"

    def as_json(self) -> JsonObject:
        return {
            "id": self.invariant.id,
            "never": self.invariant.never,
            "reason": self.invariant.reason,
            "status": self.status,
            "sentence": self.sentence(),
            "cells": self.cells,
            "says_nothing": self.says_nothing,
            "counterexample": self.counterexample.as_json() if self.counterexample else None,
            "doubts": [doubt.as_json() for doubt in self.doubts],
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """What was found out about a bundle."""

    bundle_hash: str
    invariants: tuple[Shown, ...]
    idle: tuple[IdleRule, ...]
    #: Conditions whose values could not be gone through; a proof holds whatever they answer.
    not_enumerated: tuple[Doubt, ...]

    @property
    def ok(self) -> bool:
        """Whether every invariant is proved."""
        return all(shown.status == "proved" for shown in self.invariants)

    def as_json(self) -> JsonObject:
        return {
            "ok": self.ok,
            "bundle_hash": self.bundle_hash,
            "invariants": [shown.as_json() for shown in self.invariants],
            "idle_rules": [rule.as_json() for rule in self.idle],
            "not_enumerated": [doubt.as_json() for doubt in self.not_enumerated],
        }


def in_words(decision: Decision) -> str:
    lease = f", reverting after {decision.lease_seconds} s" if decision.lease_seconds else ""
    if decision.outcome is Outcome.ASK:
        return f"ask with {decision.approvals} approval{'s' if decision.approvals > 1 else ''}{lease}"
    return f"{decision.outcome.value}{lease}"
