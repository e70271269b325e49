"""`http_get`: a page and how one gets there. Every redirect is checked like the first address; nothing is executed."""

from __future__ import annotations

import asyncio
import base64
import codecs
import hashlib
import re
from collections.abc import Callable
from datetime import datetime

from core.canonical import JsonObject
from policies.network import HttpGet
from tools.broker.addresses import AddressRules, Forbidden
from tools.broker.certificates import described
from tools.broker.connecting import Connector, Unreachable
from tools.broker.http import Answer, Exchange, exchange
from tools.broker.questions import Refused
from tools.broker.targets import Target, redirected, target_of

#: Headers that say something about a page; the others stay in the broker.
SHOWN_HEADERS = (
    "content-type", "content-disposition", "content-length", "content-encoding", "last-modified", "location", "refresh",
    "server", "www-authenticate", "x-powered-by", "content-security-policy", "date",
)  # fmt: skip
MAX_HEADER = 500
#: Characters of a page that are handed on.
MAX_TEXT = 300_000
#: First bytes of a body that is no text.
MAX_START = 512
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CUT = "\n… [cut: the page is longer]"
_TEXTUAL = re.compile(r"text/|[^;]*(?:html|xml|json|javascript|ecmascript|x-www-form-urlencoded)")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})")

#: Lets a URL pass that would be fetched; raises Refused. Asked again at every redirect.
Check = Callable[[Target], None]


def destination(rules: AddressRules, permit: HttpGet, url: str, check: Check) -> Target:
    """Where a URL leads, when it may be asked for; nothing has left yet.

    Raises:
        Refused: it has more than one reading, is not permitted, or names what is not public.
    """
    try:
        target = target_of(url)
        if target.address is not None:
            rules.check(target.address)
    except Forbidden as forbidden:
        raise Refused(f"The URL {forbidden}.") from None
    _permitted(permit, target)
    check(target)
    return target


async def visit(
    connector: Connector, permit: HttpGet, target: Target, *, check: Check, now: Callable[[], datetime]
) -> JsonObject:
    """What stands at a URL whose `destination` is known.

    Raises:
        Refused: its name leads to what is not public.
    """
    trip = _Trip(connector, permit, check, target)
    try:
        async with asyncio.timeout(permit.seconds):
            return await trip.go(now)
    except TimeoutError:
        return _stopped(trip.hops, trip.target, "It did not answer in time.")


class _Trip:
    """One way through redirects."""

    def __init__(self, connector: Connector, permit: HttpGet, check: Check, target: Target) -> None:
        self._connector = connector
        self._permit = permit
        self._check = check
        self.target = target
        self.hops: list[JsonObject] = []

    async def go(self, now: Callable[[], datetime]) -> JsonObject:
        # Where the last answer came from, and what it was.
        before: tuple[Target, Answer] | None = None
        while True:
            try:
                answer = await exchange(self._connector, _request(self._permit, self.target))
            except Forbidden as forbidden:
                if before is None:
                    raise Refused(f"The host {forbidden}, so the broker does not go there.") from None
                return _page(self.hops, *before, now(), stopped=f"The redirect {forbidden}, so it was not followed.")
            except Unreachable as silent:
                return _stopped(self.hops, self.target, str(silent))
            self.hops.append({"url": self.target.url, "status": answer.status})
            location = answer.headers.get("location")
            if answer.status not in REDIRECTS or not location:
                return _page(self.hops, self.target, answer, now(), stopped=None)
            before = self.target, answer
            stopped = self._follow(location)
            if stopped is not None:
                return _page(self.hops, *before, now(), stopped=stopped)

    def _follow(self, location: str) -> str | None:
        """Go on to where a redirect leads; why not, where that may not be."""
        if len(self.hops) > self._permit.redirects:
            return f"More than {self._permit.redirects} redirects; the rest was not followed."
        try:
            following = redirected(self.target, location)
            _permitted(self._permit, following)
            self._check(following)
        except Forbidden as forbidden:
            return f"The redirect {forbidden}, so it was not followed."
        except Refused as refused:
            return f"The redirect was not followed: {refused}"
        self.target = following
        return None


def _permitted(permit: HttpGet, target: Target) -> None:
    if target.scheme not in permit.schemes:
        raise Refused(f"Policy does not let this tool use {target.scheme}; it may use {', '.join(permit.schemes)}.")
    if target.port not in permit.ports:
        raise Refused(f"Policy does not let this tool use port {target.port}; it may use {_listed(permit.ports)}.")
    if not permit.reaches(target.host):
        raise Refused("Policy does not let this tool ask that host; an admin would add it to network.yaml.")


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


def _request(permit: HttpGet, target: Target) -> Exchange:
    headers = {"User-Agent": permit.user_agent, "Accept": "*/*", "Accept-Language": "en"}
    return Exchange(target=target, max_bytes=permit.max_bytes, headers=headers, any_certificate=True)


def _stopped(hops: list[JsonObject], target: Target, why: str) -> JsonObject:
    """Nothing came from the last address; what came before it is told."""
    return {"reached": False, "why": why, "hops": hops, "url": target.url, "stopped": why if hops else None}


def _page(hops: list[JsonObject], target: Target, answer: Answer, now: datetime, *, stopped: str | None) -> JsonObject:
    headers = {name: answer.headers[name][:MAX_HEADER] for name in SHOWN_HEADERS if name in answer.headers}
    text, start = _text(answer)
    return {
        "reached": True,
        "url": target.url,
        "hops": hops,
        "stopped": stopped,
        "status": answer.status,
        "headers": headers,
        "tls": described(
            answer.certificate, answer.tls_version, valid=answer.bad_certificate is None, why=answer.bad_certificate,
            now=now,
        ) if answer.certificate else None,
        "bytes": len(answer.body),
        "complete": answer.complete,
        "sha256": hashlib.sha256(answer.body).hexdigest(),
        "md5": hashlib.md5(answer.body, usedforsecurity=False).hexdigest(),
        "text": text,
        "start_base64": start,
        "sets_cookies": "set-cookie" in answer.headers,
    }  # fmt: skip


def _text(answer: Answer) -> tuple[str | None, str | None]:
    """The body as text, cut and marked; of anything else its first bytes in base64."""
    kind = answer.headers.get("content-type", "").lower()
    body = answer.body
    textual = bool(_TEXTUAL.match(kind)) or (not kind and b"\x00" not in body[:4096])
    if not textual:
        return None, base64.b64encode(body[:MAX_START]).decode("ascii")
    found = _CHARSET.search(kind) or _CHARSET.search(body[:2048].decode("latin-1"))
    text = body.decode(_codec(found[1] if found else "utf-8"), "replace")
    return (text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + _CUT), None


def _codec(name: str) -> str:
    """A text encoding of Python's; codecs that make something else of bytes (zip, hex) are not meant."""
    try:
        info = codecs.lookup(name)
    except LookupError:
        return "utf-8"
    return info.name if info._is_text_encoding and info.name not in {"idna", "punycode"} else "utf-8"  # noqa: SLF001
