"""The seccomp profile of deploy/ lets the sandbox make its namespaces, and lets in nothing that it does not need.

Nothing here talks about the profile: the sandbox's own escape attempts run under it, in a stand-in for a container.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from tests.unit.project.container import compiled, profile_file, run_contained
from tools.sandbox import kernel, seccomp

PROFILE = profile_file("casemate-worker.json")
#: What the profile allows beyond the runtimes' own: docs/deployment.md says why for each.
BEYOND = ("clone", "mount", "pivot_root", "sethostname", "setns", "umount2", "unshare")
#: What neither the runtimes' profiles nor this one allow to a process without capabilities.
NEVER = {
    "acct", "add_key", "bpf", "chroot", "clock_settime", "delete_module", "finit_module", "fsopen", "init_module",
    "io_uring_setup", "ioperm", "iopl", "kcmp", "kexec_load", "keyctl", "mount_setattr", "move_mount",
    "open_by_handle_at", "open_tree", "perf_event_open", "process_vm_readv", "ptrace", "quotactl", "reboot",
    "request_key", "settimeofday", "swapon", "syslog", "userfaultfd", "vhangup",
}  # fmt: skip

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can make a stand-in for a container")
needs_landlock = pytest.mark.skipif(kernel.landlock_version() < 1, reason="this kernel has no Landlock")


def selftest(tier: str, *, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """What `casemate sandbox selftest` finds under the profile, less some calls."""
    words = ("sandbox", "selftest", "--tier", tier, "--json")
    found: dict[str, Any] = json.loads(run_contained(compiled(PROFILE, without=without), "-m", "cli", *words).stdout)
    return found


@needs_root
def test_every_escape_fails_in_namespaces_inside_a_container_with_the_profile() -> None:
    found = selftest("namespaces")
    assert found["tier"] == "namespaces", found["passed_over"]
    assert [check for check in found["checks"] if not check["ok"]] == []
    assert len(found["checks"]) >= 20
    assert found["ok"]


@needs_root
@pytest.mark.parametrize("call", BEYOND)
def test_each_call_beyond_the_runtimes_own_profile_is_needed(call: str) -> None:
    found = selftest("namespaces", without=frozenset({call}))
    assert not found["ok"]
    assert found["passed_over"]


@needs_root
@needs_landlock
def test_the_tier_confined_needs_nothing_beyond_the_runtimes_own_profile() -> None:
    found = selftest("confined", without=frozenset(BEYOND))
    assert found["tier"] == "confined", found["passed_over"]
    assert [check for check in found["checks"] if not check["ok"]] == []
    assert found["ok"]


@needs_root
def test_a_ticket_is_worked_from_hand_in_to_report_inside_a_container_with_the_profile() -> None:
    """Everything a worker is made of runs under it: masker, team, sandboxed tools, policy, store."""
    words = ("ticket", "submit", "workflows/demo_tickets/secret-live.json", "--wait", "--json")
    env = {"CASEMATE_HOME": "/var/tmp/home/casemate", "CASEMATE_MODEL_URL": "playbook:"}
    ran = run_contained(compiled(PROFILE), "-m", "cli", *words, env=env)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["verdict"] == "malicious"


def test_the_profile_allows_nothing_that_attacks_the_kernel_or_other_processes() -> None:
    allowed = {name for rule in PROFILE["syscalls"] for name in rule["names"]}
    assert allowed & NEVER == set()
    assert set(BEYOND) <= allowed


def test_a_pid_namespace_is_all_that_can_be_entered() -> None:
    """The nursery goes back into its own; the host's networks and mounts are not to be entered."""
    (rule,) = [rule for rule in PROFILE["syscalls"] if "setns" in rule["names"]]
    assert rule["args"] == [{"index": 1, "value": kernel.CLONE_NEWPID, "op": "SCMP_CMP_EQ"}]


def test_every_call_of_the_profile_is_one_that_there_is() -> None:
    """A misspelt name is skipped by a runtime without a word; here it breaks."""
    assert compiled(PROFILE)


def test_the_c_library_is_told_that_a_refused_call_does_not_exist() -> None:
    """So it falls back to an older one (clone3 to clone), as it does on an older kernel."""
    assert PROFILE["defaultErrnoRet"] == 38
    assert "clone3" not in {name for rule in PROFILE["syscalls"] for name in rule["names"]}


def test_a_tool_has_a_stricter_filter_still() -> None:
    assert set(BEYOND) <= {*seccomp.DENIED}
