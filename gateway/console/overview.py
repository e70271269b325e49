"""`/overview`: what a period of work came to, beside the period before it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response

from core.identity import READERS, Role
from core.store.worklist import NONE
from gateway.console import charts, numbers
from gateway.console.charts import Chart, Series, Span
from gateway.console.compressed import compressed
from gateway.console.queue_view import said_of
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


@router.get("/overview")
def overview(
    request: Request,
    visitor: Annotated[Visitor, Depends(Visit(*READERS))],
    our: Annotated[Parts, Depends(parts)],
    period: Annotated[str, Query(max_length=8)] = "7d",
) -> Response:
    """The page; for htmx only its first row, which is kept up to date while the page is open."""
    chosen = PERIODS.get(period, PERIODS["7d"])
    seen = our.counting.of(chosen)
    if is_part(request):
        return part(request, "overview/cards.html", visitor, cards=_cards(seen, visitor), period=chosen, seen=seen)
    template = "overview/page.html" if seen.ever else "overview/empty.html"
    made = page(
        request,
        template,
        visitor,
        title="Overview",
        periods=PERIODS.values(),
        fresh=int(FRESH_SECONDS),
        settled=int(SETTLED_SECONDS / 60),
        period=chosen,
        seen=seen,
        cards=_cards(seen, visitor),
        volume=_volume(seen),
        latency=_latency(seen),
        tokens=_tokens(seen),
        verdicts=_verdicts(seen),
        outcomes=_outcomes(seen, visitor),
        masked=charts.ranked([(kind.replace("_", " ").lower(), number) for kind, number in seen.masked.items()]),
        link=partial(queue, seen),
    )
    return compressed(request, made)


def queue(seen: Overview, **filters: str) -> str:
    """The list behind a number: the queue with these filters, since the period began."""
    return f"/queue?{urlencode({**filters, 'since': said_of(seen.edges[0])})}"


def _decisions(seen: Overview, visitor: Visitor, outcome: str) -> str:
    """The list behind a number of answers about actions; nowhere for those who may not read the log."""
    if not visitor.has(Role.AUDITOR):
        return ""
    wanted = {"outcome": outcome, "door": "proposal", "since": said_of(seen.edges[0])}
    return f"/policy/decisions?{urlencode(wanted)}"


def _cards(seen: Overview, visitor: Visitor) -> list[dict[str, str]]:
    """The first row: a name, a number, what to compare it with, and where it leads."""
    now, before = seen.now, seen.before
    # Auditors alone may read the trail and the log of decisions.
    trail = "/admin/audit?action={}" if visitor.has(Role.AUDITOR) else ""
    oldest = seen.waiting.oldest
    age = numbers.duration((seen.at - oldest).total_seconds()) if oldest else ""
    return [
        _card("Tickets", numbers.count(now.arrived.arrived), _change(now.arrived.arrived, before.arrived.arrived),
              "came in", queue(seen)),
        _card("Waiting for a person", numbers.count(seen.waiting.count),
              f"the oldest for {age}" if age else "nothing waits", "now", "/queue?state=waiting"),
        _card("Time to verdict", _took(now.until_verdict.half), _was(before.until_verdict.half, numbers.took),
              f"half; 9 of 10 within {_took(now.until_verdict.most)}", queue(seen, state="finished")),
        _card("Time to a decision", _took(now.until_decision.half), _was(before.until_decision.half, numbers.took),
              f"half; 9 of 10 within {_took(now.until_decision.most)}", trail.format("proposal.answered")),
        _card("Allowed without asking", _share(now.auto_allowed), _was(before.auto_allowed, numbers.percent),
              f"of {numbers.count(now.decided)} proposed actions",
              _decisions(seen, visitor, "allow")),
        _card("Verdicts corrected", _share(now.corrections), _was(before.corrections, numbers.percent),
              f"of {numbers.count(now.judged)} that people judged" if now.judged else "nobody has judged one",
              trail.format("feedback.")),
    ]  # fmt: skip


def _card(name: str, value: str, compared: str, of: str, href: str) -> dict[str, str]:
    return {"name": name, "value": value, "compared": compared, "of": of, "href": href}


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


def _spans(seen: Overview, values: list[tuple[float | None, ...]]) -> list[Span]:
    # The last edge only ends the last span.
    return [Span(*_named(at, seen.period), row) for at, row in zip(seen.edges[:-1], values, strict=True)]


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
    return charts.stacked(_spans(seen, values), series)


def _latency(seen: Overview) -> Chart:
    return charts.line(
        _spans(seen, [(span.per_request,) for span in seen.worked]), [Series("a request", "l-plain")], unit=" s"
    )


def _tokens(seen: Overview) -> Chart:
    values: list[tuple[float | None, ...]] = [(float(span.tokens_in), float(span.tokens_out)) for span in seen.worked]
    return charts.stacked(_spans(seen, values), [Series("tokens read", "c-in"), Series("tokens written", "c-out")])


def _verdicts(seen: Overview) -> list[dict[str, object]]:
    now = charts.shares(
        [(words, f"c-{name}", getattr(seen.now.arrived, name), _of(seen, name)) for name, words in VERDICTS]
    )
    arrived = seen.now.arrived
    whole, earlier = arrived.arrived, seen.before.arrived
    return [
        {
            "part": share,
            "share": share.value / whole if whole else None,
            "before": getattr(earlier, name) / earlier.arrived if earlier.arrived else None,
        }
        for share, (name, _) in zip(now, VERDICTS, strict=True)
    ]


def _of(seen: Overview, verdict: str) -> str:
    return queue(seen, verdict=NONE if verdict == "without" else verdict)


def _outcomes(seen: Overview, visitor: Visitor) -> list[dict[str, object]]:
    now = charts.shares(
        [
            (words, f"c-{name}", seen.now.outcomes.get(name, 0), _decisions(seen, visitor, name))
            for name, words in OUTCOMES
        ]
    )
    whole, earlier = seen.now.decided, seen.before
    return [
        {
            "part": share,
            "share": share.value / whole if whole else None,
            "before": earlier.outcomes.get(name, 0) / earlier.decided if earlier.decided else None,
        }
        for share, (name, _) in zip(now, OUTCOMES, strict=True)
    ]
