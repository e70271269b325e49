"""Every page with 300 hostile strings in every field: no script runs, nothing leaves, nothing is made of text."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.clock import FixedClock
from policies.masking.masker import Masker
from tests.console import pages
from tests.console.conftest import STARTED
from tests.console.hostile import plant
from tests.console.hostile_strings import BIDI, plain, strings
from tests.console.site import Site, site_over

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page, Route

pytestmark = pytest.mark.browser

#: Counts what a text could have made, and tells what is not as it must be.
LOOK = """(bidi) => {
  const turned = new RegExp("[" + bidi + "]");
  const wrong = [];
  const counts = {};
  for (const selector of ["a[href]", "img", "script", "iframe", "form", "button", "input", "dialog", "svg",
      "link", "style", "meta", "h1", "[hx-get]", "[hx-post]", "[hx-trigger]", "[data-keys]", "[data-live]",
      "[data-dialog]"])
    counts[selector] = document.querySelectorAll(selector).length;
  for (const element of document.querySelectorAll("*")) {
    if (element.matches("iframe, object, embed, base, frame, portal, audio, video, style, marquee, noscript, xss"))
      wrong.push("element " + element.localName);
    for (const { name, value } of element.attributes) {
      if (name.startsWith("on") || name.startsWith("hx-on")) wrong.push("attribute " + name);
      if (/^(href|src|action|formaction|hx-(get|post|put|delete)|data-hx-.*)$/.test(name)
          && !/^(\\/(?![\\/\\\\])|#|\\?|$)/.test(value)) wrong.push(name + "=" + value.slice(0, 80));
      if (name !== "value" && turned.test(value)) wrong.push("bidi in " + name);
    }
    if (element.matches('form[method=post]:not([action="/sign-in"])')
        && !/^[0-9a-f]{64}$/.test(element.querySelector("[name=csrf]")?.value))
      wrong.push("a form that is not ours");
    if (element.matches("script") && !element.src.startsWith(location.origin + "/static/")) wrong.push("inline script");
  }
  const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
  while (walker.nextNode())
    if (!walker.currentNode.parentElement.closest("textarea, script") && turned.test(walker.currentNode.data))
      wrong.push("bidi in " + walker.currentNode.parentElement.outerHTML.slice(0, 120));
  if (window.pwned !== undefined) wrong.push("a script ran");
  return { wrong, counts, wide: document.documentElement.scrollWidth - window.innerWidth };
}"""

#: What a case's pages make of what they recognise in texts: links to evidence and to other cases, a picture of how
#: things connect, a button beside a token. `LOOK` sees to it that all of it stays here.
RECOGNISED = {"a[href]", "svg", "form", "button", "input", "[hx-get]", "[hx-post]"}


@dataclass
class Watch:
    """What a browser did that no page may make it do."""

    url: str
    wrong: list[str] = field(default_factory=list)

    def over(self, page: Page) -> None:
        page.on("dialog", self._asked)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda said: self.wrong.append(said.text) if said.type == "error" else None)
        page.on("popup", lambda other: self.wrong.append(f"popup {other.url}"))
        page.context.route("**", self._gone)

    def _asked(self, dialog: Dialog) -> None:
        self.wrong.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def _gone(self, route: Route) -> None:
        if route.request.url.startswith(f"{self.url}/"):
            route.continue_()
        else:
            self.wrong.append(f"asked for {route.request.url[:120]}")
            route.abort()


def looked_at(site: Site, browser: Browser, texts: tuple[str, ...]) -> dict[str, dict[str, int]]:
    """Opens every page with `texts` in it; gives what each holds of elements, by the route's place."""
    planted = plant(site, texts)
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    context.set_default_timeout(20_000)
    site.sign_in(context, "ada")
    page, watch = context.new_page(), Watch(site.url)
    watch.over(page)
    more = (
        "/queue?state=all&q=x",
        f"/cards/{planted.proposal_id}?do=edit",
        f"/cards/{planted.earlier_id}",
        f"/cases/{planted.ticket_id}/evidence/E1",
        f"/cases/{planted.ticket_id}/turns/1",
        f"/cases/{planted.ticket_id}/ticket?everything=true",
    )
    found = {}
    paths = [path for path in pages.paths(site) if not path.endswith(".json")]
    assert f"/cards/{planted.proposal_id}" in paths
    for number, path in enumerate((*paths, *more)):
        page.goto(f"{site.url}{path}", wait_until="load")
        seen = page.evaluate(LOOK, BIDI)
        assert (path, seen["wrong"], watch.wrong) == (path, [], [])
        name = (
            path.replace(planted.ticket_id, "ID").replace(planted.proposal_id, "ID").replace(planted.earlier_id, "ID")
        )
        found[f"{number} {name}"] = seen["counts"]
    context.close()
    return found


def test_no_text_does_anything_on_any_page(demo: Path, tmp_path: Path, masker: Masker, chromium: Browser) -> None:
    texts = strings()
    assert len(texts) >= 300
    seen = []
    for folder, these in (("plain", plain(texts)), ("hostile", texts)):
        with site_over(demo, tmp_path / folder, FixedClock(STARTED), masker) as site:
            seen.append(looked_at(site, chromium, these))
    harmless, hostile = seen
    assert list(hostile) == list(harmless)
    for path, counts in hostile.items():
        made = {what for what, number in counts.items() if number != harmless[path][what]}
        assert (path, made - (RECOGNISED if "/cases/" in path else set())) == (path, set())
