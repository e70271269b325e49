"""What a reading tool is handed: looked up here, in the trusted zone, because inside the sandbox there is nothing."""

from __future__ import annotations

import base64
from collections.abc import Callable
from urllib.parse import urlsplit

from core.canonical import Json, JsonObject
from core.store.engine import Store
from core.ticket import Attachment
from policies.compiled import Bundle
from tools.case import Case
from tools.investigate.answer import CUT
from tools.investigate.domains import registered
from tools.investigate.refang import refang
from tools.investigate.ticket_text import text_of
from tools.registry import Tool
from tools.tool import MASKED, RULES, Need

#: Earlier tickets handed to `similar_cases`.
MAX_HISTORY = 20
#: Characters of text of all attachments that are masked for one call; masking them takes about a second.
MAX_MASKED = 200_000

#: `MaskSession.mask_json`.
Mask = Callable[[Json], Json]


def prepare(
    tool: Tool, arguments: JsonObject, *, case: Case, bundle: Bundle, store: Store, mask: Mask | None = None
) -> JsonObject:
    """The inputs the tool declares, but for rules, which `Runner` adds. `arguments` are real.

    `mask` is for tools that work on what models see (`tools.tool.MASKED`).
    """
    plain = {need: _input(need, arguments, case, bundle, store) for need in sorted(tool.needs - RULES - MASKED)}
    return plain | {need: _masked(need, case, mask) for need in sorted(tool.needs & MASKED)}


def _input(need: Need, arguments: JsonObject, case: Case, bundle: Bundle, store: Store) -> Json:
    original, organization = case.original, bundle.organization
    match need:
        case "ticket":
            return {
                "title": original.title,
                "body": original.body,
                "fields": original.fields,
                "reporter": original.reporter,
            }
        case "attachments":
            return [_file(attachment) for attachment in original.attachments]
        case "attachment":
            index = arguments["attachment"]
            return _file(original.attachments[index]) if index < len(original.attachments) else None
        case "organization":
            return _organization(bundle)
        case "asset":
            asset = organization.find_asset(arguments["host"])
            return asset.model_dump(mode="json") if asset else None
        case "identity":
            person = organization.find_person(arguments["user"])
            return person.model_dump(mode="json") if person else None
        case "intel":
            with store.read() as tx:
                return tx.intel.lookup(spellings(arguments["value"]))
        case "vulnerability":
            with store.read() as tx:
                return tx.intel.vulnerability(arguments["cve"])
        case "score":
            with store.read() as tx:
                return tx.intel.score(arguments["cve"])
        case "history":
            with store.read() as tx:
                return tx.tickets.similar(case.ticket_id, limit=MAX_HISTORY)
        case "yara_rules" | "sigma_rules":
            raise ValueError("Rules belong to the machine, not to a ticket: the runner hands them in.")
        case "masked_ticket" | "masked_files":
            raise ValueError("What is masked is prepared apart, so that no original slips in.")


def spellings(value: str) -> list[str]:
    """The ways a feed may list an indicator: as given, refanged, without a closing slash, its host, its domain."""
    text = refang(value.strip().strip("<>\"'"))
    found = [value.strip(), text, text.rstrip("/")]
    host = ""
    if "://" in text:
        try:
            host = (urlsplit(text).hostname or "").rstrip(".")
        except ValueError:
            host = ""
    elif "@" in text:
        host = text.rpartition("@")[2]
    elif "/" in text:
        host = text.partition("/")[0]
    else:
        host = text
    if "." in host:
        found += [host, registered(host)]
    return list(dict.fromkeys(item.lower() for item in found if item))


def _file(attachment: Attachment) -> JsonObject:
    return {"name": attachment.name, "content_base64": base64.b64encode(attachment.content).decode("ascii")}


def _masked(need: Need, case: Case, mask: Mask | None) -> Json:
    """The ticket as models see it; of each file name, size, and text up to a length over all (None for no text)."""
    if need == "masked_ticket":
        shown = case.masked
        return {"title": shown.title, "body": shown.body, "fields": shown.fields, "reporter": shown.reporter}
    if mask is None:
        raise ValueError(f"Whoever prepares {need} must be able to mask.")
    left, texts = MAX_MASKED, []
    for attachment in case.original.attachments:
        text = text_of(attachment.content)
        if text is not None:
            more, text = len(text) - left, text[:left]
            left -= len(text)
            text += CUT.format(more) if more > 0 else ""
        texts.append(text)
    files = zip(case.masked.attachments, mask(texts), strict=True)
    return [{"name": file["name"], "size": file["size"], "text": text} for file, text in files]


def _organization(bundle: Bundle) -> JsonObject:
    organization = bundle.organization
    return {
        "domains": list(organization.domains),
        "networks": list(organization.networks),
        "brands": list(organization.brands),
        "mail_partners": list(organization.mail_partners),
        "trusted_authserv_ids": list(organization.trusted_authserv_ids),
        "people": [person.name for person in organization.people if not person.service_account],
    }
