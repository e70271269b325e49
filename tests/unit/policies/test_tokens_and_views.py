from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.masking.originals import Originals
from policies.masking.tokens import ALPHABET, ENTITIES, TOKEN, is_well_formed, make_token, neutralise
from policies.masking.views import decoded_view, shape_of

KEY = b"k" * 32


@given(st.sampled_from(ENTITIES), st.text(min_size=1), st.integers(0, 3))
def test_every_token_has_the_form_that_restoring_looks_for(entity: str, value: str, attempt: int) -> None:
    token = make_token(KEY, entity, value, attempt)
    assert TOKEN.fullmatch(token)
    assert is_well_formed(token)
    assert token == make_token(KEY, entity, value, attempt)
    assert token != make_token(b"other" * 8, entity, value, attempt)


@given(st.sampled_from(ENTITIES), st.text(min_size=1), st.integers(0, 5), st.sampled_from(ALPHABET))
def test_one_wrong_character_shows(entity: str, value: str, position: int, other: str) -> None:
    token = make_token(KEY, entity, value, 0)
    index = len(token) - 6 + position
    changed = token[:index] + other + token[index + 1 :]
    assert is_well_formed(changed) is (changed == token)


def test_only_tokens_that_were_issued_survive() -> None:
    text = "PERSON_K7Q2XB, EMAIL_AAAAAA@x MY_HOST_BBBBBB PERSON_K7Q2XBY PERSON_K7Q2X0 person_k7q2xb"
    assert neutralise(text, {"EMAIL_AAAAAA"}) == (
        "PERSON-K7Q2XB, EMAIL_AAAAAA@x MY_HOST-BBBBBB PERSON_K7Q2XBY PERSON_K7Q2X0 person_k7q2xb"
    )


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [
        ("\\u0041nna", "Anna"),
        ("\\\\\\u0041nna\\\\nx", "Anna\nx"),
        ("\\ud83d\\ude00!", "😀!"),
        ("\\ud83d!", "\ufffd!"),
        ("a%20b%C3%A9", "a bé"),
        ("a&nbsp;b&#97;&#x41;&shy;", "a baA"),
        ("sof=\r\nt=20x", "soft x"),
        ("An\u200bna", "Anna"),
        ("Jose\u0301", "José"),
        ("Ａｎｎａ", "Anna"),
    ],
)
def test_escapes_are_read(raw: str, decoded: str) -> None:
    view = decoded_view(raw)
    assert view is not None
    assert view.text == decoded


def test_plain_text_has_no_other_view() -> None:
    assert decoded_view("nothing to decode: 50% of C:\\Program Files & more") is None


@given(st.text(alphabet="ab\\u0041%20\u200b&;é\u0301", max_size=60))
def test_every_character_of_a_view_points_back_into_the_text(text: str) -> None:
    view = decoded_view(text)
    if view is not None:
        for index in range(len(view.text)):
            start, end = view.raw_span(index, index + 1)
            assert 0 <= start < end <= len(text)
            raw = text[start:end]
            assert raw == view.text[index] or decoded_view(raw) is not None or len(raw) > 1


@given(st.text())
def test_a_shape_has_as_many_characters_as_its_text(text: str) -> None:
    assert len(shape_of(text)) == len(text)


@pytest.mark.parametrize(
    ("value", "entity", "text"),
    [
        ("Anna Lindqvist", "PERSON", "ask ANNA\n lindqvist."),
        ("Anna Lindqvist", "PERSON", "anna_lindqvist.docx"),
        ("Anna Lindqvist", "PERSON", "?u=Anna%20Lindqvist&x"),
        ("José Núñez", "PERSON", "Jose\u0301 Nu\u0301n\u0303ez"),
        ("t.nakamura", "USERNAME", r"C:\Users\t.nakamura\x"),
        ("t.nakamura", "USERNAME", r"HARBOURBANK\\t.nakamura"),
        ("a@b.example", "EMAIL", "<A@B[.]example>"),
        ("4111 1111 1111 1111", "CARD", "4111-11111111.1111,"),
        ("+49 (151) 234567", "PHONE", "0 49151234567"),
        ("10.20.14.31", "IP", "10.20.14.31:443"),
        ("李明", "PERSON", "你好李明先生"),
    ],
)
def test_an_original_is_found_in_every_spelling(value: str, entity: str, text: str) -> None:
    originals = Originals()
    originals.add("key", value, entity)
    hits = originals.find(text)
    assert [hit.key for hit in hits] == ["key"]


@pytest.mark.parametrize(
    ("value", "entity", "text"),
    [
        ("Anna Lindqvist", "PERSON", "Anna Maria Lindqvist, Hanna Lindqvist, Anna Lindqvists"),
        ("10.20.14.31", "IP", "110.20.14.31 10.20.14.311 10-20-14-31"),
        ("4111 1111 1111 1111", "CARD", "94111 1111 1111 1111 and 4111 1111 1111 11112"),
        ("!!!", "SECRET", "!!!"),
    ],
)
def test_what_only_resembles_an_original_is_not_found(value: str, entity: str, text: str) -> None:
    originals = Originals()
    originals.add("key", value, entity)
    assert originals.find(text) == []
