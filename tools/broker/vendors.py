"""`vendor`: what somebody else knows of an indicator. The only place where a credential meets a request."""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from dataclasses import replace
from urllib.parse import quote, urlencode

from core.canonical import Json, JsonObject
from core.errors import SecretMissing
from core.secret_store import SecretStore, filled
from policies.network import IndicatorType, LookUp, Meanings, Vendor
from tools.broker.addresses import AddressRules, Forbidden
from tools.broker.connecting import Connector, Unreachable
from tools.broker.http import Answer, Exchange, exchange
from tools.broker.questions import Refused, VendorQuestion
from tools.broker.targets import host_of, target_of

#: Bytes of a vendor's answer.
MAX_ANSWER = 2 * 1024 * 1024
#: Characters of a word, and words of a list, that are handed on.
MAX_WORD, MAX_WORDS = 120, 20
_HASHES = {32: "md5", 40: "sha1", 64: "sha256"}


def checked_value(rules: AddressRules, question: VendorQuestion) -> tuple[str, str | None]:
    """The indicator in its one spelling, and the host it is about, if any.

    Raises:
        Refused: it is no indicator of that type, or one that nobody outside can know.
    """
    value = question.value
    try:
        match question.type:
            case "hash":
                if len(value) not in _HASHES or not re.fullmatch(r"[0-9a-fA-F]+", value):
                    raise Refused("The value is no MD5, SHA-1 or SHA-256 hash.")
                return value.lower(), None
            case "url":
                target = target_of(value)
                if target.address is not None:
                    rules.check(target.address)
                return target.url, target.host
            case "ip":
                address = ipaddress.ip_address(value) if "%" not in value else None
                if address is None:
                    raise Refused("The value is no address.")
                rules.check(address)
                return str(address), str(address)
            case "domain":
                host, found = host_of(value)
                if found is not None:
                    raise Refused("The value is an address and no domain.")
                return host, host
    except Forbidden as forbidden:
        raise Refused(f"The indicator {forbidden}, so nobody outside is asked about it.") from None
    except ValueError:
        raise Refused("The value is no address.") from None


async def ask_vendor(
    connector: Connector, name: str, vendor: Vendor, kind: IndicatorType, value: str, *, secrets: SecretStore
) -> JsonObject:
    """What one vendor says: `{"vendor", "found", …}`, or `{"vendor", "trouble"}` when it does not."""
    look_up = vendor.takes[kind]
    try:
        headers = {header: filled(text, secrets) for header, text in vendor.headers.items()}
    except SecretMissing:
        return {"vendor": name, "trouble": "its key is missing; an admin must put it into the broker's secrets"}
    if any(not re.fullmatch(r"[\x20-\x7e]*", text) for text in headers.values()):
        return {"vendor": name, "trouble": "its key holds characters that no header can"}
    reached = replace(connector, rules=connector.rules.with_networks(vendor.networks))
    try:
        # No redirect is followed: a key goes to the host that the bundle names and to no other.
        answer = await exchange(reached, _request(look_up, value, headers))
    except Forbidden as forbidden:
        return {"vendor": name, "trouble": f"its address {forbidden}"}
    except Unreachable as silent:
        return {"vendor": name, "trouble": str(silent)}
    return {"vendor": name, **_said(vendor, look_up, answer)}


def _request(look_up: LookUp, value: str, headers: dict[str, str]) -> Exchange:
    url = _filled(look_up.url, value, escape=True)
    body, extra = b"", {"Accept": "application/json", "User-Agent": "casemate"}
    if look_up.form:
        fields = {key: _filled(text, value, escape=False) for key, text in look_up.form.items()}
        body, extra["Content-Type"] = urlencode(fields).encode("ascii"), "application/x-www-form-urlencoded"
    elif look_up.json_body:
        sent = {
            key: _filled(text, value, escape=False) if isinstance(text, str) else text
            for key, text in look_up.json_body.items()
        }
        body, extra["Content-Type"] = json.dumps(sent).encode("ascii"), "application/json"
    return Exchange(
        target=target_of(url),
        max_bytes=MAX_ANSWER,
        method="POST" if body else "GET",
        headers={**extra, **headers},
        body=body,
    )


def _filled(template: str, value: str, *, escape: bool) -> str:
    coded = base64.urlsafe_b64encode(value.encode("utf-8")).decode("ascii").rstrip("=")
    # In one pass, so that a value which reads like a placeholder stays what it is.
    known = {"value": quote(value, safe="") if escape else value, "base64url": coded}
    return re.sub(r"\{(value|base64url)\}", lambda found: known[found[1]], template)


def _said(vendor: Vendor, look_up: LookUp, answer: Answer) -> JsonObject:
    if answer.status in vendor.unknown.status:
        return {"found": False}
    if answer.status in {401, 403}:
        return {"trouble": "it refuses the key"}
    if answer.status == 429:
        return {"trouble": "its quota is used up"}
    if not 200 <= answer.status < 300 or not answer.complete:
        return {"trouble": f"it answered with status {answer.status}"}
    try:
        data: Json = json.loads(answer.body.decode("utf-8"))
    except (ValueError, RecursionError):
        return {"trouble": "its answer is no JSON"}
    if vendor.unknown.path and str(_at(data, vendor.unknown.path)) in vendor.unknown.words:
        return {"found": False}
    said = _meant(data, look_up.result or vendor.result)
    return {"found": True, "malicious": _is_malicious(vendor, said), **said}


def _meant(data: Json, result: Meanings) -> JsonObject:
    """The facts, each of its type; what has another type is left out."""
    said: JsonObject = {}
    for name in ("malicious", "suspicious", "harmless"):
        count = _at(data, getattr(result, name))
        if isinstance(count, int) and not isinstance(count, bool):
            said[f"{name}_votes"] = max(0, min(count, 1_000_000))
    score = _at(data, result.score)
    if isinstance(score, int | float) and not isinstance(score, bool) and 0 <= score <= 100:
        said["score"] = float(score)
    for name in ("verdict", "first_seen", "last_seen"):
        word = _at(data, getattr(result, name))
        if isinstance(word, str | int | float) and not isinstance(word, bool):
            said[name] = str(word)[:MAX_WORD]
    tags = _at(data, result.tags)
    if isinstance(tags, list):
        said["tags"] = [str(tag)[:MAX_WORD] for tag in tags if isinstance(tag, str | int)][:MAX_WORDS]
    return said


def _is_malicious(vendor: Vendor, said: JsonObject) -> bool | None:
    """None where the bundle does not say from when on it would be, or the answer lacks it."""
    limits = vendor.malicious_from
    answers: list[bool] = []
    if limits.votes is not None and "malicious_votes" in said:
        answers.append(said["malicious_votes"] >= limits.votes)
    if limits.score is not None and "score" in said:
        answers.append(said["score"] >= limits.score)
    if limits.verdicts and "verdict" in said:
        answers.append(said["verdict"].casefold() in {word.casefold() for word in limits.verdicts})
    return any(answers) if answers else None


def _at(data: Json, path: str | None) -> Json:
    for part in path.split(".") if path else ():
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and part.isdigit():
            data = data[int(part)] if int(part) < len(data) else None
        else:
            return None
    return data if path else None
