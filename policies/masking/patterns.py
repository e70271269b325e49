"""Patterns for personal data and secrets. They run on the ASCII shape of a text with RE2, in linear time.

Group 1, where there is one, is what gets masked; the rest of the pattern is context that shows what it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from policies.masking import numbers
from policies.masking.common_words import COMMON
from policies.masking.rules import Entity

#: Takes the masked part in ASCII; says how many of its characters belong to it, 0 for none.
Check = Callable[[str], int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pattern:
    """One way a kind of personal data is written."""

    entity: Entity
    #: RE2 over ASCII.
    regex: str
    check: Check | None = None
    #: Characters that may not stand directly before or after the whole match.
    not_beside: str = ""
    #: Whether it must not be one of several numbers in a row, as in a dump.
    alone: bool = False
    #: Where the masked part really ends, given the shape and the end of the match.
    extend: Callable[[bytes, int], int] | None = None
    #: A secret with a form of its own, which no model writes by chance; the egress guard looks for these too.
    unmistakable: bool = False


def all_if(accepts: Callable[[str], bool]) -> Check:
    return lambda text: len(text) if accepts(text) else 0


_KEYS_OF_SECRETS = (
    r"pass(?:word|wd|wort|phrase|code)|pwd|api[_-]?key|(?:access|auth|refresh|session|id|api)[_-]?token"
    r"|client[_-]?secret|secret[_-]?(?:access[_-]?)?key|app[_-]?secret|private[_-]?key|account[_-]?key"
    r"|shared[_-]?access[_-]?key|connection[_-]?password|secret"
)


#: Bytes of the longest key block worth looking for the end of.
_MAX_KEY = 16_384
_KEY_BODY = re.compile(rb"[A-Za-z0-9+/=\s\\]*")


def _end_of_key(shape: bytes, end: int) -> int:
    """The end of a private key block, or of what looks like its body when the block was cut off."""
    close = shape.find(b"-----END", end, end + _MAX_KEY)
    if close < 0:
        match = _KEY_BODY.match(shape, end, end + _MAX_KEY)
        return end + len(match.group().rstrip()) if match else end
    dashes = shape.find(b"-----", close + 8, close + 80)
    return dashes + 5 if dashes > 0 else close + 8


def _assigned(text: str) -> int:
    """What follows `password=`: not a word of prose, not what a masker put there."""
    value = text.rstrip(".,;)")
    plain = value.strip("*xX-")
    if len(value) < 4 or not plain or value.casefold() in COMMON or value.casefold() in _NO_SECRETS:
        return 0
    return len(value)


_NO_SECRETS = {"null", "none", "true", "false", "redacted", "expired", "changed", "undefined", "empty", "missing"}

NUMBERS = (
    Pattern(
        entity="IBAN",
        regex=r"[A-Z]{2}[0-9]{2}(?:[ \-]?[A-Z0-9]{1,4}){3,8}",
        check=numbers.iban_end,
    ),
    Pattern(
        entity="CARD",
        regex=r"[2-6][0-9]{3}(?:[ \-]?[0-9]{4}){2}[ \-]?[0-9]{1,7}|3[0-9]{3}[ \-]?[0-9]{6}[ \-]?[0-9]{4,5}",
        check=all_if(numbers.card_is_valid),
        not_beside=".",
    ),
    Pattern(
        entity="NATIONAL_ID",
        regex=r"[0-9]{3}-[0-9]{2}-[0-9]{4}",
        check=all_if(numbers.ssn_is_valid),
        not_beside="-.",
    ),
    Pattern(
        entity="NATIONAL_ID",
        regex=r"[12] ?[0-9]{2} ?[01][0-9] ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}",
        check=all_if(numbers.nir_is_valid),
        not_beside="-.",
    ),
    Pattern(
        entity="NATIONAL_ID",
        regex=r"(?:[0-9]{8}|[XYZ][0-9]{7})-?[A-Z]",
        check=all_if(numbers.dni_is_valid),
        not_beside="-.",
    ),
    Pattern(entity="NATIONAL_ID", regex=r"[A-CEGHJ-PR-TW-Z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]", not_beside="-./"),
    Pattern(entity="NATIONAL_ID", regex=r"[A-Z]{6}[0-9]{2}[A-EHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z]"),
    Pattern(
        entity="NATIONAL_ID",
        regex=r"(?i:\b(?:ssn|social security(?: number| no\.?)?|tax[ _-]?(?:id|number)|tin|steuer-?id(?:nummer)?|pesel"
        r"|bsn|personnummer|national[ _-]?id|passport(?: ?(?:no\.?|number))?|ausweis(?:nummer)?))"
        r"[\"']?[ \t]*[:#=]?[ \t]*[\"']?([A-Z0-9][A-Z0-9 \-/]{4,18}[A-Z0-9])",
        check=all_if(numbers.labelled_id_is_plausible),
    ),
)

SECRETS = (
    Pattern(
        entity="SECRET",
        regex=r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----",
        extend=_end_of_key,
        unmistakable=True,
    ),
    Pattern(
        entity="SECRET",
        regex=r"eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}",
        unmistakable=True,
    ),
    Pattern(
        entity="SECRET",
        regex=r"(?:AKIA|ASIA|AROA|AIDA|AGPA|ANPA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,}"
        r"|xox[abeoprs]-[A-Za-z0-9\-]{10,}|AIza[A-Za-z0-9_\-]{35}|glpat-[A-Za-z0-9_\-]{20,}|npm_[A-Za-z0-9]{36}"
        r"|[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_\-]{32,}|SG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}"
        r"|dop_v1_[a-f0-9]{64}|hvs\.[A-Za-z0-9_\-]{24,}|pypi-[A-Za-z0-9_\-]{50,}",
        unmistakable=True,
    ),
    Pattern(entity="SECRET", regex=r"hooks\.slack\.com/services/([A-Za-z0-9/]{20,})", unmistakable=True),
    Pattern(
        entity="SECRET",
        regex=rf"(?i:(?:{_KEYS_OF_SECRETS}))[\"']?[ \t]*(?:=>|:=|=|:)[ \t]*(?:\"([^\"\n]{{4,}})\")",
        check=_assigned,
    ),
    Pattern(
        entity="SECRET",
        regex=rf"(?i:(?:{_KEYS_OF_SECRETS}))[\\\"']*[ \t]*(?:=>|:=|=|:)[ \t]*[\\\"']*([^\s\"'<>,;&\\\x00]{{4,}})",
        check=_assigned,
    ),
    Pattern(
        entity="SECRET",
        regex=r"(?i:authorization)[\"']?[ \t]*[:=][ \t]*[\"']?(?i:bearer|basic|token|digest)"
        r"[ \t]+([A-Za-z0-9._~+/=\-]{6,})",
    ),
    Pattern(entity="SECRET", regex=r"(?i:\bbearer)[ \t]+([A-Za-z0-9._~+/\-]{20,}=*)"),
    Pattern(entity="SECRET", regex=r"(?i:ConvertTo-SecureString)[ \t]+(?:-String[ \t]+)?[\"']([^\"'\n]{4,})[\"']"),
    Pattern(entity="SECRET", regex=r"://[^\s:/@\"'<>]+:([^\s@/\"'<>]{2,})@"),
)


@cache
def compiled(regex: str) -> Any:
    """A pattern ready for bytes. RE2 reports trouble by exception instead of writing to the error stream."""
    import re2

    options = re2.Options()
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(regex.encode("ascii"), options)
