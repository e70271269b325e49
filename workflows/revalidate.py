"""After another bundle went live, everything that waits for people is put before the new policy."""

from __future__ import annotations

from itertools import groupby

from core.action import Proposal
from core.errors import BundleInvalid, CasemateError
from core.log import logger
from workflows.decide import Bench, ticket_after_answer
from workflows.renew import anew, put_in_place
from workflows.services import Services

log = logger(__name__)

#: Why people are asked again about what the new policy would allow by itself.
CHANGED = "The policy changed while this waited, and would allow it now; people were asked before, so they decide."


def revalidate(services: Services) -> int:
    """Replace every waiting proposal that is bound to another bundle than the live one; how many were replaced.

    Safe to run anywhere, any number of times: the first to move a proposal replaces it.
    """
    try:
        pinned = services.bundle.look()
    except BundleInvalid:
        return 0
    if not pinned.is_live:  # a process that cannot load the live bundle must not undo what the others do
        return 0
    with services.store.read() as tx:
        waiting = [p for p in tx.proposals.waiting() if p.binding.bundle_hash != pinned.live]
    replaced = 0
    for ticket_id, proposals in groupby(sorted(waiting, key=lambda p: p.ticket_id), key=lambda p: p.ticket_id):
        try:
            bench = Bench.open(services, ticket_id)
            replaced += sum(_again(services, bench, proposal) for proposal in proposals)
        except CasemateError as error:  # one ticket that cannot be opened must not keep the others waiting
            log.warning("revalidation_failed", ticket_id=ticket_id, error=type(error).__name__)
    return replaced


def _again(services: Services, bench: Bench, old: Proposal) -> bool:
    """Put one proposal before the live policy. Answers that were given to the old one do not count for it."""
    fresh = anew(bench, old, bench.session.mask_json(old.arguments, by_model=True))
    opinion = bench.weigh(fresh, door="revalidation", ask_anew=CHANGED)
    actor = services.owner
    with services.store.begin() as tx:
        if bench.pinned.live != tx.bundles.live_hash():
            return False
        if not put_in_place(tx, bench, old, fresh, opinion, why="proposal.revalidated", actor=actor):
            return False
        woken = ticket_after_answer(tx, tx.tickets.get(old.ticket_id), actor=actor)
    log.info("revalidated", ticket_id=old.ticket_id, tool=old.tool, state=opinion.decision.outcome.value)
    if woken:
        services.ring(old.ticket_id)
    return True
