"""Clouds see less: how a ticket is masked because of them, what is remembered of that, and which endpoint may see it.

A ticket keeps for what it was masked while anything of it is kept: what was shown more openly is never sent to a cloud.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from core.audit import AuditEvent
from core.masking import Masking, Profile
from workflows.services import Services

if TYPE_CHECKING:
    from core.settings import ModelEndpoint
    from policies.compiled import Bundle
    from policies.masking.rules import MaskingRules
    from policies.masking.session import MaskSession


def profile_of(bundle: Bundle, chain: Iterable[ModelEndpoint]) -> Profile:
    """For which models a process with this chain masks: for clouds when any endpoint is one."""
    return bundle.models.profile(endpoint.url for endpoint in chain)


def earlier(services: Services, ticket_id: str) -> Masking | None:
    """How the evidence of a ticket that starts over was masked; None when there is none.

    Such a ticket stays as it is: models will see its evidence again.
    """
    with services.store.read() as tx:
        if not tx.evidence.of(ticket_id):
            return None
        # Nothing was written down by the first releases, so anything may have been shown.
        return tx.maskings.of(ticket_id) or Masking(profile="local", shown={})


def masked_by(rules: MaskingRules, profile: Profile, before: Masking | None) -> Masking:
    """What is to be remembered of a ticket that was just masked, and of its evidence from `before`."""
    from policies.masking.strictness import loosest, shown_by

    shown = shown_by(rules)
    return Masking(profile=profile, shown=loosest(before.shown, shown) if before is not None else shown)


def note(services: Services, ticket_id: str, session: MaskSession, bundle: Bundle) -> None:
    """Remember it when what comes to a ticket now is shown more openly than what was there: another policy is live."""
    from policies.masking.strictness import loosest, shown_by

    with services.store.read() as tx:
        before = tx.maskings.of(ticket_id)
    if before is None:
        return
    shown = loosest(before.shown, shown_by(session.rules))
    if shown == dict(before.shown):
        return
    event = AuditEvent(
        action="ticket.masking_loosened", actor=services.owner, ticket_id=ticket_id, data={"bundle": bundle.hash}
    )
    with services.store.begin() as tx:
        tx.maskings.keep(ticket_id, Masking(profile=before.profile, shown=shown), event)


def refusal(services: Services, ticket_id: str, bundle: Bundle) -> Callable[[ModelEndpoint], str | None]:
    """Says why an endpoint may not see a ticket, in one sentence; None when it may."""
    from policies.masking.strictness import looser_kinds, shown_by

    with services.store.read() as tx:
        masking = tx.maskings.of(ticket_id)
    needed = shown_by(bundle.models.cloud.applied(bundle.masking))

    def why(endpoint: ModelEndpoint) -> str | None:
        said = bundle.models.refusal(endpoint.url)
        if said is not None or bundle.models.location(endpoint.url) == "local":
            return said
        looser = looser_kinds(masking.shown if masking is not None else {}, needed)
        if not looser:
            return None
        return (
            f"The model {endpoint.name} is a cloud's, and this ticket was masked before less strictly than policy "
            f"demands for clouds ({', '.join(looser)}), so it does not go there."
        )

    return why
