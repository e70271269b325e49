"""A case as one stream, oldest first: what the ticket went through, who called which tool, what policy answered, what
people said, what was done to the world and what was reported. Made of the audit trail and the decision log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from string import Formatter
from typing import Any, Literal

from core.action import Approval
from core.canonical import JsonObject
from core.decision import Outcome
from core.decision_log import LoggedDecision
from core.evidence import Evidence
from core.ticket import TicketState
from workflows.words import TICKET_WORDS

#: Who did something. `machine` is a program that hands tickets in or asks over the API.
Doer = Literal["person", "team", "policy", "system", "machine"]
DOERS: tuple[Doer, ...] = ("person", "team", "policy", "system", "machine")

#: What people read for each kind of event; `{…}` is taken from its data, and missing where that has none.
_WORDS = {
    "ticket.received": "Ticket received from {source}",
    "ticket.masked": "Masked; team {team} is to work on it",
    "ticket.masking_loosened": "Masked more openly than before",
    "ticket.investigating": "The team starts",
    "ticket.decided": "Verdict reached; policy looks at the actions",
    "ticket.executing": "Permitted actions are carried out",
    "ticket.awaiting_approval": "Waits for people",
    "ticket.reported": "Finished; the report goes out",
    "ticket.closed": "Closed",
    "ticket.escalated": "Handed to a person",
    "ticket.dead_letter": "Set aside after repeated failures",
    "ticket.retried": "Starts over",
    "ticket.superseded": "Replaced by a newer version",
    "ticket.revealed": "Looked at the original of {token}",
    "claim.made": "Took the ticket",
    "claim.taken_over": "Took the ticket over from {from}",
    "claim.released": "Gave the ticket back",
    "evidence.recorded": "Called {tool}",
    "assessment.kept": "Verdict {verdict}, severity {severity}, by model {model}",
    "feedback.given": "Said of the verdict {team}: it is {person}",
    "proposal.recorded": "Proposed {tool}",
    "proposal.decided": "Policy on {tool}: {outcome}",
    "proposal.answered": "Answered a proposal",
    "proposal.approved": "The proposal is approved",
    "proposal.denied": "The proposal is denied",
    "proposal.expired": "Nobody answered in time",
    "proposal.spent": "The permission is used",
    "proposal.edited": "Proposed it otherwise",
    "proposal.superseded": "The proposal is void",
    "proposal.revealed": "Looked at the originals in a proposal",
    "effect.planned": "{tool} is about to be carried out",
    "effect.dispatched": "{tool} was sent",
    "effect.confirmed": "{tool} took effect; a probe saw it",
    "effect.failed": "{tool} failed; the target is unchanged",
    "effect.unknown": "{tool} was sent; nobody could tell whether it took effect",
    "effect.settled": "{tool} was looked into again",
    "effect.postponed": "{tool} is tried again later",
    "effect.reverted": "{tool} was undone",
    "effect.undo_asked": "{tool} is being undone",
    "report.delivered": "{kind} delivered ({destination})",
    "report.delayed": "{kind} could not be delivered yet ({destination})",
    "vault.shredded": "The originals were destroyed",
}
#: Steps between two others.
_ROUTINE = frozenset({"proposal.spent", "effect.planned"})
#: What is read for each answer of policy.
_OUTCOMES = {"allow": "allowed", "ask": "wants people to answer", "deny": "denied"}
_DOORS = {
    "tool": "the call of {tool}",
    "proposal": "{tool}",
    "execution": "{tool}, looked at again before it is carried out",
    "edit": "{tool} as edited",
    "revalidation": "{tool} after the policy changed",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One line of the stream."""

    at: datetime
    doer: Doer
    #: As the audit trail names it: `user:ana`, `team:phishing/reviewer`, `policy`.
    actor: str
    #: One sentence.
    what: str
    #: More of it: rules and a reason, what a person wrote, a tool's summary. Masked.
    more: str = ""
    #: Routine that says nothing by itself: a look that policy allows, a step between two others.
    quiet: bool = False
    #: Evidence or proposal it is about, for a link.
    evidence: str = ""
    proposal: str = ""


