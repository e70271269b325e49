"""Opens the database and hands out transactions; SQLite (WAL) and PostgreSQL behave alike from here on."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from core.clock import Clock
from core.errors import Duplicate, NewerTables, NoTables, Temporary
from core.store.transaction import Transaction
from core.vault import MasterKeys

#: Seconds a writer waits for another on SQLite before it gives up.
BUSY_SECONDS = 30
#: Milliseconds that emptying the write-ahead log waits for readers and writers.
FORGET_MILLISECONDS = 500


#: PostgreSQL's code for a table that is not there.
UNDEFINED_TABLE = "42P01"


class Store:
    """The database of one process. Thread-safe; make one after a fork, not before."""

    def __init__(self, engine: Engine, *, clock: Clock, keyring: MasterKeys) -> None:
        self._engine = engine
        self._reading = engine.execution_options(casemate_read_only=True)
        self._writing = threading.local()
        self.clock = clock
        self.keyring = keyring

    @classmethod
    def open(cls, url: str, *, clock: Clock, keyring: MasterKeys) -> Store:
        """Connect lazily; nothing is read yet. `postgresql://` means psycopg 3 here."""
        parsed = make_url(url)
        if parsed.drivername in {"postgresql", "postgres"}:
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "sqlite":
            if parsed.database and parsed.database != ":memory:" and not parsed.database.startswith("file:"):
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            engine = create_engine(
                parsed,
                connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
                hide_parameters=True,  # errors would quote rows
            )
            _teach_sqlite(engine)
        else:
            engine = create_engine(parsed, pool_pre_ping=True, pool_size=10, max_overflow=20, hide_parameters=True)
        return cls(engine, clock=clock, keyring=keyring)

    @staticmethod
    def is_there(url: str) -> bool:
        """False for a SQLite file that nobody has made yet; opening it would make it."""
        parsed = make_url(url)
        file = parsed.database or ""
        return parsed.get_backend_name() != "sqlite" or file == ":memory:" or Path(file).exists()

    def migrate(self) -> None:
        """Bring the schema up to date; safe when several processes start at once.

        Raises:
            NewerTables: a newer release has been here; nothing was changed.
        """
        from alembic import command  # slow to import and needed once
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        with self._errors(), self._engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(7203514)"))
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError:  # it finds a revision there that it has never heard of
                raise NewerTables(
                    "The database has the tables of a newer casemate: start that release, or restore the backup from "
                    "before the upgrade (docs/upgrade.md)."
                ) from None

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """One writing transaction: commits on exit, rolls back on any error, audit events last.

        Raises:
            Temporary: the database is away, locked, full or read-only; nothing was written.
            Duplicate: a unique row exists already; nothing was written.
        """
        if getattr(self._writing, "here", False):
            raise RuntimeError("a writing transaction was opened inside another; the outer one would block it for ever")
        self._writing.here = True
        try:
            with self._errors(), Session(self._engine, expire_on_commit=False) as session, session.begin():
                tx = Transaction(session, clock=self.clock, keyring=self.keyring)
                yield tx
                tx.audit.flush()
        finally:
            self._writing.here = False

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A transaction that only reads, and so waits for no writer."""
        with self._errors(), Session(self._reading, expire_on_commit=False) as session, session.begin():
            yield Transaction(session, clock=self.clock, keyring=self.keyring)

    def forget_deleted(self) -> bool | None:
        """Empty SQLite's write-ahead log, which still holds what was deleted before; True when it is empty.

        Others who read or write at this moment keep it, and SQLite starts over in it by itself later.
        None on a server, whose log is the business of its administrators.
        """
        if self._engine.dialect.name != "sqlite":
            return None
        connection = self._engine.raw_connection()
        cursor = connection.cursor()
        try:
            cursor.execute(f"PRAGMA busy_timeout={FORGET_MILLISECONDS}")
            busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.OperationalError:
            busy = True
        finally:
            cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
            cursor.close()
            connection.close()
        return not busy

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            raise _trouble(error) from None
        except IntegrityError as error:
            if _is_unique_violation(error):
                raise Duplicate("This row exists already; read it instead.") from None
            raise _without_values(error) from None
        except DBAPIError as error:
            if error.connection_invalidated:
                raise Temporary(_sentence(error)) from None
            if getattr(error.orig, "sqlstate", None) == UNDEFINED_TABLE:
                raise _no_tables() from None
            raise _without_values(error) from None


def _is_unique_violation(error: IntegrityError) -> bool:
    return "UNIQUE constraint" in str(error.orig) or getattr(error.orig, "sqlstate", None) == "23505"


def _without_values(error: DBAPIError) -> RuntimeError:
    """A bug as it may be seen: PostgreSQL's own text quotes the row."""
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None)
    return RuntimeError(f"The database refused a statement: {type(error.orig).__name__} {state or ''}".rstrip())


def _trouble(error: OperationalError) -> Temporary:
    if "no such table" in str(error.orig):
        return _no_tables()
    return Temporary(_sentence(error))


def _no_tables() -> NoTables:
    return NoTables("The database has no casemate tables yet: run `casemate up` or `casemate doctor --migrate`.")


def _sentence(error: DBAPIError) -> str:
    said = str(error.orig).splitlines()[0] if error.orig else type(error).__name__
    if "readonly" in said or "read-only" in said:
        return "The database is read-only: check the permissions of the file and its folder, and the disk."
    if "locked" in said:
        return "The database is locked by another process: wait, or stop what holds it."
    if "unable to open" in said:
        return "The database file cannot be opened: check that its folder exists and that you may write there."
    return f"The database does not answer ({said[:200]}): check CASEMATE_DATABASE_URL and that the server runs."


def _teach_sqlite(engine: Engine) -> None:
    """WAL, enforced foreign keys, and a write lock taken at BEGIN so that no reader has to upgrade and fail."""

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we send BEGIN ourselves
        cursor = connection.cursor()
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except Exception as error:  # a read-only file stays readable; writes fail with their own sentence
            if "readonly" not in str(error):
                raise
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten, not only forgotten
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        read_only = connection.get_execution_options().get("casemate_read_only", False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
