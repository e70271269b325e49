"""What our inventory says about a host."""

from __future__ import annotations

from tools.investigate.answer import Object, answer


def run(arguments: Object, inputs: Object) -> Object:
    """See the facts of `lookup_asset` in `fact_names`."""
    del arguments  # what was asked for is not repeated: this evidence counts as internal
    asset = inputs["asset"]
    if asset is None:
        facts = {"known": False, "tier": 0, "kind": "", "environment": "", "has_owner": False}
        return answer("No host of ours has this name or address; treat it as critical until known.", facts, {})
    facts = {
        "known": True,
        "tier": asset["tier"],
        "kind": asset["kind"],
        "environment": asset["environment"],
        "has_owner": bool(asset["owner"]),
    }
    return answer(f"A {asset['kind']} of tier {asset['tier']} in {asset['environment']}.", facts, dict(asset))
