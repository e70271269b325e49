"""Runs a Python script in this checkout as an ordinary user, and as root, wherever Python happens to lie.

Where the tests run as root with a Python below a folder that only root may enter, that folder is replaced, in a mount
namespace of its own, by an open one that holds nothing but the way to Python.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
NOBODY = 65534
#: Seconds one script may take on a busy machine.
PATIENCE = 120


def run_as(user: str, script: str, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a script as `root` or as `nobody`, with the checkout as its folder and first place to import from.

    Args:
        given: what it finds on its standard input.
    """
    home = f"PYTHONPATH={REPOSITORY}"
    python = ["env", home, "PYTHONDONTWRITEBYTECODE=1", sys.executable, "-c", script, *arguments]
    if os.getuid() == 0:
        become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if user == "nobody" else []
        python = [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            f'{way_to_python()}; exec "$@"',
            "sh",
            *become,
            *python,
        ]
    return subprocess.run(
        python, input=given, capture_output=True, text=True, check=False, timeout=PATIENCE, cwd=REPOSITORY
    )


def can_be(user: str) -> bool:
    """Root can be anybody; an ordinary user is nobody else."""
    return os.getuid() == 0 or user == "nobody"


def way_to_python() -> str:
    """A shell script that, in a mount namespace of its own, opens the way to everything Python needs."""
    wanted = {
        Path(sys.executable).resolve().parents[1],
        Path(sys.prefix),
        REPOSITORY,
        Path(sysconfig.get_path("stdlib")),
    }
    lines = ["set -e"]
    # Of several places below one shut folder the outermost shows them all.
    shut = {_first_shut(path): path for path in sorted(wanted, key=lambda p: len(p.parts), reverse=True)}
    for folder, path in shut.items():
        if folder is not None:
            at, below = shlex.quote(str(folder)), shlex.quote(str(path))
            lines += [f"d=$(mktemp -d); mount --bind {below} $d; mount -t tmpfs -o mode=755 tmpfs {at}",
                      f"mkdir -p {below}; mount --move $d {below}"]  # fmt: skip
    return "; ".join(lines)


def _first_shut(path: Path) -> Path | None:
    return next((f for f in (*reversed(path.parents), path) if f.is_dir() and f.stat().st_mode & 0o5 != 0o5), None)
