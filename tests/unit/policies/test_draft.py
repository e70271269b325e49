from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from policies.masking.draft import JOINER, Draft
from policies.masking.spans import GUESSED, Span, resolve


def span(text: str, part: str, entity: str = "PERSON", recognizer: str = "") -> Span:
    start = text.index(part)
    return Span(start, start + len(part), entity, part, recognizer=recognizer)  # type: ignore[arg-type]


def test_what_a_loser_covers_beside_the_winner_stays_covered() -> None:
    text = "Anna Lindqvist@bank.example"
    spans = resolve([span(text, "Anna Lindqvist"), span(text, "Lindqvist@bank.example", "EMAIL")])
    assert [(s.entity, s.text) for s in spans] == [("PERSON", "Anna"), ("EMAIL", "Lindqvist@bank.example")]


def test_a_secret_beats_what_is_longer_and_a_pattern_beats_a_guess() -> None:
    text = "password: Anna Lee 4111 1111 1111 1111"
    spans = resolve(
        [
            span(text, "Anna Lee 4111 1111 1111 1111", "ADDRESS", GUESSED),
            span(text, "4111 1111 1111 1111", "CARD"),
            span(text, "Anna", "SECRET"),
        ]
    )
    assert [(s.entity, s.text) for s in spans] == [
        ("SECRET", "Anna"),
        ("ADDRESS", "Lee"),
        ("CARD", "4111 1111 1111 1111"),
    ]


PLACES = st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 3000)), max_size=40)


@given(PLACES)
def test_resolved_spans_never_overlap_and_cover_all_that_was_found(places: list[tuple[int, int]]) -> None:
    text = "x" * 8000
    given_spans = [Span(start, start + length, "PERSON", text[start : start + length]) for start, length in places]
    kept = resolve(given_spans)
    assert all(a.end <= b.start for a, b in pairwise(kept))
    wanted = {position for s in given_spans for position in range(s.start, s.end)}
    left = sorted(wanted - {position for s in kept for position in range(s.start, s.end)})
    # A rest of two characters is not worth a token.
    assert all(position + 2 not in left or position + 1 not in left for position in left)


@given(st.text(alphabet="ab <>", max_size=60), PLACES)
def test_places_of_a_rendered_text_lead_back_to_the_text_as_it_came(text: str, places: list[tuple[int, int]]) -> None:
    draft = Draft(text)
    draft.add(
        Span(start, min(start + length, len(text)), "PERSON", text[start : start + length])
        for start, length in places
        if start < len(text)
    )
    rendered = draft.render(lambda _span: "T")
    for position, character in enumerate(rendered):
        start, end = draft.raw_span(position, position + 1)
        if character not in (JOINER, "T"):
            assert text[start:end] == character


def test_a_token_does_not_grow_together_with_letters() -> None:
    draft = Draft("xAnnay")
    draft.add([Span(1, 5, "PERSON", "Anna")])
    assert draft.render(lambda _span: "PERSON_K7Q2XB") == f"x{JOINER}PERSON_K7Q2XB{JOINER}y"
