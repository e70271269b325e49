"""The picture of a case's times: what happened, and below it what became of the ticket. Geometry only.

Both lanes have a scale of their own, because an attack may have taken minutes last month and its ticket seconds today.
Long silences between events are cut out and marked, so that a domain's registration does not squeeze a sign-in storm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from core.ticket import TicketState
from gateway.console import numbers
from workflows.case_moments import Moment
from workflows.case_story import Stay

#: The picture's width where nothing asks for more, and its margins.
WIDTH, MARGIN = 1160, 20
#: Rows of labels over the axis of events, the height of one, and pixels that a character of a label takes.
ROWS, ROW, CHARACTER = 7, 19, 6.2
#: Characters of a label; the whole text is in its title and in the table.
MAX_LABEL = 66
#: Events closer than this many pixels are one mark.
TOGETHER = 9
#: Parts the axis of events may be cut into, the share of the whole that a silence must have to be cut out, and the
#: pixels of a cut.
MAX_PARTS, LONG_SILENCE, CUT = 4, 0.55, 46
#: A state's bar is at least this wide; older states than these are left out.
BAR, MAX_BARS = 96, 24
#: Seconds between ticks that people count in.
_STEPS = (1, 5, 15, 30, 60, 300, 900, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 604_800, 2_592_000, 31_536_000)
_LOOKS = {
    TicketState.AWAITING_APPROVAL: "waits",
    TicketState.ESCALATED: "trouble",
    TicketState.FAILED: "trouble",
    TicketState.SUPERSEDED: "rests",
    TicketState.CLOSED: "rests",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """A time under an axis."""

    x: float
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """One event, or several at about the same time."""

    x: float
    #: Height of its label's baseline.
    y: float
    #: Empty where no row had room.
    label: str
    #: Where the label begins (`start`) or ends (`end`).
    anchor: str
    #: Everything at this mark, a line each.
    title: str
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """A silence that was cut out."""

    x: float
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """One state and how long the ticket was in it."""

    x: float
    width: float
    name: str
    took: str
    title: str
    look: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """Everything to draw: the events lie between 0 and `axis`, the states between `top` and `bottom`."""

    width: float
    height: float
    axis: float
    top: float
    bottom: float
    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]
    days: tuple[Tick, ...]
    cuts: tuple[Cut, ...]
    bars: tuple[Bar, ...]
    times: tuple[Tick, ...]
    #: States before the first bar.
    earlier: int


def picture(moments: Sequence[Moment], stays: Sequence[Stay], *, now: datetime, width: float = WIDTH) -> Picture:
    """The picture of one case. Without moments the lane of events is left out, without stays the other."""
    shown = stays[-MAX_BARS:]
    width = max(width, 2 * MARGIN + BAR * len(shown))
    parts = _parts(moments, width)
    marks, used = _marks(parts, width)
    axis = 26.0 + ROW * used if moments else 0.0
    top = axis + 74 if moments else 26.0
    bottom = top + 34
    return Picture(
        width=width,
        height=bottom + 26 if shown else axis + 40,
        axis=axis,
        top=top,
        bottom=bottom,
        marks=tuple(_lifted(mark, axis) for mark in marks),
        ticks=tuple(tick for part in parts for tick in part.ticks()),
        days=tuple(Tick(x=part.x, text=f"{part.first:%Y-%m-%d} UTC") for part in parts),
        cuts=tuple(
            Cut(x=two.x - CUT / 2, text=numbers.duration((two.first - one.last).total_seconds()))
            for one, two in pairwise(parts)
        ),
        bars=tuple(_bars(shown, width, now)),
        times=tuple(_times(_bars(shown, width, now), shown)),
        earlier=len(stays) - len(shown),
    )


# --- events


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """A stretch of the axis without long silences."""

    x: float
    width: float
    moments: tuple[Moment, ...]

    @property
    def first(self) -> datetime:
        return self.moments[0].at

    @property
    def last(self) -> datetime:
        return self.moments[-1].at

    def place(self, at: datetime) -> float:
        span = (self.last - self.first).total_seconds()
        share = (at - self.first).total_seconds() / span if span > 0 else 0.5
        return self.x + self.width * share

    def ticks(self) -> list[Tick]:
        span = (self.last - self.first).total_seconds()
        if span <= 0:
            return [Tick(x=self.place(self.first), text=f"{self.first:%H:%M:%S}")]
        most = max(2, self.width / 90)
        step = next((step for step in _STEPS if span / step <= most), _STEPS[-1] * (1 + span // _STEPS[-1]))
        begin = datetime.fromtimestamp((self.first.timestamp() // step + 1) * step, UTC)
        form = "%H:%M:%S" if step < 60 else "%H:%M" if step < 86_400 else "%Y-%m-%d"
        count = int(min(most + 1, (self.last - begin).total_seconds() // step + 1))
        at = (begin + timedelta(seconds=step * number) for number in range(count))
        found = [Tick(x=self.place(one), text=f"{one:{form}}") for one in at]
        return found or [Tick(x=self.place(self.first), text=f"{self.first:%H:%M:%S}")]


def _parts(moments: Sequence[Moment], width: float) -> list[_Part]:
    """The stretches of the axis: as wide as they hold events, the longest silences between them cut out."""
    ordered = sorted(moments, key=lambda moment: moment.at)
    if not ordered:
        return []
    groups = [ordered]
    while len(groups) < MAX_PARTS:
        spans = [(group[-1].at - group[0].at).total_seconds() for group in groups]
        whole = spans.index(max(spans))
        group = groups[whole]
        silences = [(two.at - one.at).total_seconds() for one, two in pairwise(group)]
        if not silences or max(silences) < max(LONG_SILENCE * spans[whole], 3_600):
            break
        at = silences.index(max(silences)) + 1
        groups[whole : whole + 1] = [group[:at], group[at:]]
    room = width - 2 * MARGIN - CUT * (len(groups) - 1)
    weights = [1 + len(group) ** 0.5 for group in groups]
    parts, x = [], float(MARGIN)
    for group, weight in zip(groups, weights, strict=True):
        wide = room * weight / sum(weights)
        parts.append(_Part(x=x + 8, width=wide - 16, moments=tuple(group)))
        x += wide + CUT
    return parts


def _marks(parts: Sequence[_Part], width: float) -> tuple[list[Mark], int]:
    """Marks with their labels in rows that do not overlap, and how many rows that took. Row 0 is the lowest."""
    placed = [(part.place(moment.at), moment) for part in parts for moment in part.moments]
    groups: list[list[tuple[float, Moment]]] = []
    for x, moment in placed:
        if groups and x - groups[-1][0][0] < TOGETHER:
            groups[-1].append((x, moment))
        else:
            groups.append([(x, moment)])
    rows = _Rows()
    labelled: dict[int, tuple[int, str, str]] = {}
    sides = [_side(group, width) for group in groups]
    # From the outside in: a label that must give way goes up, and its line down to the axis then passes beside the
    # labels below it, not through them.
    turn = [n for n in reversed(range(len(groups))) if sides[n][1] == "start"]
    turn += [n for n in range(len(groups)) if sides[n][1] == "end"]
    for number in turn:
        text, anchor, begin, end = sides[number]
        row = rows.place(groups[number][0][0], begin, end)
        if row is not None:
            labelled[number] = row, text, anchor
    marks = []
    for number, group in enumerate(groups):
        row, text, anchor = labelled.get(number, (0, "", "start"))
        title = "\n".join(f"{moment.at:%Y-%m-%d %H:%M:%S} UTC  {moment.what}" for _, moment in group[:20])
        marks.append(Mark(x=group[0][0], y=row, label=text, anchor=anchor, title=title, count=len(group)))
    return marks, 1 + max((row for row, _, _ in labelled.values()), default=0)


class _Rows:
    """Rows of labels, the lowest first, and what each holds from where to where."""

    def __init__(self) -> None:
        self._taken: list[list[tuple[float, float]]] = [[] for _ in range(ROWS)]

    def place(self, x: float, begin: float, end: float) -> int | None:
        """The lowest row with room for a label of the mark at `x`, whose line crosses no other label; None: no row."""
        for row in range(ROWS):
            if self._is_free(row, begin, end) and all(self._is_free(below, x - 1, x + 1) for below in range(row)):
                self._taken[row].append((begin, end))
                for below in range(row):
                    self._taken[below].append((x - 3, x + 3))
                return row
        return None

    def _is_free(self, row: int, begin: float, end: float) -> bool:
        return all(end <= first or last <= begin for first, last in self._taken[row])


def _side(group: Sequence[tuple[float, Moment]], width: float) -> tuple[str, str, float, float]:
    """A mark's label, the side that it is anchored at, and from where to where it reaches."""
    x, text = group[0][0], _label(group)
    wide = len(text) * CHARACTER + 10
    if x + wide <= width - 4:
        return text, "start", x - 2, x + wide
    return text, "end", max(0.0, x - wide), x + 2


