"""The tables of the lab estate, and the facts it starts from."""

from __future__ import annotations

import sqlite3

from policies.organization import Organization

SCHEMA = """
CREATE TABLE IF NOT EXISTS host (name TEXT PRIMARY KEY COLLATE NOCASE, address TEXT, kind TEXT, isolated INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS account (username TEXT PRIMARY KEY COLLATE NOCASE, email TEXT, name TEXT,
    enabled INTEGER NOT NULL DEFAULT 1, sessions INTEGER NOT NULL DEFAULT 1, session_epoch INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS message (message_id TEXT NOT NULL, mailbox TEXT NOT NULL COLLATE NOCASE, subject TEXT NOT NULL,
    sender TEXT NOT NULL, folder TEXT NOT NULL, PRIMARY KEY (message_id, mailbox));
CREATE TABLE IF NOT EXISTS mail_block (message_id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS firewall_block (indicator TEXT PRIMARY KEY COLLATE NOCASE);
CREATE TABLE IF NOT EXISTS secret (name TEXT NOT NULL, owner TEXT NOT NULL COLLATE NOCASE, version INTEGER NOT NULL,
    key TEXT NOT NULL, PRIMARY KEY (name, owner, version));
CREATE TABLE IF NOT EXISTS closed_ticket (key TEXT PRIMARY KEY, resolution TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS request (key TEXT PRIMARY KEY, tool TEXT NOT NULL, digest TEXT NOT NULL, accepted INTEGER NOT NULL,
    detail TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS estate (seeded INTEGER NOT NULL);
"""  # noqa: E501


def seed(db: sqlite3.Connection, organization: Organization | None) -> None:
    """Make the tables with the hosts and accounts of the organization, all in one transaction."""
    db.executescript(f"BEGIN IMMEDIATE;{SCHEMA}")
    if organization is not None and db.execute("SELECT 1 FROM estate").fetchone() is None:
        db.executemany(
            "INSERT OR IGNORE INTO host(name, address, kind) VALUES (?, ?, ?)",
            [(a.hostname, a.ip, a.kind) for a in organization.assets],
        )
        db.executemany(
            "INSERT OR IGNORE INTO account(username, email, name) VALUES (?, ?, ?)",
            [(p.username, p.email, p.name) for p in organization.people],
        )
        db.execute("INSERT INTO estate(seeded) VALUES (1)")
    db.execute("COMMIT")
