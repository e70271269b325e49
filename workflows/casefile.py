"""Everything a person reads of one case, put together from one read transaction. Pages only show it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.action import Approval, Effect, Proposal, ProposalState
from core.assessment import Finding
from core.canonical import Json, JsonObject
from core.decision_log import LoggedDecision
from core.evidence import Evidence
from core.masking import Masking
from core.store.assessments import Run
from core.store.feedback import Feedback
from core.store.transaction import Transaction
from core.ticket import RESTING, TRANSITIONS, MaskedTicket, Ticket, TicketState
from core.worklist import Claim
from policies.masking.tokens import TOKEN
from workflows.attack import Technique, techniques
from workflows.case_entities import Entities, entities
from workflows.case_moments import Moment, moments
from workflows.case_story import Entry, Stay, stays, story
from workflows.words import ACTION_WORDS, TICKET_WORDS, proposal_words

#: Characters of results that one page carries; what is beyond them is fetched when somebody opens it.
PAGE_BUDGET = 300_000
#: Characters of one result, or of one turn of a conversation, that stand in the page at once.
INLINE = 6_000
#: Characters of one result that are ever shown; the raw case has the rest.
MAX_SHOWN = 400_000
#: Decisions listed with a case.
MAX_DECISIONS = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """What stands above every page of a case: what it is, and what it waits for."""

    ticket: Ticket
    words: str
    #: The ticket's title as the model saw it; None until it is masked.
    title: str | None
    run: Run | None
    waiting: tuple[Proposal, ...]
    #: The newest result, while a team is at work.
    last_call: Evidence | None
    calls: int
    #: Number of the newest event of this ticket: a page knows by it that it is no longer new.
    newest: int
    working: bool
    retriable: bool
    #: Who works on it.
    claim: Claim | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Cited:
    """A claim and the evidence it stands on."""

    claim: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """An action and what became of it."""

    proposal: Proposal
    effect: Effect | None
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Similar:
    """Another case that shares indicators with this one."""

    ticket: Ticket
    shared: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """Verdict and reasons."""

    findings: tuple[Cited, ...]
    techniques: tuple[Technique, ...]
    actions: tuple[Done, ...]
    moments: tuple[Moment, ...]
    similar: tuple[Similar, ...]
    versions: tuple[Ticket, ...]
    #: The word of each person on the newest verdict, and on earlier ones.
    feedback: tuple[Feedback, ...]
    earlier: tuple[Feedback, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """One result, and how much of it stands in the page."""

    evidence: Evidence
    #: Arguments and facts stand in the page; they are fetched otherwise.
    inline: bool
    #: The rest of the result stands in the page.
    detail: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One turn of the team's conversation."""

    number: int
    agent: str
    role: str
    #: JSON is laid out for reading.
    content: str
    #: Characters of it, of which the page may hold the first ones only.
    length: int

    @property
    def whole(self) -> bool:
        return self.length <= len(self.content)


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """What is on file about the case itself."""

    run: Run | None
    run_at: datetime | None
    masking: Masking | None
    decisions: tuple[LoggedDecision, ...]
    deliveries: tuple[JsonObject, ...]


def head(tx: Transaction, ticket_id: str, *, person: str = "") -> Head:
    """What a case is. What `person` did themselves is no news to them.

    Raises:
        NotFound: there is no such ticket.
    """
    ticket = tx.tickets.get(ticket_id)
    masked = tx.tickets.masked(ticket_id)
    newest = tx.evidence.newest(ticket_id)
    working = ticket.state not in RESTING and ticket.state is not TicketState.REPORTED
    return Head(
        ticket=ticket,
        words=TICKET_WORDS[ticket.state],
        title=masked.title if masked is not None else None,
        run=tx.assessments.latest(ticket_id),
        waiting=tuple(one for one in tx.proposals.of(ticket_id) if one.state is ProposalState.PENDING),
        last_call=newest if ticket.state is TicketState.INVESTIGATING else None,
        calls=int(newest.id.removeprefix("E")) if newest is not None else 0,
        newest=tx.audit.newest_of(ticket_id, besides=f"user:{person}"),
        working=working,
        retriable=TicketState.RECEIVED in TRANSITIONS[ticket.state] and ticket.shredded_at is None,
        claim=tx.claims.of(ticket_id),
    )


def summary(tx: Transaction, top: Head, evidence: Sequence[Evidence]) -> Summary:
    """Verdict, reasons, actions, what people said of it, and other cases."""
    ticket = top.ticket
    by_id = {item.id: item for item in evidence}
    said = tx.feedback.of(ticket.id)
    run = top.run
    return Summary(
        findings=tuple(_cited(finding, by_id) for finding in run.assessment.findings) if run else (),
        techniques=tuple(techniques(run.assessment.techniques)) if run else (),
        actions=tuple(_actions(tx, ticket.id)),
        moments=tuple(moments(tx.tickets.masked(ticket.id), evidence)),
        similar=tuple(_similar(tx, ticket.id)),
        versions=tuple(
            other for other in tx.tickets.versions(ticket.source, ticket.external_id) if other.id != ticket.id
        ),
        feedback=tuple(one for one in said if run is not None and one.assessment_id == run.id),
        earlier=tuple(one for one in said if run is None or one.assessment_id != run.id),
    )


