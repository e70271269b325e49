"""Masking speaks to nobody: no download, no look-up, not even a name resolved."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        raise SystemExit(f"masking used the network: {event}")

sys.addaudithook(refuse)

from core.vault import MemoryVault
from policies.bundle import default_bundle_path, load_bundle
from policies.masking.opening import open_masker

session = open_masker(load_bundle(default_bundle_path())).session(MemoryVault())
masked = session.mask_text(
    "Dear Marit Solvang, see https://login.ph/x and john.sm, write to a@b.unknownsuffix, call +49 40 5550 2231."
)
assert "Solvang" not in masked and "https://login.ph/x" in masked and "john.sm" in masked, masked
assert "torch" not in sys.modules
print("done")
"""


def test_nothing_is_asked_of_the_network_and_no_torch_is_imported() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert (ran.returncode, ran.stdout) == (0, "done\n"), ran.stderr
