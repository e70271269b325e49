"""Databases with the tables of this release: migrated once for each process of the test run, copied for each test."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from core.clock import FixedClock
from core.ids import new_id
from core.store.engine import Store
from core.vault import Keyring

#: The PostgreSQL database that others are copied from.
TEMPLATE = "with_tables"


def with_tables(file: Path) -> Path:
    """A SQLite file in which nothing is left to migrate."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.write_bytes(_migrated())
    return file


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory(prefix="casemate-tables-") as folder:
        file = Path(folder) / "casemate.db"
        migrate(f"sqlite:///{file}")
        return file.read_bytes()


def migrate(url: str) -> None:
    """Make the tables in an empty database."""
    with tempfile.TemporaryDirectory(prefix="casemate-key-") as folder:
        keyring = Keyring.from_file(Path(folder) / "master.key", create=True)
        store = Store.open(url, clock=FixedClock(), keyring=keyring)
        store.migrate()
        store.close()


@contextmanager
def database(server: str, *, template: str | None = None) -> Iterator[str]:
    """The URL of a new database on a PostgreSQL, gone with everything in it when the block ends."""
    import psycopg

    name = new_id("ref")
    copied = f' TEMPLATE "{template}"' if template is not None else ""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"{copied}')
    try:
        yield on(server, name)
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def on(server: str, name: str) -> str:
    """The URL of another database on the same server."""
    return server.rsplit("/", 1)[0] + f"/{name}"
