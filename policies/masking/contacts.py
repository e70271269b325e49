"""Patterns for ways to reach somebody: mailboxes and telephones, and what else names a person's place and age."""

from __future__ import annotations

import re

from policies.masking import numbers
from policies.masking.ages import AGES, BIRTHS
from policies.masking.scan import Pattern, all_if
from policies.masking.streets import STREETS

_EXTENSION = r"(?:,? ?(?:x|ext\.?|extension) ?[0-9]{1,6})?"
_DIGITS = r"\(?[0-9][0-9 ().\-/]{5,20}[0-9]"
_CALLED = (
    r"tel|phone|telephone|telefon|mobile|mobil|cell|fax|handy|whatsapp|rufnummer|durchwahl|telefono|movil|cellulare"
    r"|(?:call|reach|ring|text|sms|phone|dial|contact|message)(?:ed|ing|s)?(?: (?:me|us|him|her|them|you))?(?: back)?"
    r"(?: (?:at|on|under|to))"
    r"|(?:answering|answer|reachable|available|registered|messages?|calls?|text|sms|number|numero|nummer)"
    r"(?: (?:at|on|to|from|under|is|mobile|phone|number))"
    r"|on my (?:registered|mobile|phone|cell)|my registered(?: mobile| phone| number)*|erreichbar unter"
    r"|unter der nummer|joindre au"
    r"|llamar al|chiamare (?:il|al)"
)
#: These need a colon: a desk has other numbers too.
_CALLED_WITH_COLON = (
    r"callback|call back|hotline|desk|ruckruf(?:nummer)?|contact(?: number)?|office|home|work|direct|main"
)
#: 040 5550 2231, 0151/2345678, 01 23 45 67 89, (08) 8747 6301, 0049 40 5550 1477
_NATIONAL = (
    r"0[1-9][0-9]{1,4}[ /][0-9]{3,8}(?:[ \-][0-9]{2,5}){0,3}"
    r"|0[1-9][0-9]{1,4}(?:-[0-9]{2,5}){2,3}"
    r"|0[1-9](?:[ .\-][0-9]{2}){4}"
    r"|\(0[1-9][0-9]{0,4}\) ?[0-9]{2,8}(?:[ \-][0-9]{2,5}){0,3}"
    r"|00[1-9][0-9]{0,2}[ \-/][1-9(][0-9 ()\-/]{6,16}[0-9]"
)


#: What follows a number that is called `office` or `fax`, and how that stands in the scan.
_PLACES = ("office", "fax", "mobile", "mobil", "cell", "home", "work", "direct", "phone", "tel")
_GAPS = ("", " ", "  ", "-", " -", "- ", " - ")

_DOTTED_TAIL = re.compile(r"[ .][0-9]{1,3}(?:\.[0-9]{0,3}){1,3}$")


def _national(text: str) -> bool:
    return 9 <= numbers.count_of_digits(text) <= 15 and numbers.phone_is_plausible(text)


def _phone_end(text: str) -> int:
    """How much of a text is a number, when what follows it are digits too: a date, an address of a network."""
    if numbers.phone_is_plausible(text):
        return len(text)
    end = len(_DOTTED_TAIL.sub("", text))
    while end > 0:
        if numbers.phone_is_plausible(text[:end]):
            return end
        end = max(text.rfind(" ", 0, end), text.rfind(".", 0, end), 0)
    return 0


def _local(text: str) -> int:
    """A number after `call me at`: none with more or fewer digits than telephones have, and no date or amount."""
    return len(text) if numbers.phone_is_plausible(text) and numbers.count_of_digits(text) <= 13 else 0


PHONES = (
    Pattern(
        entity="PHONE",
        regex=rf"\+[1-9][0-9 ().\-/]{{6,20}}[0-9]{_EXTENSION}",
        needs=(r"~\+[1-9][0-9 ().\-/]{6}",),
        check=_phone_end,
        not_beside="+",
        not_after=b"+",
        score=0.9,
        name="phones",
    ),
    Pattern(
        entity="PHONE",
        regex=rf"(?i:\b(?:(?:{_CALLED})\b\.?(?:[ _-]?(?:no|nr|number)\b\.?)?(?: is\b)?[\"']?[ \t]*[:#=]?"
        rf"|(?:{_CALLED_WITH_COLON})[\"']?[ \t]*:)[ \t]*(?:\r?\n)?[ \t]*[\"']?)({_DIGITS}{_EXTENSION})",
        check=_phone_end,
        not_beside=":",
        score=0.85,
        name="phones",
    ),
    # 416 60 039 office, (37) 788-063-Fax
    Pattern(
        entity="PHONE",
        regex=rf"(?:^|[^0-9A-Za-z.:/\-])({_DIGITS})(?: ?-? ?|, ?)(?i:\(?(?:{'|'.join(_PLACES)}))\b",
        needs=tuple(f"0{gap}{mark}{place}" for gap in _GAPS for mark in ("", "(") for place in _PLACES),
        check=_local,
        score=0.75,
        name="phones",
    ),
    Pattern(
        entity="PHONE",
        regex=rf"(?:\([2-9][0-9]{{2}}\) ?|\b(?:1[-. ])?[2-9][0-9]{{2}}[-.])[2-9][0-9]{{2}}[-.][0-9]{{4}}{_EXTENSION}",
        needs=("000-0000", "000.0000"),
        check=all_if(numbers.phone_is_plausible),
        not_beside="-./",
        score=0.75,
        name="phones",
    ),
    Pattern(
        entity="PHONE",
        regex=r"(?:^|[ \t\"'(>|;,])((?:001[- .])?\(?[2-9][0-9]{2}\)?[-. ][2-9][0-9]{2}[-. ][0-9]{4} ?x ?[0-9]{2,6})",
        needs=("0000x00", "0000 x00", "0000x 00", "0000 x 00"),
        score=0.8,
        name="phones",
    ),
    Pattern(
        entity="PHONE",
        regex=_NATIONAL,
        check=all_if(_national),
        not_beside="-./:+,",
        alone=True,
        score=0.7,
        name="phones",
    ),
)

_AT = r"(?:@|\[@\]|\(@\)|[ ]?(?i:\[at\]|\(at\)|\{at\})[ ]?)"
_DOT = r"(?:\.|\[\.\]|\(\.\)|(?i:[ ]?(?:\[dot\]|\(dot\)|\{dot\})[ ]?))"
_HOST = rf"(?:[A-Za-z0-9\-]+{_DOT})+(?:[A-Za-z][A-Za-z0-9\-]+)"

MAILBOX = Pattern(
    entity="EMAIL",
    # Narrower than RFC 5322: `=`, `/` and `?` stand before addresses far more often than in them.
    regex=rf"[A-Za-z0-9](?:[A-Za-z0-9._+~'\-]*[A-Za-z0-9_+~\-])?{_AT}{_HOST}",
    needs=("@", "[at]", "(at)", "{at}"),
    not_after=b"://",
    score=0.95,
    name="mailboxes",
)
QUOTED_MAILBOX = Pattern(
    entity="EMAIL",
    regex=rf"\"[^\"\\\r\n@]{{1,64}}\"@{_HOST}|[A-Za-z0-9._+\-]{{1,64}}@\[(?:IPv6:)?[0-9A-Fa-f.:]{{7,45}}\]",
    needs=(" @", "@["),
    name="mailboxes",
)

CONTACTS = (MAILBOX, QUOTED_MAILBOX, *PHONES, *STREETS, *BIRTHS, *AGES)
