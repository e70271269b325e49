"""Earlier tickets that share indicators with this one, and how they ended."""

from __future__ import annotations

from tools.investigate.answer import Object, answer, clip_list, plural

#: Cases listed.
MAX_LISTED = 20


def run(arguments: Object, inputs: Object) -> Object:
    """See the facts of `similar_cases` in `fact_names`."""
    del arguments
    cases = inputs["history"]
    verdicts = {name: sum(case["verdict"] == name for case in cases) for name in ("malicious", "benign", "suspicious")}
    facts = {"cases": len(cases), **verdicts, "shared_max": max((int(case["shared"]) for case in cases), default=0)}
    if not cases:
        return answer("No earlier ticket shares an indicator with this one.", facts, {"cases": []})
    ended = ", ".join(f"{number} {name}" for name, number in verdicts.items() if number) or "none with a verdict"
    summary = f"{plural(len(cases), 'earlier ticket')} with shared indicators: {ended}."
    return answer(summary, facts, {"cases": clip_list(list(cases), MAX_LISTED)})
