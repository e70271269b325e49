"""The policy workbench in a browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.console.site import AUDIT, Site, password_of
from tests.console.workbench import answer, texts, third_admin

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

EDITOR = 'textarea[name="file:actions.yaml"]'
#: The line of the cursor, from 1.
CURSOR = "text => text.value.slice(0, text.selectionStart).split('\\n').length"
NUMBERS = "text => text.closest('.pe-box').querySelector('.pe-gutter').innerText.trim().split('\\n').length"


def type_over(tab: Page, old: str, new: str) -> int:
    """Select a text in the editor and type another; gives its line."""
    box = tab.locator(EDITOR)
    at = box.input_value().index(old)
    box.focus()
    box.evaluate("(text, [from, to]) => text.setSelectionRange(from, to)", [at, at + len(old)])
    tab.keyboard.insert_text(new)
    return box.input_value()[:at].count("\n") + 1


@pytest.mark.browser
def test_a_change_goes_from_the_editor_to_live(site: Site, context: BrowserContext, tab: Page) -> None:
    third_admin(site)
    site.sign_in(context, "ada")
    tab.goto(f"{site.url}/policy")
    tab.get_by_role("link", name="Edit", exact=True).first.click()
    tab.get_by_text("loads", exact=True).wait_for()
    box = tab.locator(EDITOR)
    assert box.evaluate(NUMBERS) == texts()["actions.yaml"].count("\n") + 1

    # A mistake is shown at its line while somebody types, and leads there.
    line = type_over(tab, "then: allow", "then: alow")
    problem = tab.locator(".problems a").first
    problem.wait_for()
    expect(problem).to_have_text(re.compile(rf"^\s*actions\.yaml:{line}:"))
    expect(tab.locator(f'.pe-mark[data-line="{line}"]')).to_have_count(1)
    expect(tab.get_by_role("tab", name="actions.yaml, 1 problems")).to_be_visible()
    box.evaluate("text => { text.setSelectionRange(0, 0); text.scrollTop = 0; }")
    problem.click()
    assert box.evaluate(CURSOR) == line

    # Tab indents; after Escape it leaves.
    before = box.input_value()
    tab.keyboard.press("Tab")
    assert len(box.input_value()) > len(before)
    tab.keyboard.press("Control+z")
    expect(box).to_have_value(before)
    tab.keyboard.press("Escape")
    tab.keyboard.press("Tab")
    assert box.evaluate("text => document.activeElement !== text")
    expect(box).to_have_value(before)

    type_over(tab, "then: alow", "then: allow")
    for old in ("verdict.confidence >= 0.85", "verdict.confidence < 0.85"):
        type_over(tab, old, old.replace("0.85", "0.82"))
    tab.get_by_text("loads", exact=True).wait_for()
    expect(tab.locator(".pe-mark")).to_have_count(0)

    tab.get_by_role("button", name="What would it do?").click()
    tab.get_by_text("It is looser somewhere.").wait_for()
    expect(tab.locator(".d-added").first).to_contain_text("verdict.confidence >= 0.82")
    tab.get_by_label("Why").fill("Weaker verdicts were right all month.")
    tab.get_by_role("button", name="Request activation").click()
    tab.get_by_text("0 of 2 approvals").wait_for()
    expect(tab.get_by_text("You proposed this change")).to_be_visible()
    assert tab.evaluate("sessionStorage.getItem('casemate-draft')") is None

    # The author's page follows what others answer.
    change = tab.url.removeprefix(site.url).partition("?")[0]
    with site.client("adam") as adam:
        assert answer(adam, change).status_code == 303
    tab.get_by_text("1 of 2 approvals").wait_for()
    context.clear_cookies()
    site.sign_in(context, "alma")
    tab.goto(f"{site.url}{change}")
    tab.get_by_label("Reason").fill("Looked at the flips.")
    tab.get_by_role("button", name="Approve").click()
    tab.get_by_text("went live").wait_for()
    tab.goto(f"{site.url}/policy")
    expect(
        tab.locator("section", has_text="Live now").get_by_text("Weaker verdicts were right all month.")
    ).to_be_visible()


@pytest.mark.browser
def test_a_session_that_ends_loses_no_text(site: Site, context: BrowserContext) -> None:
    site.sign_in(context, "ada")
    tab = context.new_page()  # the refused request shows in the browser's console, and shall
    tab.goto(f"{site.url}/policy/edit")
    tab.get_by_text("loads", exact=True).wait_for()
    with site.store.begin() as tx:
        user = tx.users.named("ada")
        assert user is not None
        for session in tx.sessions.of(user.id):
            tx.sessions.revoke(session.digest, AUDIT)
    type_over(tab, "# What teams may do.", "# Typed before anybody noticed.")
    tab.wait_for_url("**/sign-in?after=%2Fpolicy%2Fedit")
    tab.get_by_label("Name").fill("ada")
    tab.get_by_label("Password").fill(password_of("ada"))
    tab.get_by_role("button", name="Sign in").click()
    tab.wait_for_url("**/policy/edit")
    assert "# What teams may do." in tab.locator(EDITOR).input_value()
    tab.get_by_role("button", name="Bring it back").click()
    assert "# Typed before anybody noticed." in tab.locator(EDITOR).input_value()
    # It is the text of who wrote it: nobody else who uses this tab is offered it.
    context.clear_cookies()
    site.sign_in(context, "adam")
    tab.goto(f"{site.url}/policy/edit")
    expect(tab.locator("#draft-offer")).to_be_hidden()
    assert tab.evaluate("sessionStorage.getItem('casemate-draft')") is None