def _label(group: Sequence[tuple[float, Moment]]) -> str:
    text = group[0][1].what
    if len(group) > 1:
        text = f"{len(group)}× {text}"
    return text if len(text) <= MAX_LABEL else f"{text[: MAX_LABEL - 1].rstrip()}…"


def _lifted(mark: Mark, axis: float) -> Mark:
    """The mark with its row as a height over the axis."""
    return Mark(
        x=mark.x,
        y=axis - 14 - ROW * mark.y,
        label=mark.label,
        anchor=mark.anchor,
        title=mark.title,
        count=mark.count,
    )


# --- states


def _bars(stays: Sequence[Stay], width: float, now: datetime) -> list[Bar]:
    """A bar for each state: the same least width for all, the rest of the room by how long it was."""
    if not stays:
        return []
    seconds = [max(0.0, ((stay.until or now) - stay.since).total_seconds()) for stay in stays]
    spare = width - 2 * MARGIN - BAR * len(stays)
    # The last state of a finished ticket lasts for ever; that says nothing.
    weights = [0.0 if stay.until is None and _over(stay) else took for stay, took in zip(stays, seconds, strict=True)]
    total = sum(weights)
    bars, x = [], float(MARGIN)
    for stay, took, weight in zip(stays, seconds, weights, strict=True):
        wide = BAR + spare * (weight / total if total > 0 else 1 / len(stays))
        ended = f"{stay.until:%H:%M:%S}" if stay.until else "now"
        text = "" if stay.until is None and _over(stay) else numbers.took(took)
        bars.append(
            Bar(
                x=x,
                width=wide,
                name=stay.state.value.replace("_", " "),
                took=text,
                title=f"{stay.words}\n{stay.since:%Y-%m-%d %H:%M:%S} to {ended} UTC",
                look=_LOOKS.get(stay.state, "works"),
            )
        )
        x += wide
    return bars


def _times(bars: Sequence[Bar], stays: Sequence[Stay]) -> list[Tick]:
    return [Tick(x=bar.x, text=f"{stay.since:%H:%M:%S}") for bar, stay in zip(bars, stays, strict=True)]


def _over(stay: Stay) -> bool:
    return stay.state in {TicketState.CLOSED, TicketState.SUPERSEDED, TicketState.FAILED, TicketState.ESCALATED}
