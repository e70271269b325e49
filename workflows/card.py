"""What a person sees before they decide on one action: made from the stored bytes alone, and asked of nobody.

Texts are masked and may be an attacker's: pages show them as inert text.
"""

from __future__ import annotations

import json
import string
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from core.action import Approval, Effect, Proposal, ProposalState
from core.canonical import Json, JsonObject, canonical_bytes
from core.decision import Outcome
from core.errors import ApprovalRefused
from core.evidence import Evidence
from core.mcp import is_external
from core.store.transaction import Transaction
from core.ticket import Ticket
from core.worklist import CaseLine
from workflows.approvals import ANY_APPROVER, RATE_ALARM, RATE_WINDOW, check_answer
from workflows.quotes import Quote, quotes_of
from workflows.words import ACTION_WORDS, proposal_words

if TYPE_CHECKING:
    from core.clock import Clock
    from core.store.assessments import Run
    from tools.registry import Registry, Tool

#: Answers about the same target in other cases that a card shows.
ELSEWHERE = 5
#: Characters outside of ASCII that are named one by one for each argument.
MAX_ODD = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Odd:
    """A character that is not plain ASCII: it may look like another, or like nothing."""

    character: str
    name: str
    times: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Argument:
    """One argument, and where its value comes from."""

    name: str
    #: What the tool says that it is; empty for tools of MCP servers, which wrote theirs.
    meaning: str
    #: As JSON, in which every space and every quote shows.
    text: str
    value: Json
    #: A record of our own holds exactly this value; None where policy could not look at it.
    trusted: bool | None
    #: One of a few values that the tool allows, so no evidence need name it.
    chosen: bool
    sources: tuple[str, ...]
    quotes: tuple[Quote, ...]
    odd: tuple[Odd, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One argument before and after; None where there was none."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What our records say of the host or the account that the action aims at."""

    kind: str
    known: bool
    facts: JsonObject


@dataclass(frozen=True, kw_only=True, slots=True)
class Quorum:
    """Who has answered, and who still must."""

    needed: int
    agreed: tuple[str, ...]
    denied: tuple[str, ...]
    roles: tuple[str, ...]
    #: Accounts here that could answer: roles fit, and they neither asked for it nor answered.
    could: tuple[str, ...]

    @property
    def missing(self) -> int:
        return max(0, self.needed - len(self.agreed))


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What changes while somebody looks at a card."""

    proposal: Proposal
    ticket: Ticket
    answers: tuple[Approval, ...]
    quorum: Quorum
    #: Why this person may not answer; None when they may.
    refused: str | None
    #: Waits for people, and its time is not up.
    is_open: bool
    #: Seconds until nobody may answer any more; None where it never expires.
    seconds_left: int | None
    #: What took its place.
    replaced_by: str | None
    effect: Effect | None
    #: How often this person approved something within `RATE_WINDOW`.
    lately: int

    @property
    def too_fast(self) -> bool:
        return self.lately > RATE_ALARM


@dataclass(frozen=True, kw_only=True, slots=True)
class Elsewhere:
    """The same tool at the same target in another case: who decided, and how it ended."""

    proposal: Proposal
    case: CaseLine
    #: Empty where policy decided, or nobody did.
    answers: tuple[Approval, ...]
    #: How it ended, in words.
    means: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """Everything else, which stays as it is."""

    state: State
    tool: Tool | None
    #: The action in words: (text of ours, value) in turn.
    words: tuple[tuple[str, str | None], ...]
    arguments: tuple[Argument, ...]
    target: Target | None
    run: Run | None
    rests_on: tuple[Evidence, ...]
    #: Ids that were cited and are not there.
    gone: tuple[str, ...]
    replaced: Proposal | None
    changes: tuple[Change, ...]
    #: The same tool with the same arguments, proposed for this ticket at another time, with what people said.
    before: tuple[tuple[Proposal, tuple[Approval, ...]], ...]
    elsewhere: tuple[Elsewhere, ...]
    connector: str

    @property
    def proposal(self) -> Proposal:
        return self.state.proposal

    @property
    def canonical(self) -> str:
        """The arguments byte for byte, as the digest covers them."""
        return canonical_bytes(self.proposal.binding.arguments).decode()


def state_of(tx: Transaction, proposal_id: str, clock: Clock, *, person: str, roles: Sequence[str]) -> State:
    """Raises:
    NotFound: there is no such proposal.
    """
    proposal = tx.proposals.get(proposal_id)
    return _state(tx, proposal, tx.proposals.of(proposal.ticket_id), clock, person=person, roles=roles)


def card_of(
    tx: Transaction, proposal_id: str, registry: Registry, clock: Clock, *, person: str, roles: Sequence[str]
) -> Card:
    """Raises:
    NotFound: there is no such proposal.
    """
    proposal = tx.proposals.get(proposal_id)
    siblings = tx.proposals.of(proposal.ticket_id)
    evidence = tx.evidence.of(proposal.ticket_id)
    known = {item.id: item for item in evidence}
    tool = registry.get(proposal.tool) if proposal.tool in registry.names() else None
    replaced = next((other for other in siblings if other.id == proposal.replaces), None)
    return Card(
        state=_state(tx, proposal, siblings, clock, person=person, roles=roles),
        tool=tool,
        words=words_of(tool, proposal),
        arguments=tuple(_argument(proposal, tool, name, evidence) for name in proposal.arguments),
        target=_target(proposal, tool),
        run=tx.assessments.latest(proposal.ticket_id),
        rests_on=tuple(known[cited] for cited in proposal.evidence if cited in known),
        gone=tuple(cited for cited in proposal.evidence if cited not in known),
        replaced=replaced,
        changes=changes_of(replaced.arguments, proposal.arguments) if replaced else (),
        before=tuple(
            (other, tuple(tx.proposals.answers(other.id)))
            for other in siblings
            if other.id not in {proposal.id, proposal.replaces}
            and (other.tool, other.arguments) == (proposal.tool, proposal.arguments)
        ),
        elsewhere=tuple(_elsewhere(tx, proposal)),
        connector=proposal.binding.connector.partition(" ")[0] or ("mcp" if is_external(proposal.tool) else "lab"),
    )


def _elsewhere(tx: Transaction, proposal: Proposal) -> list[Elsewhere]:
    others = tx.proposals.elsewhere(proposal, limit=ELSEWHERE)
    cases = tx.worklist.lines({other.ticket_id for other in others})
    effects = tx.effects.of_proposals([other.id for other in others])
    return [
        Elsewhere(
            proposal=other,
            case=cases[other.ticket_id],
            answers=tuple(tx.proposals.answers(other.id)),
            means=ACTION_WORDS[effects[other.id].state] if other.id in effects else proposal_words(other),
        )
        for other in others
    ]


def words_of(tool: Tool | None, proposal: Proposal) -> tuple[tuple[str, str | None], ...]:
    """`Isolate the host {host}` as its pieces; the tool's name where it has no words of ours."""
    if tool is None or not tool.words:
        return ((proposal.tool, None),)
    return tuple(
        (literal, None if field is None else str(proposal.arguments.get(field, "")))
        for literal, field, _, _ in string.Formatter().parse(tool.words)
    )


def changes_of(before: JsonObject, after: JsonObject) -> tuple[Change, ...]:
    """The arguments that differ."""
    return tuple(
        Change(name=name, before=_shown(before, name), after=_shown(after, name))
        for name in {**before, **after}
        if _shown(before, name) != _shown(after, name)
    )


def _shown(arguments: JsonObject, name: str) -> str | None:
    return _json(arguments[name]) if name in arguments else None


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2 if isinstance(value, dict | list) else None)


