"""Why policy answers as it does: what each rule looked at, what was true of it, and how the answer follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from core.canonical import Json, JsonObject
from core.decision import Decision, Facts, Outcome
from policies.answers import Answer
from policies.atoms import Atom, Join, Node, Not, Undecided
from policies.compiled import Bundle
from policies.engine import decide, plan_of
from policies.plan import PlannedRule, answers_by_cel
from policies.vocabulary import activation

Value = Literal["true", "false", "error", "not looked at"]
Matched = Literal["matched", "did not match", "error"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A part of a condition: `all` or `any` of its parts, `not` its only part, or an atom."""

    kind: Literal["all", "any", "not", "atom"]
    value: Value
    #: Of an atom: as it is written, on one line.
    source: str = ""
    #: Of an atom: the facts it reads and their values, as they are to be shown.
    facts: Mapping[str, Json] = field(default_factory=dict)
    #: Of an atom: the facts it reads that have no value.
    missing: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()

    def as_json(self) -> JsonObject:
        if self.kind != "atom":
            return {self.kind: [part.as_json() for part in self.parts], "value": self.value}
        return {"atom": self.source, "value": self.value, "facts": dict(self.facts), "missing": list(self.missing)}


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitUsed:
    """How much of a limit was used up."""

    fact: str
    most: int
    #: None: it could not be counted.
    done: int | None

    @property
    def reached(self) -> bool:
        return self.done is None or self.done >= self.most

    def as_json(self) -> JsonObject:
        return {"fact": self.fact, "most": self.most, "done": self.done, "reached": self.reached}


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleExplained:
    """What one rule came to."""

    id: str
    matched: Matched
    #: None: the rule has no condition and always matches.
    condition: Part | None
    limits: tuple[LimitUsed, ...]
    #: What it says; None when it did not match.
    answer: Answer | None

    def as_json(self) -> JsonObject:
        return {
            "rule": self.id,
            "matched": self.matched,
            "condition": self.condition.as_json() if self.condition else None,
            "limits": [limit.as_json() for limit in self.limits],
            "answer": self.answer.outcome.value if self.answer else None,
            "reason": self.answer.reason if self.answer else None,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One part of the answer and where it comes from: the most approvals, the shortest lease."""

    part: Literal["outcome", "approvals", "roles", "expires", "on_expiry", "reauthenticate", "lease"]
    value: Json
    #: How the values of several rules are joined, in words.
    how: str
    #: What each rule said about this part.
    said: Mapping[str, Json]

    def as_json(self) -> JsonObject:
        return {"part": self.part, "value": self.value, "how": self.how, "said": dict(self.said)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """A decision and everything that led to it."""

    tool: str
    decision: Decision
    #: All rules about the tool, those that decided first, then those that matched.
    rules: tuple[RuleExplained, ...]
    steps: tuple[Step, ...]

    def as_json(self) -> JsonObject:
        return {
            "tool": self.tool,
            "decision": self.decision.as_json(),
            "rules": [rule.as_json() for rule in self.rules],
            "steps": [step.as_json() for step in self.steps],
        }


def explain(bundle: Bundle, facts: Facts, *, shown: Facts | None = None) -> Explanation:
    """Explain the answer to one call. `shown`: the same facts masked, whose values stand in the explanation."""
    plan = plan_of(bundle, facts.tool)
    decision = decide(bundle, facts)
    if plan is None:
        step = Step(part="outcome", value="deny", how=f"no rule speaks of {facts.tool}", said={})
        return Explanation(tool=facts.tool, decision=decision, rules=(), steps=(step,))
    look = _Look(activation(facts), activation(shown or facts))
    rules = [look.rule(rule) for rule in plan.rules]
    answers = [rule.answer for rule in rules if rule.answer is not None]
    order = {name: number for number, name in enumerate(decision.rules)}
    last = len(order)
    rules.sort(key=lambda rule: (order.get(rule.id, last), rule.answer is None, rule.id))
    return Explanation(tool=facts.tool, decision=decision, rules=tuple(rules), steps=tuple(_steps(decision, answers)))


@dataclass(frozen=True, slots=True)
class _Look:
    """Looks at conditions one part at a time, in the order of the engine, and writes down what it sees."""

    named: Mapping[str, Any]
    shown: Mapping[str, Any]

    def rule(self, rule: PlannedRule) -> RuleExplained:
        answer = next(iter(answers_by_cel([rule], self.named)), None)
        condition = self.part(rule.root) if rule.root is not None else None
        value = condition.value if condition else "true"
        limits = tuple(
            LimitUsed(fact=bound.fact, most=bound.most, done=self.named.get(bound.fact)) for bound in rule.bounds
        )
        matched: Matched = "did not match" if value == "false" else "error" if value == "error" else "matched"
        return RuleExplained(
            id=rule.rule.id,
            matched=matched,
            condition=condition,
            limits=limits if matched == "matched" else (),
            answer=answer,
        )

    def part(self, node: Node) -> Part:
        """What a condition or a part of it came to."""
        if isinstance(node, Not):
            part = self.part(node.part)
            turned: dict[Value, Value] = {"true": "false", "false": "true"}
            return Part(kind="not", value=turned.get(part.value, part.value), parts=(part,))
        if isinstance(node, Join):
            return self._join(node.stops_at, node.parts)
        return self._atom(node, self._value(node))

    def _join(self, stops_at: bool, nodes: Sequence[Node]) -> Part:
        stop, value = _word(stops_at), _word(not stops_at)
        parts: list[Part] = []
        for node in nodes:
            if value in (stop, "error"):
                parts.append(self._unseen(node))
                continue
            parts.append(self.part(node))
            if parts[-1].value in (stop, "error"):
                value = parts[-1].value
        return Part(kind="any" if stops_at else "all", value=value, parts=tuple(parts))

    def _unseen(self, node: Node) -> Part:
        if isinstance(node, Not):
            return Part(kind="not", value="not looked at", parts=(self._unseen(node.part),))
        if isinstance(node, Join):
            parts = tuple(self._unseen(part) for part in node.parts)
            return Part(kind="any" if node.stops_at else "all", value="not looked at", parts=parts)
        return self._atom(node, "not looked at")

    def _atom(self, atom: Atom, value: Value) -> Part:
        known = sorted(atom.reads & self.named.keys())
        return Part(
            kind="atom",
            value=value,
            source=" ".join(atom.source.split()),
            facts={name: self.shown.get(name) for name in known},
            missing=tuple(sorted(atom.reads - self.named.keys())),
        )

    def _value(self, atom: Atom) -> Value:
        try:
            return _word(atom.holds(self.named))
        except Undecided:
            return "error"


def _word(value: bool) -> Value:
    return "true" if value else "false"


def _steps(decision: Decision, answers: Sequence[Answer]) -> list[Step]:
    said = {answer.rule: answer.outcome.value for answer in answers}
    asks = {answer.rule: answer.ask for answer in answers if answer.ask is not None}
    steps = [Step(part="outcome", value=decision.outcome.value, how=_how(decision, answers), said=said)]
    if decision.outcome is Outcome.ASK:
        steps += [
            Step(
                part="approvals",
                value=decision.approvals,
                how="the most that a rule asks for",
                said={rule: ask.approvals for rule, ask in asks.items()},
            ),
            Step(
                part="roles",
                value=list(decision.roles),
                how="those that every rule accepts" if decision.roles else "no rule names any, so any approver",
                said={rule: list(ask.roles) for rule, ask in asks.items()},
            ),
            Step(
                part="expires",
                value=decision.expires_seconds,
                how="the soonest",
                said={rule: ask.expires for rule, ask in asks.items()},
            ),
            Step(
                part="on_expiry",
                value=decision.on_expiry,
                how="the strictest: deny before escalate before expire",
                said={rule: ask.on_expiry for rule, ask in asks.items()},
            ),
        ]
    if decision.reauthenticate_seconds:
        fresh = {rule: ask.reauthenticate for rule, ask in asks.items() if ask.reauthenticate}
        within = decision.reauthenticate_seconds
        steps.append(Step(part="reauthenticate", value=within, how="the shortest that a rule asks for", said=fresh))
    if decision.outcome is not Outcome.DENY and decision.lease_seconds:
        leases = {answer.rule: answer.lease for answer in answers if answer.lease}
        steps.append(
            Step(part="lease", value=decision.lease_seconds, how="the shortest of all that matched", said=leases)
        )
    return steps


def _how(decision: Decision, answers: Sequence[Answer]) -> str:
    if not answers:
        return "no rule matched, and what no rule allows is denied"
    denied = [answer for answer in answers if answer.outcome is Outcome.DENY]
    if decision.outcome is Outcome.DENY and not denied:
        return "the rules that ask name roles that nobody can hold together"
    if len({answer.outcome for answer in answers}) > 1:
        return "the strictest answer wins: deny before ask before allow"
    return "the only answer" if len(answers) == 1 else "all that matched say so"
