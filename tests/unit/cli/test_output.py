"""Nothing that a stranger wrote steers the terminal."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from cli.output import plain


def test_escapes_controls_and_direction_overrides_are_gone() -> None:
    assert plain("a\x1b]0;owned\x07b\x9bc\u202ed\u200be\nf") == "a ]0;owned b c d e f"


@given(st.text())
def test_what_is_printed_holds_no_character_a_terminal_obeys(text: str) -> None:
    assert not [c for c in plain(text) if unicodedata.category(c)[0] == "C"]
