"""Charts as numbers: where each mark goes, in percent of the plot. `templates/charts.html` draws them.

Percent, so that a chart is as wide as its place and its text is not scaled with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.console.numbers import count

#: Labels along the bottom at most; fewer fit on a telephone.
LABELS = 8


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of thing in a chart. `css` is a name of ours, never of a ticket."""

    name: str
    css: str


@dataclass(frozen=True, slots=True)
class Span:
    """One place along the bottom."""

    #: Short, for the axis.
    label: str
    #: Whole, for whoever points at it and for the table.
    title: str
    values: tuple[float | None, ...]
    #: Where each value leads.
    hrefs: tuple[str, ...] = ()

    def leads(self, number: int) -> str:
        """Where one of the values leads; nowhere where there is none."""
        return self.hrefs[number] if self.hrefs and self.values[number] else ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A rectangle, in percent of the plot from its upper left corner."""

    x: float
    y: float
    width: float
    height: float
    css: str
    title: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """A label and where it stands, in percent."""

    at: float
    text: str
    #: Left out where there is little room.
    minor: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything there is to draw."""

    marks: tuple[Mark, ...]
    #: Lines as points `x,y` in percent; a gap in the numbers ends one and begins another.
    lines: tuple[tuple[str, str], ...]
    x: tuple[Tick, ...]
    y: tuple[Tick, ...]
    series: tuple[Series, ...]
    spans: tuple[Span, ...]
    unit: str

    @property
    def empty(self) -> bool:
        """Whether there is nothing to see."""
        return not any(value for span in self.spans for value in span.values)


def stacked(spans: Sequence[Span], series: Sequence[Series], *, unit: str = "") -> Chart:
    """Bars, one a span, with one piece for each series, the first at the bottom."""
    top = ceiling(max((sum(value or 0 for value in span.values) for span in spans), default=0))
    width = 100 / max(len(spans), 1)
    gap = width * (0.18 if len(spans) > 1 else 0.4)
    marks = []
    for number, span in enumerate(spans):
        floor = 100.0
        for row, (one, value) in enumerate(zip(series, span.values, strict=True)):
            if not value:
                continue
            height = 100 * value / top
            floor -= height
            said = f"{span.title}: {count(value)} {one.name}"
            x = number * width + gap / 2
            marks.append(Mark(x, max(floor, 0.0), width - gap, height, one.css, said, span.leads(row)))
    return Chart(tuple(marks), (), _labels(spans), _heights(top, unit), tuple(series), tuple(spans), unit)


def line(spans: Sequence[Span], series: Sequence[Series], *, unit: str = "") -> Chart:
    """One line a series; where a number is missing the line has a gap. A lone point is a short dash."""
    top = ceiling(max((value for span in spans for value in span.values if value is not None), default=0), whole=False)
    width = 100 / max(len(spans), 1)
    lines: list[tuple[str, str]] = []
    marks: list[Mark] = []
    for row, one in enumerate(series):
        points: list[str] = []
        for number, span in enumerate(spans):
            value = span.values[row]
            if value is None:
                _end(lines, points, one.css, width)
                points = []
                continue
            x, y = (number + 0.5) * width, 100 - 100 * value / top
            points.append(f"{x:.2f},{y:.2f}")
            said = f"{span.title}: {value:.1f}{unit} {one.name}"
            marks.append(Mark(number * width, 0.0, width, 100.0, "point", said, span.leads(row)))
        _end(lines, points, one.css, width)
    return Chart(tuple(marks), tuple(lines), _labels(spans), _heights(top, unit), tuple(series), tuple(spans), unit)


@dataclass(frozen=True, slots=True)
class Share:
    """One part of a whole."""

    name: str
    css: str
    value: float
    #: In percent of the whole.
    x: float
    width: float
    href: str = ""


def shares(parts: Sequence[tuple[str, str, float, str]]) -> tuple[Share, ...]:
    """Parts of a whole side by side, each a name, a style of ours, a number and where it leads."""
    whole = sum(value for _, _, value, _ in parts)
    found, x = [], 0.0
    for name, css, value, href in parts:
        width = 100 * value / whole if whole else 0.0
        found.append(Share(name, css, value, x, width, href))
        x += width
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Ranked:
    """A bar among others; `names` are those whose numbers it adds up."""

    title: str
    names: tuple[str, ...]
    value: float
    #: In percent of the longest.
    width: float
    css: str = "c-plain"


def ranked(parts: Mapping[str, float], *, limit: int = 8) -> tuple[Ranked, ...]:
    """Bars one under the other, the longest as wide as the plot; what is beyond `limit` is one bar of its own."""
    ordered = sorted(parts.items(), key=lambda part: (-part[1], part[0]))
    shown: list[tuple[str, tuple[str, ...], float]] = [
        (name.replace("_", " ").lower(), (name,), value) for name, value in ordered
    ]
    if len(shown) > limit:
        rest = ordered[limit - 1 :]
        together = "other kinds", tuple(name for name, _ in rest), sum(value for _, value in rest)
        shown = [*shown[: limit - 1], together]
    longest = max((value for _, _, value in shown), default=0)
    return tuple(Ranked(title, names, value, 100 * value / longest if longest else 0) for title, names, value in shown)


def ceiling(most: float, *, whole: bool = True) -> float:
    """The first round number that holds it; with `whole`, one whose half is a whole number too."""
    if most <= 0:
        return 2.0 if whole else 1.0
    step = 1.0
    while step >= most:
        step /= 10
    while step * 10 < most:
        step *= 10
    factors = (2, 4, 6, 8, 10) if whole and step <= 1 else (1, 2, 3, 4, 5, 6, 8, 10)
    return max(next(step * factor for factor in factors if step * factor >= most), 2.0 if whole else 0.0)


def _heights(top: float, unit: str) -> tuple[Tick, ...]:
    return tuple(Tick(100 * (1 - part), _short(top * part, unit)) for part in (1.0, 0.5, 0.0))


def _short(value: float, unit: str) -> str:
    if value and value != int(value) and value < 10:
        return f"{value:.3g}{unit}"
    return f"{count(value).replace('.0 ', ' ')}{unit}"


def _labels(spans: Sequence[Span]) -> tuple[Tick, ...]:
    """Evenly thinned; every second of those that stay is left out where there is little room."""
    every = max(1, -(-len(spans) // LABELS))
    width = 100 / max(len(spans), 1)
    return tuple(
        Tick((number + 0.5) * width, spans[number].label, minor=place % 2 == 1)
        for place, number in enumerate(range(0, len(spans), every))
    )


def _end(lines: list[tuple[str, str]], points: list[str], css: str, width: float) -> None:
    if len(points) == 1:
        x, _, y = points[0].partition(",")
        points = [f"{float(x) - width / 4:.2f},{y}", f"{float(x) + width / 4:.2f},{y}"]
    if points:
        lines.append((css, " ".join(points)))
