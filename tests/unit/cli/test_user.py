"""`casemate user` and `casemate key`: accounts, links, roles and keys from a terminal."""

from __future__ import annotations

import hashlib
import json
from urllib.parse import urlsplit

import pytest

from core.identity import secret_digest
from core.store.engine import Store
from tests.unit.cli.conftest import Casemate
from workflows import accounts

PASSWORD = "a sentence of ana's own"


def actions(store: Store) -> list[str]:
    with store.read() as tx:
        return [event["action"] for event in tx.audit.all()]


def test_a_new_account_comes_with_a_link_that_signs_in_once(casemate: Casemate, opened: Store) -> None:
    made = casemate("user", "add", "ana", "--role", "analyst", "--role", "soc-lead", "--json").document
    assert (made["name"], made["roles"], made["password"]) == ("ana", ["analyst", "soc-lead"], False)
    url = urlsplit(made["sign_in_link"])
    assert (url.scheme, url.netloc) == ("http", "127.0.0.1:8620")
    secret = url.path.removeprefix("/sign-in/link/")
    assert accounts.by_link(opened, secret=secret).name == "ana"
    with pytest.raises(accounts.SignInRefused):
        accounts.by_link(opened, secret=secret)
    with opened.read() as tx:
        assert secret not in json.dumps(list(tx.audit.all()))


def test_the_public_url_is_where_links_lead(casemate: Casemate, opened: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEMATE_PUBLIC_URL", "https://casemate.bank.example/")
    shown = casemate("user", "add", "ana", "--role", "analyst").out
    assert "https://casemate.bank.example/sign-in/link/" in shown


def test_a_password_comes_over_standard_input_and_is_kept_as_argon2id(casemate: Casemate, opened: Store) -> None:
    made = casemate("user", "add", "ana", "--role", "analyst", "--password-stdin", "--json", stdin=PASSWORD.encode())
    assert made.document["sign_in_link"] is None
    user = accounts.by_password(opened, name="ana", password=PASSWORD)
    assert user.password_hash is not None
    assert user.password_hash.startswith("$argon2id$")
    again = casemate("user", "password", "ana", "--password-stdin", stdin=b"another sentence of ana's\n")
    assert again.code == 0
    with pytest.raises(accounts.SignInRefused):
        accounts.by_password(opened, name="ana", password=PASSWORD)
    assert casemate("user", "password", "ana").code == 2


@pytest.mark.parametrize(
    ("given", "why"),
    [(b"too short\n", "at least 15"), (b"x" * 257, "at most 256"), (b"", "empty"), (b"\xff\xfe", "UTF-8")],
)
def test_a_password_that_cannot_be_used_makes_no_account(
    casemate: Casemate, opened: Store, given: bytes, why: str
) -> None:
    ran = casemate("user", "add", "ana", "--role", "analyst", "--password-stdin", stdin=given)
    assert ran.code == 1
    assert why in ran.err
    assert casemate("user", "list", "--json").document == {"users": []}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("add", "Ana", "--role", "analyst"), "is no name"),
        (("add", "9ana", "--role", "analyst"), "is no name"),
        (("add", "ana\u202e", "--role", "analyst"), "is no name"),
        (("add", "ana", "--role", "Soc Lead"), "is no role"),
        (("add", "ana", "--role", " "), "Give 1 to"),
        (("roles", "nobody", "--role", "analyst"), "no account nobody"),
        (("link", "nobody"), "no account nobody"),
        (("disable", "nobody"), "no account nobody"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    casemate: Casemate, opened: Store, arguments: tuple[str, ...], why: str
) -> None:
    ran = casemate("user", *arguments)
    assert ran.code == 1
    assert why in ran.err
    assert ran.err.count("\n") == 1


def test_a_person_and_a_key_never_share_a_name(
    casemate: Casemate, opened: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hashlib.sha256(b"x").hexdigest()
    monkeypatch.setenv("CASEMATE_API_KEYS", json.dumps({"siem": {"key_sha256": digest, "roles": ["submitter"]}}))
    assert casemate("user", "add", "ana", "--role", "analyst").code == 0
    assert casemate("key", "add", "bot", "--role", "submitter").code == 0
    for arguments in (("key", "add", "ana"), ("user", "add", "bot"), ("user", "add", "siem"), ("key", "add", "siem")):
        ran = casemate(*arguments, "--role", "analyst")
        assert ran.code == 1
        assert "given out once" in ran.err
    assert casemate("key", "revoke", "bot").code == 0
    assert "given out once" in casemate("user", "add", "bot", "--role", "analyst").err


def test_the_last_admin_stays_one(casemate: Casemate, opened: Store) -> None:
    for name in ("ada", "adam"):
        assert casemate("user", "add", name, "--role", "admin").code == 0
    assert casemate("user", "disable", "ada").code == 0
    for arguments in (("disable", "adam"), ("roles", "adam", "--role", "analyst")):
        ran = casemate("user", *arguments)
        assert ran.code == 1
        assert "last enabled admin" in ran.err
    assert casemate("user", "link", "ada").code == 1
    assert casemate("user", "enable", "ada").code == 0
    assert casemate("user", "roles", "adam", "--role", "analyst", "--json").document["roles"] == ["analyst"]


def test_closing_an_account_spends_its_links(casemate: Casemate, opened: Store) -> None:
    url = casemate("user", "add", "ana", "--role", "analyst", "--json").document["sign_in_link"]
    casemate("user", "disable", "ana")
    casemate("user", "enable", "ana")
    with pytest.raises(accounts.SignInRefused):
        accounts.by_link(opened, secret=url.rsplit("/", 1)[1])
    assert casemate("user", "sign-out", "ana", "--json").document == {"name": "ana", "sessions_ended": 0}
    assert actions(opened) == ["user.added", "user.link_made", "user.disabled", "user.enabled"]


def test_a_key_is_printed_once_kept_as_a_digest_and_ends(casemate: Casemate, opened: Store) -> None:
    made = casemate("key", "add", "siem", "--role", "submitter", "--days", "30", "--json").document
    secret = made["secret"]
    assert secret.startswith("csm_")
    assert len(secret) == len("csm_") + 43
    assert secret not in casemate("key", "list", "--json").out
    with opened.read() as tx:
        key = tx.api_keys.find(secret_digest(secret))
        assert key is not None
        assert key.expires_at is not None
        assert (key.expires_at - key.created_at).days in {29, 30}
        assert secret not in json.dumps(list(tx.audit.all()))
    assert casemate("key", "revoke", "siem", "--json").document["state"] == "revoked"
    assert casemate("key", "revoke", "siem").code == 0
    assert casemate("key", "revoke", "nobody").code == 1
    assert casemate("key", "add", "late", "--role", "submitter", "--days", "-1").code == 1
    assert casemate("key", "add", "ever", "--role", "submitter", "--days", "0", "--json").document["expires_at"] is None
    assert actions(opened) == ["key.added", "key.revoked", "key.added"]
