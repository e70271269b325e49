"""Is this host name made to be taken for one of ours?

Compared by what the eye sees (a skeleton in which look-alike characters are equal) and by edit distance, which together
cover what a generator such as dnstwist would list, without generating thousands of names per call.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from tools.investigate.domains import name_of, registered, to_unicode, under

#: Characters that pass for others in common typefaces, both sides folded to one.
FOLD = str.maketrans("01i|34578962", "ollleastbgbz")
PAIRS = (("rn", "m"), ("vv", "w"), ("lc", "k"), ("cl", "d"), ("nn", "m"))
#: Shorter names are one edit away from too many ordinary words.
SHORTEST = 5
#: From this length on, two edits still look the same at a glance.
LONG = 9
#: Longest label the DNS has; anything longer is not compared.
LABEL = 63
SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "HEBREW", "ARABIC", "GEORGIAN", "THAI", "LISU")


@dataclass(frozen=True, kw_only=True, slots=True)
class Likeness:
    """What a host resembles."""

    #: The domain of ours it could be taken for, or an empty text.
    of: str
    brand_in_host: bool


def compare(host: str, own: list[str], brands: list[str]) -> Likeness:
    """Compare a foreign host with our domains and protected names; our own hosts resemble nothing."""
    host = host.lower().rstrip(".")
    if under(host, own) or not host:
        return Likeness(of="", brand_in_host=False)
    shown = to_unicode(host)
    of = next((domain for domain in own if _resembles(shown, domain)), "")
    squeezed = re.sub(r"[^a-z0-9]", "", skeleton(shown))
    names = {skeleton(re.sub(r"[^a-z0-9]", "", name.lower())) for name in [*brands, *map(name_of, own)]}
    return Likeness(of=of, brand_in_host=any(len(n) >= SHORTEST and n in squeezed for n in names))


def _resembles(host: str, domain: str) -> bool:
    label, ours = name_of(host), name_of(domain)
    if len(label) > LABEL:
        return False
    if host.replace(".", "").replace("-", "") == domain.replace(".", "").replace("-", ""):
        return True
    if len(ours) < SHORTEST:
        return registered(host) != domain and label == ours
    allowed = 2 if len(ours) >= LONG else 1
    forms = [(label, ours), (skeleton(label), skeleton(ours)), (skeleton(label.replace("-", "")), skeleton(ours))]
    return any(distance(a, b, allowed) <= allowed for a, b in forms)


def skeleton(label: str) -> str:
    """The label as the eye reads it: accents dropped, look-alikes folded."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", label.lower()) if not unicodedata.combining(c))
    if not plain.isascii():
        plain = _latin(plain)
    for pair, one in PAIRS:
        plain = plain.replace(pair, one)
    return plain.translate(FOLD)


def warm() -> None:
    """Load the table of look-alikes now; the sandbox does so once, before any call."""
    _latin("\u0430")


def _latin(text: str) -> str:
    from confusable_homoglyphs import confusables  # noqa: PLC0415, RUF100 - 60 ms, and most hosts are ASCII

    out = []
    for character in text:
        alike = [] if character.isascii() else confusables.confusables_data.get(character, [])
        out.append(next((a["c"] for a in alike if a["c"].isascii() and a["c"].isalnum()), character))
    return "".join(out).lower()


def distance(a: str, b: str, most: int) -> int:
    """Edits (insert, delete, replace, swap neighbours) from one to the other; `most + 1` stands for more."""
    if abs(len(a) - len(b)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return min(row[-1], most + 1)


def mixed_script(host: str) -> bool:
    """Does a label mix alphabets that no language writes together?"""
    for label in to_unicode(host).split("."):
        scripts = {
            script for c in label if c.isalpha() for script in SCRIPTS if unicodedata.name(c, "").startswith(script)
        }
        if len(scripts) > 1:
            return True
    return False
