"""What receiving servers said about a mail's sender (SPF, DKIM, DMARC), and whether our own server said it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tools.investigate.message import AnyMessage, headers

#: What a method can come to; `missing` where nobody said anything.
Result = Literal["pass", "fail", "softfail", "none", "neutral", "permerror", "temperror", "missing"]
METHODS = ("spf", "dkim", "dmarc")
RESULTS = frozenset({"pass", "fail", "softfail", "none", "neutral", "permerror", "temperror"})
#: Words of other servers for the same thing.
SAME = {"hardfail": "fail", "bestguesspass": "none", "policy": "neutral", "error": "temperror", "unknown": "permerror"}
#: With several DKIM signatures one good one is enough; otherwise the worst counts.
WORST_FIRST = ("fail", "softfail", "permerror", "temperror", "neutral", "none")


@dataclass(frozen=True, kw_only=True, slots=True)
class Authentication:
    """Results by method; `missing` where nobody said anything."""

    spf: str
    dkim: str
    dmarc: str
    #: Our own server wrote it; anybody can write such a header into a mail they send.
    trusted: bool
    authserv_id: str


def read(message: AnyMessage, own_ids: list[str]) -> Authentication:
    """The topmost header of our own server, else the topmost of any; for SPF also Received-SPF."""
    found = [_parse(value) for value in headers(message, "authentication-results")]
    own = {i.lower() for i in own_ids}
    ours = next(((server, results) for server, results in found if server in own), None)
    server, results = ours or (_merge(found) if found else ("", {}))
    if "spf" not in results and ours is None:
        received = headers(message, "received-spf")
        word = re.match(r"\s*([a-z]+)", received[0].lower()) if received else None
        if word:
            results = {**results, "spf": _result(word.group(1))}
    values = {method: results.get(method, "missing") for method in METHODS}
    return Authentication(**values, trusted=ours is not None, authserv_id=server)


def _merge(found: list[tuple[str, dict[str, str]]]) -> tuple[str, dict[str, str]]:
    """Servers that write one header per method: the topmost of each method counts."""
    merged: dict[str, str] = {}
    for server, results in found:
        if server == found[0][0]:
            merged = {**results, **merged}
    return found[0][0], merged


def _parse(value: str) -> tuple[str, dict[str, str]]:
    """(authserv-id, results by method). RFC 8601 by the library, anything else by its words."""
    import authres  # noqa: PLC0415, RUF100 - only mails need it

    pairs: list[tuple[str, str]] = []
    try:
        parsed = authres.AuthenticationResultsHeader.parse(f"Authentication-Results: {value}")
        server = str(parsed.authserv_id or "").lower()
        pairs = [(str(r.method).lower(), str(r.result).lower()) for r in parsed.results]
    except Exception:  # noqa: BLE001 - the library raises its own, ValueError and IndexError on what mailers write
        first = value.partition(";")[0].strip().lower()
        server = first.split()[0] if first and "=" not in first else ""
        plain = re.sub(r"\([^()]{0,500}\)", " ", value.lower())
        pairs = re.findall(r"\b(spf|dkim|dmarc)\s*=\s*([a-z]+)", plain)
    results: dict[str, list[str]] = {}
    for method, result in pairs:
        if method in METHODS:
            results.setdefault(method, []).append(_result(result))
    return server, {method: _combined(values) for method, values in results.items()}


def _combined(values: list[str]) -> str:
    if "pass" in values:
        return "pass"
    return next(result for result in (*WORST_FIRST, *values) if result in values)


def _result(word: str) -> str:
    word = SAME.get(word, word)
    return word if word in RESULTS else "neutral"
