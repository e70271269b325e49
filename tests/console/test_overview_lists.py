"""Every number of the overview leads to its list, and the list comes to that number."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from playwright.sync_api import expect

from core.assessment import Verdict
from gateway.console.numbers import count, percent, took
from tests.console.site import AUDIT, Site
from tests.console.test_queue_browser import WATCH
from tests.samples import stored_ticket
from workflows import approvals
from workflows.overview import FRESH_SECONDS

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

#: A number with its unit, as the pages write them.
NUMBER = re.compile(r"\d[\d.,]*(?:[\s\u202f]\d{3})*(?:[\s\u202f](?:k|M|%|ms|s|min|h|d)(?!\w))?")
#: Numbers that count nothing: a share of runs, lengths of periods, an age.
WORDS = re.compile(r"9 of 10|24 hours|(?:7|30|90) days|the oldest for .*")
#: What counts nothing: moments, periods, labels of axes, and the line that says how fresh the page is.
ASIDE = re.compile(
    r'<(time|nav|text|th)\b.*?</\1>|<div class="chart-y".*?</div>|<p class="muted small">As of.*?</p>', re.DOTALL
)


class Links(HTMLParser):
    """The texts of a page: those that lead somewhere, and those that do not."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.loose: list[str] = []
        self._href = ""
        self._text = ""
        self._label: str | None = None
        self.feed(ASIDE.sub("", html.partition("<main")[2].partition("</main>")[0].partition(">")[2]))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            values = dict(attrs)
            self._href, self._text, self._label = values["href"] or "", "", values.get("aria-label")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            # The label of a mark says when it was, and then what it counts.
            text = self._text if self._label is None else self._label.rpartition(": ")[2]
            self.found.append((" ".join(text.split(" ")), self._href))
            self._href = ""

    def handle_data(self, data: str) -> None:
        if self._href:
            self._text += f" {data}"
        else:
            self.loose.append(data)


def numbers(text: str) -> list[str]:
    return [found.strip() for found in NUMBER.findall(WORDS.sub("", text))]


