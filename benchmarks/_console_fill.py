"""Fills a database with copies of triaged tickets by plain SQL, thousands a second; nothing of casemate could."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

#: Days that the copies are spread over.
DAYS = 180
#: The newest copies keep the state of the ticket they are copies of; older ones are closed.
OPEN = 800
#: Copies of questions that wait for people.
WAITING = 300
#: Columns of a copy that are not its template's.
_OWN = {"sequence", "id", "external_id", "state", "created_at", "updated_at"}


#: A cursor of either driver; they have no type in common.
Cursor = Any


def fill(url: str, tickets: int) -> None:
    """Copy what the database holds until it holds this many tickets more, with their answers, and `WAITING` questions.

    `url` is of SQLite or PostgreSQL. Evidence and conversations are not copied: lists do not read them.
    """
    chance = random.Random(20)
    with _opened(url) as (cursor, mark):
        cursor.execute("SELECT sequence, id FROM tickets WHERE masked IS NOT NULL ORDER BY sequence")
        templates = cursor.fetchall()
        last = max(row[0] for row in templates)
        kind = "TIMESTAMP" if mark == "?" else "TIMESTAMP WITH TIME ZONE"
        cursor.execute(f"CREATE TEMPORARY TABLE copies (n INTEGER, template VARCHAR(40), id VARCHAR(40), at {kind})")
        now = datetime.now(UTC)
        rows = []
        for n in range(1, tickets + 1):
            at = now - timedelta(days=DAYS) * (1 - n / tickets) * chance.uniform(0.98, 1)
            rows.append((n, chance.choice(templates)[1], f"tkt_{n:026d}", at if mark == "%s" else _naive(at)))
        cursor.executemany(f"INSERT INTO copies VALUES ({mark}, {mark}, {mark}, {mark})", rows)
        _copy(cursor, "tickets", "t.id", _OWN, {
            "sequence": f"{last} + c.n", "id": "c.id", "external_id": "t.external_id || '-' || c.n",
            "state": f"CASE WHEN c.n > {tickets - OPEN} THEN t.state ELSE 'closed' END",
            "created_at": "c.at", "updated_at": "c.at",
        })  # fmt: skip
        cursor.execute(
            f"INSERT INTO headlines (sequence, title) SELECT {last} + c.n, h.title FROM copies c "
            "JOIN tickets t ON t.id = c.template JOIN headlines h ON h.sequence = t.sequence"
        )
        _copy(cursor, "assessments", "t.ticket_id", {"id", "ticket_id", "created_at"}, {
            "id": "'run_' || substr(c.id, 5)", "ticket_id": "c.id", "created_at": "c.at",
        })  # fmt: skip
        _questions(cursor, mark, chance, tickets, now)
        if mark == "%s":
            cursor.execute("SELECT setval('tickets_sequence_seq', (SELECT max(sequence) FROM tickets))")


def _questions(cursor: Cursor, mark: str, chance: random.Random, tickets: int, now: datetime) -> None:
    cursor.execute("SELECT id FROM proposals WHERE state = 'pending'")
    pending = [row[0] for row in cursor.fetchall()]
    columns = _columns(cursor, "proposals")
    own = {"id": mark, "ticket_id": mark, "expires_at": mark}
    listed = ", ".join(own.get(name, f"t.{name}") for name in columns)
    for number in range(WAITING):
        until = now + timedelta(minutes=chance.uniform(20, 2000))
        given = {
            "id": f"prp_{number:026d}",
            "ticket_id": f"tkt_{tickets - chance.randrange(OPEN):026d}",
            "expires_at": until if mark == "%s" else _naive(until),
        }
        values = [given[name] for name in columns if name in given]
        cursor.execute(
            f"INSERT INTO proposals ({', '.join(columns)}) SELECT {listed} FROM proposals t WHERE t.id = {mark}",
            [*values, chance.choice(pending)],
        )


def _copy(cursor: Cursor, table: str, joined: str, own: set[str], values: dict[str, str]) -> None:
    """Rows of `table` that belong to a template, once for each copy of it."""
    columns = _columns(cursor, table)
    listed = ", ".join(values[name] if name in own else f"t.{name}" for name in columns)
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {listed} FROM copies c "
        f"JOIN {table} t ON {joined} = c.template ORDER BY c.n"
    )


def _columns(cursor: Cursor, table: str) -> list[str]:
    cursor.execute(f"SELECT * FROM {table} LIMIT 0")
    return [column[0] for column in cursor.description]


@contextmanager
def _opened(url: str) -> Iterator[tuple[Cursor, str]]:
    """A cursor and how its driver marks parameters; commits at the end, and lets PostgreSQL count its rows."""
    if url.startswith("sqlite"):
        import sqlite3

        with closing(sqlite3.connect(Path(url.removeprefix("sqlite:///")))) as connection:
            connection.execute("PRAGMA synchronous=OFF")
            yield connection.cursor(), "?"
            connection.commit()
        return
    import psycopg

    with psycopg.connect(url) as server:
        yield server.cursor(), "%s"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("VACUUM ANALYZE")


def _naive(at: datetime) -> str:
    """As SQLite keeps moments."""
    return at.replace(tzinfo=None).isoformat(sep=" ")
