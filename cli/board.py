"""Cases drawn for people: one of them, or all of them on a board."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cli.output import console, plain, print_table, say
from policies.guardrails.triggered import in_words

if TYPE_CHECKING:
    from rich.table import Table

    from core.canonical import JsonObject

#: How a verdict looks; anything else is plain.
COLOURS = {"malicious": "bold red", "suspicious": "yellow", "benign": "green", "needs_information": "cyan"}


def print_case(case: JsonObject) -> None:
    """One case, with its reasons and what they stand on."""
    answer = case["assessment"]
    say(f"{case['external_id']} ({case['id']}): {case['means']}")
    if case["trouble"]:
        say(f"Trouble: {case['trouble']}")
    if case["masked_for"] == "cloud":
        say("Masked for cloud models.")
    if answer is None:
        return
    source = " (probability)" if case["run"]["confidence_by"] == "probability" else ""
    say(
        f"Verdict: {answer['verdict']}, severity {answer['severity']}, confidence {answer['confidence']:.2f}{source}, "
        f"by {case['team']} on {case['framework']} with {case['run']['model']}"
    )
    say(answer["summary"])
    if case["run"]["note"]:
        say(f"Note: {case['run']['note']}")
    if case["run"]["guardrails"]:
        say(f"Altered by the guardrails: {in_words(case['run']['guardrails'])}")
    if answer["findings"]:
        print_table(
            ("because", "evidence"), ((f["claim"], ", ".join(f["evidence"])) for f in answer["findings"]), title=""
        )
    if case["evidence"]:
        rows = ((e["evidence"], e["tool"], e["trust"], e["summary"]) for e in case["evidence"])
        print_table(("evidence", "tool", "trust", "says"), rows, title="")
    if case["actions"]:
        rows_ = ((a["tool"], _arguments(a), a["decision"], ", ".join(a["rules"]), a["means"]) for a in case["actions"])
        print_table(("action", "on", "policy", "rules", "outcome"), rows_, title="")


def board(rows: Iterable[JsonObject]) -> Table:
    """All cases of the demo, one a line."""
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="bold", box=None, pad_edge=False)
    for column in ("ticket", "kind", "team", "state", "verdict", "conf.", "evid.", "actions", "time"):
        table.add_column(column, justify="right" if column in ("conf.", "evid.", "time") else "left")
    for row in rows:
        confidence = "" if row["confidence"] is None else f"{row['confidence']:.2f}"
        cells = (
            Text(plain(row["external_id"])),
            Text(plain(row["kind"] or "")),
            Text(plain(row["framework"] or "")),
            Text(plain(row["state"])),
            Text(plain(row["verdict"] or ""), style=COLOURS.get(row["verdict"] or "", "")),
            Text(confidence),
            Text(str(row["evidence"])),
            Text("\n".join(plain(f"{a['tool']}: {a['decision']}, {a['state']}") for a in row["actions"])),
            Text(f"{row['seconds']:.1f} s"),
        )
        table.add_row(*cells)
    return table


def print_board(rows: Iterable[JsonObject]) -> None:
    """The board, once."""
    console().print(board(rows))


def _arguments(action: JsonObject) -> str:
    return ", ".join(f"{name}={value}" for name, value in action["arguments"].items())
