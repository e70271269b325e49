"""Sessions: how they begin, what carries them, and every way in which they end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from http.cookies import SimpleCookie

import argon2
import httpx2
import pytest

from core.identity import User, secret_digest
from gateway.console.visit import csrf_token
from tests.console.site import AUDIT, Site, password_of
from workers.wiring import open_services
from workflows import accounts, people, sweep


def user(site: Site, name: str) -> User:
    with site.store.read() as tx:
        found = tx.users.named(name)
    assert found is not None
    return found


def sign_in(client: httpx2.Client, name: str) -> httpx2.Response:
    return client.post("/sign-in", data={"name": name, "password": password_of(name)})


def cookie(answer: httpx2.Response) -> SimpleCookie:
    return SimpleCookie(answer.headers["set-cookie"])


def test_a_secret_that_somebody_planted_is_never_a_session(site: Site) -> None:
    planted = "planted-by-somebody-else-planted-by-somebod"
    with site.client(None) as client:
        client.cookies.set("casemate", planted)
        given = cookie(sign_in(client, "ana"))["casemate"].value
    assert given != planted
    assert len(given) == 43
    with site.client(None) as thief:
        thief.cookies.set("casemate", planted)
        assert thief.get("/queue").status_code == 303
    with site.store.read() as tx:
        assert {session.digest for session in tx.sessions.of(user(site, "ana").id)} == {secret_digest(given)}


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(site: Site) -> None:
    with site.client(None) as client:
        plain = cookie(sign_in(client, "ana"))["casemate"]
        site.settings.public_url = "https://casemate.bank.example"
        safe = cookie(sign_in(client, "ana"))["__Host-casemate"]
    for made in (plain, safe):
        assert (made["httponly"], made["samesite"].lower(), made["path"], made["domain"]) == (True, "lax", "/", "")
        assert int(made["max-age"]) == site.settings.session_hours * 3600
    assert not plain["secure"]
    assert safe["secure"]


def test_the_token_of_another_session_is_of_no_use(site: Site) -> None:
    with site.client("ana") as ana:
        for token in (csrf_token(site.session_of("abe")), csrf_token(site.session_of("ana")), ""):
            sent = ana.post("/account/sessions/end-others", data={"csrf": token}, headers={"X-CSRF-Token": token})
            assert sent.status_code == 403
        del ana.headers["X-CSRF-Token"]
        assert ana.post("/account/sessions/end-others", data={}).status_code == 403
        own = csrf_token(ana.cookies["casemate"])
        assert ana.post("/account/sessions/end-others", data={"csrf": own}).status_code == 303
        elsewhere = {"Sec-Fetch-Site": "cross-site"}
        assert ana.post("/account/sessions/end-others", data={"csrf": own}, headers=elsewhere).status_code == 403


def test_a_session_ends_when_nobody_uses_it_and_at_the_latest_after_its_hours(site: Site) -> None:
    idle, hours = site.settings.session_idle_minutes, site.settings.session_hours
    with site.client(None) as busy, site.client(None) as lazy:
        sign_in(busy, "ana"), sign_in(lazy, "abe")
        site.clock.advance(seconds=(idle - 1) * 60)
        assert busy.get("/account").status_code == lazy.get("/account").status_code == 200
        site.clock.advance(seconds=idle * 60)
        assert lazy.get("/account").status_code == 303
        sign_in(busy, "ana")
        for _ in range(int(hours * 60 / (idle / 2)) - 1):
            site.clock.advance(seconds=idle / 2 * 60)
            assert busy.get("/account").status_code == 200
        site.clock.advance(seconds=idle / 2 * 60)
        assert busy.get("/account").status_code == 303


def test_other_roles_and_a_closed_account_count_at_once(site: Site) -> None:
    with site.client("aud") as aud:
        assert aud.get("/queue").status_code == 200
        people.set_roles(site.store, "aud", ["submitter"], actor="user:ada")
        assert aud.get("/queue").status_code == 403
        people.disable(site.store, "aud", actor="user:ada")
        assert aud.get("/queue").status_code == 303
        people.enable(site.store, "aud", actor="user:ada")
        assert aud.get("/queue").status_code == 303


def test_the_news_of_an_open_page_end_with_its_session(site: Site) -> None:
    with site.client("ana") as ana, ana.stream("GET", "/live") as news:
        lines = news.iter_lines()
        assert next(line for line in lines if line.startswith("event:")) == "event: changed"
        assert people.sign_out(site.store, "ana", actor="user:ada") == 1
        assert not [line for line in lines if line.startswith("event:")]
        with site.client(None) as stranger:
            stranger.cookies.set("casemate", ana.cookies["casemate"])
            assert stranger.get("/live").status_code == 401


def test_of_many_who_use_one_link_at_once_one_gets_in(site: Site) -> None:
    secret = accounts.link_for(site.store, user(site, "ana"), actor="test")

    def use(_: int) -> int:
        with site.client(None) as client:
            return client.post(f"/sign-in/link/{secret}").status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(use, range(8))) == [303] + [410] * 7
    with site.store.read() as tx:
        assert len(tx.sessions.of(user(site, "ana").id)) == 1


def test_a_link_is_good_for_its_time_and_not_for_a_closed_account(site: Site) -> None:
    late = accounts.link_for(site.store, user(site, "ana"), actor="test", seconds=60)
    closed = accounts.link_for(site.store, user(site, "sue"), actor="test")
    people.disable(site.store, "sue", actor="user:ada")
    site.clock.advance(seconds=60)
    with site.client(None) as client:
        for secret in (late, closed, "never-made"):
            assert client.get(f"/sign-in/link/{secret}").status_code == 410
            assert client.post(f"/sign-in/link/{secret}").status_code == 410


def test_guessing_takes_the_same_work_whoever_it_is_about(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    people.add(site.store, "linked", ["analyst"], actor="test", reserved=())
    people.disable(site.store, "sue", actor="user:ada")
    looked: list[argon2.Parameters] = []
    verify = argon2.PasswordHasher.verify

    def counted(self: argon2.PasswordHasher, kept: str | bytes, password: str | bytes) -> bool:
        looked.append(argon2.extract_parameters(str(kept)))
        return bool(verify(self, kept, password))

    monkeypatch.setattr(argon2.PasswordHasher, "verify", counted)
    said = set()
    with site.client(None) as client:
        for name in ("ana", "nobody", "linked", "sue", "", "x" * 64):
            answer = client.post("/sign-in", data={"name": name, "password": "a guess that is long enough"})
            said.add((answer.status_code, answer.text.replace(name, "") if name else answer.text))
            assert len(looked) == 1
            assert looked.pop().type is argon2.Type.ID
    assert {code for code, _ in said} == {401}


def test_a_sweep_forgets_sessions_and_links_a_month_after_their_end(site: Site) -> None:
    secret = secret_digest(site.session_of("ana"))
    link = accounts.link_for(site.store, user(site, "ana"), actor="test")
    services = open_services(site.settings, ring=site.rung.append, store=site.store)
    try:
        for days, there in ((29, True), (2, False)):
            site.clock.advance(seconds=days * 86_400)
            sweep.run(services)
            with site.store.begin() as tx:
                # What is there can be ended; what is forgotten cannot.
                assert tx.sessions.revoke(secret, AUDIT) is there
            with pytest.raises(accounts.SignInRefused):
                accounts.by_link(site.store, secret=link)
    finally:
        services.close()
