"""The queue of one person: questions they may answer first, soonest to lapse first, then every case.

Which answers count is `workflows/approvals.py`'s business; here is only what a list says about it, and what may be
answered for several at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.action import Proposal, ProposalState
from core.clock import Clock
from core.errors import ApprovalRefused, NotFound, TriageError
from core.store.engine import Store
from core.store.transaction import Transaction
from core.worklist import Asked, CaseLine, Cases, Claim, Filters, Group
from workflows import approvals, claims, questions
from workflows.words import ACTION_WORDS, proposal_words

if TYPE_CHECKING:
    from policies.masking.masker import Masker

#: Waiting questions that are sorted by who may answer; those beyond lapse later.
SORTED = 200
#: Questions before the cases of the first page, and on a page of questions alone.
SHOWN_BESIDE_CASES = 25
SHOWN_ALONE = 50
#: Cases on a page.
CASES_SHOWN = 50
#: Items that one bulk answer may hold.
MOST_AT_ONCE = 50

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One question as the list shows it to one person."""

    proposal: Proposal
    #: Of exactly this action, as an answer must name it.
    digest: str
    case: CaseLine
    #: Whether this person may answer it now.
    may: bool
    #: What it waits for, or what has become of it.
    words: str
    #: People who have approved, of how many.
    given: int
    needed: int
    #: Why it may not be approved together with others; None where it may.
    alone: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One page of the queue."""

    questions: tuple[Question, ...]
    #: How many questions pass the filters; beyond `SORTED` it says that many.
    asked: int
    cases: Cases
    #: Who works on the tickets of this page.
    claims: Mapping[str, Claim]


@dataclass(frozen=True, kw_only=True, slots=True)
class Viewer:
    """Whose queue it is."""

    person: str
    roles: tuple[str, ...]


def look(
    tx: Transaction,
    clock: Clock,
    viewer: Viewer,
    filters: Filters,
    *,
    answerable: bool = False,
    before: int | None = None,
) -> Page:
    """A page; `answerable` leaves only questions that the viewer may answer."""
    asked: list[Question] = []
    found = 0
    if before is None and filters.group in {None, Group.WAITING}:
        alone = answerable or filters.group is Group.WAITING
        asked, found = _asked(
            tx, clock, viewer, filters, answerable=answerable, most=SHOWN_ALONE if alone else SHOWN_BESIDE_CASES
        )
    none = Cases(lines=(), older=None)
    cases = none if answerable else tx.worklist.cases(filters, before=before, limit=CASES_SHOWN)
    tickets = {question.case.ticket_id for question in asked} | {line.ticket_id for line in cases.lines}
    return Page(questions=tuple(asked), asked=found, cases=cases, claims=tx.claims.among(tickets))


def again(tx: Transaction, clock: Clock, viewer: Viewer, ids: Collection[str]) -> tuple[list[Question], list[CaseLine]]:
    """Questions and cases that a page shows and that no longer stand on it, as they are now."""
    asked = tx.worklist.questions([one for one in ids if one.startswith("prp_")])
    questions_now = _questions(tx, _answerable(tx, clock, viewer, asked), clock, viewer)
    return questions_now, list(tx.worklist.lines([one for one in ids if one.startswith("tkt_")]).values())


def alone_because(asked: Asked | Proposal) -> str | None:
    """Why a question may not be approved together with others; None where it may."""
    decision = asked.decision
    if decision is None or decision.approvals > 1:
        return "its rule asks for more than one approval"
    if decision.reauthenticate_seconds:
        return "its rule asks for a fresh sign-in"
    return None


def check_together(proposal: Proposal) -> None:
    """Raises:
    ApprovalRefused: this question may not be approved together with others.
    """
    if why := alone_because(proposal):
        raise ApprovalRefused(f"This is approved on its own card only: {why}.")


# --- several at once


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """What became of one item of several."""

    proposal: Proposal
    #: Whether the answer counted.
    counted: bool
    words: str


def answer_each(
    store: Store,
    items: Sequence[tuple[str, str]],
    viewer: Viewer,
    *,
    approve: bool,
    reason: str,
    ring: Callable[[str], None],
    masker: Callable[[], Masker],
    authenticated_at: datetime | None,
) -> list[Done]:
    """Answer (proposal id, digest that was on the page) one by one: each counts or is refused for itself.

    Raises:
        ApprovalRefused: there are more than `MOST_AT_ONCE`; none was answered.
    """
    check_number(items)
    done = []
    for proposal_id, digest in dict(items).items():
        with store.read() as tx:
            proposal = tx.proposals.many([proposal_id]).get(proposal_id)
        if proposal is None:
            continue
        try:
            if approve:
                check_together(proposal)
            settled = approvals.answer(
                store,
                proposal_id,
                person=viewer.person,
                roles=viewer.roles,
                approve=approve,
                reason=reason,
                digest=digest,
                ring=ring,
                masker=masker,
                authenticated_at=authenticated_at,
            )
            done.append(Done(proposal=settled, counted=True, words=proposal_words(settled)))
        except (ApprovalRefused, NotFound, TriageError) as refused:
            done.append(Done(proposal=proposal, counted=False, words=str(refused)))
    return done


def claim_each(store: Store, ticket_ids: Sequence[str], person: str, *, release: bool) -> dict[str, str]:
    """Claim or release tickets one by one; says of each what happened.

    Raises:
        ApprovalRefused: there are more than `MOST_AT_ONCE`; nothing was done.
    """
    check_number(ticket_ids)
    said = {}
    for ticket_id in dict.fromkeys(ticket_ids):
        try:
            if release:
                gone = claims.release(store, ticket_id, person)
                said[ticket_id] = "released" if gone else "was not yours"
            else:
                held = claims.claim(store, ticket_id, person)
                said[ticket_id] = "claimed" if held.person == person else f"{held.person} has claimed it"
        except NotFound:
            said[ticket_id] = "is not there"
    return said


def check_number(items: Sequence[object]) -> None:
    """Raises:
    ApprovalRefused: nothing is checked, or too much.
    """
    if not items:
        raise ApprovalRefused("Nothing is checked; check rows of the queue first.")
    if len(items) > MOST_AT_ONCE:
        raise ApprovalRefused(f"{len(items)} rows are checked; at most {MOST_AT_ONCE} go at once.")


# --- inside


def _asked(
    tx: Transaction, clock: Clock, viewer: Viewer, filters: Filters, *, answerable: bool, most: int
) -> tuple[list[Question], int]:
    waiting = tx.worklist.waiting(filters, limit=SORTED)
    if filters.search or filters.claimed_by:
        waiting = _narrowed(tx, waiting, filters)
    sorted_ = sorted(
        _answerable(tx, clock, viewer, waiting),
        key=lambda pair: (not pair[1], pair[0].expires_at or _NEVER, pair[0].created_at),
    )
    passing = [pair for pair in sorted_ if pair[1] or not answerable]
    return _questions(tx, passing[:most], clock, viewer), len(passing)


def _narrowed(tx: Transaction, waiting: list[Asked], filters: Filters) -> list[Asked]:
    """Those of the viewer's claimed tickets, and those whose ticket the search names."""
    tickets = {asked.ticket_id for asked in waiting}
    if filters.claimed_by:
        held = tx.claims.among(tickets)
        tickets = {one for one in tickets if one in held and held[one].person == filters.claimed_by}
    if filters.search:
        lines = tx.worklist.lines(tickets)
        tickets = {one for one, line in lines.items() if named(line, filters.search)}
    return [asked for asked in waiting if asked.ticket_id in tickets]