def _state(
    tx: Transaction,
    proposal: Proposal,
    siblings: Sequence[Proposal],
    clock: Clock,
    *,
    person: str,
    roles: Sequence[str],
) -> State:
    now = clock.now()
    answers = tuple(tx.proposals.answers(proposal.id))
    effects = tx.effects.of(proposal.ticket_id)
    return State(
        proposal=proposal,
        ticket=tx.tickets.get(proposal.ticket_id),
        answers=answers,
        quorum=_quorum(tx, proposal, answers),
        refused=_refused(tx, proposal, clock, person=person, roles=roles),
        is_open=proposal.state is ProposalState.PENDING and (proposal.expires_at is None or now < proposal.expires_at),
        seconds_left=_left(proposal, now),
        replaced_by=next((other.id for other in siblings if other.replaces == proposal.id), None),
        effect=next((effect for effect in effects if effect.proposal_id == proposal.id), None),
        lately=tx.proposals.approved_by(person, since=now - RATE_WINDOW),
    )


def _left(proposal: Proposal, now: datetime) -> int | None:
    return None if proposal.expires_at is None else max(0, int((proposal.expires_at - now).total_seconds()))


def _refused(tx: Transaction, proposal: Proposal, clock: Clock, *, person: str, roles: Sequence[str]) -> str | None:
    if proposal.decision is None:
        return "Policy has not spoken about this proposal yet."
    try:
        check_answer(tx, proposal, clock, person=person, roles=roles, digest=proposal.digest)
    except ApprovalRefused as refused:
        return str(refused)
    return None


def _quorum(tx: Transaction, proposal: Proposal, answers: Sequence[Approval]) -> Quorum:
    decision = proposal.decision
    asks = decision is not None and decision.outcome is Outcome.ASK
    roles = (decision.roles if decision else ()) or ANY_APPROVER
    answered = {given.person for given in answers}
    return Quorum(
        needed=max(1, decision.approvals) if decision is not None and asks else 0,
        agreed=tuple(given.person for given in answers if given.approve),
        denied=tuple(given.person for given in answers if not given.approve),
        roles=tuple(roles),
        could=tuple(
            user.name
            for user in tx.users.all()
            if user.disabled_at is None
            and not user.roles.isdisjoint(roles)
            and user.name not in answered
            and proposal.proposed_by != f"user:{user.name}"
        ),
    )


def _target(proposal: Proposal, tool: Tool | None) -> Target | None:
    """From the facts that policy saw. What our records do not have counts as the most critical there is."""
    for kind in tool.target if tool else ():
        facts = proposal.provenance.get(kind)
        if isinstance(facts, dict):
            return Target(kind=kind, known=facts.get("known") is True, facts=facts)
    return None


def _argument(proposal: Proposal, tool: Tool | None, name: str, evidence: Sequence[Evidence]) -> Argument:
    value = proposal.arguments[name]
    seen = proposal.provenance.get("args", {}).get(name, {})
    sources = tuple(seen.get("sources", ()))
    schema: JsonObject = tool.schema()["properties"].get(name, {}) if tool else {}
    return Argument(
        name=name,
        meaning="" if is_external(proposal.tool) else str(schema.get("description", "")),
        text=_json(value),
        value=value,
        trusted=seen.get("trusted"),
        chosen="enum" in schema or isinstance(value, bool),
        sources=sources,
        quotes=quotes_of(value, sources, evidence),
        odd=_odd(value),
    )


def _odd(value: Json) -> tuple[Odd, ...]:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    strange = dict.fromkeys(character for character in text if not (character.isascii() and character.isprintable()))
    return tuple(
        Odd(
            character=character,
            name=f"U+{ord(character):04X} {unicodedata.name(character, 'control character')}",
            times=text.count(character),
        )
        for character in list(strange)[:MAX_ODD]
    )
