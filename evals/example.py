"""A labelled ticket, and where the outside data that labels it lies."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from core.canonical import JsonObject
from core.errors import CasemateError

#: Beside the checkout, as the development machines have it.
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


class DataAbsent(CasemateError):
    """A suite whose data set is not on this machine."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One ticket and what is known about it."""

    name: str
    #: What verdicts are counted by: a folder, or the half and the expectation.
    group: str
    ticket: JsonObject
    #: Whether it is one to raise the alarm for; None when the label does not say.
    attack: bool | None = None
    #: ATT&CK techniques that name it, any of which is right.
    techniques: frozenset[str] = field(default_factory=frozenset)
    #: ATT&CK tactic that names it, lower case.
    tactic: str | None = None


def data_folder(name: str) -> Path:
    """The folder of one data set.

    Raises:
        DataAbsent: says where it was looked for.
    """
    folder = Path(os.environ.get("CASEMATE_DATA") or BESIDE).expanduser() / name
    if not folder.is_dir():
        raise DataAbsent(
            f"The data set {name} is not in {folder.parent}; set CASEMATE_DATA to the folder that holds it."
        )
    return folder
