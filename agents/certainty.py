"""How sure a model is of a verdict, read from its probabilities rather than from what it says of itself.

Only a casemate server offers this (`POST /decisions`). The number replaces the confidence and nothing else.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from agents.meter import BudgetSpent, Meter
from agents.model import ModelClients
from core.assessment import Verdict
from core.canonical import Json
from core.errors import ModelUnavailable

#: Asked after the conversation that led to the assessment.
QUESTION = "Which verdict does the evidence of this ticket support?"
MEANINGS: Mapping[Verdict, str] = {
    Verdict.MALICIOUS: "An attack, on the evidence.",
    Verdict.SUSPICIOUS: "Signs of an attack, but no proof.",
    Verdict.BENIGN: "Explained by ordinary work, on the evidence.",
    Verdict.NEEDS_INFORMATION: "The evidence does not decide it.",
}
#: What all probabilities together may be off 1 by.
TOLERANCE = 0.01


async def probabilities(clients: ModelClients, meter: Meter) -> dict[Verdict, float] | None:
    """What each verdict's probability is after the last request of a role that assessed; None when nobody says.

    Raises:
        EgressBlocked, Halted: as for any request.
    """
    known = clients.discovery.known
    if meter.assessing is None or known is None or not known.decisions:
        return None
    asked = {name: meter.assessing[name] for name in ("messages", "tools") if meter.assessing.get(name)}
    answers = [{"name": verdict.value, "meaning": meaning} for verdict, meaning in MEANINGS.items()]
    try:
        response = await clients.post(
            "/decisions", {"model": clients.name, **asked, "question": QUESTION, "answers": answers}
        )
    except (ModelUnavailable, BudgetSpent):
        return None
    return read_probabilities(response.content) if response.is_success else None


def read_probabilities(content: bytes) -> dict[Verdict, float] | None:
    """The probabilities in an answer; None when they are not ones of all verdicts."""
    try:
        value: Json = json.loads(content)
    except (ValueError, RecursionError):
        return None
    given = value.get("answers") if isinstance(value, dict) else None
    if not isinstance(given, dict) or set(given) != set(MEANINGS):
        return None
    if not all(isinstance(one, int | float) and not isinstance(one, bool) and 0 <= one <= 1 for one in given.values()):
        return None
    if not math.isclose(sum(given.values()), 1, abs_tol=TOLERANCE):
        return None
    return {Verdict(name): float(one) for name, one in given.items()}


def static_texts() -> tuple[str, ...]:
    """What is asked, word for word, for the egress guard."""
    return (QUESTION, *MEANINGS.values())
