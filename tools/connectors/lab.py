"""The lab: a small estate in one SQLite file that acting tools really change and probes really read.

It stands in for mail gateway, EDR, directory, firewall and secret store in the demo and the tests. It holds state only:
no secret's value, no mail body.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from core.canonical import JsonObject, digest
from core.errors import ToolRefused
from policies.organization import Organization
from tools.connectors.connector import Probe, Sent
from tools.connectors.lab_actions import EXECUTE, PROBE, UNDO, Change, message_key
from tools.connectors.lab_schema import seed

#: Seconds a process waits for another that writes.
BUSY_SECONDS = 30.0


class LabConnector:
    """Safe for several processes and threads: every call opens the file, and SQLite orders the writers."""

    name = "lab"

    def __init__(self, path: Path, organization: Callable[[], Organization] | None = None) -> None:
        """Nothing is read yet; `organization` says who and what the estate starts with.

        Without one, hosts and accounts come into being when they are first acted on.
        """
        self._path = Path(path)
        self._organization = organization

    def execute(self, tool: str, args: JsonObject, key: str) -> Sent:
        """See `Connector.execute`.

        Raises:
            ToolRefused: the lab has no such action, or the key was used for another one.
        """
        return self._once(_known(EXECUTE, tool), tool, args, key)

    def undo(self, tool: str, args: JsonObject, key: str) -> Sent:
        """See `Connector.undo`. What cannot be undone is not accepted."""
        return self._once(_known(UNDO, tool), f"undo {tool}", args, key)

    def probe(self, tool: str, args: JsonObject, key: str = "") -> Probe:
        """See `Connector.probe`."""
        look = _known(PROBE, tool)
        try:
            with self._open() as db:
                there, detail = look(db, args, key)
        except (sqlite3.Error, OSError):
            return Probe(state="unknown", detail={"reason": "the lab's file cannot be read"})
        return Probe(state="yes" if there else "no", detail=detail)

    def deliver(self, message_id: str, mailbox: str, *, subject: str = "", sender: str = "") -> str:
        """A mail arrives; returns the folder it lands in. One that is blocked never reaches the inbox."""
        with self._open() as db, _writing(db):
            blocked = db.execute("SELECT 1 FROM mail_block WHERE message_id = ?", (message_key(message_id),)).fetchone()
            folder = "quarantine" if blocked else "inbox"
            db.execute(
                "INSERT OR IGNORE INTO message(message_id, mailbox, subject, sender, folder) VALUES (?, ?, ?, ?, ?)",
                (message_key(message_id), mailbox, subject, sender, folder),
            )
        return folder

    def snapshot(self) -> JsonObject:
        """The whole estate, for people and tests."""
        tables = ("host", "account", "message", "mail_block", "firewall_block", "secret", "closed_ticket")
        with self._open() as db:
            return {
                table: [dict(row) for row in db.execute(f"SELECT * FROM {table} ORDER BY 1, 2")]  # noqa: S608
                if table not in {"mail_block", "firewall_block"}
                else [dict(row) for row in db.execute(f"SELECT * FROM {table} ORDER BY 1")]  # noqa: S608
                for table in tables
            }

    def _once(self, change: Change, tool: str, args: JsonObject, key: str) -> Sent:
        asked = digest({"tool": tool, "args": args})
        with self._open() as db, _writing(db):
            before = db.execute("SELECT digest, accepted, detail FROM request WHERE key = ?", (key,)).fetchone()
            if before is not None:
                if before["digest"] != asked:
                    raise ToolRefused(f"The key {key} was used for another action; give each action its own key.")
                return Sent(accepted=bool(before["accepted"]), detail=json.loads(before["detail"]))
            accepted, detail = change(db, args, key)
            db.execute(
                "INSERT INTO request(key, tool, digest, accepted, detail) VALUES (?, ?, ?, ?, ?)",
                (key, tool, asked, accepted, json.dumps(detail)),
            )
        return Sent(accepted=accepted, detail=detail)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with closing(sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)) as db:
            db.row_factory = sqlite3.Row
            if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'estate'").fetchone() is None:
                self._seed(db)
            yield db

    def _seed(self, db: sqlite3.Connection) -> None:
        """One process at a time: SQLite does not wait for a lock while a file becomes WAL."""
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            db.execute("PRAGMA journal_mode = WAL")
            seed(db, self._organization() if self._organization else None)


@contextmanager
def _writing(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _known(table: dict[str, Change], tool: str) -> Change:
    if tool not in table:
        raise ToolRefused(f"The lab cannot carry out {tool[:80]!r}.")
    return table[tool]
