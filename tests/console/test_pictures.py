"""The pictures of a case: everything inside their frame, always the same, whatever the case holds."""

from __future__ import annotations

import math
import re
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ticket import TicketState
from gateway.console import graph, timeline
from gateway.console.render import environment
from workflows.case_entities import KINDS, Entities, Entity, Tie
from workflows.case_moments import Moment
from workflows.case_story import Stay

START = datetime(2026, 1, 5, 6, 41, 2, tzinfo=UTC)
HOSTILE = "</text><script>alert(1)</script>\u202egnp.exe"


def moment(seconds: float, what: str = "Sign-in · USERNAME_K7Q2XB") -> Moment:
    return Moment(at=START + timedelta(seconds=seconds), what=what, sources=("ticket",))


def stay(state: TicketState, since: float, until: float | None) -> Stay:
    end = None if until is None else START + timedelta(seconds=until)
    return Stay(state=state, words=state.value, since=START + timedelta(seconds=since), until=end)


moments_of_a_case = st.lists(
    st.builds(moment, st.floats(-1e8, 1e8), st.text(min_size=1, max_size=120)), max_size=60
)  # three years each way
stays_of_a_case = st.lists(st.tuples(st.sampled_from(list(TicketState)), st.floats(0, 1e6)), max_size=40).map(
    lambda steps: [
        stay(state, sum(took for _, took in steps[:number]), sum(took for _, took in steps[: number + 1]))
        for number, (state, took) in enumerate(steps)
    ]
)


@st.composite
def cases(draw: st.DrawFn) -> Entities:
    names = draw(st.lists(st.text(min_size=1, max_size=80), unique=True, max_size=70))
    entities = tuple(
        Entity(kind=draw(st.sampled_from(KINDS)), name=name, sources=("E1",), bad=draw(st.booleans())) for name in names
    )
    pairs = draw(st.sets(st.tuples(st.sampled_from(names), st.sampled_from(names)), max_size=120)) if names else set()
    ties = tuple(Tie(one=one, other=other, sources=("E1",)) for one, other in sorted(pairs) if one < other)
    return Entities(entities=entities, ties=ties)


def numbers_in(value: Any) -> list[float]:
    """Every number of a picture, those in paths too."""
    if isinstance(value, bool):
        return []
    if isinstance(value, int | float):
        return [float(value)]
    if isinstance(value, tuple):
        return [number for one in value for number in numbers_in(one)]
    if is_dataclass(value) and not isinstance(value, type):
        found = [numbers_in(getattr(value, field.name)) for field in fields(value) if field.name != "entity"]
        return [number for one in found for number in one]
    return []


@settings(max_examples=60, deadline=None)
@given(moments_of_a_case, stays_of_a_case)
def test_times_lie_inside_their_picture_and_are_always_the_same(moments: list[Moment], stays: list[Stay]) -> None:
    now = START + timedelta(days=400)
    made = timeline.picture(moments, stays, now=now)
    assert all(math.isfinite(number) for number in numbers_in(made))
    assert made == timeline.picture(moments, stays, now=now)
    for mark in made.marks:
        assert 0 <= mark.x <= made.width
        assert 0 <= mark.y <= made.axis <= made.height
    for tick in (*made.ticks, *made.days, *made.times):
        assert 0 <= tick.x <= made.width
    for bar in made.bars:
        assert bar.width >= timeline.BAR - 1
        assert bar.x >= 0
        assert bar.x + bar.width <= made.width + 0.01
    assert sum(mark.count for mark in made.marks) == len(moments)
    assert len(made.bars) + made.earlier == len(stays)


@settings(max_examples=60, deadline=None)
@given(cases())
def test_connections_lie_inside_their_picture_and_are_always_the_same(found: Entities) -> None:
    made = graph.picture(found)
    assert made == graph.picture(found)
    assert all(math.isfinite(number) for number in numbers_in(made))
    assert len(made.nodes) <= graph.MAX_NODES
    assert len(made.nodes) + made.left_out == len(found.entities)
    for node in made.nodes:
        assert 0 <= node.x <= made.width - graph.WIDE
        assert 0 <= node.y <= made.height - graph.HIGH
    for line in made.lines:
        places = [float(number) for number in re.findall(r"-?[0-9.]+", line.path)]
        assert all(0 <= x <= made.width for x in places[::2])
        assert all(0 <= y <= made.height for y in places[1::2])
    boxes = [(node.x, node.y) for node in made.nodes]
    assert len(set(boxes)) == len(boxes)


