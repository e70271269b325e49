"""The demo's tickets by what they are: the malicious or the benign twin of a kind."""

from __future__ import annotations

import copy
from typing import Any

from cli.samples import load_samples

#: The twins of each kind: (malicious, benign).
TWINS = {
    "phishing": ("phishing-lure", "phishing-own-notice"),
    "identity": ("identity-takeover", "identity-travel"),
    "endpoint": ("endpoint-implant", "endpoint-build"),
    "cloud": ("cloud-backdoor", "cloud-rotation"),
    "leaked_credential": ("secret-live", "secret-fixture"),
    "vulnerability": ("vulnerability-exploited", "vulnerability-internal"),
}


def named(name: str) -> dict[str, Any]:
    """A copy of one sample, to change at will."""
    [ticket] = {sample.name: sample.ticket for sample in load_samples() if sample.name == name}.values()
    return copy.deepcopy(ticket)


def demo_ticket(kind: str, verdict: str) -> dict[str, Any]:
    """The `malicious` or the `benign` twin of a kind."""
    return named(TWINS[kind][verdict == "benign"])
