"""`whois`: registration data by RFC 3912, from the root down to the registrar."""

from __future__ import annotations

import asyncio
import re

from core.canonical import JsonObject
from policies.network import Whois
from tools.broker.addresses import AddressRules, Forbidden
from tools.broker.connecting import Connector, Unreachable
from tools.broker.questions import Refused
from tools.broker.targets import host_of

ROOT = "whois.iana.org"
PORT = 43
#: Bytes of one server's answer.
MAX_ANSWER = 64 * 1024
#: How some servers want to be asked; the others take the bare name (RFC 3912).
FORMS = {
    "whois.denic.de": "-T dn,ace {}",
    "whois.jprs.jp": "{}/e",
    "whois.verisign-grs.com": "domain {}",
    "whois.arin.net": "n + {}",
}
_REFERRAL = re.compile(
    r"^[ \t]{0,20}(?:refer|whois|whois server|registrar whois server|referralserver)[ \t]{0,60}:[ \t]{0,60}"
    r"(?:r?whois://)?([A-Za-z0-9][A-Za-z0-9.-]{2,252})(?::43)?/?[ \t]{0,60}\r?$",
    re.IGNORECASE | re.MULTILINE,
)


async def registration(connector: Connector, permit: Whois, asked: str) -> JsonObject:
    """What the servers say of a domain or an address (as `asked_about` gives it), in the order they were asked."""
    answers: list[JsonObject] = []
    server: str | None = ROOT
    stopped: str | None = None
    while server is not None and len(answers) < permit.servers:
        if not permit.reaches(server):
            stopped = "Policy does not let this tool ask the next WHOIS server."
            break
        try:
            text = await _ask(connector, server, FORMS.get(server, "{}").format(asked))
        except Forbidden as forbidden:
            stopped = f"The next WHOIS server {forbidden}, so it was not asked."
            break
        except Unreachable as silent:
            stopped = str(silent)
            break
        answers.append({"server": server, "text": text})
        server = _referral(text, {str(answer["server"]) for answer in answers})
    return {"name": asked, "answers": answers, "stopped": stopped}


def asked_about(rules: AddressRules, permit: Whois, name: str) -> str:
    """The name or address in its one spelling.

    Raises:
        Refused: it is none of the internet, or the first server may not be asked.
    """
    if not permit.reaches(ROOT):
        raise Refused(f"Policy does not let this tool ask {ROOT}, where every question begins.")
    try:
        host, address = host_of(name if ":" not in name else f"[{name}]")
        if address is not None:
            rules.check(address)
    except Forbidden as forbidden:
        raise Refused(f"The name {forbidden}.") from None
    return host


async def _ask(connector: Connector, server: str, query: str) -> str:
    async with connector.connect(server, PORT) as connection:
        try:
            connection.writer.write(query.encode("ascii") + b"\r\n")
            await connection.writer.drain()
            pieces: list[bytes] = []
            size = 0
            while size < MAX_ANSWER and (piece := await connection.reader.read(8192)):
                pieces.append(piece[: MAX_ANSWER - size])
                size += len(pieces[-1])
        except (OSError, asyncio.IncompleteReadError):
            raise Unreachable("The WHOIS server broke off.") from None
    raw = b"".join(pieces)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _referral(text: str, asked: set[str]) -> str | None:
    """The server that knows more; none that was asked already, and none that is no host."""
    for found in _REFERRAL.findall(text):
        try:
            host, address = host_of(found.rstrip("."))
        except Forbidden:
            continue
        if address is None and host not in asked:
            return host
    return None
