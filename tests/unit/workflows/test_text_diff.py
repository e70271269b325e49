"""Files compared line by line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows import text_diff
from workflows.text_diff import file_diffs

LINES = st.lists(st.sampled_from(["a", "b", "c: 1", "", "  - d"]), max_size=40)


@given(LINES, LINES)
def test_a_diff_holds_exactly_what_is_added_and_removed_at_its_lines(before: list[str], after: list[str]) -> None:
    for found in file_diffs({"x": "\n".join(before) + "\n"}, {"x": "\n".join(after) + "\n"}):
        old = ("\n".join(before) + "\n").splitlines()
        new = ("\n".join(after) + "\n").splitlines()
        kept_old = [line for line in found.lines if line.before is not None]
        kept_new = [line for line in found.lines if line.after is not None]
        assert all(line.text == old[(line.before or 0) - 1] for line in kept_old)
        assert all(line.text == new[(line.after or 0) - 1] for line in kept_new)
        gone = {line.before for line in found.lines if line.kind == "removed"}
        come = {line.after for line in found.lines if line.kind == "added"}
        rest_old = [text for number, text in enumerate(old, 1) if number not in gone]
        rest_new = [text for number, text in enumerate(new, 1) if number not in come]
        assert rest_old == rest_new


def test_a_file_that_came_or_went_is_told_as_such() -> None:
    added, removed = file_diffs({"b.yaml": "x\n"}, {"a.yaml": "y\nz\n"})
    assert (added.name, added.change, added.added, added.removed) == ("a.yaml", "added", 2, 0)
    assert (removed.name, removed.change, removed.added, removed.removed) == ("b.yaml", "removed", 0, 1)


def test_texts_that_are_too_large_to_compare_are_told_as_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_diff, "MOST_COMPARED", 10)
    before = ["same"] * 10 + ["a", "b", "c"] + ["end"] * 10
    after = ["same"] * 10 + ["c", "d"] + ["end"] * 10
    (found,) = file_diffs({"x": "\n".join(before)}, {"x": "\n".join(after)})
    assert [line.text for line in found.lines if line.kind == "removed"] == ["a", "b", "c"]
    assert [line.text for line in found.lines if line.kind == "added"] == ["c", "d"]
    assert [line.text for line in found.lines if line.kind == "gap"] == ["7 lines are the same"] * 2
