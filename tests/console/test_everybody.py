"""What every page owes everybody: words for those who cannot see it, contrast by day and by night, room on a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.console.pages import whole
from tests.console.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

#: What axe finds that must not be there.
GRAVE = {"serious", "critical"}
#: The success criteria of WCAG 2.2, levels A and AA, and what axe's authors hold to be good besides.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
#: By night only colours differ.
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
#: Pixels of the narrowest screen.
NARROW = 320


def grave(tab: Page, options: dict[str, Any]) -> list[str]:
    found: dict[str, Any] = Axe().run(tab, options=options).response
    return [
        f"{wrong['id']}: {node['html'][:160]} ({node.get('failureSummary', '')[:200]})"
        for wrong in found["violations"]
        if wrong["impact"] in GRAVE
        for node in wrong["nodes"]
    ]


def look(tab: Page, url: str) -> list[str]:
    """What is wrong with a page: by day, by night, and 320 px wide, where only boxes may scroll sideways."""
    tab.set_viewport_size({"width": 1280, "height": 900})
    tab.emulate_media(color_scheme="light", reduced_motion="reduce")
    tab.goto(url)
    found = grave(tab, RULES)
    tab.emulate_media(color_scheme="dark", reduced_motion="reduce")
    found += [f"by night, {wrong}" for wrong in grave(tab, CONTRAST)]
    tab.set_viewport_size({"width": NARROW, "height": 640})
    width = tab.evaluate("document.documentElement.scrollWidth")
    return found + ([f"{width} px wide"] if width > NARROW else [])


def test_no_page_keeps_anybody_out(site: Site, chromium: Browser) -> None:
    context = chromium.new_context()
    tab = context.new_page()
    wrong = {path: look(tab, site.url + path) for path in ("/sign-in", "/nowhere")}
    site.sign_in(context, "ada")
    wrong |= {path: look(tab, site.url + path) for path in whole(site, "ada")}
    context.close()
    assert {path: found for path, found in wrong.items() if found} == {}
    assert len(wrong) > 20
