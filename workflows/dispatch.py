"""One effect on its way: sent once, seen by a probe, in the ledger before it happens and after."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from core.action import Effect, EffectState, Proposal
from core.audit import AuditEvent
from core.canonical import JsonObject
from core.errors import CasemateError, TargetUnavailable, ToolRefused
from core.log import logger
from core.ticket import Lease
from workflows.casework import real_arguments
from workflows.services import Services

if TYPE_CHECKING:
    from collections.abc import Callable

    from policies.masking.session import MaskSession
    from tools.connectors.connector import Connector, Probe, Sent

log = logger(__name__)


def as_approved(services: Services, effect: Effect, proposal: Proposal) -> bool:
    """Whether what would be sent now is what was approved: by the same connector, in the same way."""
    tool = services.registry.get(proposal.tool) if proposal.tool in services.registry.names() else None
    return (
        tool is not None
        and (tool.connector, tool.carrier) == (effect.connector, proposal.binding.connector)
        and effect.connector in services.connectors
    )


def connector_of(services: Services, effect: Effect) -> Connector:
    """The connector that carried an effect out, as it is now: to look and to take back, that is what is wanted.

    Raises:
        TargetUnavailable: there is none of that name any more.
    """
    if effect.connector not in services.connectors:
        raise TargetUnavailable(f"The connector {effect.connector} is not set up any more; put its file back.")
    return services.connectors[effect.connector]


def carry_out(
    services: Services, effect: Effect, proposal: Proposal, session: MaskSession, *, lease: Lease | None
) -> None:
    """Dispatch a planned effect, or find out what became of one that was dispatched before a crash.

    Raises:
        TargetUnavailable: nothing was done at the target, and it is to be tried again later.
        Halted: the kill switch is on.
    """
    with services.store.read() as tx:
        tx.operations.check_not_halted()  # before the first look-up already
    if effect.state is EffectState.PLANNED:
        _first(services, effect, proposal, session, lease=lease)
    else:
        _again(services, effect, proposal, session, lease=lease)


def _first(
    services: Services, effect: Effect, proposal: Proposal, session: MaskSession, *, lease: Lease | None
) -> None:
    from tools.connectors.connector import prepared

    connector = connector_of(services, effect)
    arguments = real_arguments(session, proposal)
    try:
        send = prepared(connector, proposal.tool, arguments, effect.idempotency_key)
    except ToolRefused as refused:
        _refused(services, effect, session, refused)
        return
    dispatched = _dispatched(services, effect, lease)
    if dispatched is None:
        return
    try:
        sent = _sent(send)
    except TargetUnavailable:
        _planned_again(services, dispatched)
        raise
    seen = connector.probe(proposal.tool, arguments, effect.idempotency_key)
    settled(services, dispatched, _weighed(sent, seen), session, said=_said(session, sent))


def _again(
    services: Services, effect: Effect, proposal: Proposal, session: MaskSession, *, lease: Lease | None
) -> None:
    """A crash left it: sent or not, nobody knows. Look first, and send again only where that is harmless."""
    from tools.connectors.connector import repeatable

    connector = connector_of(services, effect)
    arguments = real_arguments(session, proposal)
    seen = connector.probe(proposal.tool, arguments, effect.idempotency_key)
    said: JsonObject = {}
    if seen.state != "yes" and repeatable(connector, proposal.tool) and as_approved(services, effect, proposal):
        with services.store.begin() as tx:
            tx.operations.check_not_halted()
            if lease is not None:
                tx.tickets.check(lease)
        sent = _sent(lambda: connector.execute(proposal.tool, arguments, effect.idempotency_key))
        said = _said(session, sent)
        seen = _weighed(sent, connector.probe(proposal.tool, arguments, effect.idempotency_key))
    settled(services, effect, seen, session, said=said)


def _sent(send: Callable[[], Sent]) -> Sent:
    """What became of the request that acts.

    Raises:
        TargetUnavailable: the target did nothing.
    """
    from tools.connectors.connector import Sent

    try:
        return send()
    except TargetUnavailable:
        raise
    except (CasemateError, OSError) as error:  # the probe tells whether it arrived
        detail: JsonObject = {"error": type(error).__name__}
        return Sent(accepted=False, lost=not isinstance(error, ToolRefused), detail=detail)


def _said(session: MaskSession, sent: Sent) -> JsonObject:
    return {"accepted": sent.accepted, "said": session.mask_json(sent.detail)}


def _weighed(sent: Sent, seen: Probe) -> Probe:
    """What is known of an action from both its answer and the look after it.

    An accepted or lost request that does not show yet may show in a minute; a refusal is believed of a target that
    nobody can look at.
    """
    if seen.state == "no" and (sent.accepted or sent.lost):
        return dataclasses.replace(seen, state="unknown")
    if seen.blind and not sent.accepted and not sent.lost:
        return dataclasses.replace(seen, state="no")
    return seen


def _refused(services: Services, effect: Effect, session: MaskSession, refused: ToolRefused) -> None:
    """It can never be carried out, and nothing was sent."""
    said: JsonObject = {"accepted": False, "said": {"error": session.mask_text(str(refused))}}
    with services.store.begin() as tx:
        tx.effects.move(
            effect,
            EffectState.FAILED,
            outcome=said,
            audit=AuditEvent(action="effect.failed", actor=services.owner, data={"tool": effect.tool, "sent": False}),
        )
    log.info("effect", ticket_id=effect.ticket_id, tool=effect.tool, state=EffectState.FAILED.value)


def _planned_again(services: Services, effect: Effect) -> None:
    with services.store.begin() as tx:
        tx.effects.move(
            effect,
            EffectState.PLANNED,
            outcome={},
            audit=AuditEvent(action="effect.postponed", actor=services.owner, data={"tool": effect.tool}),
        )


def _dispatched(services: Services, effect: Effect, lease: Lease | None) -> Effect | None:
    with services.store.begin() as tx:
        tx.operations.check_not_halted()
        if lease is not None:
            tx.tickets.check(lease)
        moved = tx.effects.move(
            effect,
            EffectState.DISPATCHED,
            outcome={},
            audit=AuditEvent(action="effect.dispatched", actor=services.owner, data={"tool": effect.tool}),
        )
    return dataclasses.replace(effect, state=EffectState.DISPATCHED) if moved else None


def settled(services: Services, effect: Effect, seen: Probe, session: MaskSession, *, said: JsonObject) -> None:
    """Write into the ledger what a probe saw; nothing when that is what the ledger says already."""
    to = {"yes": EffectState.CONFIRMED, "no": EffectState.FAILED, "unknown": EffectState.UNKNOWN}[seen.state]
    if to is effect.state:
        return
    # Masked before the transaction: a new token is a transaction of its own.
    outcome = {**said, "probe": seen.state, "seen": session.mask_json(seen.detail), "blind": seen.blind}
    with services.store.begin() as tx:
        tx.effects.move(
            effect,
            to,
            outcome=outcome,
            audit=AuditEvent(
                action=f"effect.{to.value}",
                actor=services.owner,
                data={"tool": effect.tool, "probe": seen.state},
            ),
        )
    log.info("effect", ticket_id=effect.ticket_id, tool=effect.tool, state=to.value)
