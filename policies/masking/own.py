"""What the bundle gives away about the organization itself, and how a text shows quickly that it holds none of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from policies.masking.originals import Originals
from policies.masking.rules import Entity
from policies.masking.scan import occurs
from policies.masking.views import shape_of
from policies.masking.words import is_particular
from policies.organization import Organization


class OwnOriginals(Originals):
    """Originals of the organization, and what a text must hold for any of them to be in it."""

    def __init__(self, is_own: Callable[[str], bool]) -> None:
        super().__init__(is_own)
        self._spelled: set[str] = set()

    def add(self, key: str, value: str, entity: str) -> None:
        """Remember an original, and how it is spelled in the shape of a text; of one outside ASCII its longest word."""
        super().add(key, value, entity)
        words = [shape_of(word.casefold()).decode("ascii") for word in re.findall(r"[^\W_]+", value)]
        if not value.isascii():
            words = sorted(words, key=len)[-1:]
        if words:
            self._spelled.add("[^A-Za-z0-9]+".join(map(re.escape, words)))

    def spelled(self) -> str:
        """RE2 for all of them; empty when there are too many to be worth it."""
        if sum(map(len, self._spelled)) > _MAX_SPELLED:
            return ""
        return f"(?i:{'|'.join(sorted(self._spelled)) or _NOWHERE})"


class OwnSign:
    """Says quickly of most texts that none of some originals is in them."""

    def __init__(self, own: Originals) -> None:
        self._spelled = own.spelled() if isinstance(own, OwnOriginals) else ""
        #: What the scan looks for together with all else; empty where there are so many that it would take too long.
        self.need = f"~{self._spelled}" if 0 < len(self._spelled) <= _FEW_SPELLED else ""

    def may_be_in(self, text: str, shape: bytes, present: frozenset[str]) -> bool:
        """Whether one of them may be in a text, given its shape and the needs that it has."""
        if not self._spelled or self.need in present:
            return True
        if not self.need and occurs(self._spelled, shape):
            return True
        # The shape of `ß` is one letter, and there are two in STRASSE.
        expands = not text.isascii() and _EXPANDING.search(text)
        return bool(expands) and occurs(self._spelled, shape_of(text.casefold()))


#: Characters that become more than one where case makes no difference: `ß`, ligatures.
_EXPANDING = re.compile(f"[{''.join(c for c in map(chr, range(128, 0x10000)) if len(c.casefold()) > 1)}]")
#: RE2 that matches in no text.
_NOWHERE = "[^\\x00-\\xff]"
#: Characters of own originals up to which a text is asked for all of them at once; with more, it is always searched.
_MAX_SPELLED = 200_000
#: … and up to which that is done in the pass that looks for everything.
_FEW_SPELLED = 20_000


def own_originals(organization: Organization, entities: Collection[Entity]) -> OwnOriginals:
    """Everything the bundle itself gives away about the organization; the key of each is its entity."""
    own = OwnOriginals(organization.is_own_domain)

    def add(entity: Entity, value: str) -> None:
        if value and entity in entities and is_particular(value, entity):
            own.add(entity, value, entity)

    for person in organization.people:
        first, _, last = person.name.rpartition(" ")
        add("PERSON", person.name)
        add("PERSON", f"{last}, {first}" if first else "")
        add("USERNAME", person.username)
        add("EMAIL", person.email)
    for asset in organization.assets:
        add("HOST", asset.hostname)
        add("IP", asset.ip)
    return own
