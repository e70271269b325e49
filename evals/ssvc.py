"""SSVC points that `ssvc` reads off a CVSS vector, beside those that CISA's analysts stated: `python -m evals.ssvc`."""

from __future__ import annotations

import json
import sys
from collections import defaultdict

from core.canonical import JsonObject
from evals.example import DataAbsent, data_folder
from tools.investigate.ssvc import WEIGHT, automatable, decide, read_vector, technical_impact


def measure(rows: list[JsonObject]) -> JsonObject:
    """Agreement on each point, and on the decision at every mission and well-being.

    `decision` takes exploitation as CISA states it, `decision_alone` only from the catalogue of known exploited ones.
    """
    right: dict[str, float] = defaultdict(float)
    asked = 0
    for row in rows:
        metrics = read_vector(row["vector"] or "")
        auto, impact = automatable(metrics), technical_impact(metrics)
        if auto is None or impact is None:
            continue
        asked += 1
        right["automatable"] += auto == row["automatable"]
        right["technical_impact"] += impact == row["technical_impact"]
        alone = "active" if row["kev"] else "none"
        for weight in WEIGHT:
            theirs = decide(row["exploitation"], row["automatable"], row["technical_impact"], weight)
            right["decision"] += (decide(row["exploitation"], auto, impact, weight) == theirs) / len(WEIGHT)
            right["decision_alone"] += (decide(alone, auto, impact, weight) == theirs) / len(WEIGHT)
    shares = {name: round(count / asked, 4) for name, count in right.items()} if asked else {}
    return {"vulnerabilities": len(rows), "with_vector": asked, "agreement": shares}


def main() -> int:
    """Exit 0, or 3 when the data is absent."""
    try:
        path = data_folder("vulnrichment-ssvc") / "ssvc_sample.jsonl"
    except DataAbsent as absent:
        sys.stderr.write(f"Skipped: {absent}\n")
        return 3
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    sys.stdout.write(json.dumps(measure(rows), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
