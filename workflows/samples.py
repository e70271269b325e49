"""Sample tickets and intelligence of the demo and the first run, in `workflows/demo_tickets/`, written for us."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from core.canonical import JsonObject
from core.errors import NotFound
from core.ticket import Strict

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.settings import FrameworkChoice
    from core.store.engine import Store
    from workflows.intake import Receipt

FOLDER = Path(__file__).parent / "demo_tickets"

#: A verdict, `same` for an earlier ticket sent again, `refused` for one that is malformed on purpose.
Expectation = Literal["malicious", "suspicious", "benign", "not_benign", "same", "refused"]


class _Entry(Strict):
    file: str
    attach: list[str] = Field(default_factory=list)
    expect: Expectation
    superseded: bool = False
    shows: Annotated[str, Field(max_length=200)]


class _Manifest(Strict):
    intel: list[str]
    tickets: Annotated[list[_Entry], Field(min_length=14)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One ticket of the demo."""

    name: str
    ticket: JsonObject
    expect: Expectation
    #: A later sample is a newer version of this one.
    superseded: bool
    shows: str

    @property
    def valid(self) -> bool:
        """False for the one that the door must refuse."""
        return self.expect != "refused"


@lru_cache(maxsize=1)
def _manifest() -> _Manifest:
    from ruamel.yaml import YAML

    return _Manifest.model_validate(YAML(typ="safe").load((FOLDER / "manifest.yaml").read_text(encoding="utf-8")))


def load_samples() -> list[Sample]:
    """All samples, in the order they are handed in."""
    return [
        Sample(
            name=entry.file.removesuffix(".json"),
            ticket=_ticket(entry),
            expect=entry.expect,
            superseded=entry.superseded,
            shows=entry.shows,
        )
        for entry in _manifest().tickets
    ]


def _ticket(entry: _Entry) -> JsonObject:
    ticket: JsonObject = json.loads((FOLDER / entry.file).read_text(encoding="utf-8"))
    attached = [
        {"name": name, "content_base64": base64.b64encode((FOLDER / name).read_bytes()).decode()}
        for name in entry.attach
    ]
    return {**ticket, "attachments": attached} if attached else ticket


def intel_files() -> list[Path]:
    """What the samples' indicators are known for."""
    return [FOLDER / name for name in _manifest().intel]


def sample_named(name: str) -> Sample:
    """Raises:
    NotFound: there is none of this name that intake takes.
    """
    for sample in load_samples():
        if sample.name == name and sample.valid:
            return sample
    raise NotFound("There is no sample of this name; /start shows those there are.")


def hand_in(store: Store, name: str, *, actor: str, ring: Callable[[str], None], framework: FrameworkChoice) -> Receipt:
    """Hand a sample in, as a ticket system would; one that was handed in before is the same ticket again.

    Raises:
        NotFound: there is no such sample.
        Temporary: the database is away; nothing was stored.
    """
    from workflows import intake

    return intake.submit(store, sample_named(name).ticket, actor=actor, ring=ring, framework=framework)
