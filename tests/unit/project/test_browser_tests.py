"""Browser tests ask a page until it answers: a page that a click has just led to may still be empty."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

#: What answers at once, whatever the page is about to show. `expect(…)` asks again until time is up.
AT_ONCE = {"is_visible", "is_hidden", "is_enabled", "is_disabled", "is_checked", "is_editable", "count", "inner_text"}
CONSOLE = Path(__file__).parents[2] / "console"


def answered_at_once(source: str) -> list[int]:
    """Lines whose `assert` rests on a method of a page or locator that does not wait, `count()` with no arguments."""
    asserted = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Assert))
    calls = (call for node in asserted for call in ast.walk(node.test) if isinstance(call, ast.Call))
    return [
        call.lineno
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr in AT_ONCE and not call.args and not call.keywords
    ]


def test_an_assertion_that_does_not_wait_is_found() -> None:
    assert answered_at_once("assert tab.get_by_text('You approved it.').is_visible()\nassert x.count('a') == 1") == [1]


@pytest.mark.parametrize("path", sorted(CONSOLE.glob("*.py")), ids=lambda path: path.stem)
def test_no_browser_test_asks_once(path: Path) -> None:
    found = answered_at_once(path.read_text(encoding="utf-8"))
    assert not found, f"{path.name} lines {found}: use `expect(locator).to_…`, which waits"
