"""What a reading tool is handed: looked up here, in the trusted zone, because inside the sandbox there is nothing."""

from __future__ import annotations

import base64
from urllib.parse import urlsplit

from core.canonical import Json, JsonObject
from core.store.engine import Store
from core.ticket import Attachment
from policies.compiled import Bundle
from tools.case import Case
from tools.investigate.domains import registered
from tools.investigate.refang import refang
from tools.registry import Tool
from tools.tool import RULES, Need

#: Earlier tickets handed to `similar_cases`.
MAX_HISTORY = 20


def prepare(tool: Tool, arguments: JsonObject, *, case: Case, bundle: Bundle, store: Store) -> JsonObject:
    """The inputs the tool declares, but for rules, which `Runner` adds. `arguments` are real."""
    return {need: _input(need, arguments, case, bundle, store) for need in sorted(tool.needs - RULES)}


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
