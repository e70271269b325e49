"""The picture of who and what a case is about: columns from people to files, lines between what is named together.

Geometry only, and the same for the same case: columns by kind, the order within them by the middle of the neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from workflows.case_entities import Entities, Entity, Kind, Tie

#: Entities drawn; the others are in the table.
MAX_NODES = 40
#: Width and height of a node, the way between two, and the margin.
WIDE, HIGH, ACROSS, DOWN, MARGIN = 196, 30, 78, 12, 18
#: Height of a passage for lines that go by a column, room for bows beside the first one, and for the headings.
THIN, BOW, TOP = 6, 26, 44
#: Characters of a name that a node holds; the middle is left out.
MAX_NAME = 22
#: Kinds that stand in one column, in order.
COLUMNS: tuple[tuple[str, tuple[Kind, ...]], ...] = (
    ("People and accounts", ("person", "account")),
    ("Hosts and our addresses", ("host", "address")),
    ("Addresses and domains", ("ip", "domain")),
    ("Links, files, vulnerabilities", ("url", "file", "vulnerability")),
)
#: Times the columns are put in order anew; more changes nothing that the eye sees.
SWEEPS = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One entity: a box with a sign for its kind and its name, shortened in the middle."""

    number: int
    x: float
    y: float
    kind: Kind
    name: str
    entity: Entity


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A connection, from one node to another, as an SVG path."""

    one: int
    other: int
    path: str
    title: str
    #: How many sources name both.
    weight: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Heading:
    """The name of a column."""

    x: float
    text: str


class Passage(NamedTuple):
    """A gap in a column for the lines of one node that go by."""

    name: str
    column: int


#: Something with a place in a column, and the stops of one line from left to right.
Stop = str | Passage
Way = tuple[Stop, ...]


class Spot(NamedTuple):
    """Left end and middle height of a stop."""

    x: float
    y: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """Everything to draw."""

    width: float
    height: float
    nodes: tuple[Node, ...]
    lines: tuple[Line, ...]
    headings: tuple[Heading, ...]
    #: Entities that are not drawn.
    left_out: int


def picture(found: Entities) -> Picture:
    """The picture of a case."""
    chosen = _best(found)
    kept = {entity.name for entity in chosen}
    ties = [tie for tie in found.ties if tie.one in kept and tie.other in kept]
    columns = _columns(chosen)
    column_of = {entity.name: number for number, (_, column) in enumerate(columns) for entity in column}
    ways = [_way(tie, column_of) for tie in ties]
    order = _ordered(_with_passages([[one.name for one in column] for _, column in columns], ways), ways)
    spots, tallest = _spots(order)
    nodes = _nodes(chosen, spots, order)
    return Picture(
        width=max(2 * MARGIN + BOW + len(order) * WIDE + (len(order) - 1) * ACROSS, 320),
        height=TOP + tallest + MARGIN,
        nodes=tuple(nodes.values()),
        lines=tuple(
            Line(
                one=nodes[tie.one].number,
                other=nodes[tie.other].number,
                path=_path([spots[stop] for stop in way]),
                title=f"{tie.one} and {tie.other}: {', '.join(tie.sources)}",
                weight=min(3, len(tie.sources)),
            )
            for tie, way in zip(ties, ways, strict=True)
        ),
        headings=tuple(Heading(x=_left(number), text=text) for number, (text, _) in enumerate(columns)),
        left_out=found.left_out + len(found.entities) - len(chosen),
    )


def _best(found: Entities) -> list[Entity]:
    """The best connected ones, in the order in which they came."""
    degree: dict[str, int] = {}
    for tie in found.ties:
        degree[tie.one] = degree.get(tie.one, 0) + 1
        degree[tie.other] = degree.get(tie.other, 0) + 1
    ranked = sorted(
        found.entities, key=lambda one: (not one.bad, -degree.get(one.name, 0), -len(one.sources), one.name)
    )
    kept = {one.name for one in ranked[:MAX_NODES]}
    return [one for one in found.entities if one.name in kept]


def _columns(entities: Sequence[Entity]) -> list[tuple[str, list[Entity]]]:
    """Entities by column, without empty ones."""
    columns = [(title, [one for one in entities if one.kind in kinds]) for title, kinds in COLUMNS]
    return [(title, column) for title, column in columns if column]


def _way(tie: Tie, column_of: dict[str, int]) -> Way:
    """Where a line goes along, left to right: through a passage in each column that it passes by."""
    left, right = sorted((tie.one, tie.other), key=lambda name: (column_of[name], name))
    between = range(column_of[left] + 1, column_of[right])
    return (left, *(Passage(left, number) for number in between), right)


def _with_passages(columns: list[list[str]], ways: Sequence[Way]) -> list[list[Stop]]:
    """The columns with a passage for each node whose lines go by."""
    full: list[list[Stop]] = [list(column) for column in columns]
    passages = {stop for way in ways for stop in way if isinstance(stop, Passage)}
    for passage in sorted(passages):
        full[passage.column].append(passage)
    return full


def _ordered(columns: list[list[Stop]], ways: Sequence[Way]) -> list[list[Stop]]:
    """Each column by the middle of its neighbours' places, there and back, so that few lines cross."""
    near: dict[Stop, list[Stop]] = {}
    for way in ways:
        for one, other in pairwise(way):
            near.setdefault(one, []).append(other)
            near.setdefault(other, []).append(one)
    order = [list(column) for column in columns]
    place = {stop: row - len(column) / 2 for column in order for row, stop in enumerate(column)}
    for sweep in range(SWEEPS):
        for column in order if sweep % 2 == 0 else reversed(order):
            inside = set(column)
            ranked = []
            for row, stop in enumerate(column):
                places = [place[other] for other in near.get(stop, ()) if other not in inside]
                ranked.append((sum(places) / len(places) if places else place[stop], row, stop))
            column[:] = [stop for _, _, stop in sorted(ranked, key=lambda one: one[:2])]
            place.update({stop: row - len(column) / 2 for row, stop in enumerate(column)})
    return order


