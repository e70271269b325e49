"""What somebody may try who guesses: on many names, from many addresses, behind proxies, all at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx2
import pytest

from core import passwords
from core.clock import FixedClock
from core.identity import User
from core.store.engine import Store
from core.store.schema import Base
from core.store.transaction import Transaction
from tests.console.site import Site, another, password_of
from workers.wiring import open_services
from workflows import accounts, people, sweep

#: Wrong passwords that one address has in these tests.
TRIES = 3


@pytest.fixture
def strict(site: Site) -> Site:
    """A console behind the proxy 127.0.0.1, with few tries."""
    site.settings.sign_in_tries = TRIES
    site.settings.trusted_proxies = "127.0.0.1, 10.42.0.0/16"
    return site


@contextmanager
def at(site: Site, *said: str) -> Iterator[httpx2.Client]:
    """Somebody whose request comes over the proxy with these lines of X-Forwarded-For."""
    with site.client(None) as client:
        client.headers = httpx2.Headers([*client.headers.multi_items(), *(("X-Forwarded-For", one) for one in said)])
        yield client


def guess(client: httpx2.Client, name: str, password: str = "one guess for everybody") -> httpx2.Response:
    return client.post("/sign-in", data={"name": name, "password": password})


def rows(site: Site) -> int:
    with site.store.read() as tx:
        return len(tx._session.execute(Base.metadata.tables["sign_in_tries"].select()).all())


def test_one_address_tries_few_names_and_everybody_else_gets_in(strict: Site) -> None:
    with at(strict, "192.0.2.1") as guesser, at(strict, "192.0.2.2") as person, another(strict) as other:
        said = [guess(guesser, name) for name in ("ana", "nobody", "sue")]
        assert {answer.status_code for answer in said} == {401}
        waits = [guess(guesser, name, password_of(name)) for name in ("abe", "nobody")]
        assert {answer.status_code for answer in waits} == {429}
        assert waits[0].text.replace('value="abe"', 'value="nobody"') == waits[1].text
        assert "try again in 10 minutes" in waits[0].text
        assert waits[0].headers["Retry-After"] == str(int(strict.settings.sign_in_minutes * 60))
        assert guess(person, "abe", password_of("abe")).status_code == 303
        with at(other, "192.0.2.1") as guesser_there:  # a new process, a new port, the same count
            assert guess(guesser_there, "abe", password_of("abe")).status_code == 429
        strict.clock.advance(seconds=strict.settings.sign_in_minutes * 60)
        assert guess(guesser, "abe", password_of("abe")).status_code == 303
    with strict.store.read() as tx:
        limited = [event for event in tx.audit.all() if event["action"] == "sign_in.limited"]
    assert [event["data"] for event in limited] == [{"tries": TRIES}]


def test_one_name_from_many_addresses_waits(strict: Site) -> None:
    for number in range(accounts.FREE_FAILURES):
        with at(strict, f"192.0.2.{number}") as client:
            assert guess(client, "ana").status_code == 401
    with at(strict, "198.51.100.7") as ana:
        assert guess(ana, "ana", password_of("ana")).status_code == 401
        strict.clock.advance(seconds=accounts.FIRST_WAIT)
        assert guess(ana, "ana", password_of("ana")).status_code == 303


def test_the_right_password_uses_nothing_up(strict: Site) -> None:
    with at(strict, "192.0.2.1") as office:
        for _ in range(TRIES + 1):
            assert guess(office, "ana", password_of("ana")).status_code == 303
        assert [guess(office, "ana").status_code for _ in range(TRIES + 1)] == [401] * TRIES + [429]


def test_who_is_no_proxy_of_ours_cannot_say_who_somebody_is(strict: Site) -> None:
    strict.settings.trusted_proxies = ""
    for number in range(TRIES):
        with at(strict, f"192.0.2.{number}") as client:
            assert guess(client, "nobody").status_code == 401
    with at(strict, "203.0.113.5") as client:
        assert guess(client, "nobody").status_code == 429


@pytest.mark.parametrize(
    "said",
    [
        ["{}, 192.0.2.1"],
        ["{}", "192.0.2.1"],
        ["{}, 192.0.2.1, 10.42.3.4"],
        ["192.0.2.1:{}"],
        ["{}, ::ffff:192.0.2.1"],
        ["2001:db8:1:2::{}"],
        ["[2001:db8:1:2::{}]:443"],
        ["{}, 10.42.0.9, nonsense"],
    ],
)
def test_what_the_sender_writes_before_a_proxys_entry_changes_nothing(strict: Site, said: list[str]) -> None:
    for number in range(TRIES):
        with at(strict, *(one.format(number + 1) for one in said)) as client:
            assert guess(client, "nobody").status_code == 401
    with at(strict, *(one.format(77) for one in said)) as client:
        assert guess(client, "nobody").status_code == 429


def test_an_address_is_kept_as_a_keyed_hash_and_forgotten_after_its_window(strict: Site) -> None:
    with at(strict, "192.0.2.41") as client:
        assert [guess(client, "nobody").status_code for _ in range(TRIES + 1)][-1] == 429
    with strict.store.read() as tx:
        trail = json.dumps(list(tx.audit.all()))
    folder: Path = strict.settings.folder
    assert b"192.0.2.41" not in b"".join(file.read_bytes() for file in folder.glob("casemate.db*"))
    assert "192.0.2.41" not in trail
    services = open_services(strict.settings, ring=strict.rung.append, store=strict.store)
    try:
        sweep.run(services)
        assert rows(strict) == 1
        strict.clock.advance(seconds=strict.settings.sign_in_minutes * 60)
        sweep.run(services)
        assert rows(strict) == 0
    finally:
        services.close()


def test_a_crowd_is_told_to_come_back_and_costs_nobody_a_try(strict: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    full = passwords.Turns(at_once=1, waiting=0)
    monkeypatch.setattr(passwords, "TURNS", full)
    with at(strict, "192.0.2.1") as client, strict.client("ana") as ana:
        with full.turn():
            for _ in range(TRIES + 1):
                crowded = guess(client, "ana", password_of("ana"))
                assert (crowded.status_code, "few seconds" in crowded.text) == (503, True)
                assert int(crowded.headers["Retry-After"]) > 0
            confirming = ana.post("/account/confirm", data={"password": password_of("ana")})
            assert (confirming.status_code, int(confirming.headers["Retry-After"]) > 0) == (503, True)
            assert ana.get("/queue").status_code == 200
        assert guess(client, "ana", password_of("ana")).status_code == 303


def test_a_name_costs_as_many_writes_as_no_name(strict: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Store] = []
    begin = Store.begin

    def counted(self: Store) -> AbstractContextManager[Transaction]:
        begun.append(self)
        return begin(self)

    monkeypatch.setattr(Store, "begin", counted)
    counts = set()
    for number, name in enumerate(("ana", "nobody", "")):
        begun.clear()
        with at(strict, f"192.0.2.{number}") as client:
            assert guess(client, name).status_code == 401
        counts.add(len(begun))
    assert len(counts) == 1


def test_guesses_that_come_together_count_one_after_the_other(store: Store, clock: FixedClock) -> None:
    """All have seen the account before any of them was wrong; the right one among them is too late all the same."""
    people.add(store, "ana", ["analyst"], actor="test", reserved=(), password=password_of("ana"))
    with store.read() as tx:
        seen = tx.users.named("ana")
    assert seen is not None
    accepted = []
    for right in [False] * accounts.FREE_FAILURES + [True]:
        with store.begin() as tx:
            accepted.append(accounts.accepted_now(tx, seen, right=right, now=clock.now()))
    assert accepted == [False] * (accounts.FREE_FAILURES + 1)


def test_a_sign_in_that_goes_on_while_its_account_changes_ends_with_it(store: Store) -> None:
    def proved() -> User:
        return accounts.by_password(store, name="ana", password=password_of("ana"))

    people.add(store, "ada", ["admin"], actor="test", reserved=())
    people.add(store, "ana", ["analyst"], actor="test", reserved=(), password=password_of("ana"))
    late = proved()
    people.disable(store, "ana", actor="user:ada")
    with pytest.raises(accounts.SignInRefused):
        accounts.start_session(store, late, how="password", seconds=60)
    people.enable(store, "ana", actor="user:ada")
    late = proved()
    people.set_password(store, "ana", "another sentence of ana's", actor="user:ana")
    with pytest.raises(accounts.SignInRefused):
        accounts.start_session(store, late, how="password", seconds=60)
