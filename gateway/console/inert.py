"""Text from tickets as a page may show it: no markup, no links, and nothing in it that the eye cannot see.

Hidden, bidirectional and control characters are replaced by their code point between angle brackets, so that what
a person approves reads as it is. Everything a template prints passes `shown`; templates that want tokens and hidden
characters marked with colour print `{{ text | inert }}`, which gives markup of ours around the same text.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import lru_cache

from markupsafe import Markup, escape

from policies.masking.tokens import TOKEN

#: General categories that show nothing, or other than what they are: control, format, surrogate, private, unassigned,
#: line and paragraph separators.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
#: Letters that look like nothing, and variation selectors, which can carry whole messages.
_BLANKS = "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef"
#: Spaces of other widths than a space.
_SPACES = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
#: Candidates for a closer look; most text holds none.
_SUSPECT = re.compile(r"[^\x20-\x7e\n\t]")
_ALWAYS = re.compile(f"[{_BLANKS}{_SPACES}]")
#: More marks on one letter than any script has, which smear over their neighbours.
_PILED = re.compile(
    r"([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{3})"
    r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
#: What stands for a hidden character, and masking tokens.
_MARK = re.compile(rf"(?P<mark>⟨U\+[0-9A-F]{{4,6}}⟩)|(?P<token>{TOKEN.pattern})")


def shown(text: str) -> str:
    """The text with everything invisible spelt out; line breaks and tabs stay."""
    if text.isascii() and text.isprintable():  # most of what a page prints; nothing below applies to it
        return text
    text = text.replace("\r\n", "\n")
    return _PILED.sub(r"\1⟨…⟩", _SUSPECT.sub(_spelt, text))


def inert(value: object) -> Markup:
    """The text for a page's body: escaped, held together against its neighbours' direction, with tokens marked."""
    text = "" if value is None else shown(str(value))
    return Markup('<bdi class="inert">%s</bdi>') % Markup("").join(_pieces(text))


def _pieces(text: str) -> list[Markup]:
    found = []
    last = 0
    for match in _MARK.finditer(text):
        found.append(escape(text[last : match.start()]))
        last = match.end()
        if match["mark"]:
            name = _name(match["mark"])
            found.append(Markup('<span class="hidden-char" title="%s">%s</span>') % (name, match["mark"]))
        else:
            kind = match["token"].rsplit("_", 1)[0]
            found.append(Markup('<span class="token" title="masked: %s">%s</span>') % (kind, match["token"]))
    found.append(escape(text[last:]))
    return found


def _name(mark: str) -> str:
    number = int(mark[3:-1], 16)  # a ticket may write the mark itself, with any number
    return unicodedata.name(chr(number), "") if number <= sys.maxunicode else ""


def _spelt(match: re.Match[str]) -> str:
    return _spell(match[0])


@lru_cache(maxsize=4096)
def _spell(character: str) -> str:
    if unicodedata.category(character) in _HIDDEN_CATEGORIES or _ALWAYS.match(character):
        return f"⟨U+{ord(character):04X}⟩"
    return character