def results(evidence: Sequence[Evidence]) -> list[Shown]:
    """The evidence, each with how much of it fits into the page."""
    left = PAGE_BUDGET
    shown = []
    for item in evidence:
        named = len(json.dumps([item.arguments, dict(item.facts)], ensure_ascii=False)) + len(item.summary)
        rest = len(json.dumps(item.detail, ensure_ascii=False))
        inline = named <= min(2 * INLINE, left)
        left -= named if inline else 0
        detail = inline and rest <= min(INLINE, left)
        left -= rest if detail else 0
        shown.append(Shown(evidence=item, inline=inline, detail=detail))
    return shown


def one_result(tx: Transaction, ticket_id: str, evidence_id: str) -> Evidence | None:
    """One piece of evidence; None when the ticket has no such one."""
    tx.tickets.get(ticket_id)
    return next((item for item in tx.evidence.of(ticket_id) if item.id == evidence_id), None)


def conversation(tx: Transaction, run: Run | None, *, only: int | None = None) -> list[Turn]:
    """The team's turns, long ones cut; with `only`, that one as long as may ever be shown."""
    if run is None:
        return []
    left = PAGE_BUDGET
    turns = []
    for said in tx.assessments.turns(run.id):
        if only is not None and said["number"] != only:
            continue
        content = _laid_out(str(said["content"]))
        cut = MAX_SHOWN if only is not None else min(INLINE // 4, max(left, 0))
        turns.append(
            Turn(
                number=said["number"],
                agent=said["agent"],
                role=said["role"],
                content=content[:cut],
                length=len(content),
            )
        )
        left -= min(cut, len(content))
    return turns


def timeline(tx: Transaction, ticket_id: str, evidence: Sequence[Evidence]) -> tuple[list[Entry], list[Stay]]:
    """The stream of everything that happened to the case, and the states it went through."""
    events = tx.audit.of(ticket_id)
    proposals = tx.proposals.of(ticket_id)
    answers: list[Approval] = [answer for one in proposals for answer in tx.proposals.answers(one.id)]
    return story(events, tx.decisions.of(ticket_id), evidence, answers), stays(events)


def happened(tx: Transaction, ticket_id: str, evidence: Sequence[Evidence]) -> list[Moment]:
    """What the ticket and its evidence say of times."""
    return moments(tx.tickets.masked(ticket_id), evidence)


def connections(tx: Transaction, ticket_id: str, evidence: Sequence[Evidence]) -> Entities:
    """Who and what the case names, and what names them together."""
    return entities(tx.tickets.masked(ticket_id), evidence)


def tokens(masked: MaskedTicket | None, evidence: Iterable[Evidence]) -> dict[str, tuple[str, ...]]:
    """Every masking token that the case shows, with where: `ticket` first, then evidence ids."""
    found: dict[str, list[str]] = {}
    places: list[tuple[str, Json]] = [] if masked is None else [("ticket", masked.as_json())]
    places += [(item.id, [item.arguments, dict(item.facts), item.detail, item.summary]) for item in evidence]
    for place, value in places:
        for match in TOKEN.finditer(json.dumps(value, ensure_ascii=False)[:MAX_SHOWN]):
            at = found.setdefault(match[0], [])
            if place not in at:
                at.append(place)
    return {token: tuple(at) for token, at in sorted(found.items())}


def record(tx: Transaction, top: Head) -> Record:
    """What it cost, under which policy and masking, what policy answered, and where reports went."""
    ticket_id = top.ticket.id
    return Record(
        run=top.run,
        run_at=tx.assessments.kept_at(ticket_id),
        masking=tx.maskings.of(ticket_id),
        decisions=tuple(reversed(tx.decisions.search(ticket_id=ticket_id, limit=MAX_DECISIONS))),
        deliveries=tuple(tx.outbox.of(ticket_id)),
    )


def _cited(finding: Finding, evidence: dict[str, Evidence]) -> Cited:
    return Cited(claim=finding.claim, evidence=tuple(evidence[one] for one in finding.evidence if one in evidence))


def _actions(tx: Transaction, ticket_id: str) -> list[Done]:
    effects = {effect.proposal_id: effect for effect in tx.effects.of(ticket_id)}
    done = []
    for proposal in tx.proposals.of(ticket_id):
        effect = effects.get(proposal.id)
        words = ACTION_WORDS[effect.state] if effect is not None else proposal_words(proposal)
        done.append(Done(proposal=proposal, effect=effect, words=words))
    return done


def _similar(tx: Transaction, ticket_id: str) -> list[Similar]:
    return [
        Similar(ticket=tx.tickets.get(str(found["ticket_id"])), shared=int(found["shared"]))
        for found in tx.tickets.similar(ticket_id, limit=8)
    ]


def _laid_out(content: str) -> str:
    """JSON with line breaks and indents; other text as it is."""
    if content[:1] not in {"{", "["} or len(content) > MAX_SHOWN:
        return content
    try:
        return json.dumps(json.loads(content), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return content
