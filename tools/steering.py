"""Whether what a team wrote would steer a machine: the detector for tickets, used for what honest work never says.

An assessment may rate a ticket as benign or name a tool; it has no reason to speak to models or to forge a turn.
"""

from __future__ import annotations

from tools.investigate import manipulation

#: Kinds of attempt that no assessment makes by itself.
KINDS = frozenset({"override", "system prompt", "new instructions", "jailbreak", "role change", "forged turn",
                   "claimed approval"})  # fmt: skip


def steers(text: str) -> bool:
    """Whether a text speaks to a machine; reporting in other words that a ticket does is no such thing."""
    return any(hit["kind"] in KINDS for hit in manipulation.find(text))
