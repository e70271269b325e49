"""`/overview`: what a period of work came to, beside the period before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from core.errors import NotFound
from core.identity import READERS
from gateway.console import charts, numbers
from gateway.console.charts import Chart, Series, Span
from gateway.console.compressed import compressed
from gateway.console.leads import Leads
from gateway.console.render import is_part, page, part
from gateway.console.visit import Visit, Visitor
from gateway.parts import Parts, parts
from workflows.overview import FRESH_SECONDS, PERIODS, SETTLED_SECONDS, Overview, Period

router = APIRouter(include_in_schema=False)

#: What becomes of tickets, the worst at the foot of each bar.
VERDICTS = (
    ("malicious", "malicious"),
    ("suspicious", "suspicious"),
    ("benign", "benign"),
    ("needs_information", "needs information"),
    ("without", "no verdict"),
)
#: Policy's answers, and what they mean for people.
OUTCOMES = (("allow", "allowed"), ("ask", "asked a person"), ("deny", "denied"))
Reader = Annotated[Visitor, Depends(Visit(*READERS))]
Our = Annotated[Parts, Depends(parts)]
Chosen = Annotated[str, Query(max_length=8)]


@router.get("/overview")
def overview(request: Request, visitor: Reader, our: Our, period: Chosen = "7d") -> Response:
    """The page; for htmx what is in it, counted again while the page is open."""
    chosen = PERIODS.get(period, PERIODS["7d"])
    seen = our.counting.of(chosen)
    lead = _lead(seen)
    shown: dict[str, Any] = {
        "periods": PERIODS.values(),
        "periods_of": "/overview",
        "fresh": int(FRESH_SECONDS),
        "settled": int(SETTLED_SECONDS / 60),
        "period": chosen,
        "seen": seen,
        "lead": lead,
        "cards": _cards(seen, lead),
        "volume": _volume(seen),
        "latency": _latency(seen),
        "tokens": _tokens(seen),
        "verdicts": _verdicts(seen, lead),
        "outcomes": _outcomes(seen, lead),
        "masked": charts.ranked(seen.masked),
    }
    if is_part(request):
        made = part(request, "overview/part.html", visitor, **shown)
    else:
        made = page(request, "overview/page.html", visitor, title="Overview", **shown)
    return compressed(request, made)


@router.get("/overview/charts/{chart}")
def table(request: Request, chart: str, visitor: Reader, our: Our, period: Chosen = "7d") -> Response:
    """The numbers of one chart, each with its list."""
    if chart not in CHARTS:
        raise NotFound("There is no chart of this name; the overview shows all.")
    chosen = PERIODS.get(period, PERIODS["7d"])
    title, made = CHARTS[chart]
    shown = page(
        request, "overview/table.html", visitor, title=title, chart=made(our.counting.of(chosen)), period=chosen,
        periods=PERIODS.values(), periods_of=f"/overview/charts/{chart}",
    )  # fmt: skip
    return compressed(request, shown)


def _lead(seen: Overview) -> Leads:
    return Leads(seen.edges[0], seen.edges[-1])


def _cards(seen: Overview, lead: Leads) -> list[dict[str, str]]:
    """The first row: a name, a number, what to compare it with, and where each leads."""
    now, before, was = seen.now, seen.before, lead.before
    oldest = seen.waiting.oldest
    age = numbers.duration((seen.at - oldest).total_seconds()) if oldest else ""
    return [
        _card("Tickets", numbers.count(now.arrived.arrived), "came in", lead.queue(),
              (_change(now.arrived.arrived, before.arrived.arrived), was.queue())),
        _card("Waiting for a person", numbers.count(seen.waiting.count),
              f"the oldest for {age}" if age else "nothing waits", "/queue?state=waiting", ("now", "")),
        _card("Time to verdict", _took(now.until_verdict.half),
              f"half; 9 of 10 within {_took(now.until_verdict.most)}", lead.runs("after"),
              (_was(before.until_verdict.half, numbers.took), was.runs("after"))),
        _card("Time to a decision", _took(now.until_decision.half),
              f"half; 9 of 10 within {_took(now.until_decision.most)}", lead.answers(),
              (_was(before.until_decision.half, numbers.took), was.answers())),
        _card("Allowed without asking", _share(now.auto_allowed),
              f"of {numbers.count(now.decided)} proposed actions", lead.decisions(),
              (_was(before.auto_allowed, numbers.percent), was.decisions())),
        _card("Verdicts corrected", _share(now.corrections),
              f"of {numbers.count(now.judged)} that people judged" if now.judged else "nobody has judged one",
              lead.words(), (_was(before.corrections, numbers.percent), was.words())),
    ]  # fmt: skip


def _card(name: str, value: str, of: str, href: str, was: tuple[str, str]) -> dict[str, str]:
    """`was` is what to compare with, and where that leads."""
    return {"name": name, "value": value, "of": of, "href": href, "compared": was[0], "before": was[1]}


def _change(now: float, before: float) -> str:
    if not before:
        return "none before" if now else "none before either"
    if now == before:
        return f"as many as before: {numbers.count(before)}"
    return (
        f"{'▲' if now > before else '▼'} {numbers.percent(abs(now - before) / before)} · {numbers.count(before)} before"
    )


def _was(before: float | None, how: Callable[[float], str]) -> str:
    return "nothing to compare with" if before is None else f"{how(before)} before"


def _took(seconds: float | None) -> str:
    return "–" if seconds is None else numbers.took(seconds)


def _share(share: float | None) -> str:
    return "–" if share is None else numbers.percent(share)


# --- charts


def _spans(
    seen: Overview, values: list[tuple[float | None, ...]], leads: Callable[[Leads], tuple[str, ...]]
) -> list[Span]:
    """Each span with its values, and where `leads` says that they lead."""
    return [
        Span(*_named(at, seen.period), row, leads(Leads(at, until)))
        for (at, until), row in zip(pairwise(seen.edges), values, strict=True)
    ]


def _named(at: datetime, period: Period) -> tuple[str, str]:
    day = f"{at.day} {at:%b}"
    if period.hours >= 24:
        return day, f"{at:%a} {day}"
    whole = f"{at:%a} {day}, {at:%H:%M} UTC"
    return (f"{at:%H:%M}" if period.hours == 1 else day), whole


def _volume(seen: Overview) -> Chart:
    values: list[tuple[float | None, ...]] = [
        tuple(float(getattr(span, name)) for name, _ in VERDICTS) for span in seen.arrived
    ]
    series = [Series(words, f"c-{name}") for name, words in VERDICTS]
    spans = _spans(seen, values, lambda lead: tuple(lead.verdict(name) for name, _ in VERDICTS))
    return charts.stacked(spans, series)


def _latency(seen: Overview) -> Chart:
    spans = _spans(seen, [(span.per_request,) for span in seen.worked], lambda lead: (lead.runs("seconds"),))
    return charts.line(spans, [Series("a request", "l-plain")], unit=" s")


def _tokens(seen: Overview) -> Chart:
    values: list[tuple[float | None, ...]] = [(float(span.tokens_in), float(span.tokens_out)) for span in seen.worked]
    spans = _spans(seen, values, lambda lead: (lead.runs("read"), lead.runs("written")))
    return charts.stacked(spans, [Series("tokens read", "c-in"), Series("tokens written", "c-out")])


#: The charts that have a page of numbers: name → title, and how it is made.
CHARTS: dict[str, tuple[str, Callable[[Overview], Chart]]] = {
    "volume": ("Tickets that came in, by verdict", _volume),
    "latency": ("Seconds a model request", _latency),
    "tokens": ("Tokens read and written", _tokens),
}


def _verdicts(seen: Overview, lead: Leads) -> list[dict[str, object]]:
    now = charts.shares(
        [(words, f"c-{name}", getattr(seen.now.arrived, name), lead.verdict(name)) for name, words in VERDICTS]
    )
    earlier = [getattr(seen.before.arrived, name) for name, _ in VERDICTS]
    before = [lead.before.verdict(name) for name, _ in VERDICTS]
    return _compared(now, earlier, seen.now.arrived.arrived, seen.before.arrived.arrived, before)


def _outcomes(seen: Overview, lead: Leads) -> list[dict[str, object]]:
    now = charts.shares(
        [(words, f"c-{name}", seen.now.outcomes.get(name, 0), lead.decisions(name)) for name, words in OUTCOMES]
    )
    earlier = [seen.before.outcomes.get(name, 0) for name, _ in OUTCOMES]
    before = [lead.before.decisions(name) for name, _ in OUTCOMES]
    return _compared(now, earlier, seen.now.decided, seen.before.decided, before)


def _compared(
    now: Sequence[charts.Share], earlier: Sequence[float], whole: float, whole_before: float, leads: Sequence[str]
) -> list[dict[str, object]]:
    """Parts of a whole with their shares now and before, and where the earlier ones lead."""
    return [
        {
            "part": share,
            "share": share.value / whole if whole else None,
            "before": was / whole_before if whole_before else None,
            "before_href": href,
        }
        for share, was, href in zip(now, earlier, leads, strict=True)
    ]
