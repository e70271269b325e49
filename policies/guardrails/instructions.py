"""Finds sentences that tell the reader of an assessment what to do, or speak to a machine, and takes them out.

It knows wordings, so it is a filter and no proof: what keeps a ticket from acting is policy, not this.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable

from policies.guardrails.links import undisguised
from policies.guardrails.sentences import QUOTATION, said_in, sentences
from policies.guardrails.wordings import PATTERNS, REPORTABLE, REPORTED, Kind

#: Says whether a text tries to steer a machine that reads it; `tools.steering.steers` is the real one.
Steers = Callable[[str], bool]

#: What stands where a sentence was taken out, or the words of a quotation.
REMOVED = "[removed: it addressed the reader]."
NOT_REPEATED = "[not repeated]"
#: Words outside of quotation marks that make a sentence a report of what is quoted.
_REPORT_WORDS = 2


def without_instructions(text: str, steers: Steers) -> str:
    """The text without what addresses its reader or a machine."""
    return "".join(_settled(sentence, steers) + gap for sentence, gap in sentences(text))


def kinds_in(sentence: str) -> set[Kind]:
    """What a sentence asks of its reader."""
    plain = unicodedata.normalize("NFKC", undisguised(html.unescape(sentence)))
    plain = " ".join(plain.split()).lstrip("\"'“‘„«` ")
    return {kind for kind, pattern in PATTERNS if pattern.search(plain)}


def _settled(sentence: str, steers: Steers) -> str:
    """A sentence as it may be shown."""
    unquoted = QUOTATION.sub(said_in, sentence)
    outside = QUOTATION.sub('"…"', sentence)
    if len(re.findall(r"\w+", outside)) < _REPORT_WORDS:
        return REMOVED if _asks(unquoted, steers) else sentence
    if _asks(outside, steers):
        return REMOVED
    settled = QUOTATION.sub(lambda match: _repeated(match, steers), sentence)
    # Marks around a few of its words do not make a quotation of an order.
    return REMOVED if settled == sentence != unquoted and _asks(unquoted, steers) else settled


def _repeated(match: re.Match[str], steers: Steers) -> str:
    """A quotation: what lures ask for may be told, what is meant for us or for a machine is not repeated."""
    said = said_in(match)
    one_word = len(said.split()) == 1  # marks of emphasis
    if one_word or not (kinds_in(said) - REPORTABLE or steers(said)):
        return match.group()
    return f"{match.group()[0]}{NOT_REPEATED}{match.group()[-1]}"


def _asks(sentence: str, steers: Steers) -> bool:
    kinds = kinds_in(sentence)
    reported = kinds <= REPORTABLE and REPORTED.search(sentence) is not None
    return (bool(kinds) and not reported) or steers(sentence)
