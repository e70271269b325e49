"""Accounts and keys as admins see them, one's own account, and the page that asks for the password again."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2
import pytest

from core.identity import User
from gateway.console.fresh import FRESH_SECONDS
from tests.console.site import Site, password_of
from workflows import accounts, people

if TYPE_CHECKING:
    from playwright.sync_api import Page


def user(site: Site, name: str) -> User:
    with site.store.read() as tx:
        found = tx.users.named(name)
    assert found is not None
    return found


def events(site: Site, prefix: str) -> list[tuple[str, str]]:
    with site.store.read() as tx:
        return [(e["action"], e["actor"]) for e in tx.audit.all() if e["action"].startswith(prefix)]


def shown_once(answer: httpx2.Response) -> str:
    found = re.search(r'id="once">([^<]+)<', answer.text)
    assert found is not None
    return found[1]


@pytest.mark.browser
def test_an_admin_adds_a_person_who_signs_in_by_the_link_and_sets_a_password(site: Site, tab: Page) -> None:
    site.sign_in(tab.context, "ada")
    tab.goto(f"{site.url}/admin/users")
    tab.get_by_label("Name", exact=True).fill("nora")
    adding = tab.locator("form", has=tab.get_by_role("heading", name="Add a person"))
    adding.get_by_role("checkbox", name="analyst").check()
    adding.get_by_role("checkbox", name="soc-lead").check()
    adding.get_by_label("Further roles").fill("night-shift")
    adding.get_by_role("button").click()
    link = urlsplit(tab.locator("#once").inner_text())
    assert user(site, "nora").roles == {"analyst", "soc-lead", "night-shift"}
    tab.context.clear_cookies()
    tab.goto(site.url + link.path)
    tab.get_by_role("button", name="Sign in").click()
    tab.wait_for_url("**/queue")
    tab.goto(f"{site.url}/account")
    for label in ("New password", "New password again"):
        tab.get_by_label(label, exact=True).fill("a sentence of nora's own")
    tab.get_by_role("button", name="Set the password").click()
    tab.get_by_text("Your password is changed").wait_for()
    site.clock.advance(seconds=FRESH_SECONDS + 1)
    tab.goto(f"{site.url}/account/confirm?after=/account%23password")
    tab.get_by_label("Password").fill("a sentence of nora's own")
    tab.get_by_role("button", name="Confirm").click()
    tab.wait_for_url("**/account#password")
    assert accounts.by_password(site.store, name="nora", password="a sentence of nora's own").name == "nora"


def test_the_password_is_asked_again_and_then_the_session_is_fresh(site: Site) -> None:
    with site.client("ana") as ana:
        began = site.clock.now()
        site.clock.advance(seconds=600)
        page = ana.get("/account/confirm?after=/cards/prp_1")
        assert 'value="/cards/prp_1"' in page.text
        wrong = ana.post("/account/confirm", data={"password": "not it", "after": "/cards/prp_1"})
        assert (wrong.status_code, "not your password" in wrong.text) == (401, True)
        with site.store.read() as tx:
            assert [s.authenticated_at for s in tx.sessions.of(user(site, "ana").id)] == [began]
        right = ana.post("/account/confirm", data={"password": password_of("ana"), "after": "/cards/prp_1"})
        assert (right.status_code, right.headers["location"]) == (303, "/cards/prp_1")
        with site.store.read() as tx:
            assert [s.authenticated_at for s in tx.sessions.of(user(site, "ana").id)] == [site.clock.now()]
    assert events(site, "session.confirmed") == [("session.confirmed", "user:ana")]


def test_guesses_on_that_page_wait_and_strangers_who_guess_keep_nobody_from_it(site: Site) -> None:
    right = {"password": password_of("ana")}
    with site.client("ana") as ana, site.client("ana") as elsewhere, site.client(None) as stranger:
        for _ in range(accounts.FREE_FAILURES):
            assert stranger.post("/sign-in", data={"name": "ana", "password": "guess"}).status_code == 401
        assert stranger.post("/sign-in", data={"name": "ana", **right}).status_code == 401
        assert ana.post("/account/confirm", data=right).status_code == 303
        for _ in range(accounts.FREE_FAILURES):
            assert ana.post("/account/confirm", data={"password": "guess"}).status_code == 401
        for path, data in (("confirm", right), ("password", {"current": password_of("ana")})):
            waits = ana.post(f"/account/{path}", data=data)
            assert (waits.status_code, waits.headers["Retry-After"]) == (429, str(int(accounts.LONGEST_WAIT)))
        assert elsewhere.post("/account/confirm", data=right).status_code == 303
        site.clock.advance(seconds=accounts.LONGEST_WAIT)
        assert ana.post("/account/confirm", data=right).status_code == 303


@pytest.mark.parametrize("after", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_confirming_leads_nowhere_else(site: Site, after: str) -> None:
    with site.client("ana") as ana:
        page = ana.get("/account/confirm", params={"after": after})
        assert "evil" not in page.text
        assert "alert(1)" not in page.text
        sent = ana.post("/account/confirm", data={"password": password_of("ana"), "after": after})
        assert sent.headers["location"] == "/"


def test_who_has_no_password_is_told_how_to_go_on(site: Site) -> None:
    people.add(site.store, "ivy", ["analyst"], actor="user:ada", reserved=())
    with site.client("ivy") as ivy:
        assert "casemate user link ivy" in ivy.get("/account/confirm").text
        assert ivy.post("/account/confirm", data={"password": ""}).status_code == 401
        new = {"new": "a sentence of ivy's own", "again": "a sentence of ivy's own"}
        site.clock.advance(seconds=FRESH_SECONDS + 1)
        assert ivy.post("/account/password", data=new).status_code == 409
        assert user(site, "ivy").password_hash is None


def test_a_person_sees_and_ends_their_own_sessions_only(site: Site) -> None:
    with site.client("ana") as here, site.client("ana") as there, site.client("abe") as abe:
        page = here.get("/account").text
        ends = re.findall(r"/account/sessions/([0-9a-f]{16})/end", page)
        assert len(ends) == 1
        assert "this browser" in page
        assert abe.post(f"/account/sessions/{ends[0]}/end").status_code == 404
        assert there.get("/account").status_code == 200
        assert here.post(f"/account/sessions/{ends[0]}/end").status_code == 303
        assert there.get("/account").status_code == 303
        site.session_of("ana")
        link = accounts.link_for(site.store, user(site, "ana"), actor="test")
        assert here.post("/account/sessions/end-others").status_code == 303
        assert here.get("/account").status_code == abe.get("/account").status_code == 200
        assert not re.findall(r"/account/sessions/[0-9a-f]{16}/end", here.get("/account").text)
        with pytest.raises(accounts.SignInRefused):
            accounts.by_link(site.store, secret=link)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"current": "not it"}, "not your password"),
        ({"new": "x" * 14, "again": "x" * 14}, "at least 15"),
        ({"again": "another sentence of mine"}, "differ"),
        ({"new": "x" * 257, "again": "x" * 257}, "at most 256"),
    ],
)
def test_a_password_that_will_not_do_changes_nothing(site: Site, change: dict[str, str], why: str) -> None:
    new = "a new sentence of mine"
    with site.client("ana") as ana, site.client("ana") as other:
        given = {"current": password_of("ana"), "new": new, "again": new, **change}
        refused = ana.post("/account/password", data=given)
        assert refused.status_code == 422
        assert why in refused.text
        assert not any(value in refused.text for value in given.values())
        assert other.get("/account").status_code == 200
    assert accounts.by_password(site.store, name="ana", password=password_of("ana"))


def test_another_password_ends_every_other_session(site: Site) -> None:
    new = "a new sentence of mine"
    with site.client("ana") as ana, site.client("ana") as other:
        given = {"current": password_of("ana"), "new": new, "again": new}
        assert ana.post("/account/password", data=given).headers["location"] == "/account?done=password"
        assert ana.get("/account?done=password").status_code == 200
        assert other.get("/account").status_code == 303
    with pytest.raises(accounts.SignInRefused):
        accounts.by_password(site.store, name="ana", password=password_of("ana"))
    site.clock.advance(seconds=accounts.LONGEST_WAIT)
    assert accounts.by_password(site.store, name="ana", password=new)


def test_links_and_secrets_are_shown_once_and_are_in_no_trail(site: Site) -> None:
    with site.client("ada") as ada:
        link = shown_once(ada.post("/admin/users", data={"name": "nora", "role": ["analyst"]}))
        another = shown_once(ada.post("/admin/users/nora/link"))
        secret = shown_once(ada.post("/admin/keys", data={"name": "bot", "role": ["submitter"], "days": "30"}))
        secrets = [link.rsplit("/", 1)[1], another.rsplit("/", 1)[1], secret]
        assert len(set(secrets)) == 3
        pages = ada.get("/admin/users").text + ada.get("/admin/keys").text
        with site.store.read() as tx:
            trail = json.dumps(list(tx.audit.all()))
    assert not [one for one in secrets if one in pages or one in trail]
    assert accounts.by_link(site.store, secret=secrets[0]).name == "nora"
    assert events(site, "key.") == [("key.added", "user:ada")]


def test_what_an_admin_changes_counts_at_once_and_is_in_the_trail(site: Site) -> None:
    with site.client("ada") as ada, site.client("aud") as aud:
        changed = ada.post("/admin/users/aud/roles", data={"role": ["analyst"], "more": "night-shift, soc-lead"})
        assert changed.headers["location"] == "/admin/users?done=roles&name=aud"
        assert "aud has other roles" in ada.get(changed.headers["location"]).text
        assert user(site, "aud").roles == {"analyst", "night-shift", "soc-lead"}
        assert aud.get("/policy").status_code == 403
        assert ada.post("/admin/users/aud/sign-out").status_code == 303
        assert aud.get("/queue").status_code == 303
        assert ada.post("/admin/users/aud/disable").status_code == 303
        assert ada.post("/admin/users/aud/link").status_code == 409
        assert ada.post("/admin/users/aud/enable").status_code == 303
        assert ada.post("/admin/users/nobody/disable").status_code == 404
    done = ["roles_changed", "disabled", "enabled"]
    assert events(site, "user.")[-3:] == [(f"user.{one}", "user:ada") for one in done]
    assert events(site, "session.all_ended") == [("session.all_ended", "user:ada")]


def test_somebody_stays_an_admin(site: Site) -> None:
    with site.client("ada") as ada:
        for path, data in (("roles", {"role": ["analyst"]}), ("disable", {})):
            refused = ada.post(f"/admin/users/ada/{path}", data=data)
            assert refused.status_code == 409
            assert "another admin can" in refused.text
        assert ada.post("/admin/users/adam/disable").status_code == 303
    people.enable(site.store, "adam", actor="user:ada")
    people.set_roles(site.store, "ada", ["analyst"], actor="user:adam")
    with pytest.raises(people.PeopleRefused, match="last enabled admin"):
        people.disable(site.store, "adam", actor="test")


@pytest.mark.parametrize(
    ("path", "data", "why"),
    [
        ("users", {"name": "ana", "role": ["analyst"]}, "belongs to an account"),
        ("users", {"name": "Nora", "role": ["analyst"]}, "is no name"),
        ("users", {"name": "nora"}, "Give 1 to"),
        ("users", {"name": "nora", "more": "Soc-Lead"}, "is no role"),
        ("keys", {"name": "ana", "role": ["submitter"]}, "belongs to an account"),
        ("keys", {"name": "bot", "role": ["submitter"], "days": "soon"}, "0 is for ever"),
    ],
)
def test_what_cannot_be_is_said_and_the_form_keeps_it(site: Site, path: str, data: dict[str, str], why: str) -> None:
    with site.client("ada") as ada:
        refused = ada.post(f"/admin/{path}", data=data)
    assert refused.status_code == 422
    assert why in refused.text
    assert f'value="{data["name"]}"' in refused.text
    assert 'id="once"' not in refused.text


def test_changes_of_people_and_keys_ask_for_a_fresh_sign_in(site: Site) -> None:
    with site.client("ada") as ada:
        assert "Confirm your password" not in ada.get("/admin/users").text
        site.clock.advance(seconds=FRESH_SECONDS + 1)
        for path in ("/admin/users", "/admin/keys"):
            assert "Confirm your password" in ada.get(path).text
        posts = ["users", "users/ana/link", "users/ana/roles", "users/ana/disable", "users/ana/enable"]
        for path in (*posts, "users/ana/sign-out", "keys", "keys/bot/revoke"):
            stale = ada.post(f"/admin/{path}", data={"name": "nora", "role": ["admin"]})
            after = f"/admin/{path.partition('/')[0]}".replace("/", "%2F")
            assert (stale.status_code, stale.headers["location"]) == (303, f"/account/confirm?after={after}")
        assert user(site, "ana").roles == {"analyst"}
        ada.post("/account/confirm", data={"password": password_of("ada")})
        assert ada.post("/admin/users/ana/roles", data={"role": ["auditor"]}).headers["location"].endswith("name=ana")
        assert user(site, "ana").roles == {"auditor"}


def test_a_key_is_made_used_and_revoked(site: Site) -> None:
    with site.client("ada") as ada:
        assert "No machine has a key yet" in ada.get("/admin/keys").text
        secret = shown_once(ada.post("/admin/keys", data={"name": "bot", "role": ["auditor"], "days": "0"}))
        bearer = {"Authorization": f"Bearer {secret}"}
        with httpx2.Client(base_url=site.url, headers=bearer, trust_env=False) as bot:
            assert "never used" in ada.get("/admin/keys").text
            assert bot.get("/api/v1/tickets").status_code == 200
            listed = ada.get("/admin/keys").text
            assert "never used" not in listed
            assert "does not end by itself" in listed
            assert ada.post("/admin/keys/bot/revoke").headers["location"] == "/admin/keys?done=revoke&name=bot"
            assert bot.get("/api/v1/tickets").status_code == 401
        assert "revoked" in ada.get("/admin/keys").text
        assert ada.post("/admin/keys/nothing/revoke").status_code == 404
