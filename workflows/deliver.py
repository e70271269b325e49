"""Takes reports out of the outbox to their sources. Names are restored here and nowhere earlier."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from core.audit import AuditEvent
from core.canonical import JsonObject
from core.errors import CasemateError, Shredded, Temporary
from core.log import logger
from core.settings import Webhook
from core.store.outbox import Message
from core.store.ticket_vault import TicketVault
from core.ticket import Lease, TicketState
from workflows import report
from workflows.services import Services

log = logger(__name__)

#: Seconds one delivery may take; the message is not claimed again before that.
DELIVERY_SECONDS = 30
#: Seconds a webhook has to answer.
ANSWER_SECONDS = 10


def run(services: Services, lease: Lease) -> TicketState:
    """reported → closed, once the final report has left."""
    send_due(services, ticket_id=lease.ticket_id)
    with services.store.begin() as tx:
        if tx.outbox.pending(lease.ticket_id):
            wait = services.clock.now() + timedelta(seconds=services.settings.sweep_seconds)
            tx.tickets.release(lease, not_before=wait)
            return TicketState.REPORTED
        tx.tickets.move(lease, TicketState.CLOSED, audit=AuditEvent(action="ticket.closed", actor=services.owner))
    return TicketState.CLOSED


def send_due(services: Services, *, ticket_id: str | None = None) -> int:
    """Deliver what is due; returns how many messages arrived."""
    with services.store.begin() as tx:
        messages = tx.outbox.claim(seconds=DELIVERY_SECONDS, ticket_id=ticket_id)
    arrived = 0
    for message in messages:
        try:
            _send(services, message)
        except CasemateError as error:
            _note_failure(services, message, str(error))
        except Exception as error:  # noqa: BLE001 - one broken message must not hold up the others
            _note_failure(services, message, f"The delivery broke ({type(error).__name__}); see the workers' logs.")
        else:
            arrived += 1
            event = AuditEvent(
                action="report.delivered",
                actor=services.owner,
                ticket_id=message.ticket_id,
                data={"message": message.id, "kind": message.kind, "destination": message.destination},
            )
            with services.store.begin() as tx:
                tx.outbox.delivered(message, event)
    return arrived


def _note_failure(services: Services, message: Message, sentence: str) -> None:
    event = AuditEvent(
        action="report.delayed",
        actor=services.owner,
        ticket_id=message.ticket_id,
        data={"message": message.id, "attempt": message.attempts},
    )
    with services.store.begin() as tx:
        given_up = tx.outbox.failed(message, error=sentence, audit=event)
    log.warning("report_not_delivered", ticket_id=message.ticket_id, attempt=message.attempts, given_up=given_up)


def _send(services: Services, message: Message) -> None:
    payload = _restored(services, message)
    source = payload["ticket"]["source"]
    hook = services.settings.report_webhooks.get(source)
    if message.destination == report.FILE_DROP or hook is None:
        _drop(services.settings.report_folder / source, payload)
    else:
        _post(hook, message, payload, at=services.clock.now().timestamp())


def _restored(services: Services, message: Message) -> JsonObject:
    """The payload with the tokens its reader may see put back; all others stay tokens."""
    bundle = services.bundle()
    entities = bundle.masking.report_entities(message.payload["ticket"]["source"])
    about = {"id": message.id, "created_at": message.created_at.isoformat()}
    try:
        vault = TicketVault(services.store, message.ticket_id)
    except Shredded:  # nothing to put back any more; its reader gets the tokens
        return {**message.payload, **about}
    session = services.masker(bundle).session(vault)

    def walk(value: Any) -> Any:
        if isinstance(value, str):
            return session.restore_text(value, entities)
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item) for item in value]
        return value

    return {**walk(message.payload), **about}


def _drop(folder: Path, payload: JsonObject) -> None:
    """Write the report under its final name only when it is whole; repeating it changes nothing."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = folder / report.file_name(payload)
        draft = target.with_suffix(f".{os.getpid()}.part")
        with draft.open("w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            json.dump(payload, file, ensure_ascii=False, indent=2)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except OSError as error:
        raise Temporary(f"The report folder {folder} cannot be written: {error.strerror}.") from None


def _post(hook: Webhook, message: Message, payload: JsonObject, *, at: float) -> None:
    """POST with the Standard Webhooks headers; receivers drop repeats by `webhook-id`."""
    import httpx2

    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"content-type": "application/json", **signature(hook, message.id, body, at=at)}
    try:
        answer = httpx2.post(hook.url, content=body, headers=headers, timeout=ANSWER_SECONDS, follow_redirects=False)
    except httpx2.HTTPError as error:
        raise Temporary(
            f"The webhook does not answer ({type(error).__name__}): check its URL and that it runs."
        ) from None
    if not answer.is_success:
        raise Temporary(f"The webhook answered {answer.status_code}: check its log for message {message.id}.")


def signature(hook: Webhook, message_id: str, body: bytes, *, at: float) -> dict[str, str]:
    """Headers of the Standard Webhooks specification: id, time, and HMAC-SHA256 over `id.time.body`."""
    from datetime import UTC, datetime

    from standardwebhooks import Webhook as Signer

    moment = datetime.fromtimestamp(int(at), UTC)
    signed = Signer(hook.secret.get_secret_value()).sign(message_id, moment, body.decode())
    return {"webhook-id": message_id, "webhook-timestamp": str(int(at)), "webhook-signature": signed}
