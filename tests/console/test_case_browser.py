"""A case in a real browser: by mouse, by keyboard, while something happens, and on a narrow screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from core.ticket import TicketState
from tests.console.site import AUDIT, Site
from tests.console.test_case import a_token, add_evidence, case_of, fresh_case, waiting_case

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.browser


def test_an_original_is_looked_at_and_hidden_again(site: Site, context: BrowserContext, tab: Page) -> None:
    ticket = case_of(site, "identity")
    entry = a_token(site, ticket.id)
    site.sign_in(context, "ana")
    tab.goto(f"{site.url}/cases/{ticket.id}/ticket")
    item = tab.locator(".tokens li", has_text=entry.token)
    item.locator("summary").click()
    item.get_by_label("Why do you need to see it?").fill("The owner is on the phone.")
    with tab.expect_response("**/reveal") as answered:
        item.get_by_role("button", name="Show it").click()
    item.get_by_text(entry.value).wait_for()
    assert entry.value not in tab.url
    assert answered.value.headers["cache-control"] == "no-store"
    expect(item.get_by_label("Why do you need to see it?")).to_have_value("")
    item.get_by_role("button", name="Hide it").click()
    expect(tab.get_by_text(entry.value)).to_have_count(0)


def test_a_verdict_is_corrected_in_two_clicks_and_agreed_with_in_one(
    site: Site, context: BrowserContext, tab: Page
) -> None:
    ticket = case_of(site, "phishing")
    site.sign_in(context, "ana")
    tab.goto(f"{site.url}/cases/{ticket.id}")
    tab.get_by_text("No: benign").click()
    tab.get_by_label("Why is it benign?").fill("It is our own awareness training.")
    tab.get_by_role("button", name="Correct the verdict").locator("visible=true").click()
    tab.locator("#feedback").get_by_text("It is our own awareness training.").wait_for()
    site.clock.advance(seconds=1)
    tab.get_by_role("button", name="Yes, malicious").click()
    tab.locator("#feedback").get_by_text("You agree").wait_for()


def test_a_case_is_read_by_keyboard(site: Site, context: BrowserContext, tab: Page) -> None:
    ticket = waiting_case(site)
    site.sign_in(context, "ana")
    tab.goto(f"{site.url}/cases/{ticket.id}")
    for key, path in (("2", "/evidence"), ("3", "/timeline"), ("4", "/connections"), ("5", "/ticket"), ("1", "")):
        tab.keyboard.press(key)
        tab.wait_for_url(f"{site.url}/cases/{ticket.id}{path}")
    tab.keyboard.press("f")
    tab.wait_for_url("**#feedback")
    expect(tab.locator("#feedback")).to_be_visible()
    tab.keyboard.press("2")
    tab.wait_for_url("**/evidence")
    tab.keyboard.press("j")
    tab.keyboard.press("j")
    assert tab.evaluate("document.activeElement.closest('[data-item]').id") == "E2"
    tab.keyboard.press("a")
    tab.wait_for_url("**/cards/*")


def test_the_stream_is_filtered_without_a_script(site: Site, context: BrowserContext, tab: Page) -> None:
    ticket = case_of(site, "phishing")
    site.sign_in(context, "aud")
    tab.route("**/*.js*", lambda route: route.fulfill(body="", content_type="text/javascript"))
    tab.goto(f"{site.url}/cases/{ticket.id}/timeline")
    tab.get_by_role("navigation", name="Whose doings").get_by_role("link", name="The team").click()
    tab.wait_for_url("**/timeline?who=team")
    assert set(tab.locator(".stream .doer").all_inner_texts()) == {"team"}


def test_a_page_that_is_read_does_not_jump_while_the_team_works(site: Site, context: BrowserContext, tab: Page) -> None:
    ticket_id = fresh_case(site)
    for state in (TicketState.MASKED, TicketState.INVESTIGATING):
        with site.store.begin() as tx:
            tx.tickets.set_state(ticket_id, state, audit=AUDIT)
    for number in range(1, 6):
        add_evidence(site.store, ticket_id, number)
    site.sign_in(context, "ana")
    tab.goto(f"{site.url}/cases/{ticket_id}/evidence")
    tab.locator("#live-state[data-state=on]").wait_for()
    before = tab.locator("#E3").bounding_box()
    add_evidence(site.store, ticket_id, 6, tool="read_email")
    tab.locator("#case-head").get_by_text("read_email").wait_for()
    tab.get_by_text("has changed since you opened it").wait_for()
    assert tab.locator("#E3").bounding_box() == before
    tab.get_by_role("link", name="Show", exact=True).click()
    tab.locator("#E6").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_case_fits_a_narrow_screen(site: Site, context: BrowserContext, tab: Page, scheme: str) -> None:
    ticket = waiting_case(site)
    site.sign_in(context, "ana")
    tab.set_viewport_size({"width": 320, "height": 700})
    tab.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for section in ("", "/evidence", "/timeline", "/connections", "/ticket", "/record"):
        tab.goto(f"{site.url}/cases/{ticket.id}{section}")
        assert tab.evaluate("document.documentElement.scrollWidth") <= 320, section
