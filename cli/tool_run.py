"""`casemate tool run`: one call of one tool, as an agent's call would go, with nothing kept."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import AsJson, inert, print_json, print_table, say

if TYPE_CHECKING:
    from core.canonical import JsonObject
    from core.settings import Settings
    from core.store.engine import Store
    from core.ticket import Original
    from tools.tryout import Tried, Tryout
    from workflows.services import Services

#: The id of a ticket that nobody handed in.
NO_TICKET = "tkt_none"
#: Seconds that opening the sandbox and reading the ticket may take beyond the tool's own limit.
GRACE_SECONDS = 60


def run(
    name: Annotated[str, typer.Argument(help="Name of the tool.")],
    args: Annotated[str, typer.Option(help="Arguments as one JSON object, or @FILE with it.")] = "{}",
    ticket: Annotated[str | None, typer.Option(help="Id of a ticket to run it on; the look is audited.")] = None,
    attachment: Annotated[list[Path] | None, typer.Option(help="A file as attachment; may be repeated.")] = None,
    field: Annotated[
        list[str] | None, typer.Option(help="A field as key=value: JSON, text, or @FILE; may be repeated.")
    ] = None,
    body: Annotated[str, typer.Option(help="Text of the ticket.")] = "",
    masked: Annotated[bool, typer.Option("--masked", help="Show what a model would see of it.")] = False,
    bundle: Annotated[Path | None, typer.Option("--policy", help="Folder of a bundle; default: the live one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run one reading tool as an agent's call would run: checks, policy, sandbox. Nothing is kept."""
    from cli.context import read_settings

    arguments = _object(args)
    own = {"--attachment": attachment, "--field": field, "--body": body}
    if ticket is not None and any(own.values()):
        taken = next(option for option, value in own.items() if value)
        raise typer.BadParameter("a ticket has its own; leave it out, or --ticket", param_hint=taken)
    settings = read_settings()
    if ticket is not None:
        tried, shown = _on_ticket(settings, ticket, name, arguments, bundle, masked)
    else:
        original = _original(body, field or [], attachment or [])
        tried, shown = _on_original(settings, original, name, arguments, bundle, masked)
    document = _document(tried, shown)
    if as_json:
        print_json(document)
    else:
        _print(document)


def _on_ticket(
    settings: Settings, ticket_id: str, name: str, arguments: JsonObject, folder: Path | None, masked: bool
) -> tuple[Tried, JsonObject]:
    from cli.context import open_store, person
    from cli.policy import load
    from core.audit import AuditEvent
    from core.store.ticket_vault import TicketVault
    from core.vault import MemoryVault
    from tools.tryout import Tryout
    from workflows.casework import open_case

    with open_store(settings) as store, _services(settings, store) as services:
        bundle = services.bundle() if folder is None else load(folder)
        case, _ = open_case(services, ticket_id, bundle)
        # A copy, so that what masking finds now is not written to the ticket.
        kept = TicketVault(store, ticket_id)
        vault = MemoryVault(ticket_id, kept.key(), profile=kept.profile)
        vault.add(kept.entries())
        session = services.masker(bundle).session(vault)
        with store.read() as tx:
            evidence = tx.evidence.of(ticket_id)
        session.note_shown([case.masked.as_json(), *(item.as_json() for item in evidence)])
        # Before anything is read: whoever looks into a ticket is on record.
        look: JsonObject = {"tool": services.registry.get(name).name, "masked": masked}
        with store.begin() as tx:
            tx.audit.take(AuditEvent(action="tool.tried", actor=f"user:{person()}", ticket_id=ticket_id, data=look))
        return _tried(services, Tryout(
            case=case, registry=services.registry, bundle=bundle, session=session, runner=services.runner(),
            store=store, clock=services.clock, evidence=evidence,
        ), name, arguments, masked)  # fmt: skip


def _on_original(
    settings: Settings, original: Original, name: str, arguments: JsonObject, folder: Path | None, masked: bool
) -> tuple[Tried, JsonObject]:
    from agents.kinds import classify
    from cli.policy import load
    from core.ticket import MaskedTicket
    from core.vault import MemoryVault
    from tools.case import Case
    from tools.tool import MASKED
    from tools.tryout import Tryout
    from workflows.clouds import profile_of
    from workflows.mask import mask_ticket

    with _records(settings) as store, _services(settings, store) as services:
        bundle = load(folder)
        vault = MemoryVault(NO_TICKET, profile=profile_of(bundle, settings.model_chain))
        session = services.masker(bundle).session(vault)
        kind = classify(original)
        team = services.teams.for_kind(kind)
        works_masked = bool(services.registry.get(name).needs & MASKED)
        # Masking is slow to start; where neither the answer is masked nor the input, nothing reads the masked ticket.
        unread = MaskedTicket(title="", body="", fields={}, reporter=None, occurred_at=None, attachments=())
        case = Case(
            ticket_id=NO_TICKET, kind=kind, source=original.source, team=team.name, framework=team.framework,
            original=original, masked=mask_ticket(original, session) if masked or works_masked else unread,
        )  # fmt: skip
        return _tried(services, Tryout(
            case=case, registry=services.registry, bundle=bundle, session=session, runner=services.runner(),
            store=store, clock=services.clock,
        ), name, arguments, masked)  # fmt: skip


