"""Stands in for a container: what a runtime takes away from a process, taken away here, without a runtime.

An ordinary user without capabilities and without new privileges, /proc and /sys masked as containerd and Docker mask
them, a root that cannot be written, and a seccomp filter. It needs root, who alone may make such a world.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from typing import Any

import pyseccomp

from tests.unit.sandbox.as_user import REPOSITORY, way_to_python

#: What the images run as.
USER = 10001
#: Seconds one run may take on a busy machine.
PATIENCE = 120
#: CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET: what runtimes' own profiles refuse to `clone`.
NEW_NAMESPACES = 0x7E020000
MASKED_FILES = ("kcore", "keys", "latency_stats", "timer_list", "sched_debug", "interrupts")
MASKED_FOLDERS = ("/proc/acpi", "/proc/asound", "/proc/scsi", "/sys/firmware")
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys")
COMPARISONS = {"SCMP_CMP_EQ": pyseccomp.EQ, "SCMP_CMP_NE": pyseccomp.NE}
#: Loads the filter on its standard input and becomes Python with the arguments.
BECOME = """
import os, sys
from tools.sandbox import kernel
kernel.no_new_privileges()
kernel.load_filter(sys.stdin.buffer.read())
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def compiled(profile: dict[str, Any], *, without: frozenset[str] = frozenset()) -> bytes:
    """A seccomp profile in the runtimes' format as a BPF program, as a runtime makes it.

    Args:
        without: calls it shall not allow; `clone` goes on to make processes, as in runtimes' own profiles.
    """
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    filter_ = pyseccomp.SyscallFilter(pyseccomp.ERRNO(profile["defaultErrnoRet"]))
    filter_.set_attr(pyseccomp.Attr.ACT_BADARCH, pyseccomp.KILL_PROCESS)
    for rule in profile["syscalls"]:
        assert rule["action"] == "SCMP_ACT_ALLOW"
        compared = [pyseccomp.Arg(a["index"], COMPARISONS[a["op"]], a["value"]) for a in rule.get("args", [])]
        for name in set(rule["names"]) - without:
            filter_.add_rule(pyseccomp.ALLOW, name, *compared)
    if "clone" in without:
        filter_.add_rule(pyseccomp.ALLOW, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, NEW_NAMESPACES, 0))
    with tempfile.TemporaryFile() as file:
        filter_.export_bpf(file)
        file.seek(0)
        return file.read()


def run_contained(
    filter_: bytes, *arguments: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments in such a world, in the checkout."""
    settings = {"PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/var/tmp/home", **(env or {})}
    user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"]
    command = [
        *("unshare", "--mount", "--propagation", "private", "sh", "-c", f"{way_to_python()}; {_masks()}", "sh"),
        *user,
        *("env", "TMPDIR=/var/tmp", *(f"{name}={value}" for name, value in settings.items())),
        *(sys.executable, "-c", BECOME, *arguments),
    ]
    done = subprocess.run(command, input=filter_, capture_output=True, check=False, timeout=PATIENCE, cwd=REPOSITORY)
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def _masks() -> str:
    """A shell script that masks what runtimes mask, shuts the root but for one place, and runs its arguments."""
    lines = ["set -e"]
    lines += [f"[ ! -e /proc/{name} ] || mount --bind /dev/null /proc/{name}" for name in MASKED_FILES]
    lines += [f"[ ! -d {folder} ] || mount -t tmpfs -o ro tmpfs {folder}" for folder in MASKED_FOLDERS]
    lines += [f"[ ! -d {f} ] || {{ mount --bind {f} {f}; mount -o remount,bind,ro {f}; }}" for f in READ_ONLY]
    lines += [
        "mount -t tmpfs -o mode=1777 tmpfs /var/tmp",
        f"mkdir /var/tmp/home; chown {USER} /var/tmp/home",
        "mount -o remount,bind,ro /",
    ]
    return "; ".join([*lines, 'exec "$@"'])


def profile_file(name: str) -> dict[str, Any]:
    """A seccomp profile of deploy/seccomp."""
    found: dict[str, Any] = json.loads((REPOSITORY / "deploy/seccomp" / name).read_text())
    return found
