"""The queue in a browser: worked by keyboard alone, and kept up to date without anything moving."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.console.site import AUDIT, Site
from tests.samples import stored_ticket
from workflows import approvals, claims

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.browser

#: Sums what moved without the reader's doing (Layout Instability).
WATCH = """() => {
  window.moved = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.moved += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
}"""
#: What a reader would lose.
HELD = """() => ({
  row: document.activeElement.closest("tr")?.id,
  top: document.activeElement.getBoundingClientRect().top,
  scroll: scrollY,
  checked: [...document.querySelectorAll("input[name=item]:checked")].map((box) => box.value),
})"""


def row_of(tab: Page) -> str:
    found: str = tab.evaluate("document.activeElement.closest('tr')?.id ?? ''")
    return found


def test_the_queue_is_worked_by_keyboard_alone(site: Site, context: BrowserContext, tab: Page) -> None:
    site.sign_in(context, "abe")
    tab.goto(f"{site.url}/queue")
    shown = tab.locator("tr[data-item]").evaluate_all("rows => rows.map((row) => row.id)")
    press = tab.keyboard.press
    press("j")
    assert row_of(tab) == shown[0]
    press("j")
    press("j")
    press("k")
    assert row_of(tab) == shown[1]
    approve = tab.locator(".bar").get_by_role("button", name="Approve…")
    expect(approve).to_be_disabled()
    press("x")
    expect(tab.locator("#checked")).to_have_text("1 checked")
    expect(approve).to_be_enabled()
    assert row_of(tab) == shown[1]
    press("c")
    tab.locator(f"#{shown[1]} button.claim.mine").wait_for()
    assert row_of(tab) == shown[1]
    press("c")
    tab.locator(f"#{shown[1]} button.claim:not(.mine)").wait_for()
    press("?")
    listed = tab.locator("#shortcuts").inner_text()
    for words in ("Approve: opens the form", "Deny: opens the form", "Edit: opens the form", "Search", "Check for"):
        assert words in listed
    press("Escape")
    press("/")
    assert tab.evaluate("document.activeElement.name") == "q"
    press("j")
    expect(tab.locator("input[name=q]")).to_have_value("j")
    press("Escape")
    press("j")
    press("Enter")
    tab.wait_for_url(f"**/cards/{shown[0]}")
    for key, does in (("a", "approve"), ("d", "deny"), ("e", "edit")):
        tab.goto(f"{site.url}/queue")
        press("j")
        press(key)
        tab.wait_for_url(f"**/cards/{shown[0]}?do={does}")
    assert [one.id for one in site.waiting() if one.id == shown[0]] == [shown[0]]  # no key has decided anything


def test_news_moves_nothing_and_takes_nothing_away(site: Site, context: BrowserContext, tab: Page) -> None:
    site.sign_in(context, "abe")
    tab.set_viewport_size({"width": 1280, "height": 500})
    tab.goto(f"{site.url}/queue")
    tab.locator('[data-state="on"]').wait_for()
    tab.evaluate(WATCH)
    rows = tab.locator("tr.asks")
    answered, other = rows.nth(0).get_attribute("id"), rows.nth(1)
    assert answered is not None
    rows.nth(2).locator("input").check()
    tab.locator("tr.case").nth(3).locator("[data-primary]").focus()
    tab.locator("tr.case").nth(3).scroll_into_view_if_needed()
    before = tab.evaluate(HELD)
    assert before["scroll"] > 0
    assert len(before["checked"]) == 1

    with site.store.read() as tx:
        proposal = tx.proposals.get(answered)
        taken = tx.proposals.get(str(other.get_attribute("id"))).ticket_id
    approvals.answer(
        site.store,
        answered,
        person="amy",
        roles=["approver", "soc-lead"],
        approve=False,
        reason="Known.",
        digest=proposal.digest,
        ring=site.rung.append,
        masker=site.app.state.parts.masker,
    )
    claims.claim(site.store, taken, "amy")
    fresh = stored_ticket(site.store, external_id="NEW-1").id
    tab.get_by_role("button", name="1 new, show").wait_for()

    gone = tab.locator(f"#{answered}.gone")
    expect(gone).to_contain_text("denied")
    expect(gone.get_by_role("link", name="Approve")).to_have_count(0)
    expect(other.locator(".claimed")).to_have_text("amy")
    assert tab.evaluate(HELD) == before
    assert tab.evaluate("window.moved") == 0
    assert tab.title().startswith(f"({len(site.waiting())}) Queue")
    expect(tab.locator(f"#{fresh}")).to_have_count(0)

    tab.keyboard.press(".")
    tab.locator(f"#{fresh}").wait_for()
    expect(tab.locator(f"#{answered}")).to_have_count(0)
    assert tab.evaluate(HELD)["checked"] == before["checked"]
    assert row_of(tab) == before["row"]


def test_what_is_typed_stays_and_an_empty_list_offers_what_arrives(
    site: Site, context: BrowserContext, tab: Page
) -> None:
    site.sign_in(context, "ana")
    tab.goto(f"{site.url}/queue?source=desk")
    tab.get_by_text("Nothing matches").wait_for()
    tab.locator('[data-state="on"]').wait_for()
    tab.evaluate(WATCH)
    tab.locator("input[name=q]").fill("half a wor")
    with site.store.begin() as tx:
        tx.audit.take(AUDIT)
    ticket = stored_ticket(site.store, external_id="NEW-2").id
    show = tab.get_by_role("button", name="1 new, show")
    show.wait_for()
    expect(tab.locator("input[name=q]")).to_have_value("half a wor")
    assert tab.evaluate("window.moved") == 0
    show.click()
    tab.locator(f"#{ticket}").wait_for()
