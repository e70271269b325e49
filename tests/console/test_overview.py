"""The overview, and the charts on it as pure functions."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise

import pytest
from markupsafe import Markup

from gateway.console import charts
from gateway.console.charts import Chart, Series, Span
from gateway.console.render import environment
from tests.console.site import Site
from tests.samples import stored_ticket
from workflows.overview import FRESH_SECONDS, PERIODS, SETTLED_SECONDS, Counting

TWO = [Series("malicious", "c-malicious"), Series("benign", "c-benign")]
HOSTILE = '</title><script>alert(1)</script>"\u202e'


def drawn(chart: Chart) -> str:
    macros = environment().get_template("charts.html").module
    return str(macros.plot(chart, "A chart")) + str(macros.table(chart, "A table"))  # type: ignore[attr-defined]  # macros


def spans(*values: tuple[float | None, ...]) -> list[Span]:
    return [Span(str(number), f"span {number}", one) for number, one in enumerate(values)]


@pytest.mark.parametrize(
    "values",
    [
        [],
        [(0, 0)],
        [(1, 0)],
        [(0, 0), (3, 4), (0, 0)],
        [(1e12, 1e12), (1, 1)],
        [(0.001, 0.002)],
        [(number, number % 3) for number in range(90)],
    ],
)
def test_no_bar_leaves_its_plot(values: list[tuple[float | None, ...]]) -> None:
    chart = charts.stacked(spans(*values), TWO)
    for mark in chart.marks:
        assert mark.x >= 0
        assert mark.x + mark.width <= 100.0001
        assert mark.y >= 0
        assert mark.y + mark.height <= 100.0001
    assert all(0 <= tick.at <= 100 for tick in (*chart.x, *chart.y))
    assert len(chart.x) <= charts.LABELS
    assert len(chart.marks) == sum(1 for row in values for value in row if value)
    drawn(chart)


@pytest.mark.parametrize("values", [[(None,)] * 5, [(3.0,)], [(1.0,), (None,), (2.0,), (4.0,)], [(0.0,), (1e9,)]])
def test_a_line_stops_where_numbers_are_missing(values: list[tuple[float | None, ...]]) -> None:
    chart = charts.line(spans(*values), [Series("a request", "l-plain")], unit=" s")
    points = [float(number) for _, line in chart.lines for number in re.split("[ ,]", line)]
    assert all(0 <= number <= 100 for number in points)
    runs = "".join("." if row[0] is None else "x" for row in values).split(".")
    assert len(chart.lines) == len([run for run in runs if run])
    drawn(chart)


@pytest.mark.parametrize(
    ("most", "top"), [(0, 2), (1, 2), (2, 2), (3, 4), (5, 6), (9, 10), (11, 20), (24, 30), (99, 100), (101, 200)]
)
def test_axes_end_at_round_numbers_with_a_whole_half(most: float, top: float) -> None:
    assert charts.ceiling(most) == top
    assert (charts.ceiling(most) / 2).is_integer()


@pytest.mark.parametrize(("most", "top"), [(0, 1), (0.03, 0.03), (0.4, 0.4), (7, 8)])
def test_axes_of_fractions_end_close_above(most: float, top: float) -> None:
    assert charts.ceiling(most, whole=False) == pytest.approx(top)


def test_what_a_chart_is_told_stays_text() -> None:
    chart = charts.stacked([Span(HOSTILE, HOSTILE, (1.0,))], [Series(HOSTILE, "c-plain")])
    page = drawn(chart)
    assert isinstance(Markup(page), Markup)
    assert "<script" not in page
    assert "\u202e" not in page
    assert "⟨U+202E⟩" in page


def test_shares_fill_the_whole_and_the_longest_bar_its_place() -> None:
    parts = charts.shares([("a", "c-plain", 1, ""), ("b", "c-plain", 0, ""), ("c", "c-plain", 3, "")])
    assert [(part.x, part.width) for part in parts] == [(0, 25), (25, 0), (25, 75)]
    assert [part.width for part in charts.shares([("a", "c-plain", 0, "")])] == [0]
    many = charts.ranked({f"KIND_{number:02}": number for number in range(20)}, limit=5)
    assert len(many) == 5
    assert max(part.width for part in many) == 100
    assert (many[-1].title, many[-1].value) == ("other kinds", sum(range(16)))
    assert sorted(many[-1].names) == [f"KIND_{number:02}" for number in range(16)]
    assert sum(part.value for part in many) == sum(range(20))


@pytest.mark.parametrize("name", PERIODS)
def test_spans_are_equal_and_the_last_one_holds_this_moment(site: Site, name: str) -> None:
    now = site.clock.now()
    edges = PERIODS[name].edges(now)
    assert len(edges) == PERIODS[name].spans + 1
    assert len({later - earlier for earlier, later in pairwise(edges)}) == 1
    assert edges[-2] <= now < edges[-1]


@pytest.mark.parametrize("period", [*PERIODS, "nonsense", ""])
def test_every_period_has_its_page(site: Site, period: str) -> None:
    with site.client("ana") as client:
        answer = client.get("/overview", params={"period": period})
    assert answer.status_code == 200
    shown = PERIODS.get(period, PERIODS["7d"])
    assert re.search(rf'href="/overview\?period={shown.name}"[^>]*aria-current="page"', answer.text)
    with site.store.read() as tx:
        tickets = sum(tx.tickets.counts().values())
    assert f"<strong>{tickets}</strong>" in answer.text
    assert len(answer.content) < 100_000


def test_the_first_row_follows_what_happens(site: Site) -> None:
    def tickets(text: str) -> int:
        found = re.search(r"<span>Tickets</span><strong>(\d+)</strong>", text)
        assert found is not None
        return int(found[1])

    with site.client("ana") as client:
        before = tickets(client.get("/overview").text)
        stored_ticket(site.store, external_id="new")
        assert tickets(client.get("/overview").text) == before
        site.clock.advance(seconds=FRESH_SECONDS)
        again = client.get("/overview", headers={"HX-Request": "true"}).text
    assert tickets(again) == before + 1
    assert "<html" not in again


def test_days_without_tickets_are_days_and_old_ones_are_the_comparison(site: Site) -> None:
    site.clock.advance(seconds=timedelta(days=1, hours=1).total_seconds())
    session = site.client("ana")
    with session as client:
        page, numbers = client.get("/overview?period=24h").text, client.get("/overview/charts/volume?period=24h").text
    assert "▼ 100 %" in page
    assert numbers.count('<th scope="row">') == PERIODS["24h"].spans


def test_an_empty_site_says_what_to_do(fresh: Site) -> None:
    with fresh.client("ana") as client:
        page = client.get("/overview").text
    assert "No ticket has come in yet" in page
    assert 'href="/start"' in page


def test_what_is_over_is_counted_less_often_and_never_from_another_day(site: Site) -> None:
    counting = Counting(site.store)
    first = counting.of(PERIODS["30d"])
    site.clock.advance(seconds=timedelta(days=3).total_seconds())
    later = counting.of(PERIODS["30d"])
    assert sum(span.arrived for span in first.arrived) == sum(span.arrived for span in later.arrived) > 0
    assert [span.arrived for span in later.arrived[:-3]] == [span.arrived for span in first.arrived[3:]]
    assert later.now.until_verdict.count == first.now.until_verdict.count
    site.clock.advance(seconds=SETTLED_SECONDS)
    assert counting.of(PERIODS["30d"]).now == later.now


def test_sums_of_runs_are_kept_for_some_seconds_and_for_their_period_alone(site: Site) -> None:
    counting, until = Counting(site.store), site.clock.now() + timedelta(minutes=1)
    week = counting.of_runs(until - timedelta(days=7), until)
    assert week[0].answers == week[1].count > 0
    assert counting.of_runs(until - timedelta(days=7), until) is week
    assert counting.of_runs(until - timedelta(days=8), until - timedelta(days=7))[0].answers == 0
    again = counting.of_runs(until - timedelta(days=7), until)
    site.clock.advance(seconds=FRESH_SECONDS)
    assert counting.of_runs(until - timedelta(days=7), until) is not again


def test_a_submitter_has_no_overview(site: Site) -> None:
    with site.client("sue") as client:
        assert client.get("/overview").status_code == 403
