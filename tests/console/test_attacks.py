"""What somebody tries who wants to be somebody else: planted hosts, other sites, what is left of earlier visits."""

from __future__ import annotations

import re

import pytest

from core.identity import User, secret_digest
from gateway.console.assets import url
from gateway.console.visit import csrf_token
from tests.console.access_table import access
from tests.console.site import Site, password_of
from tests.console.test_access import filled
from workflows import accounts, people

PUBLIC = "https://casemate.bank.example"


def user(site: Site, name: str) -> User:
    with site.store.read() as tx:
        found = tx.users.named(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://casemate.bank.example"},
        {},
    ],
)
def test_nobody_is_signed_in_by_another_sites_page(site: Site, headers: dict[str, str]) -> None:
    site.settings.public_url = PUBLIC
    link = f"/sign-in/link/{accounts.link_for(site.store, user(site, 'abe'), actor='test')}"
    own = {"Origin": PUBLIC.upper()}
    with site.client(None) as client:
        del client.headers["Sec-Fetch-Site"]
        given = {"name": "ana", "password": password_of("ana")}
        for path, data in (("/sign-in", given), (link, {})):
            refused = client.post(path, data=data, headers=headers)
            assert refused.status_code == 403
            assert "set-cookie" not in refused.headers
        assert client.post("/sign-in", data=given, headers=own).status_code == 303
        assert client.post(link, headers=own).status_code == 303


def test_every_change_asks_for_the_sessions_token_and_for_a_page_of_ours(site: Site) -> None:
    """As the person who may everything, so that nothing else refuses."""
    posts = [filled(rule.path) for rule in access() if rule.door == "page" and rule.method != "GET"]
    assert len(posts) > 30
    with site.client("ada") as ada:
        for headers in ({"X-CSRF-Token": csrf_token("another secret")}, {"Sec-Fetch-Site": "cross-site"}):
            assert {path: ada.post(path, headers=headers).status_code for path in posts} == dict.fromkeys(posts, 403)
        del ada.headers["X-CSRF-Token"]
        assert {path: ada.post(path).status_code for path in posts} == dict.fromkeys(posts, 403)
        with site.store.read() as tx:
            assert tx.sessions.of(user(site, "ada").id)
            assert tx.operations.halted() is None


def test_signing_in_again_ends_what_the_browser_had(site: Site) -> None:
    with site.client(None) as browser:
        for name in ("ana", "ana", "abe"):
            given = browser.post("/sign-in", data={"name": name, "password": password_of(name)})
            assert given.status_code == 303
        with site.store.read() as tx:
            assert tx.sessions.of(user(site, "ana").id) == []
            mine = [session.digest for session in tx.sessions.of(user(site, "abe").id)]
        assert mine == [secret_digest(browser.cookies["casemate"])]


def test_the_host_that_a_request_claims_leads_nobody_anywhere(site: Site) -> None:
    planted = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    with site.client("ada") as ada:
        for path in ("/queue/", "/api/v1/tickets/", "/", "/sign-in", "/admin/users", "/nowhere"):
            answer = ada.get(path, headers=planted)
            assert "evil" not in answer.text + answer.headers.get("location", "")
        assert ada.get("/queue/").status_code == 404
        made = ada.post("/admin/users/ana/link", headers=planted)
        shown = re.search(r'id="once">([^<]+)<', made.text)
        assert shown is not None
        assert shown[1].startswith(people.console_url(site.settings))


def test_who_came_by_https_comes_by_nothing_else(site: Site) -> None:
    with site.client(None) as client:
        assert "strict-transport-security" not in client.get("/sign-in").headers
        site.settings.public_url = PUBLIC
        for path in ("/sign-in", "/nowhere", "/api/v1/tickets", url("console.css")):
            assert client.get(path).headers["strict-transport-security"].startswith("max-age=")


def test_no_answer_but_styles_and_scripts_is_kept_or_framed(site: Site) -> None:
    waiting = site.waiting()[0]
    with site.client("abe") as abe:
        paths = (
            "/queue",
            f"/cases/{waiting.ticket_id}",
            f"/cards/{waiting.id}",
            "/sign-in",
            "/nowhere",
            "/api/v1/models",
        )
        for path in paths:
            headers = abe.get(path).headers
            assert headers["cache-control"] == "no-store"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
        here, other = url("console.css"), url("console.css").partition("?")[0] + "?v=0123456789ab"
        assert "immutable" in abe.get(here).headers["cache-control"]
        # Two releases serve side by side during an upgrade: what one has must not stand for the other's for a year.
        assert abe.get(other).headers["cache-control"] == "no-store"


def test_whoever_closes_an_account_is_told_of_the_keys_it_made(site: Site) -> None:
    for name in ("siem", "old"):
        people.add_key(site.store, name, ["submitter"], actor="user:adam", reserved=())
    people.revoke_key(site.store, "old", actor="user:adam")
    with site.client("ada") as ada:
        closed = ada.get(ada.post("/admin/users/adam/disable").headers["location"]).text
        assert "adam may know their secrets: siem." in closed
        assert "may know" not in ada.get(ada.post("/admin/users/ana/disable").headers["location"]).text


def test_a_link_that_is_made_while_its_account_closes_opens_nothing_later(site: Site) -> None:
    people.disable(site.store, "ana", actor="user:ada")
    with pytest.raises(people.PeopleRefused, match="disabled"):
        people.link(site.store, "ana", actor="user:ada")
    people.enable(site.store, "ana", actor="user:ada")
    with site.client(None) as client:
        assert client.get(f"/sign-in/link/{people.link(site.store, 'ana', actor='user:ada')}").status_code == 200