def _tried(
    services: Services, tryout: Tryout, name: str, arguments: JsonObject, masked: bool
) -> tuple[Tried, JsonObject]:
    """What the call came to, and its result as it is to be shown."""
    seconds = tryout.registry.get(name).limits.seconds + GRACE_SECONDS
    tried = services.wait_for(tryout.call(name, arguments), seconds=seconds)
    return tried, tryout.masked(tried) if masked else {"arguments": tried.arguments, **tried.result}


@contextmanager
def _services(settings: Settings, store: Store) -> Iterator[Services]:
    from workers.inline import inline_services

    services = inline_services(settings, store)
    try:
        yield services
    finally:
        services.close()


@contextmanager
def _records(settings: Settings) -> Iterator[Store]:
    """The store for look-ups; where casemate was never started, an empty one for the time being."""
    from cli.context import open_store
    from core.clock import SystemClock
    from core.store.engine import Store
    from core.vault import Keyring

    if Store.is_there(settings.store_url):
        with open_store(settings) as store:
            yield store
        return
    with TemporaryDirectory(prefix="casemate-") as folder:
        keys = Keyring.from_file(Path(folder) / "master.key", create=True)
        store = Store.open(f"sqlite:///{folder}/casemate.db", clock=SystemClock(), keyring=keys)
        try:
            store.migrate()
            yield store
        finally:
            store.close()


def _original(body: str, fields: list[str], files: list[Path]) -> Original:
    """A ticket of these parts, within the limits that every ticket has."""
    from core.ticket import Attachment, Original, parse_ticket

    try:
        attachments = [
            {"name": file.name, "content_base64": base64.b64encode(file.read_bytes()).decode()} for file in files
        ]
    except OSError as error:
        raise typer.BadParameter(
            f"{error.filename} cannot be read: {error.strerror}", param_hint="--attachment"
        ) from None
    taken = parse_ticket(
        {
            "source": "cli",
            "external_id": "tool-run",
            "title": "A ticket to try a tool on",
            "body": body,
            "fields": dict(_field(field) for field in fields),
            "attachments": attachments,
        }
    )
    return Original(
        source=taken.source, external_id=taken.external_id, version=taken.version, kind=taken.kind, title=taken.title,
        body=taken.body, fields=taken.fields, reporter=taken.reporter, occurred_at=taken.occurred_at,
        attachments=tuple(Attachment(name=a.name, content=a.content) for a in taken.attachments),
    )  # fmt: skip


def _field(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise typer.BadParameter(f"say key=value, not {text[:40]!r}", param_hint="--field")
    if value.startswith("@"):
        value = _file(value[1:], "--field")
    try:
        return key, json.loads(value)
    except (ValueError, RecursionError):
        return key, value


def _object(text: str) -> Any:
    if text.startswith("@"):
        text = _file(text[1:], "--args")
    try:
        # Whatever it is, the check that every call passes says what is wrong with it.
        return json.loads(text)
    except (ValueError, RecursionError):
        raise typer.BadParameter("it is not JSON; send one object", param_hint="--args") from None


def _file(name: str, option: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise typer.BadParameter(f"{name} cannot be read as text", param_hint=option) from None


def _document(tried: Tried, shown: JsonObject) -> JsonObject:
    return {
        "tool": tried.tool.name,
        "arguments": shown["arguments"],
        "trust": tried.tool.trust.value,
        "summary": shown["summary"],
        "facts": shown["facts"],
        "detail": shown["detail"],
        "sandbox": tried.tier,
        "milliseconds": tried.milliseconds,
        "rules": list(tried.decision.rules),
    }


def _print(document: JsonObject) -> None:
    say(document["summary"])
    print()
    facts = (
        (name, value if isinstance(value, str) else json.dumps(value)) for name, value in document["facts"].items()
    )
    print_table(("fact", "value"), facts)
    print()
    for line in json.dumps(document["detail"], indent=2, ensure_ascii=False).splitlines():
        print(inert(line))
    print()
    by = ", ".join(document["rules"])
    say(
        f"{document['trust']}, allowed by {by}, sandbox tier {document['sandbox']}, {document['milliseconds']} ms;"
        " nothing was kept."
    )
