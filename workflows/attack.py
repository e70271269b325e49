"""ATT&CK techniques by id, for people to read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from tools.investigate import lookup_technique


@dataclass(frozen=True, kw_only=True, slots=True)
class Technique:
    """One technique as a page shows it."""

    id: str
    #: The id again where the table does not know it.
    name: str
    #: Such as `initial access`; empty where the table does not know it.
    tactic: str


def techniques(ids: Iterable[str]) -> list[Technique]:
    """Each technique once, with name and tactic; one that the table leaves out is named like its parent, or not."""
    return [_technique(id_) for id_ in dict.fromkeys(ids)]


def _technique(id_: str) -> Technique:
    row = _table().get(id_) or _table().get(id_.partition(".")[0])
    if row is None:
        return Technique(id=id_, name=id_, tactic="")
    return Technique(id=id_, name=row["name"], tactic=row["tactic"].replace("-", " "))


@cache
def _table() -> dict[str, dict[str, str]]:
    """The table of the tool that looks techniques up, so that a page and a team read the same names."""
    rows = json.loads(lookup_technique.TABLE.read_text(encoding="utf-8"))
    return {row["id"]: row for row in rows}
