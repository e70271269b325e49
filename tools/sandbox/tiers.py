"""The two tiers: how the nursery of each is started, and what its children give up."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from core.canonical import JsonObject
from core.errors import SandboxUnavailable
from tools.sandbox import confine, kernel, seccomp
from tools.sandbox.root import CODE_PARTS, root, start

#: Strongest first. `namespaces`: bubblewrap + seccomp + rlimits. `confined`: Landlock + seccomp + rlimits.
Tier = Literal["namespaces", "confined"]
TIERS: tuple[Tier, ...] = ("namespaces", "confined")

#: Where Debian and Ubuntu put bubblewrap; looked up on PATH when it is only a name.
BWRAP = "bwrap"
#: The uid and gid a tool sees: nobody, who owns nothing.
NOBODY = str(confine.NOBODY)
INSTALL = "install it with `apt install bubblewrap`, then run `casemate sandbox selftest`"
LOADER_CACHE = Path("/etc/ld.so.cache")
CGROUPS = Path("/sys/fs/cgroup")
LIMIT_FILES = ("cpu.max", "memory.max", "cpu.cfs_quota_us", "cpu.cfs_period_us", "memory.limit_in_bytes")
#: Bytes of /tmp, where a tier has one.
TMP_BYTES = 16 * 1024**2
#: The nursery keeps one right, in a user namespace of its own: to give every child namespaces of its own. The children
#: have none. Without `--new-session`: the worker makes the session, so one kill of its process group reaches PID 1 too.
ISOLATION = (
    "--unshare-all", "--unshare-user", "--uid", NOBODY, "--gid", NOBODY, "--hostname", "sandbox",
    "--die-with-parent", "--clearenv", "--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN",
)  # fmt: skip
#: What a child gives up, by tier, beside what the nursery was started without.
LAYERS: dict[Tier, frozenset[str]] = {
    "namespaces": frozenset({"private", "capabilities", "rlimits", "seccomp"}),
    "confined": frozenset({"nobody", "rlimits", "landlock", "seccomp"}),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """One tier on this machine."""

    tier: Tier
    #: Starts the nursery.
    command: tuple[str, ...]
    layers: frozenset[str]
    #: What Landlock leaves readable, and writable.
    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = field(default=())

    def order(self) -> JsonObject:
        """What the nursery is told first.

        Raises:
            SandboxUnavailable: libseccomp is missing or too old.
        """
        return {
            "layers": sorted(self.layers),
            "program": base64.b64encode(seccomp.program()).decode("ascii"),
            "readable": list(self.readable),
            "writable": list(self.writable),
            "tmp_bytes": TMP_BYTES,
        }


def namespaces(bwrap: str = BWRAP) -> Profile:
    """A fresh set of namespaces around the nursery, and one more around every child.

    Raises:
        SandboxUnavailable: bubblewrap is not installed.
    """
    found = shutil.which(bwrap)
    if found is None:
        raise SandboxUnavailable(f"bubblewrap ({bwrap}) is not installed, so no tool may run: {INSTALL}.")
    inside = root(TMP_BYTES)
    command = (found, *ISOLATION, *inside.arguments, "--", inside.python, "-I", "-S", "-B", "-c", inside.start)
    return Profile(tier="namespaces", command=command, layers=LAYERS["namespaces"])


def confined() -> Profile:
    """No namespaces: what a child may open is held by Landlock, what it may ask of the kernel by the filter.

    Raises:
        SandboxUnavailable: the kernel has no Landlock, or tools could not read their Python.
    """
    if kernel.landlock_version() < 1:
        raise SandboxUnavailable(
            "The sandbox tier `confined` needs Landlock (Linux 5.13 or later, `lsm=` with landlock), which is not here."
        )
    inside, code = root(TMP_BYTES), Path(__file__).resolve().parents[2]
    readable = [*inside.shown, *(str(code / part) for part in CODE_PARTS)]
    readable += [str(file) for file in (LOADER_CACHE, *_limit_files()) if file.exists()]
    closed = _closed(readable) if os.getuid() == 0 else None
    if closed is not None:
        raise SandboxUnavailable(
            f"Started as root, the sandbox tier `confined` runs tools as nobody, who may not enter {closed}: open it "
            "to everyone (chmod o+rx), or start casemate as an ordinary user."
        )
    command = (inside.python, "-I", "-S", "-B", "-c", start(str(code), inside.packages))
    return Profile(
        tier="confined",
        command=command,
        layers=LAYERS["confined"],
        readable=(*readable, "/dev/null"),
        writable=("/dev/null",),
    )


def _limit_files() -> list[Path]:
    """Where this machine says how much of it is ours: numbers that DuckDB gives up without, where it can see them."""
    found = []
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, own = line.split(":", 2)
            mounts = [CGROUPS / name for name in {controllers, *controllers.split(",")} if name]
            for base in (CGROUPS, *mounts):
                place = base / own.lstrip("/")
                folders = [place, *(parent for parent in place.parents if CGROUPS in (parent, *parent.parents))]
                found += [folder / name for folder in folders for name in LIMIT_FILES]
    return list(dict.fromkeys(found))


def _closed(paths: list[str]) -> Path | None:
    """The first folder on the way to one of the paths that others may not enter."""
    for path in paths:
        place = Path(path)
        for folder in (*reversed(place.parents), place):
            wanted = stat.S_IROTH | stat.S_IXOTH if folder == place and folder.is_dir() else stat.S_IXOTH
            if folder.is_dir() and folder.stat().st_mode & wanted != wanted:
                return folder
    return None
