"""What a new installation needs before tickets can be worked on, looked at as it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from core.canonical import JsonObject
from core.errors import BundleInvalid, CasemateError
from core.identity import Role, holds
from core.store.engine import Store
from core.store.transaction import Transaction
from core.ticket import Ticket, TicketState
from workflows import candidates, endpoints, installation

if TYPE_CHECKING:
    from core.settings import ModelEndpoint
    from workflows.services import LiveBundle

#: `open`: nobody knows yet, and the first ticket tells.
State = Literal["ok", "wrong", "open"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing that must be there."""

    name: str
    state: State
    said: str
    #: What to do about it; empty when it is well.
    mend: str = ""


#: A journey as people follow it.
STEPS = (
    ("Taken in and sealed", "Stored under a key of its own; nothing has read it."),
    ("Masked", "Names, machines and secrets are tokens from here on."),
    ("Investigated", "A team of agents reads it and asks tools, each call in a sandbox."),
    ("Judged", "A verdict, findings with their evidence, and proposed actions."),
    ("Acted on", "Policy allows, asks a person about, or denies each action; the report goes back."),
)
#: How many of the steps are over in each state; of those that broke off, the verdict tells.
_OVER: dict[TicketState, int] = {
    TicketState.RECEIVED: 1,
    TicketState.MASKED: 2,
    TicketState.INVESTIGATING: 2,
    TicketState.DECIDED: 4,
    TicketState.EXECUTING: 4,
}
_BROKEN = frozenset({TicketState.ESCALATED, TicketState.FAILED})


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step of the journey."""

    name: str
    said: str
    state: Literal["done", "now", "ahead"]


def journey_of(ticket: Ticket) -> list[Step]:
    """How far a ticket has come."""
    over = _OVER.get(ticket.state, len(STEPS))
    if ticket.state in _BROKEN:
        over = 4 if ticket.verdict else 1
    return [
        Step(name=name, said=said, state="done" if number < over else "now" if number == over else "ahead")
        for number, (name, said) in enumerate(STEPS)
    ]


def checks(store: Store, live: LiveBundle, chain: Iterable[ModelEndpoint]) -> list[Check]:
    """Everything that a first ticket needs, in the order in which it needs it."""
    policy = candidates.trouble(live, store)
    with store.read() as tx:
        workers = [one for one in installation.processes(tx, store) if one.kind == "worker" and one.alive]
        halted = tx.operations.halted()
        return [
            *([_halted(halted)] if halted else []),
            _worker(workers),
            _sandbox(workers),
            _model(tx, store, live, tuple(chain), answered=bool(workers)),
            _policy(policy),
            _accounts(tx),
        ]


def _halted(reason: str) -> Check:
    return Check(name="Not halted", state="wrong", said=f"Everything is stopped: {reason}", mend="casemate resume")


def _worker(workers: list[installation.Process]) -> Check:
    if not workers:
        return Check(
            name="A worker runs",
            state="wrong",
            said="None shows a sign of life, so tickets wait.",
            mend="Start one: casemate worker, or casemate up for all processes.",
        )
    return Check(name="A worker runs", state="ok", said=", ".join(one.name for one in workers))


def _sandbox(workers: list[installation.Process]) -> Check:
    name = "Tools can be locked in"
    tiers = sorted({one.sandbox for one in workers if one.sandbox})
    if tiers:
        return Check(name=name, state="ok", said=f"Sandbox tier: {', '.join(tiers)}.")
    troubles = [trouble for one in workers for trouble in one.troubles]
    if troubles:
        return Check(name=name, state="wrong", said=troubles[0], mend="Mend that; workers notice by themselves.")
    return Check(name=name, state="open", said="A worker says so when it runs.", mend="casemate sandbox selftest")


def _model(
    tx: Transaction, store: Store, live: LiveBundle, chain: tuple[ModelEndpoint, ...], *, answered: bool
) -> Check:
    name = "A model answers"
    try:
        shown: list[JsonObject] = endpoints.shown(tx, store, chain, live())["endpoints"]
    except (BundleInvalid, CasemateError) as error:
        return Check(name=name, state="open", said=str(error))
    refused = [one for one in shown if one["refusal"]]
    up = [one for one in shown if one["up"] and not one["refusal"]]
    if up:
        return Check(name=name, state="ok", said=f"{up[0]['name']} at {up[0]['url']}")
    if len(refused) == len(shown) and shown:
        return Check(name=name, state="wrong", said=str(refused[0]["refusal"]), mend="Name it in models.yaml.")
    if answered and any(one["up"] is False for one in shown):
        first = next(one for one in shown if one["up"] is False)
        return Check(
            name=name,
            state="wrong",
            said=f"{first['name']} at {first['url']} does not.",
            mend="Start it, or set CASEMATE_MODEL_URL; casemate serve playbook needs no GPU.",
        )
    return Check(name=name, state="open", said="No worker has asked it yet; the first ticket does.")


def _policy(troubles: list[str]) -> Check:
    if troubles:
        return Check(name="The policy loads", state="wrong", said=troubles[0], mend="casemate policy check")
    return Check(name="The policy loads", state="ok", said="It is compiled, and its examples hold.")


def _accounts(tx: Transaction) -> Check:
    name = "Somebody to decide"
    people = [
        user.name
        for user in tx.users.all()
        if user.disabled_at is None and Role.ADMIN not in user.roles and holds(user.roles, Role.ANALYST, Role.APPROVER)
    ]
    if people:
        more = f" and {len(people) - 3} more" if len(people) > 3 else ""
        return Check(name=name, state="ok", said=f"{', '.join(people[:3])}{more}")
    return Check(
        name=name,
        state="wrong",
        said="Nobody but admins has an account.",
        mend="Add analysts and approvers: casemate user add, or Admin, Users.",
    )