def test_a_long_silence_is_cut_out_and_said() -> None:
    storm = [moment(number * 60) for number in range(10)]
    made = timeline.picture([moment(-200 * 86_400, "domain registered"), *storm], (), now=START)
    assert [cut.text for cut in made.cuts] == ["200 d"]
    assert [day.text for day in made.days] == ["2025-06-19 UTC", "2026-01-05 UTC"]
    apart = [b.x - a.x for a, b in zip(made.marks[1:], made.marks[2:], strict=False)]
    assert min(apart) > 20  # the storm has not shrunk to one dot beside half a year


def test_events_at_one_moment_are_one_mark_that_counts_them() -> None:
    made = timeline.picture([moment(0), moment(0, "Denied"), moment(3600)], (), now=START)
    assert [mark.count for mark in made.marks] == [2, 1]
    assert made.marks[0].label.startswith("2× ")


def test_labels_do_not_lie_over_one_another() -> None:
    made = timeline.picture([moment(number * 20, f"Event number {number}") for number in range(30)], (), now=START)
    boxes = []
    for mark in made.marks:
        if mark.label:
            wide = len(mark.label) * timeline.CHARACTER
            begin = mark.x if mark.anchor == "start" else mark.x - wide
            boxes.append((mark.y, begin, begin + wide))
    assert len(boxes) >= 15
    for number, (y, begin, end) in enumerate(boxes):
        assert not [b for b in boxes[number + 1 :] if b[0] == y and b[1] < end and begin < b[2]]


def test_a_state_that_lasted_longer_is_drawn_longer() -> None:
    stays = [
        stay(TicketState.RECEIVED, 0, 1),
        stay(TicketState.INVESTIGATING, 1, 301),
        stay(TicketState.CLOSED, 301, None),
    ]
    made = timeline.picture((), stays, now=START + timedelta(days=300))
    received, investigating, closed = made.bars
    assert investigating.width > 3 * received.width
    assert (received.took, investigating.took, closed.took) == ("1.0 s", "5 min", "")
    assert closed.width == timeline.BAR  # that it has been closed for months says nothing


def test_what_is_connected_with_everything_stands_beside_its_neighbours() -> None:
    entities = [Entity(kind="account", name=f"USER_{number}", sources=("E1",), bad=False) for number in range(8)]
    entities += [Entity(kind="ip", name=f"192.0.2.{number}", sources=("E1",), bad=False) for number in range(8)]
    ties = [Tie(one=f"192.0.2.{7 - number}", other=f"USER_{number}", sources=("E1",)) for number in range(8)]
    made = graph.picture(Entities(entities=tuple(entities), ties=tuple(ties)))
    at = {node.entity.name: node.y for node in made.nodes}
    assert all(at[tie.one] == at[tie.other] for tie in ties)  # straight lines, none of which cross


def test_a_line_past_a_column_goes_between_its_nodes() -> None:
    entities = (
        Entity(kind="account", name="USER", sources=("E1",), bad=False),
        Entity(kind="host", name="HOST", sources=("E1",), bad=False),
        Entity(kind="ip", name="192.0.2.1", sources=("E1",), bad=True),
    )
    made = graph.picture(Entities(entities=entities, ties=(Tie(one="192.0.2.1", other="USER", sources=("E1",)),)))
    host = next(node for node in made.nodes if node.entity.name == "HOST")
    passing = [float(y) for x, y in re.findall(r"L([0-9.]+) ([0-9.]+)", made.lines[0].path)]
    assert passing
    assert all(not host.y <= y <= host.y + graph.HIGH for y in passing)


def test_the_whole_name_of_a_shortened_one_is_in_its_title() -> None:
    name = "https://login.example/" + "a" * 60 + "/signin"
    made = graph.picture(Entities(entities=(Entity(kind="url", name=name, sources=("E1",), bad=True),), ties=()))
    assert made.nodes[0].name.startswith("https://")
    assert made.nodes[0].name.endswith("signin")
    assert made.nodes[0].entity.name == name


@pytest.mark.parametrize("name", [HOSTILE, '"><img src=x onerror=alert(1)>', "{{ 7*7 }}"])
def test_hostile_names_are_text_in_the_picture(name: str) -> None:
    made = timeline.picture([moment(0, name)], (), now=START)
    drawn = environment().get_template("case/times_picture.html").render(picture=made)
    assert "<script" not in drawn
    assert "<img" not in drawn
    assert "49" not in re.sub(r'(x\d?|y\d?|cx|cy|d|viewBox)="[^"]*"', "", drawn)
    assert "\u202e" not in drawn
