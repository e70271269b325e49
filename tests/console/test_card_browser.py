"""People decide on actions in a browser: by keyboard, in two, too late, and without JavaScript."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from core.action import Proposal, ProposalState
from tests.console.conftest import PATIENCE
from tests.console.site import Site
from tests.console.test_card import another, read, send, waiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.browser


def opened(site: Site, tab: Page, person: str, proposal: Proposal, query: str = "") -> None:
    """The card as this person sees it, once its scripts are there."""
    site.sign_in(tab.context, person)
    tab.goto(f"{site.url}/cards/{proposal.id}{query}")
    tab.wait_for_function("() => window.htmx !== undefined")


def answers(site: Site, proposal: Proposal) -> list[tuple[str, bool, str]]:
    with site.store.read() as tx:
        return [(given.person, given.approve, given.reason) for given in tx.proposals.answers(proposal.id)]


def test_an_action_is_approved_by_keyboard_and_never_by_accident(site: Site, tab: Page) -> None:
    asked = waiting(site, "quarantine_email")
    opened(site, tab, "abe", asked)
    tab.keyboard.press("Enter")
    tab.keyboard.press("a")
    tab.wait_for_function("() => document.activeElement.name === 'reason'")
    tab.keyboard.type("Looked at it.")
    tab.keyboard.press("Enter")
    assert answers(site, asked) == []
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    tab.get_by_text("You approved it.").wait_for()
    [(person, agreed, reason)] = answers(site, asked)
    assert (person, agreed, reason.strip()) == ("abe", True, "Looked at it.")
    tab.keyboard.press("n")
    tab.wait_for_url(lambda url: "/cards/" in url and asked.id not in url)


def test_an_action_is_denied_with_a_reason(site: Site, tab: Page) -> None:
    asked = waiting(site, "block_indicator")
    opened(site, tab, "ana", asked)
    tab.keyboard.press("d")
    tab.get_by_role("button", name="Deny it").click()
    assert answers(site, asked) == []
    tab.get_by_label("Reason").locator("visible=true").fill("A customer's own domain.")
    tab.get_by_role("button", name="Deny it").click()
    tab.get_by_text("You denied it.").wait_for()
    assert read(site, asked).state is ProposalState.DENIED


def test_originals_are_shown_without_losing_what_was_typed(site: Site, tab: Page) -> None:
    opened(site, tab, "abe", waiting(site, "isolate_host"), "?do=deny")
    tab.keyboard.type("Half a thought")
    tab.get_by_role("button", name="Show originals").click()
    tab.get_by_text("This look is in the audit trail").wait_for()
    expect(tab.get_by_label("Reason").locator("visible=true")).to_have_value("Half a thought")


def test_an_edit_shows_its_difference_and_another_person_approves_it(site: Site, tab: Page, chromium: Browser) -> None:
    asked = waiting(site, "block_indicator")
    opened(site, tab, "ana", asked)
    tab.keyboard.press("e")
    tab.get_by_role("textbox", name="indicator").fill("mail.freemail-box.example")
    tab.get_by_role("button", name="Preview the change").click()
    preview = tab.locator(".preview")
    expect(preview.locator("del")).to_contain_text("freemail-box.example")
    expect(preview.locator("ins")).to_contain_text("mail.freemail-box.example")
    tab.get_by_label("Reason for those who approve it").fill("Only the mail host.")
    tab.get_by_role("button", name="Propose this instead").click()
    tab.get_by_text("This is the new proposal.").wait_for()
    assert read(site, asked).state is ProposalState.REPLACED
    expect(tab.get_by_role("button", name="Approve and carry out")).to_have_count(0)
    fresh = next(proposal for proposal in site.waiting() if proposal.replaces == asked.id)
    other = chromium.new_context(reduced_motion="reduce")
    page = other.new_page()
    opened(site, page, "abe", fresh, "?do=approve")
    expect(page.locator("main")).to_contain_text("ana says")
    page.get_by_role("button", name="Approve and carry out").click()
    page.get_by_text("You approved it.").wait_for()
    other.close()
    assert read(site, fresh).state is ProposalState.APPROVED


def test_two_people_approve_in_two_browsers_and_see_each_other(site: Site, tab: Page, chromium: Browser) -> None:
    asked = waiting(site, "disable_account")
    second = chromium.new_context(reduced_motion="reduce")
    late = second.new_page()
    opened(site, late, "amy", asked, "?do=approve")
    late.keyboard.type("I agree with")
    opened(site, tab, "abe", asked, "?do=approve")
    tab.get_by_role("button", name="Approve, as one of 2").click()
    tab.get_by_text("1 more person must, before anything happens").wait_for()
    late.get_by_text("1 of 2 have approved").wait_for()
    late.keyboard.type(" it.")
    late.get_by_role("button", name="Approve").locator("visible=true").click()
    late.get_by_text("It is carried out now").wait_for()
    assert answers(site, asked) == [("abe", True, ""), ("amy", True, "I agree with it.")]
    tab.get_by_text("Approved, not yet carried out").wait_for()
    second.close()


def test_what_another_denies_takes_no_answer_here_and_keeps_what_was_typed(
    site: Site, tab: Page, chromium: Browser
) -> None:
    asked = waiting(site, "quarantine_email")
    opened(site, tab, "abe", asked, "?do=approve")
    tab.keyboard.type("It looks fi")
    other = chromium.new_context(reduced_motion="reduce")
    page = other.new_page()
    opened(site, page, "amy", asked, "?do=deny")
    page.keyboard.type("It is ours.")
    page.get_by_role("button", name="Deny it").click()
    tab.locator("#closed").get_by_text("what you wrote was not recorded").wait_for()
    expect(tab.get_by_role("button", name="Approve and carry out")).to_be_disabled()
    expect(tab.get_by_label("Reason").locator("visible=true")).to_have_value("It looks fi")
    other.close()


def test_an_open_card_expires_by_itself_and_the_server_agrees(site: Site, tab: Page) -> None:
    until = site.clock.now() + timedelta(minutes=10)
    asked = another(site, waiting(site, "isolate_host"), expires_at=until)
    tab.clock.install()
    opened(site, tab, "abe", asked, "?do=approve")
    tab.keyboard.type("Wait a")
    expect(tab.get_by_role("button", name="Approve and carry out")).to_be_enabled()
    site.clock.advance(seconds=601)
    tab.clock.fast_forward("10:01")
    tab.get_by_text("Its time is up").first.wait_for()
    expect(tab.get_by_role("button", name="Approve and carry out")).to_be_disabled()
    expect(tab.get_by_label("Reason").locator("visible=true")).to_have_value("Wait a")
    tab.locator("#card-state[data-open=no]").wait_for()
    assert send(site, asked, "approve").status_code == 409
    assert read(site, asked).state is ProposalState.PENDING


@pytest.fixture
def plain(chromium: Browser) -> BrowserContext:
    """A browser in which no script runs."""
    made = chromium.new_context(java_script_enabled=False)
    made.set_default_timeout(PATIENCE)
    return made


def test_everything_works_without_javascript(site: Site, plain: BrowserContext) -> None:
    site.sign_in(plain, "abe")
    page = plain.new_page()
    seen, edited, denied = (waiting(site, tool) for tool in ("quarantine_email", "isolate_host", "block_indicator"))
    page.goto(f"{site.url}/cards/{seen.id}")
    page.get_by_role("button", name="Show originals").click()
    expect(page.get_by_text("This look is in the audit trail")).to_be_visible()
    page.goto(f"{site.url}/cards/{seen.id}?do=approve")
    page.get_by_role("button", name="Approve and carry out").click()
    expect(page.get_by_text("You approved it.")).to_be_visible()
    page.goto(f"{site.url}/cards/{denied.id}")
    page.locator("summary", has_text="Deny").click()
    page.locator("form[action$=deny] textarea").fill("No.")
    page.get_by_role("button", name="Deny it").click()
    expect(page.get_by_text("You denied it.")).to_be_visible()
    page.goto(f"{site.url}/cards/{edited.id}")
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("textbox", name="host").fill("SRV-PAY-01")
    page.get_by_role("button", name="Preview the change").click()
    page.get_by_label("Reason for those who approve it").fill("The other one.")
    page.get_by_role("button", name="Propose this instead").click()
    expect(page.get_by_text("This is the new proposal.")).to_be_visible()
    states = [read(site, proposal).state for proposal in (seen, edited, denied)]
    assert states == [ProposalState.APPROVED, ProposalState.REPLACED, ProposalState.DENIED]
    plain.close()
