"""What our threat-intelligence table says about an indicator. The rows are fetched outside; here they are weighed."""

from __future__ import annotations

from tools.investigate.answer import Object, answer, clip, clip_list, plural

#: Rows listed.
MAX_LISTED = 20


def run(arguments: Object, inputs: Object) -> Object:
    """See the facts of `lookup_indicator` in `fact_names`."""
    del arguments  # what was asked for is not repeated: this evidence counts as internal
    rows = sorted(inputs["intel"], key=lambda row: (bool(row["malicious"]), row["confidence"]), reverse=True)
    if not rows:
        facts = {"known": False, "malicious": False, "confidence": 0, "type": "", "source": "", "entries": 0}
        return answer("The threat-intelligence table does not know it, which proves nothing.", facts, {"entries": []})
    best = rows[0]
    facts = {
        "known": True,
        "malicious": bool(best["malicious"]),
        "confidence": int(best["confidence"]),
        "type": str(best["type"]),
        "source": str(best["source"]),
        "entries": len(rows),
    }
    entries = [{key: clip(v, 500) if isinstance(v, str) else v for key, v in row.items()} for row in rows]
    word = "malicious" if facts["malicious"] else "known, not malicious"
    said = f"with confidence {facts['confidence']} by {facts['source']} ({plural(len(rows), 'entry')})"
    summary = f"{word.capitalize()} {said}."
    return answer(summary, facts, {"entries": clip_list(entries, MAX_LISTED)})