def story(
    events: Sequence[JsonObject],
    decisions: Sequence[LoggedDecision],
    evidence: Sequence[Evidence],
    answers: Iterable[Approval],
) -> list[Entry]:
    """Everything in order; a decision stands just before what it led to."""
    by_id = {decision.id: decision for decision in decisions}
    said = {(answer.proposal_id, f"user:{answer.person}"): answer.reason for answer in answers}
    summaries = {item.id: item.error or item.summary for item in evidence}
    told: set[str] = set()
    entries: list[Entry] = []
    for event in events:
        decision = by_id.get(str(event["data"].get("decision", "")))
        if decision is not None and decision.id not in told:
            told.add(decision.id)
            entries.append(_of_decision(decision, at=datetime.fromisoformat(event["at"])))
        if event["action"] == "proposal.decided" and decision is not None:
            continue  # the line before says it
        entries.append(_of_event(event, said, summaries))
    entries += [_of_decision(decision, at=decision.created_at) for decision in decisions if decision.id not in told]
    return sorted(entries, key=lambda entry: entry.at)  # stable: what happened at one moment stays as it was


def doer_of(actor: str) -> Doer:
    """Who an actor of the audit trail is."""
    head = actor.partition(":")[0]
    if head in {"user", "cli"}:
        return "person"
    if head == "team":
        return "team"
    if head == "api":
        return "machine"
    return "policy" if actor == "policy" else "system"


@dataclass(frozen=True, kw_only=True, slots=True)
class Stay:
    """How long a ticket was in one state."""

    state: TicketState
    words: str
    since: datetime
    #: None for the state it is in.
    until: datetime | None


def stays(events: Sequence[JsonObject]) -> list[Stay]:
    """The states a ticket went through, in order."""
    moves: list[tuple[TicketState, datetime]] = []
    for event in events:
        at = datetime.fromisoformat(event["at"])
        to = event["data"].get("to") if str(event["action"]).startswith("ticket.") else None
        if event["action"] == "ticket.received" and not moves:
            moves.append((TicketState.RECEIVED, at))
        elif to is not None and to in set(TicketState):
            moves.append((TicketState(to), at))
    ends: list[datetime | None] = [at for _, at in moves[1:]]
    return [
        Stay(state=state, words=TICKET_WORDS[state], since=since, until=until)
        for (state, since), until in zip(moves, [*ends, None], strict=False)
    ]


def _of_event(event: JsonObject, said: dict[tuple[str, str], str], summaries: dict[str, str]) -> Entry:
    action, actor, data = str(event["action"]), str(event["actor"]), event["data"]
    what = _Blanks().format(_WORDS.get(action, action.replace(".", " ").replace("_", " ")), **data)
    proposal = str(data.get("proposal", "") if isinstance(data.get("proposal"), str) else "")
    evidence = str(data.get("evidence", "") if isinstance(data.get("evidence"), str) else "")
    more = ""
    match action:
        case "evidence.recorded":
            more = summaries.get(evidence, "")
        case "proposal.answered":
            what = "Approved a proposal" if data.get("approve") else "Denied a proposal"
            more = said.get((proposal, actor), "")
        case "ticket.revealed":
            more = str(data.get("reason", ""))
        case "assessment.kept":
            more = f"Confidence {float(data.get('confidence', 0)):.0%}; {data.get('requests', 0)} model requests."
    return Entry(
        at=datetime.fromisoformat(event["at"]),
        doer=doer_of(actor),
        actor=actor,
        what=" ".join(what.split()),
        more=more,
        quiet=action in _ROUTINE,
        evidence=evidence if evidence in summaries else "",
        proposal=proposal,
    )


def _of_decision(decision: LoggedDecision, *, at: datetime) -> Entry:
    about = _DOORS.get(decision.door, "{tool}").format(tool=decision.tool)
    answer = decision.decision
    rules = f"{', '.join(answer.rules)}: " if answer.rules else "no rule: "
    return Entry(
        at=at,
        doer="policy",
        actor="policy",
        what=f"Policy on {about}: {_OUTCOMES[answer.outcome.value]}",
        more=f"{rules}{answer.reason}",
        quiet=answer.outcome is Outcome.ALLOW and decision.door in {"tool", "execution"},
        proposal=decision.proposal_id or "",
    )


class _Blanks(Formatter):
    """Fills in what the data has; words of the machine are written without underscores."""

    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Any) -> Any:
        value = kwargs.get(str(key), "")
        return value.replace("_", " ") if key in {"verdict", "person", "team", "kind"} else value
