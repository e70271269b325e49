"""Evidence in one line: where a tool's own sentence only counts, what it found is said beside it."""

from __future__ import annotations

import re

from core.clock import FixedClock
from core.evidence import Evidence, Trust
from gateway.console.wording import MOST_FACTS, telling
from tests.console.site import Site
from tests.console.test_card import waiting


def evidence(tool: str, **facts: str | bool | float) -> Evidence:
    return Evidence(
        ticket_id="tkt_1",
        id="E1",
        tool=tool,
        agent="triage",
        arguments={},
        trust=Trust.UNTRUSTED,
        summary="1 row from 3 events.",
        facts={"rows": 1, "truncated": False, **facts},
        detail={},
        error=None,
        sandbox="namespaces",
        duration_ms=10,
        digest="0" * 64,
        created_at=FixedClock().now(),
    )


def test_a_sentence_that_only_counts_gets_a_few_short_facts() -> None:
    item = evidence("search_logs", host="HOST_1", text="x" * 61, none=0, tries=14, outside=True, a=1, b=2, c=3)
    found = telling(item)
    assert found == {"host": "HOST_1", "tries": 14, "outside": True, "a": 1, "b": 2}
    assert len(found) == MOST_FACTS
    assert telling(evidence("lookup_asset", tier=2)) == {}


def test_card_and_case_say_what_the_search_found(site: Site) -> None:
    proposal = waiting(site, "isolate_host")
    for path in (f"/cards/{proposal.id}", f"/cases/{proposal.ticket_id}"):
        with site.client("abe") as abe:
            text = " ".join(re.sub(r"<[^>]+>", " ", abe.get(path).text).split())
        assert re.search(r"1 row from 1 event\. exposed 1 ", text), path
