"""HTML is read without its tags, and what is found in it has its place in the raw text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.masking.formats.html import text_of_html, without_tags


def test_a_name_that_tags_split_is_one_name_and_stands_in_pieces_between_tags() -> None:
    text = "<p>Dear <b>Quillo</b> <i>Zander&shy;h&ouml;f</i>,<br>hello</p>"
    view = text_of_html(text)
    assert view is not None
    assert view.text == "\nDear Quillo Zander\u00adhöf,\nhello\n"
    start, end = view.text.index("Quillo"), view.text.index(",")
    pieces = [text[first:last] for first, last in view.raw_pieces(start, end)]
    assert [piece for piece in pieces if piece.strip()] == ["Quillo", "Zander&shy;h&ouml;f"]
    assert text[slice(*view.raw_span(start, start + 6))] == "Quillo"


def test_scripts_styles_and_comments_are_no_text() -> None:
    view = text_of_html("<style>p{color:red}</style><script>let a = 1</script><!-- note --><p>Jena</p>")
    assert view is not None
    assert view.text.strip() == "Jena"


@pytest.mark.parametrize("text", ["", "a < b > c", "Quillo <q@evil.example>", "<Event><Data>x</Data></Event>", "{}"])
def test_what_is_no_html_has_no_view(text: str) -> None:
    assert text_of_html(text) is None


PIECES = st.sampled_from(
    ["<p>", "</p>", "<b>", "</b>", "<br/>", "&amp;", "&eacute;", "Quillo", " ", "<", ">", "<!--", "-->", "ä"]
)


@given(st.lists(PIECES, max_size=40).map("".join), st.data())
def test_every_span_has_pieces_outside_of_tags(text: str, data: st.DataObject) -> None:
    assert len(without_tags(text)) == len(text)
    view = text_of_html(text)
    if view is None or not view.text:
        return
    start = data.draw(st.integers(0, len(view.text) - 1))
    end = data.draw(st.integers(start + 1, len(view.text)))
    position = 0
    for first, last in view.raw_pieces(start, end):
        assert position <= first < last <= len(text)
        assert "<b>" not in text[first:last]
        position = last
