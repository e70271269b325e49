"""What people read for each machine state. The machine never reads these."""

from __future__ import annotations

from core.action import EffectState, Proposal, ProposalState
from core.decision import OnExpiry
from core.ticket import TicketState

TICKET_WORDS: dict[TicketState, str] = {
    TicketState.RECEIVED: "received, waiting to be masked",
    TicketState.MASKED: "masked, waiting for its team",
    TicketState.INVESTIGATING: "a team is investigating",
    TicketState.DECIDED: "verdict reached, policy is deciding on the actions",
    TicketState.AWAITING_APPROVAL: "waiting for a person to approve or deny",
    TicketState.EXECUTING: "carrying out approved actions",
    TicketState.REPORTED: "finished, the report is on its way",
    TicketState.CLOSED: "finished and reported",
    TicketState.ESCALATED: "handed to a person",
    TicketState.FAILED: "set aside after repeated failures",
    TicketState.SUPERSEDED: "replaced by a newer version",
}

ACTION_WORDS: dict[ProposalState | EffectState, str] = {
    ProposalState.PROPOSED: "proposed",
    ProposalState.PENDING: "waiting for approval",
    ProposalState.APPROVED: "approved, not yet carried out",
    ProposalState.DENIED: "denied",
    ProposalState.EXPIRED: "nobody answered in time; not carried out",
    ProposalState.SUPERSEDED: "void: the ticket has a newer version",
    ProposalState.REPLACED: "replaced by another proposal",
    ProposalState.EXECUTED: "handed to the target",
    EffectState.PLANNED: "about to be carried out",
    EffectState.DISPATCHED: "sent; outcome not seen yet",
    EffectState.CONFIRMED: "done, and a probe saw it",
    EffectState.FAILED: "failed: the target is unchanged",
    EffectState.UNKNOWN: "sent, but nobody could tell whether it took effect",
    EffectState.REVERTED: "done, and undone again when its lease ran out",
}

#: What is said of a question that nobody answered in time. Only the second is a denial.
LAPSE_WORDS: dict[OnExpiry, str] = {
    "expire": "nobody answered in time; not carried out",
    "deny": "denied: nobody answered in time, and the policy takes silence for a no",
    "escalate": "nobody answered in time; not carried out, and the policy then wants a person to take the ticket",
}


def proposal_words(proposal: Proposal) -> str:
    """What people read of a proposal: a denial by the clock is told apart from one by a person or by policy."""
    lapsed = proposal.lapsed
    return ACTION_WORDS[proposal.state] if lapsed is None else LAPSE_WORDS[lapsed]
