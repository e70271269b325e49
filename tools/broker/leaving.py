"""Nothing of our own leaves in a question: not as it stands, not escaped, encoded, cut into labels or run together.

Looked at twice: in the worker, which knows the ticket's originals, and in the broker, which knows the organization.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from urllib.parse import unquote_plus

from core.canonical import JsonObject, canonical_bytes
from core.errors import EgressBlocked
from policies.masking.egress import EgressGuard
from policies.masking.formats.encoded import encoded_of
from policies.masking.own import own_originals
from policies.masking.rules import Entity
from policies.masking.session import MaskSession
from policies.masking.tokens import mentions
from policies.organization import Organization
from tools.broker.questions import Refused

#: Times an escape may stand for an escape.
MAX_UNQUOTED = 3
#: Letters from which on a value is looked for with all between its letters left out; shorter ones occur by chance.
SQUEEZED = 8
_OWN: tuple[Entity, ...] = ("PERSON", "USERNAME", "EMAIL", "HOST", "IP")
#: Kinds that are somebody's or something's own; places and firms stand in innocent URLs.
_SOMEBODYS = frozenset(
    {"PERSON", "USERNAME", "EMAIL", "PHONE", "HOST", "IP", "MAC", "IBAN", "BANK_ACCOUNT", "CARD", "NATIONAL_ID"}
    | {"CUSTOMER_ID", "EMPLOYEE_ID", "SECRET", "IMEI"}
)
_BASE32 = re.compile(r"[A-Za-z2-7]{16,}")
_NO_WORD = re.compile(r"[\W_]+")


def check_session(session: MaskSession, question: JsonObject) -> None:
    """Let a question pass, as far as the ticket and the masker know.

    Raises:
        EgressBlocked: it shows an original; names kinds, never values.
    """
    EgressGuard(session).check(canonical_bytes(question))
    read = readings(" ".join(str(value) for value in question.values()))
    found = set().union(*map(session.leaks, read))
    values = ((entry.entity, entry.value) for entry in session.entries() if entry.entity in _SOMEBODYS and entry.value)
    found |= run_together(read, values)
    if found:
        raise EgressBlocked(f"The question was not put, because it shows unmasked data ({', '.join(sorted(found))}).")


class OwnValues:
    """What the organization would give away. Made once for a bundle."""

    def __init__(self, organization: Organization) -> None:
        self._organization = organization
        self._own = own_originals(organization, _OWN)
        self._values = list(_values(organization))
        self._mailboxes = [f"@{domain}" for domain in organization.domains]

    def check(self, text: str, hosts: Iterable[str]) -> None:
        """Let a question pass.

        Args:
            text: what would leave.
            hosts: names and addresses that it is about.

        Raises:
            Refused: it is about us, or carries something of ours.
        """
        if any(self._organization.is_own(host) for host in hosts):
            raise Refused("It is about one of our own hosts, which our own records know; look there.")
        read = readings(text)
        if any(next(iter(mentions(reading)), None) is not None for reading in read):
            raise Refused("It carries a token; leave it out, nothing masked may leave.")
        kinds = {hit.key for reading in read for hit in self._own.find(reading)}
        kinds |= run_together(read, self._values)
        if any(mailbox in reading.casefold() for reading in read for mailbox in self._mailboxes):
            kinds.add("EMAIL")
        if kinds:
            raise Refused(f"It carries something of our own ({', '.join(sorted(kinds))}), so it does not leave.")


def readings(text: str) -> list[str]:
    """A text in every way its receiver could read it: unescaped, with its labels joined, decoded."""
    found = [text]
    for _ in range(MAX_UNQUOTED):
        found.append(unquote_plus(found[-1], errors="replace"))
        if found[-1] == found[-2]:
            break
    found += [_unicode(found[-1])]
    found += _joined(found[-1])
    decoded = [run.text for reading in found for run in encoded_of(reading)]
    decoded += [text for reading in found for text in _base32(reading)]
    return list(dict.fromkeys(reading for reading in (*found, *decoded) if reading))


def run_together(read: Iterable[str], values: Iterable[tuple[str, str]]) -> set[str]:
    """Kinds of the values that stand in a text when all but letters and digits is left out of both."""
    squeezed = [_squeezed(reading) for reading in read]
    return {
        kind
        for kind, value in values
        if len(plain := _squeezed(value)) >= SQUEEZED and any(plain in reading for reading in squeezed)
    }


def _values(organization: Organization) -> Iterable[tuple[str, str]]:
    for person in organization.people:
        first, _, last = person.name.rpartition(" ")
        yield "PERSON", person.name
        yield "PERSON", f"{last}{first}"
        yield "USERNAME", person.username
        yield "EMAIL", person.email
    for asset in organization.assets:
        yield "HOST", asset.hostname
        yield "IP", asset.ip


def _squeezed(text: str) -> str:
    return _NO_WORD.sub("", text.casefold())


def _unicode(text: str) -> str:
    """Labels of punycode as they are read."""

    def decoded(label: re.Match[str]) -> str:
        try:
            return label[1].encode("ascii").decode("punycode")
        except (UnicodeError, ValueError):
            return label[0]

    return re.sub(r"(?i)\bxn--([a-z0-9-]{1,59})", decoded, text)


def _joined(text: str) -> list[str]:
    """The labels of a host run together, without what is registered: data leave over the DNS cut into labels."""
    host = text.partition("://")[2].partition("/")[0] or text
    labels = host.split(".")
    return ["".join(labels[:-end]) for end in range(1, min(4, len(labels)))]


def _base32(text: str) -> Iterable[str]:
    for run in _BASE32.findall(text):
        try:
            decoded = base64.b32decode(run.upper() + "=" * (-len(run) % 8))
        except binascii.Error:
            continue
        said = decoded.decode("utf-8", "ignore")
        if said.isprintable():
            yield said
