"""What limits count at run time: effects of all tickets, by what they aim at and where their ticket came from."""

from __future__ import annotations

from collections import Counter

import pytest

from core.action import Proposal, ProposalState
from tests.demo_cases import demo_ticket
from tests.house import House
from tests.journey.test_journey import proposals
from workflows.decide import Bench

pytestmark = pytest.mark.journey


def isolation(house: House, **changes: object) -> Proposal:
    """The isolation that the endpoint ticket leads to, in another ticket each time."""
    ticket = {**demo_ticket("endpoint", "malicious"), **changes}
    [found] = proposals(house, house.triage(ticket).id, "isolate_host")
    return found


def history(house: House, proposal: Proposal, **already: int) -> dict[str, int]:
    """The counts that policy would see of this proposal now."""
    bench = Bench.open(house.services, proposal.ticket_id)
    taken = Counter({(proposal.tool, bench.target(proposal) if name == "here" else name): n
                     for name, n in already.items()})  # fmt: skip
    found: dict[str, int] = bench.weigh(proposal, already=taken).provenance["history"]
    return found


def test_the_same_host_in_two_tickets_of_two_sources_counts_together(house: House) -> None:
    first = isolation(house, source="edr")
    second = isolation(house, source="siem", external_id="EDR-2")
    assert first.arguments != second.arguments, "each ticket has tokens of its own"
    assert history(house, second) == {
        "last_hour": 2,
        "last_day": 2,
        "target_last_hour": 2,
        "target_last_day": 2,
        "source_last_hour": 1,
        "source_last_day": 1,
    }
    with house.services.store.read() as tx:
        [effect] = [e for e in tx.effects.of(first.ticket_id) if e.tool == "isolate_host"]
    assert (effect.source, len(effect.target or "")) == ("edr", 64)


def test_counts_fade_after_an_hour_and_after_a_day(house: House) -> None:
    done = isolation(house)
    house.clock.advance(seconds=3601)
    assert [history(house, done)[f"target_last_{span}"] for span in ("hour", "day")] == [0, 1]
    house.clock.advance(seconds=24 * 3600)
    assert set(history(house, done).values()) == {0}


def test_what_a_ticket_was_allowed_a_moment_ago_counts_too(house: House) -> None:
    done = isolation(house)
    house.clock.advance(seconds=2 * 24 * 3600)
    assert history(house, done, here=1, elsewhere=2) == {
        "last_hour": 3,
        "last_day": 3,
        "target_last_hour": 1,
        "target_last_day": 1,
        "source_last_hour": 3,
        "source_last_day": 3,
    }


def test_the_shipped_policy_asks_before_it_isolates_one_host_a_third_time_in_a_day(house: House) -> None:
    """`limit: {per_target: {per_day: 2}}`, over tickets that each have another token for the host."""
    done = [isolation(house, external_id=f"EDR-{number}") for number in range(3)]
    assert [proposal.state for proposal in done] == [
        ProposalState.EXECUTED,
        ProposalState.EXECUTED,
        ProposalState.PENDING,
    ]
    house.clock.advance(seconds=24 * 3600 + 1)
    assert isolation(house, external_id="EDR-next-day").state is ProposalState.EXECUTED
