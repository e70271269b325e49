"""What runs in a container before casemate does, and the probe of a worker."""

from __future__ import annotations

import os
import runpy
import socket
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import FixedClock, SystemClock
from core.store.engine import Store
from core.vault import Keyring

ROOT = Path(__file__).parents[3]


@pytest.fixture
def entrypoint(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs deploy/entrypoint.sh, whose secrets lie in tmp_path/secrets and whose programs print what they are given."""
    script = tmp_path / "entrypoint.sh"
    script.write_text((ROOT / "deploy/entrypoint.sh").read_text().replace("/run/secrets", str(tmp_path / "secrets")))
    (tmp_path / "secrets").mkdir()
    (tmp_path / "bin").mkdir()
    for name in ("casemate", "python"):
        program = tmp_path / "bin" / name
        program.write_text(f'#!/bin/sh\necho "{name}" "$@"\nenv | grep ^CASEMATE_ | sort\n')
        program.chmod(0o755)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
        return subprocess.run(["sh", script, *words], capture_output=True, text=True, check=True, env=env)

    return run


def test_files_of_secrets_become_settings_of_the_process(
    entrypoint: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    secrets = tmp_path / "secrets"
    (secrets / "casemate_database_url").write_text("postgresql://u:p w@db/x\n")
    (secrets / "casemate_api_keys").write_text('{"a": {"roles": ["admin"]}}\n')
    (secrets / "casemate_odd-name").write_text("not a variable")
    (secrets / "serving_api_key").write_text("not a setting")
    assert entrypoint("worker", "--only", "work").stdout.splitlines() == [
        "casemate worker --only work",
        'CASEMATE_API_KEYS={"a": {"roles": ["admin"]}}',
        "CASEMATE_DATABASE_URL=postgresql://u:p w@db/x",
    ]


def test_without_secrets_the_command_simply_runs(entrypoint: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    assert entrypoint("doctor").stdout.splitlines() == ["casemate doctor"]


def test_the_probe_runs_with_the_same_settings(
    entrypoint: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "secrets" / "casemate_database_url").write_text("sqlite:///x.db")
    said = entrypoint("alive", "--ready").stdout.splitlines()
    assert said == ["python /usr/local/lib/casemate/alive.py --ready", "CASEMATE_DATABASE_URL=sqlite:///x.db"]


def test_secrets_are_made_once_and_fit_each_other(tmp_path: Path) -> None:
    script = tmp_path / "make-secrets.sh"
    script.write_text((ROOT / "deploy/make-secrets.sh").read_text())

    def made() -> str:
        return subprocess.run(["sh", script], capture_output=True, text=True, check=True).stdout

    assert len(made().splitlines()) == 9
    found = {file.name: file.read_text().strip() for file in (tmp_path / "secrets").iterdir() if file.is_file()}
    assert made() == "", "a second run changes nothing"
    assert {file.name: file.read_text().strip() for file in (tmp_path / "secrets").iterdir() if file.is_file()} == found
    assert found["postgres_password"] in found["casemate_database_url"]
    assert found["redis_password"] in found["casemate_broker_url"]
    assert found["redis.conf"] == f"requirepass {found['redis_password']}"
    assert found["casemate_model_api_key"] == found["serving_api_key"]
    assert len({found[name] for name in ("postgres_password", "redis_password", "serving_api_key")}) == 3
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CASEMATE_HOME", str(tmp_path))
    for name in ("CASEMATE_DATABASE_URL", "CASEMATE_MASTER_KEY", "CASEMATE_TRANSIT_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def trouble(*, ready: bool) -> str:
    """What the probe finds in the store that the environment names."""
    found: str = runpy.run_path(str(ROOT / "deploy/alive.py"))["trouble"](ready=ready)
    return found


def beat(home: Path, *, host: str, ago: float = 0, **data: str) -> None:
    """A worker's sign of life, as its heartbeat writes it."""
    clock = FixedClock(SystemClock().now() - timedelta(seconds=ago))
    keys = Keyring.from_file(home / "master.key", create=True)
    store = Store.open(f"sqlite:///{home / 'casemate.db'}", clock=clock, keyring=keys)
    store.migrate()
    with store.begin() as tx:
        tx.operations.beat(f"{host}:17", "worker", {"sandbox": "namespaces", **data})
    store.close()


def test_a_worker_that_beats_is_alive_and_ready(home: Path) -> None:
    beat(home, host=socket.gethostname())
    assert trouble(ready=False) == trouble(ready=True) == ""


def test_another_containers_worker_does_not_count(home: Path) -> None:
    beat(home, host="another-pod")
    assert socket.gethostname() in trouble(ready=False)


def test_a_worker_that_fell_silent_is_started_anew(home: Path) -> None:
    beat(home, host=socket.gethostname(), ago=300)
    assert "has been heard of" in trouble(ready=False)


def test_a_worker_without_its_sandbox_is_alive_and_not_ready(home: Path) -> None:
    """So a rolling update stops at the first new worker that cannot run tools, and the old ones go on."""
    beat(home, host=socket.gethostname(), trouble="bubblewrap could not make a sandbox")
    assert trouble(ready=False) == ""
    assert trouble(ready=True) == "bubblewrap could not make a sandbox"


def test_a_database_that_is_away_kills_no_worker(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beat(home, host=socket.gethostname())
    monkeypatch.setenv("CASEMATE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert trouble(ready=False) == ""
    assert "does not answer" in trouble(ready=True)


def test_before_the_first_migration_nobody_is_alive(home: Path) -> None:
    Keyring.from_file(home / "master.key", create=True)
    assert "no tables" in trouble(ready=False)
