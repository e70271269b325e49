"""How a ticket was masked, as it is remembered: for which models, and what any of it was shown with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

#: For which models a ticket is masked: those on machines of ours, or those of clouds too, which may see less.
Profile = Literal["local", "cloud"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Masking:
    """What has been shown of one ticket since it came in, whichever policy was live meanwhile."""

    profile: Profile
    #: Kind of data, or `indicators.…` → the loosest treatment that any text of the ticket was masked with.
    shown: Mapping[str, str]
