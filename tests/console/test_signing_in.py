"""Signing in, in a browser and without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from core.audit import AuditEvent
from core.identity import secret_digest
from tests.console.site import AUDIT, Site, password_of
from workflows import accounts

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page


@pytest.mark.browser
def test_a_person_signs_in_works_and_signs_out(site: Site, tab: Page) -> None:
    tab.goto(f"{site.url}/queue")
    tab.get_by_label("Name").fill("ana")
    tab.get_by_label("Password").fill(password_of("ana"))
    tab.get_by_role("button", name="Sign in").click()
    tab.wait_for_url("**/queue")
    tab.get_by_text("ana", exact=True).click()
    tab.get_by_role("button", name="Sign out").click()
    tab.wait_for_url("**/sign-in")
    tab.goto(f"{site.url}/queue")
    assert "/sign-in?after=" in tab.url


@pytest.mark.browser
def test_a_link_signs_in_once_and_looking_does_not_spend_it(site: Site, tab: Page) -> None:
    with site.store.read() as tx:
        user = tx.users.named("ana")
    assert user is not None
    link = f"{site.url}/sign-in/link/{accounts.link_for(site.store, user, actor='test')}"
    with site.client(None) as previewer:
        assert previewer.get(link).status_code == 200
    tab.goto(link)
    tab.get_by_role("button", name="Sign in").click()
    tab.wait_for_url("**/queue")
    with site.client(None) as late:
        assert late.get(link).status_code == 410


@pytest.mark.parametrize(("name", "password"), [("ana", "wrong"), ("nobody", password_of("ana")), ("", "")])
def test_what_does_not_go_together_is_answered_alike(site: Site, name: str, password: str) -> None:
    with site.client(None) as client:
        answer = client.post("/sign-in", data={"name": name, "password": password})
    assert answer.status_code == 401
    assert "do not go together" in answer.text
    assert "set-cookie" not in answer.headers


def test_an_account_waits_after_wrong_passwords(site: Site) -> None:
    with site.client(None) as client:
        for _ in range(accounts.FREE_FAILURES):
            client.post("/sign-in", data={"name": "ana", "password": "guess"})
        right = {"name": "ana", "password": password_of("ana")}
        assert client.post("/sign-in", data=right).status_code == 401
        site.clock.advance(seconds=accounts.FIRST_WAIT)
        assert client.post("/sign-in", data=right).status_code == 303


@pytest.mark.parametrize("after", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_signing_in_leads_nowhere_else(site: Site, after: str) -> None:
    with site.client(None) as client:
        data = {"name": "ana", "password": password_of("ana"), "after": after}
        assert client.post("/sign-in", data=data).headers["location"] == "/"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"X-CSRF-Token": "0" * 64},
        {"X-CSRF-Token": ""},
    ],
)
def test_another_sites_page_changes_nothing(site: Site, headers: dict[str, str]) -> None:
    with site.client("ana") as client:
        assert client.post("/sign-out", headers=headers).status_code == 403
        assert client.get("/queue").status_code == 200


def test_an_old_session_and_a_disabled_account_are_over(site: Site) -> None:
    with site.client("ana") as ana, site.client("abe") as abe:
        assert ana.get("/queue").status_code == abe.get("/queue").status_code == 200
        with site.store.begin() as tx:
            user = tx.users.named("ana")
            assert user is not None
            tx.users.disable(user.id, AUDIT)
        assert ana.get("/queue").status_code == 303
        site.clock.advance(seconds=site.settings.session_idle_minutes * 60)
        assert abe.get("/queue").status_code == 303


@pytest.mark.browser
def test_what_somebody_types_outlives_their_session(site: Site, context: BrowserContext) -> None:
    secret, tab = site.sign_in(context, "abe"), context.new_page()
    proposal = site.waiting()[0]
    tab.goto(f"{site.url}/cards/{proposal.id}?do=deny")
    tab.locator("#live-state", has_text="live").wait_for()
    tab.get_by_label("Reason").last.fill("Half a sentence")
    with site.store.begin() as tx:
        tx.sessions.revoke(secret_digest(secret), AuditEvent(action="test", actor="test", ticket_id=proposal.ticket_id))
    tab.locator("#live-state", has_text="signed out").wait_for()
    expect(tab.get_by_label("Reason").last).to_have_value("Half a sentence")


def test_a_page_that_is_not_there_says_so(site: Site) -> None:
    with site.client("ana") as client:
        answer = client.get("/nowhere")
    assert answer.status_code == 404
    assert "There is no such page." in answer.text
