"""One example or test that was tried, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.canonical import JsonObject
from core.errors import Problem

#: An example of a rule, a test of a `*_test.yaml`, an example or a pattern of `masking.yaml`.
Kind = Literal["example", "test", "masking"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """Something a bundle claims of itself, and whether it is so."""

    kind: Kind
    #: The rule's id, the test's name, or which example it is.
    name: str
    #: Where it stands; its message says how it fails and is empty when it holds.
    place: Problem

    @property
    def failed(self) -> bool:
        return bool(self.place.message)

    def as_json(self) -> JsonObject:
        place = self.place
        where: JsonObject = {"file": place.file, "line": place.line, "column": place.column}
        return {"kind": self.kind, "name": self.name, **where, "message": place.message}