class Lists:
    """What lists come to, computed from their rows alone, over all of their pages."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client
        self._kept: dict[str, list[str]] = {}

    def rows(self, href: str) -> list[str]:
        if href not in self._kept:
            self._kept[href] = self._read(href)
        return self._kept[href]

    def _read(self, href: str) -> list[str]:
        found: list[str] = []
        while href:
            answer = self._client.get(href)
            assert answer.status_code == 200, href
            found += re.findall(r"<tr\b[^>]*data-item.*?</tr>", answer.text, re.DOTALL)
            older = re.search(r'href="([^"]+)"[^>]*>(?:Further|Older)', answer.text)
            href = unescape(older[1]) if older else ""
        return found

    def column(self, href: str, number: int) -> list[float]:
        values = [re.findall(r'<data value="([\d.]+)"', row) for row in self.rows(href)]
        return [float(row[number]) for row in values if number < len(row)]

    def comes_to(self, href: str) -> set[str]:
        """The numbers that a link to this list may show."""
        path, asked = urlsplit(href).path, {name: given[0] for name, given in parse_qs(urlsplit(href).query).items()}
        match path:
            case "/queue" if asked == {"state": "waiting"}:
                return {count(sum("asks" in row.partition(">")[0] for row in self.rows(href)))}
            case "/queue":
                return self._part(self._tickets(href), self._tickets(without(href, "verdict")))
            case "/overview/decisions" | "/overview/words":
                return self._judged(href, asked)
            case "/overview/masked":
                looked = re.search(r"tickets looked at</dt><dd>(\d+)", self._client.get(href).text)
                assert looked is not None
                return {count(sum(self.column(href, 0))), *([] if "kind" in asked else [looked[1]])}
            case "/overview/answers":
                return waits(self.column(href, 0))
            case "/overview/runs":
                return self._runs(href, asked["by"])
        raise AssertionError(href)

    def _runs(self, href: str, by: str) -> set[str]:
        sums = {name: sum(self.column(href, place)) for place, name in enumerate(("requests", "read", "written"))}
        if by == "after":
            return waits(self.column(href, 5))
        if by == "seconds":
            each = sum(self.column(href, 4)) / sums["requests"] if sums["requests"] else 0
            return {took(each), f"{each:.1f} s"}
        return {count(sums[by])}

    def _judged(self, href: str, asked: dict[str, str]) -> set[str]:
        name, wanted = ("outcome", "allow") if "decisions" in href else ("said", "corrected")
        every = len(self.rows(without(href, name)))
        if name in asked:
            return self._part(len(self.rows(href)), every)
        return {*self._part(len(self.rows(f"{href}&{name}={wanted}")), every), count(every)}

    def _tickets(self, href: str) -> int:
        return sum("asks" not in row.partition(">")[0] for row in self.rows(href))

    def _part(self, some: int, every: int) -> set[str]:
        return {count(some), percent(some / every) if every else ""}


def without(href: str, name: str) -> str:
    return re.sub(rf"(?<=[?&]){name}=[^&]*&", "", href)


def waits(seconds: list[float]) -> set[str]:
    """What half took no longer than, and nine of ten, as finely as waits are told apart."""
    steps = sorted(next(s - s % width for most, width in STEPS if s < most) for s in map(int, seconds))
    ranks = (-(-len(steps) * share // 10) - 1 for share in (5, 9))
    return {took(steps[rank]) for rank in ranks} if steps else set()


STEPS = ((120, 1), (7_200, 10), (432_000, 300), (2**31, 3_600))


def busy(site: Site) -> None:
    """Somebody answers a question, and judges verdicts."""
    asked = site.waiting()[0]
    approvals.answer(
        site.store, asked.id, person="abe", roles=["approver", "soc-lead"], approve=False, reason="Ours.",
        digest=asked.digest, ring=site.rung.append, masker=site.app.state.parts.masker,
    )  # fmt: skip
    with site.store.read() as tx:
        judged = [run for ticket in tx.tickets.recent() if (run := tx.assessments.latest(ticket.id)) is not None][:3]
    for number, run in enumerate(judged):
        with site.store.begin() as tx:
            tx.feedback.add(
                ticket_id=run.ticket_id, assessment_id=run.id, person="ana", verdict=Verdict.BENIGN,
                agrees=number > 0, reason="", audit=AUDIT,
            )  # fmt: skip


@pytest.mark.parametrize(("days", "person"), [(0, "aud"), (8, "ana")])
def test_every_number_leads_to_a_list_that_comes_to_it(site: Site, days: int, person: str) -> None:
    """Eight days later the demo is the period before."""
    busy(site)
    site.clock.advance(seconds=days * 86_400)
    stored_ticket(site.store, external_id="new")
    with site.client(person) as client:
        pages = [client.get("/overview").text, *(client.get(f"/overview/charts/{name}").text for name in CHARTS)]
        lists, followed, wrong = Lists(client), 0, []
        for page in pages:
            links = Links(page)
            assert [text for text in links.loose if numbers(text)] == [], "a number leads nowhere"
            last, nothing = 0, 0
            for text, href in links.found:
                nothing += text == " 0"
                if not numbers(text) or (text == " 0" and nothing > 5):  # most spans of a period are empty
                    continue
                may = lists.comes_to(href)
                if text.strip().startswith(("▲", "▼")):  # by how much the tickets before differ from those now
                    before = int(numbers(text)[-1])
                    may |= {percent(abs(last - before) / before)}
                elif text.strip().startswith("Tickets"):
                    last = int(numbers(text)[0])
                wrong += [(text, href, may) for number in numbers(text) if number not in may]
                followed += 1
    assert wrong == []
    assert followed > 30


CHARTS = ("volume", "latency", "tokens")


def test_a_list_says_less_when_its_period_is_shorter(site: Site) -> None:
    """So the test above would see a list that does not look at its period."""
    with site.client("ana") as client:
        lists = Lists(client)
        for path in ("runs", "decisions", "masked"):
            assert lists.rows(f"/overview/{path}")
            assert lists.rows(f"/overview/{path}?since=2001-01-01T00:00Z&until=2001-02-01T00:00Z") == []
        assert client.get("/overview/runs?since=0001-01-01T00:00Z&until=9999-12-31T00:00Z").status_code == 200
        assert client.get("/queue?since=0001-01-01T00:00%2B23:00").status_code == 200


def test_the_heaviest_runs_stand_first_and_pages_go_on(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.console.behind.ROWS", 5)
    with site.client("ana") as client:
        lists = Lists(client)
        for by, place in (("requests", 0), ("read", 1), ("written", 2), ("tokens", 3), ("seconds", 4), ("after", 5)):
            values = lists.column(f"/overview/runs?by={by}", place)
            assert values == sorted(values, reverse=True)
            assert len(values) > 10
        assert len(set(lists.rows("/overview/runs?by=requests"))) == len(values), "no run stands on two pages"
        assert client.get("/overview/runs?by=nonsense").status_code == 422


def test_masked_kinds_are_counted_and_no_value_is_shown(site: Site) -> None:
    with site.client("ana") as client:
        page = client.get("/overview/masked?kind=PERSON&kind=USERNAME").text
        ticket = re.search(r'href="(/cases/tkt_\w+/ticket)"', page)
        assert ticket is not None
        assert client.get(ticket[1]).status_code == 200
    assert "username" in page
    assert "Sorensen" not in page
    assert "sorensen" not in page


@pytest.mark.browser
def test_charts_follow_what_happens_and_nothing_moves_or_is_lost(
    site: Site, context: BrowserContext, tab: Page
) -> None:
    site.sign_in(context, "ana")
    tab.goto(f"{site.url}/overview?period=24h")
    expect(tab.locator("#live-state")).to_have_text("live")
    part = tab.locator("[data-renew]")
    expect(part).to_have_attribute("data-renew", str(int(FRESH_SECONDS)))
    part.evaluate("part => { part.dataset.renew = '0.1'; }")  # the clock of the server is moved on instead
    tab.get_by_role("link", name="benign", exact=True).focus()
    tab.evaluate(WATCH.replace("buffered: true", "buffered: false"))  # what moves while it is open
    before = int(tab.locator(".figure-card strong").first.inner_text())
    site.clock.advance(seconds=FRESH_SECONDS)
    stored_ticket(site.store, external_id="new")
    expect(tab.locator(".figure-card strong").first).to_have_text(str(before + 1))
    expect(tab.locator("svg a[aria-label$=': 1 no verdict'] rect")).to_have_count(1)
    expect(tab.get_by_role("link", name="benign", exact=True)).to_be_focused()
    assert tab.evaluate("window.moved") == 0