def _spots(order: Sequence[Sequence[Stop]]) -> tuple[dict[Stop, Spot], float]:
    """Where each stop lies, the columns centred, and the height of the tallest column."""
    heights = [sum((THIN if isinstance(stop, Passage) else HIGH) + DOWN for stop in column) - DOWN for column in order]
    tallest = max(heights, default=0.0)
    spots: dict[Stop, Spot] = {}
    for number, (column, height) in enumerate(zip(order, heights, strict=True)):
        y = TOP + (tallest - height) / 2
        for stop in column:
            high = THIN if isinstance(stop, Passage) else HIGH
            spots[stop] = Spot(x=_left(number), y=y + high / 2)
            y += high + DOWN
    return spots, tallest


def _nodes(chosen: Sequence[Entity], spots: dict[Stop, Spot], order: Sequence[Sequence[Stop]]) -> dict[str, Node]:
    entities = {entity.name: entity for entity in chosen}
    names = [stop for column in order for stop in column if isinstance(stop, str)]
    return {
        name: Node(
            number=number,
            x=spots[name].x,
            y=spots[name].y - HIGH / 2,
            kind=entities[name].kind,
            name=_short(name, MAX_NAME - 3 if entities[name].bad else MAX_NAME),
            entity=entities[name],
        )
        for number, name in enumerate(names, 1)
    }


def _path(spots: Sequence[Spot]) -> str:
    """A curve from side to side through the passages, or in a bow beside the column that both ends stand in."""
    first, last = spots[0], spots[-1]
    if first.x == last.x:
        bow = first.x - min(BOW + 8, 12 + abs(last.y - first.y) / 8)
        return f"M{first.x:.1f} {first.y:.1f}C{bow:.1f} {first.y:.1f} {bow:.1f} {last.y:.1f} {last.x:.1f} {last.y:.1f}"
    path = f"M{first.x + WIDE:.1f} {first.y:.1f}"
    for one, other in pairwise(spots):
        begin, half = one.x + WIDE, (one.x + WIDE + other.x) / 2
        if one is not first:
            path += f"L{begin:.1f} {one.y:.1f}"
        path += f"C{half:.1f} {one.y:.1f} {half:.1f} {other.y:.1f} {other.x:.1f} {other.y:.1f}"
    return path


def _left(column: int) -> float:
    """Where a column begins."""
    return float(MARGIN + BOW + column * (WIDE + ACROSS))


def _short(name: str, most: int) -> str:
    """The name, without its middle where it is too long: both ends tell links and hashes apart."""
    if len(name) <= most:
        return name
    keep = most - 1
    return f"{name[: keep - keep // 2]}…{name[-(keep // 2) :]}"