def named(line: CaseLine, search: str) -> bool:
    """Whether a search means this case, as lists of cases understand it."""
    said = search.strip().casefold()
    by_id = said in {line.ticket_id, line.source} or line.external_id.casefold().startswith(said)
    return by_id or all(word in line.title.casefold() for word in said.split())


def _answerable(
    tx: Transaction, clock: Clock, viewer: Viewer, waiting: Sequence[Asked]
) -> list[tuple[Asked, bool, frozenset[str]]]:
    """Each with whether the viewer may answer it, and who has."""
    answered = tx.worklist.answered([asked.proposal_id for asked in waiting])
    now = clock.now()
    found = []
    for asked in waiting:
        people = answered.get(asked.proposal_id, frozenset())
        found.append((asked, _may(asked, people, viewer, now), people))
    return found


def _may(asked: Asked, answered: frozenset[str], viewer: Viewer, now: datetime) -> bool:
    question = questions.Question(
        about="proposal",
        again="",
        state=asked.state.value,
        pending=asked.state is ProposalState.PENDING,
        digest=asked.digest,
        asked_by=asked.proposed_by,
        roles=asked.decision.roles or approvals.ANY_APPROVER,
        expires_at=asked.expires_at,
        answered=answered,
    )
    try:
        questions.check(question, person=viewer.person, roles=viewer.roles, digest=asked.digest, now=now)
    except ApprovalRefused:
        return False
    return True


def _questions(
    tx: Transaction, chosen: Sequence[tuple[Asked, bool, frozenset[str]]], clock: Clock, viewer: Viewer
) -> list[Question]:
    proposals = tx.proposals.many([asked.proposal_id for asked, _, _ in chosen])
    lines = tx.worklist.lines({asked.ticket_id for asked, _, _ in chosen})
    now = clock.now()
    return [
        Question(
            proposal=proposals[asked.proposal_id],
            digest=asked.digest,
            case=lines[asked.ticket_id],
            may=may,
            words=_words(proposals[asked.proposal_id], answered, viewer, now),
            given=len(answered),
            needed=max(1, asked.decision.approvals),
            alone=alone_because(asked),
        )
        for asked, may, answered in chosen
        if asked.proposal_id in proposals and asked.ticket_id in lines
    ]


def _words(proposal: Proposal, answered: frozenset[str], viewer: Viewer, now: datetime) -> str:
    if proposal.state is not ProposalState.PENDING:
        return proposal_words(proposal)
    roles = (proposal.decision.roles if proposal.decision else ()) or approvals.ANY_APPROVER
    if proposal.expires_at is not None and now >= proposal.expires_at:
        return "time is up"
    if proposal.proposed_by == f"user:{viewer.person}":
        return "you proposed it; waits for somebody else"
    if not set(roles) & set(viewer.roles):
        return f"waits for {' or '.join(roles)}"
    if viewer.person in answered:
        return "you approved; waits for somebody else"
    return ACTION_WORDS[ProposalState.PENDING]
