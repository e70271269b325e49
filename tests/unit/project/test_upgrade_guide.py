"""What docs/upgrade.md, docs/deployment.md and docs/operations.md promise is true of the commands and the store."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from core.clock import FixedClock
from core.errors import NewerTables, VaultError
from core.store.engine import Store
from core.vault import Keyring
from tests.unit.project.command_line import mentioned, unknown
from tests.unit.proposals import pending

ROOT = Path(__file__).parents[3]
PAGES = ("upgrade.md", "deployment.md", "operations.md")
MIGRATIONS = sorted((ROOT / "core/store/migrations/versions").glob("[0-9]*.py"))
#: What a migration may do while processes of the release before still run.
ADDING = {"create_table", "add_column", "create_index", "execute", "f"}
TOOLS = Path(next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"))), "/nowhere"))


@pytest.mark.parametrize("page", PAGES)
def test_every_command_on_the_page_exists(page: str) -> None:
    named = mentioned((ROOT / "docs" / page).read_text())
    assert len(named) >= 5
    assert [why for words in named if (why := unknown(words))] == []


def test_a_command_that_is_not_there_would_be_noticed() -> None:
    page = (
        "Say `casemate vault status --jason`.\n\n```\ndocker compose exec worker casemate-entrypoint audit proof\n```\n"
    )
    assert [unknown(words) for words in mentioned(page)] == [
        "casemate vault status --jason: no option --jason",
        "casemate audit proof: no such command",
    ]


@pytest.mark.parametrize("page", PAGES)
def test_every_file_of_deploy_that_is_named_is_there(page: str) -> None:
    for name in re.findall(r"`((?:deploy|components|overlays)/[\w./-]+)`", (ROOT / "docs" / page).read_text()):
        below = ROOT if name.startswith("deploy/") else ROOT / "deploy/kubernetes"
        assert (below / name).exists() or name.startswith("deploy/secrets/"), name


def test_every_overlay_and_component_is_explained() -> None:
    page = (ROOT / "docs/deployment.md").read_text()
    for kind in ("overlays", "components"):
        for folder in (ROOT / "deploy/kubernetes" / kind).iterdir():
            assert re.search(rf"^\| [^|]*`{folder.name}`", page, re.MULTILINE), folder


def upgrade_of(file: Path) -> ast.FunctionDef:
    body = ast.parse(file.read_text()).body
    return next(node for node in body if isinstance(node, ast.FunctionDef) and node.name == "upgrade")


@pytest.mark.parametrize("file", MIGRATIONS[1:], ids=lambda file: str(file.stem))
def test_a_migration_only_adds_so_the_release_before_goes_on(file: Path) -> None:
    for call in (node for node in ast.walk(upgrade_of(file)) if isinstance(node, ast.Call)):
        if not (isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "op"):
            continue
        assert call.func.attr in ADDING, call.func.attr
        if call.func.attr == "execute":
            assert re.match(r"'(INSERT|UPDATE) ", ast.unparse(call.args[0])), "only rows may be changed"
        if call.func.attr == "add_column":
            column = call.args[1]
            assert isinstance(column, ast.Call)
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in column.keywords}
            assert given["nullable"] == "True" or "server_default" in given, "old processes write rows without it"


def test_an_older_release_that_meets_newer_tables_says_so_and_changes_nothing(store: Store, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'casemate.db'}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerTables, match=r"newer casemate.*docs/upgrade\.md"):
        store.migrate()
    with engine.begin() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999"
    engine.dispose()


def postgres_tool(name: str, url: str, *words: str, **files: Any) -> None:
    """Run pg_dump and its kind on a database of the test's server."""
    program = shutil.which(name) or str(TOOLS / name)
    plain = url.replace("postgresql+psycopg://", "postgresql://")
    done = subprocess.run([program, *words, "-d", plain], stderr=subprocess.PIPE, check=False, env=os.environ, **files)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.integration
def test_a_backup_of_postgresql_is_whole_again_after_a_restore(
    postgres_url: str, postgres: str, tmp_path: Path, clock: FixedClock
) -> None:
    """pg_dump and pg_restore with the options of the page; then audit chain, master key, and newest tables."""
    import psycopg

    keys = Keyring.from_file(tmp_path / "master.key", create=True)
    before = Store.open(postgres_url, clock=clock, keyring=keys)
    before.migrate()
    ticket_id = pending(before).ticket_id
    with before.read() as tx:
        events, sent = tx.audit.verify(), tx.tickets.original(ticket_id)
    dump = tmp_path / "casemate.dump"
    with dump.open("wb") as file:
        postgres_tool("pg_dump", postgres_url, "-Fc", stdout=file)
    before.close()

    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE restored")
    restored_url = postgres.rsplit("/", 1)[0] + "/restored"
    with dump.open("rb") as file:
        postgres_tool("pg_restore", restored_url, "--exit-on-error", "--no-owner", stdin=file)
    after = Store.open(restored_url, clock=clock, keyring=keys)
    after.migrate()
    with after.read() as tx:
        assert tx.audit.verify() == events > 0
        assert tx.tickets.original(ticket_id) == sent
        assert [proposal.ticket_id for proposal in tx.proposals.waiting()] == [ticket_id]
    after.close()

    stranger = Store.open(restored_url, clock=clock, keyring=Keyring.from_file(tmp_path / "other.key", create=True))
    with stranger.read() as tx, pytest.raises(VaultError):
        tx.tickets.original(ticket_id)
    stranger.close()
