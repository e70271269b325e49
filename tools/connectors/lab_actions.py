"""What each action does to the lab estate, how it is taken back, and how it is seen to be there."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from core.canonical import JsonObject
from tools.investigate.refang import refang

#: Changes or looks at the estate: (done or there?, what to tell).
Change = Callable[[sqlite3.Connection, JsonObject, str], tuple[bool, JsonObject]]


def message_key(message_id: str) -> str:
    """A Message-ID without its angle brackets, which some systems write and others do not."""
    return message_id.strip().strip("<>")


def _host(db: sqlite3.Connection, args: JsonObject) -> Any:
    wanted = str(args["host"]).strip()
    short = wanted.partition(".")[0] if not wanted.replace(".", "").isdigit() else wanted
    return db.execute("SELECT * FROM host WHERE name IN (?, ?) OR address = ?", (wanted, short, wanted)).fetchone()


def _account(db: sqlite3.Connection, name: str) -> Any:
    short = name.strip().rpartition("\\")[2]
    found = db.execute(
        "SELECT * FROM account WHERE username = ? OR email = ? COLLATE NOCASE", (short, short)
    ).fetchone()
    return found or db.execute("SELECT * FROM account WHERE name = ? COLLATE NOCASE", (short,)).fetchone()


def _estate_is_open(db: sqlite3.Connection) -> bool:
    """Without an organization to start from, what is named is taken to exist."""
    return db.execute("SELECT 1 FROM estate").fetchone() is None


def _indicator(args: JsonObject) -> str:
    return refang(str(args["indicator"])).strip().lower()


def _isolate(db: sqlite3.Connection, args: JsonObject, key: str) -> tuple[bool, JsonObject]:
    del key
    if _host(db, args) is None and _estate_is_open(db):
        db.execute("INSERT INTO host(name, address, kind) VALUES (?, '', '')", (args["host"],))
    host = _host(db, args)
    if host is None:
        return False, {"reason": "no such host"}
    db.execute("UPDATE host SET isolated = 1 WHERE name = ?", (host["name"],))
    return True, {"isolated": True}


def _release(db: sqlite3.Connection, args: JsonObject, key: str) -> tuple[bool, JsonObject]:
    del key
    host = _host(db, args)
    if host is None:
        return False, {"reason": "no such host"}
    db.execute("UPDATE host SET isolated = 0 WHERE name = ?", (host["name"],))
    return True, {"isolated": False}


def _is_isolated(db: sqlite3.Connection, args: JsonObject, key: str) -> tuple[bool, JsonObject]:
    del key
    host = _host(db, args)
    return bool(host and host["isolated"]), {"known": host is not None, "isolated": bool(host and host["isolated"])}


def _set_account(enabled: int) -> Change:
    def change(db: sqlite3.Connection, args: JsonObject, key: str) -> tuple[bool, JsonObject]:
        del key
        account = _found_account(db, args["account"])
        if account is None:
            return False, {"reason": "no such account"}
        # A disabled account keeps no session; enabling it gives none back.
        db.execute(
            "UPDATE account SET enabled = ?, sessions = sessions * ? WHERE username = ?",
            (enabled, enabled, account["username"]),
        )
        return True, {"enabled": bool(enabled)}

    return change


def _is_disabled(db: sqlite3.Connection, args: JsonObject, key: str) -> tuple[bool, JsonObject]:
    del key
    account = _account(db, args["account"])
    return bool(account and not account["enabled"]), {"known": account is not None,
                                                      "enabled": bool(account and account["enabled"])}  # fmt: skip


def _found_account(db: sqlite3.Connection, name: str) -> Any:
    if _account(db, name) is None and _estate_is_open(db):
        db.execute("INSERT INTO account(username, email, name) VALUES (?, '', '')", (name,))
    return _account(db, name)


def _revoke(db: sqlite3.Connection, args: JsonObject, key: str) -> tuple[bool, JsonObject]:
    del key
    account = _found_account(db, args["account"])
    if account is None:
        return False, {"reason": "no such account"}
    db.execute(
        "UPDATE account SET sessions = 0, session_epoch = session_epoch + 1 WHERE username = ?", (account["username"],)
    )
    return True, {"ended": account["sessions"]}


def _has_no_session(db: sqlite3.Connection, args: JsonObject, key: str) -> tuple[bool, JsonObject]:
    del key
    account = _account(db, args["account"])
    gone = bool(account and account["sessions"] == 0 and account["session_epoch"] > 0)
    return gone, {"known": account is not None, "sessions": account["sessions"] if account else 0}


def _quarantine(db: sqlite3.Connection, args: JsonObject, key: str) -> tuple[bool, JsonObject]:
    del key
    message = message_key(args["message_id"])
    db.execute("INSERT OR IGNORE INTO mail_block(message_id) VALUES (?)", (message,))
    moved = db.execute("UPDATE message SET folder = 'quarantine' WHERE message_id = ?", (message,)).rowcount
    return True, {"mailboxes": moved, "held": True}


def _give_back(db: sqlite3.Connection, args: JsonObject, key: str) -> tuple[bool, JsonObject]:
    del key
    message = message_key(args["message_id"])
    db.execute("DELETE FROM mail_block WHERE message_id = ?", (message,))
    moved = db.execute("UPDATE message SET folder = 'inbox' WHERE message_id = ?", (message,)).rowcount
    return True, {"mailboxes": moved, "held": False}


def _is_quarantined(db: sqlite3.Connection, args: JsonObject, key: str) -> tuple[bool, JsonObject]:
    del key
    message = message_key(args["message_id"])
    held = db.execute("SELECT 1 FROM mail_block WHERE message_id = ?", (message,)).fetchone() is not None
    rows = db.execute("SELECT folder FROM message WHERE message_id = ?", (message,)).fetchall()
    outside = sum(row["folder"] != "quarantine" for row in rows)
    return held and not outside, {"held": held, "mailboxes": len(rows), "outside_quarantine": outside}


def _block(db: sqlite3.Connection, args: JsonObject, key: str) -> tuple[bool, JsonObject]:
    del key
    db.execute("INSERT OR IGNORE INTO firewall_block(indicator) VALUES (?)", (_indicator(args),))
    return True, {"blocked": True}


def _unblock(db: sqlite3.Connection, args: JsonObject, key: str) -> tuple[bool, JsonObject]:
    del key
    db.execute("DELETE FROM firewall_block WHERE indicator = ?", (_indicator(args),))
    return True, {"blocked": False}


def _is_blocked(db: sqlite3.Connection, args: JsonObject, key: str) -> tuple[bool, JsonObject]:
    del key
    row = db.execute("SELECT 1 FROM firewall_block WHERE indicator = ?", (_indicator(args),)).fetchone()
    return row is not None, {"blocked": row is not None}


def _rotate(db: sqlite3.Connection, args: JsonObject, key: str) -> tuple[bool, JsonObject]:
    row = (str(args["secret"]), str(args["owner"]))
    version = 1 + _version(db, *row)
    db.execute("INSERT INTO secret(name, owner, version, key) VALUES (?, ?, ?, ?)", (*row, version, key))
    return True, {"version": version}


def _version(db: sqlite3.Connection, name: str, owner: str) -> int:
    """Every secret starts with version 1, which the lab never had to store."""
    row = db.execute("SELECT max(version) AS v FROM secret WHERE name = ? AND owner = ?", (name, owner)).fetchone()
    return row["v"] or 1


def _is_rotated(db: sqlite3.Connection, args: JsonObject, key: str) -> tuple[bool, JsonObject]:
    """Without a key any rotation counts; with one, only the rotation it asked for."""
    row = (str(args["secret"]), str(args["owner"]))
    found = db.execute(
        "SELECT 1 FROM secret WHERE name = ? AND owner = ? AND (? = '' OR key = ?)", (*row, key, key)
    ).fetchone()
    return found is not None, {"version": _version(db, *row)}


def _close(db: sqlite3.Connection, args: JsonObject, key: str) -> tuple[bool, JsonObject]:
    db.execute("INSERT OR IGNORE INTO closed_ticket(key, resolution) VALUES (?, ?)", (key, args["resolution"]))
    return True, {"closed": True}


def _reopen(db: sqlite3.Connection, args: JsonObject, key: str) -> tuple[bool, JsonObject]:
    del args
    db.execute("DELETE FROM closed_ticket WHERE key = ?", (key.removesuffix("-undo"),))
    return True, {"closed": False}


def _is_closed(db: sqlite3.Connection, args: JsonObject, key: str) -> tuple[bool, JsonObject]:
    """Without a key any ticket closed this way counts; with one, only the ticket it stands for."""
    found = db.execute(
        "SELECT 1 FROM closed_ticket WHERE resolution = ? AND (? = '' OR key = ?)", (args["resolution"], key, key)
    ).fetchone()
    return found is not None, {"closed": found is not None}


def _cannot(db: sqlite3.Connection, args: JsonObject, key: str) -> tuple[bool, JsonObject]:
    del db, args, key
    return False, {"reason": "this cannot be taken back"}


EXECUTE: dict[str, Change] = {
    "quarantine_email": _quarantine,
    "block_indicator": _block,
    "isolate_host": _isolate,
    "disable_account": _set_account(0),
    "revoke_sessions": _revoke,
    "rotate_secret": _rotate,
    "close_ticket": _close,
}
UNDO: dict[str, Change] = {
    "quarantine_email": _give_back,
    "block_indicator": _unblock,
    "isolate_host": _release,
    "disable_account": _set_account(1),
    "revoke_sessions": _cannot,
    "rotate_secret": _cannot,
    "close_ticket": _reopen,
}
PROBE: dict[str, Change] = {
    "quarantine_email": _is_quarantined,
    "block_indicator": _is_blocked,
    "isolate_host": _is_isolated,
    "disable_account": _is_disabled,
    "revoke_sessions": _has_no_session,
    "rotate_secret": _is_rotated,
    "close_ticket": _is_closed,
}
