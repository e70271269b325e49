"""Weighs a casebook into an assessment.

Points are log-odds: they start at the playbook's `base` and each sign that holds adds its own, so the probability of an
attack is 1 / (1 + exp(-points)). The thresholds turn points into a verdict; docs/playbooks.md has the whole formula.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.playbook.casebook import Casebook, Item
from agents.playbook.conditions import holds
from agents.playbook.library import TICKET_STEP
from agents.playbook.schema import AUTHENTICATED_FACT, AUTHENTICATING_TOOL, TRUSTED_TOOLS, Playbook, Sign
from core.assessment import Assessment, Finding, Severity, Verdict

#: Evidence ids on one finding.
MAX_CITED = 10
#: Claims repeated in the summary.
MAX_REASONS = 3
_LADDER = list(Severity)


@dataclass(kw_only=True, slots=True)
class Balance:
    """The signs that held and what they add up to."""

    points: float
    findings: list[tuple[float, Finding]] = field(default_factory=list)
    techniques: list[str] = field(default_factory=list)
    decisive: bool = False
    manipulation: bool = False


def assess(playbook: Playbook, casebook: Casebook, signs: Sequence[Sign]) -> Assessment:
    """The assessment that the signs lead to."""
    balance = weigh(playbook, casebook, signs)
    verdict = _verdict(playbook, casebook, balance)
    attack = verdict in (Verdict.MALICIOUS, Verdict.SUSPICIOUS)
    ordered = sorted(balance.findings, key=lambda pair: -abs(pair[0]))
    findings = [finding for _, finding in ordered][:40] or [_nothing_found(casebook)]
    return Assessment(
        verdict=verdict,
        severity=_severity(playbook, casebook, verdict),
        confidence=_confidence(balance.points, verdict),
        techniques=balance.techniques[:20] if attack else [],
        summary=_summary(playbook, verdict, balance, ordered),
        findings=[finding for finding in findings if finding.evidence],
        unknowns=_unknowns(playbook, casebook, verdict),
    )


def weigh(playbook: Playbook, casebook: Casebook, signs: Sequence[Sign]) -> Balance:
    balance = Balance(points=playbook.base)
    for sign in signs:
        outcome = holds(sign.when, casebook, every=sign.explains)
        if not outcome.holds or (sign.explains and not any(_trusted(w) for w in outcome.witnesses)):
            continue
        balance.points += sign.points
        balance.decisive |= sign.decisive
        if sign.technique and sign.technique not in balance.techniques:
            balance.techniques.append(sign.technique)
        first = outcome.witnesses[0].as_json() if outcome.witnesses else None
        balance.findings.append(
            (sign.points, _finding(casebook.sentence(sign.says, first), outcome.witnesses, casebook))
        )
    ticket = casebook.steps.get(TICKET_STEP, [])
    if any(item.facts.get("manipulation") is True for item in ticket):
        balance.manipulation = True
        balance.points += playbook.manipulation
        claim = "The ticket's text tries to instruct the agents that read it; that is a sign of attack."
        balance.findings.append((playbook.manipulation, _finding(claim, tuple(ticket), casebook)))
    if balance.decisive:
        balance.points = max(balance.points, playbook.thresholds.malicious + 0.5)
    return balance


def _trusted(item: Item) -> bool:
    """The same rule the loader enforces, on the evidence actually seen."""
    if item.tool == AUTHENTICATING_TOOL:
        return item.facts.get(AUTHENTICATED_FACT) is True
    return item.internal and item.tool in TRUSTED_TOOLS


def _verdict(playbook: Playbook, casebook: Casebook, balance: Balance) -> Verdict:
    limits = playbook.thresholds
    if balance.points >= limits.malicious:
        return Verdict.MALICIOUS
    if balance.points >= limits.suspicious or balance.manipulation:
        return Verdict.SUSPICIOUS
    seen_enough = holds(playbook.requires, casebook).holds and not casebook.truncated
    if balance.points <= limits.benign and seen_enough:
        return Verdict.BENIGN
    return Verdict.NEEDS_INFORMATION


def _confidence(points: float, verdict: Verdict) -> float:
    attack = 1 / (1 + math.exp(-points))
    match verdict:
        case Verdict.MALICIOUS:
            sure = attack
        case Verdict.SUSPICIOUS:
            sure = max(attack, 0.5)
        case Verdict.BENIGN:
            sure = 1 - attack
        case Verdict.NEEDS_INFORMATION:
            sure = 1 - abs(2 * attack - 1)
    return round(min(max(sure, 0.01), 0.99), 2)


def _severity(playbook: Playbook, casebook: Casebook, verdict: Verdict) -> Severity:
    if verdict is Verdict.BENIGN:
        return Severity.INFORMATIONAL
    rank = _LADDER.index(playbook.severity.start)
    for reason in playbook.severity.raise_:
        if holds(reason.when, casebook).holds:
            rank = max(rank, _LADDER.index(reason.to))
    # Less sure is never more severe, so that added text cannot lower a severity by raising the suspicion.
    steps_down = {Verdict.MALICIOUS: 0, Verdict.SUSPICIOUS: 1, Verdict.NEEDS_INFORMATION: 2}[verdict]
    return _LADDER[max(rank - steps_down, 1)]


def _finding(claim: str, witnesses: Sequence[Item], casebook: Casebook) -> Finding:
    cited = list(dict.fromkeys(w.id for w in witnesses if w.id is not None))
    if not cited:
        # A sign on the ticket's own fields stands on E1, the ticket itself.
        cited = [item.id for item in casebook.steps.get(TICKET_STEP, []) if item.id is not None]
    return Finding(claim=claim[:1000], evidence=cited[:MAX_CITED])


def _nothing_found(casebook: Casebook) -> Finding:
    cited = list(dict.fromkeys(i.id for results in casebook.steps.values() for i in results if i.id is not None))
    return Finding(claim="None of the signs of attack that were looked for was found.", evidence=cited[:MAX_CITED])


def _summary(playbook: Playbook, verdict: Verdict, balance: Balance, ordered: Sequence[tuple[float, Finding]]) -> str:
    wants_attack = verdict is not Verdict.BENIGN
    reasons = [finding.claim for points, finding in ordered if (points > 0) is wants_attack][:MAX_REASONS]
    words = verdict.value.replace("_", " ")
    because = " ".join(reasons) if reasons else "No sign of attack was found."
    return f"{playbook.summary} Verdict {words}, {balance.points:+.1f} points. {because}"[:2000]


def _unknowns(playbook: Playbook, casebook: Casebook, verdict: Verdict) -> list[str]:
    found = [
        f"{look.tool} gave nothing for the step `{name}`: {item.error}"
        for look in playbook.steps
        for name in [look.name]
        for item in casebook.steps.get(name, [])
        if item.error is not None
    ]
    found += [f"The step `{name}` had more to look at than its limit." for name in sorted(casebook.truncated)]
    if verdict is Verdict.NEEDS_INFORMATION and not holds(playbook.requires, casebook).holds:
        found.append("The ticket holds too little to investigate: the playbook's required evidence is missing.")
    elif verdict is Verdict.NEEDS_INFORMATION:
        found.append("The evidence for and against an attack is about even.")
    return [text[:500] for text in found][:20]
