"""Which values are particular enough to be masked wherever they occur, and which words never name a person.

Masking `backup` or `admin` everywhere because somebody's account is called so would garble the evidence, and every
later occurrence would look like a leak. Such values are masked only where their context shows what they are.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable

from policies.masking.common_words import COMMON, ORGANIZATION_WORDS
from policies.organization import Organization

#: Letters and digits a value needs before it is masked wherever it occurs.
MIN_LENGTH = 4
#: Characters a secret needs for that.
MIN_SECRET = 8

#: Masked where they were found and nowhere else: a town in an address is a home, in a log it is evidence.
_ONLY_HERE = frozenset({"LOCATION", "NRP", "AGE", "ENCODED", "PROSE", "URL"})

_WORD = re.compile(r"[^\W_]+")
_DOMAIN = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,}", re.IGNORECASE)
_HASH = re.compile(r"[0-9a-f]{32,128}", re.IGNORECASE)


def words_of(text: str) -> list[str]:
    """The words of a text in one case; `_` separates words."""
    return [word.casefold() for word in _WORD.findall(text)]


def is_particular(value: str, entity: str) -> bool:
    """Whether every other occurrence of the value can be taken for the same thing."""
    words = words_of(value)
    if sum(map(len, words)) < MIN_LENGTH or entity in _ONLY_HERE:
        return False
    if entity == "SECRET":
        return _is_particular_secret(value)
    if entity == "PERSON" and len(words) == 1:
        return _names_only(words[0])
    if entity == "ORGANIZATION":
        return len(words) > 1 and not all(word in COMMON or word in ORGANIZATION_WORDS for word in words)
    if entity in ("PERSON", "USERNAME", "HOST"):
        return not all(word in COMMON or (entity == "PERSON" and len(word) < 3) for word in words)
    return True


def never_words(organization: Organization, said: Iterable[str]) -> frozenset[str]:
    """Words that name nobody here: what the bundle says, and the organization's own name and brands."""
    names = (*said, organization.name, *organization.brands)
    return frozenset(word for name in names for word in words_of(name))


def is_name(value: str, never: Collection[str]) -> bool:
    """Whether capitalised words read like a person's name: none of them names a thing, a role or an organization."""
    words = words_of(value)
    if not 2 <= len(words) <= 5 or any(len(word) > 30 for word in words):
        return False
    if any(word in ORGANIZATION_WORDS for word in words):
        return False
    if any(character.isdigit() for character in value):
        return False
    return not any(word in COMMON or word in never for word in words) and is_particular(value, "PERSON")


def parts_of_name(name: str) -> list[str]:
    """First and last names, each of which may stand for the whole in a letter; none of a service account's."""
    return [word for word in words_of(name) if len(word) > 2 and word not in COMMON]


def name_length(text: str, never: Collection[str]) -> int:
    """How many characters at the start of some capitalised words are a person's name, or 0."""
    before, comma, _ = text.partition(",")
    if comma and len(words_of(before)) > 1:
        text = before  # `Dear Ann Lee, Kindly …` against `Lee, Ann`
    if any(word in ORGANIZATION_WORDS for word in words_of(text)):
        return 0  # not `Portside Freight` of `Portside Freight Billing`
    ends = [match.end() for match in _WORD.finditer(text)]
    for end in reversed(ends):
        last = text[:end].rsplit(None, 1)[-1]
        if last[0].isupper() and is_name(text[:end], never):
            return end
    return 0


def is_indicator(value: str) -> bool:
    """Whether a value is a domain, address, URL or hash: evidence, whoever wrote it into a password field."""
    text = value.strip("<>[]()\"'")
    if "://" in text or _HASH.fullmatch(text) or _DOMAIN.fullmatch(text):
        return True
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_particular_secret(value: str) -> bool:
    """Long and mixed enough; `password=evil.example` must not hide that domain everywhere else."""
    if len(value) < MIN_SECRET or is_indicator(value) or any(is_indicator(part) for part in re.split(r"[/@:]", value)):
        return False
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value)


def _names_only(word: str) -> bool:
    """Whether a single word is a given name and nothing else; surnames are words too often: `Hill`, `Ring`."""
    from policies.masking.people import is_given_name

    return is_given_name(word)
