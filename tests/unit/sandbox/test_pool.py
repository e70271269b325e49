"""Processes that wait for one call each: used once, made anew, and gone with whoever made them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import psutil
import pytest

from core.errors import SandboxUnavailable, ToolRefused
from tools.registry import default_registry
from tools.sandbox.pool import Nursery, Pool
from tools.sandbox.pooled import PooledSandbox
from tools.sandbox.tiers import Profile, namespaces

PATIENCE = 60
CALL = "tools.sandbox.probes.files:descriptors"


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool(namespaces(), 3)
    yield made
    made.close()


def below() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def test_as_many_wait_as_were_asked_for_and_what_is_taken_is_made_anew(pool: Pool) -> None:
    assert pool.filled(PATIENCE)
    first = [pool.take() for _ in range(3)]
    assert pool.filled(PATIENCE)
    second = [pool.take() for _ in range(3)]
    assert len({child.pid for child in (*first, *second)}) == 6
    for child in (*first, *second):
        child.close()


def test_every_tool_and_what_it_needs_is_loaded_before_the_first_call() -> None:
    nursery = Nursery(namespaces())
    nursery.end()
    assert nursery.missing == ()
    entries = [
        tool.entry.partition(":")[0] for tool in map(default_registry().get, default_registry().names()) if tool.entry
    ]
    # A call imports nothing itself: it cannot when a package's folder has changed since, which a child may not list.
    entries.append("confusable_homoglyphs.confusables")
    sandbox = PooledSandbox(namespaces(), size=1)
    answer = asyncio.run(sandbox.run("tools.sandbox.probes.processes:loaded", {"arguments": {"names": entries}}))
    assert answer["got"] == entries
    sandbox.close()


def test_tables_that_tools_read_are_read_before_the_first_call() -> None:
    """The suffix list is a file; what a child has in memory it need not open, so it is there without one."""
    sandbox = PooledSandbox(namespaces(), size=1)
    names = {"names": ["tools.investigate.domains"], "cached": "_rules"}
    answer = asyncio.run(sandbox.run("tools.sandbox.probes.processes:loaded", {"arguments": names}))
    assert answer["got"] == ["tools.investigate.domains", "_rules"]
    sandbox.close()


def test_more_takers_than_processes_all_get_one(pool: Pool) -> None:
    taken: list[int] = []

    def take() -> None:
        child = pool.take()
        taken.append(child.pid)
        child.close()

    threads = [threading.Thread(target=take) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(set(taken)) == 20


def test_pool_of_none_makes_a_process_for_each_call() -> None:
    sandbox = PooledSandbox(namespaces(), size=0)
    assert asyncio.run(sandbox.run(CALL, {"arguments": {}})) == {"got": []}
    assert sandbox.waiting == 0
    sandbox.close()


async def test_killed_nursery_is_replaced_and_its_children_are_not_used() -> None:
    sandbox = PooledSandbox(namespaces(), size=2)
    before = below()
    await sandbox.run(CALL, {"arguments": {}})
    for pid in below() - before:
        psutil.Process(pid).kill() if psutil.pid_exists(pid) else None
    answers = await asyncio.gather(*(sandbox.run(CALL, {"arguments": {}}) for _ in range(6)), return_exceptions=True)
    # A child that died between being taken and being asked refuses its call; the next call is served.
    assert all(a == {"got": []} or isinstance(a, ToolRefused) for a in answers)
    assert await sandbox.run(CALL, {"arguments": {}}) == {"got": []}
    sandbox.close()


def test_closing_leaves_no_process_and_wakes_whoever_waits() -> None:
    before = below()
    pool = Pool(namespaces(), 2)
    pool.take().close()
    assert below() > before
    pool.close()
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in below() - before], PATIENCE)
    assert alive == []
    with pytest.raises(SandboxUnavailable, match="closed"):
        pool.take()


def test_processes_end_with_the_process_that_made_them() -> None:
    """Also when that one is killed, which gives it no time to say so."""
    script = (
        "import os, signal, psutil\n"
        "from tools.sandbox.pool import Pool\nfrom tools.sandbox.tiers import namespaces\n"
        "pool = Pool(namespaces(), 2); pool.filled(60)\n"
        "print(*[c.pid for c in psutil.Process().children(recursive=True)], flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=PATIENCE)
    pids = [int(pid) for pid in ran.stdout.split()]
    assert len(pids) >= 3, ran.stderr
    left = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    _, alive = psutil.wait_procs(left, PATIENCE)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def test_failure_is_told_to_everybody_who_waits_and_tried_again_when_asked() -> None:
    pool = Pool(Profile(tier="namespaces", command=("/bin/false",), layers=frozenset()), 1)
    for _ in range(2):
        with pytest.raises(SandboxUnavailable, match="does not start"):
            pool.take()
    assert pool.waiting == 0
    pool.close()


def test_nothing_of_the_worker_is_open_in_the_nursery(pool: Pool) -> None:
    pool.filled(PATIENCE)
    read, write = os.pipe()
    os.set_inheritable(write, True)
    child = pool.take()
    os.close(write)
    # Any other holder of the writing end would keep this from being the end of the file.
    assert os.read(read, 1) == b""
    os.close(read)
    child.close()
