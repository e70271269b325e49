"""The scorer of the masking benchmark: when a span counts as masked, and what counts against precision."""

from __future__ import annotations

import pytest

from benchmarks._masking_data import log_texts, read_conll
from benchmarks._masking_evidence import pairs
from benchmarks._masking_score import Gold, Hit, Tally, flags_of, is_masked
from benchmarks._masking_sides import hits_of
from policies.masking.spans import Span

TEXT = "Call Ada Byron on 555-010-4477, today."


def place(part: str) -> tuple[int, int]:
    start = TEXT.index(part)
    return start, start + len(part)


def gold(part: str, kind: str = "PERSON") -> Gold:
    return Gold(*place(part), kind)


def hit(part: str, entity: str = "PERSON") -> Hit:
    return Hit(*place(part), entity, "test")


@pytest.mark.parametrize(
    ("gone", "masked"),
    [
        (["Ada Byron"], True),
        (["Ada", "Byron"], True),  # the blank between them does not count
        (["Ada Byro"], False),  # 7 of 8 letters are too few
        (["Byron"], False),
        (["Call Ada Byron on"], True),
        ([], False),
    ],
)
def test_a_span_is_masked_when_nine_tenths_of_its_letters_are_gone(gone: list[str], masked: bool) -> None:
    flags = flags_of(TEXT, [hit(part) for part in gone])
    assert is_masked(TEXT, gold("Ada Byron"), flags) is masked


def test_exactly_nine_tenths_are_enough() -> None:
    flags = flags_of(TEXT, [hit("555-010-447")])
    assert is_masked(TEXT, gold("555-010-4477", "PHONE"), flags)
    assert not is_masked(TEXT, gold("555-010-4477", "PHONE"), flags_of(TEXT, [hit("555-010-44")]))


def test_a_span_of_marks_alone_is_never_masked() -> None:
    assert not is_masked(TEXT, gold("-"), flags_of(TEXT, [hit("-")]))


def test_precision_counts_letters_and_digits_once() -> None:
    tally = Tally()
    tally.add(TEXT, [gold("Ada Byron")], [hit("Ada Byron on"), hit("Ada Byron")])
    assert tally.precision() == 0.8
    assert tally.recall() == 1.0


def test_recall_is_told_by_kind_and_without_some() -> None:
    tally = Tally()
    tally.add(TEXT, [gold("Ada Byron"), gold("555-010-4477", "PHONE")], [hit("Ada Byron")])
    assert tally.recall() == 0.5
    assert tally.recall(without=["PHONE"]) == 1.0
    document = tally.as_json()
    assert document["recall_by_kind"] == {
        "PERSON": {"spans": 1, "masked": 1, "recall": 1.0},
        "PHONE": {"spans": 1, "masked": 0, "recall": 0.0},
    }


def test_only_texts_without_gold_count_as_touched_and_only_hits_beside_gold_as_false() -> None:
    tally = Tally()
    tally.add(TEXT, [], [hit("today")])
    tally.add(TEXT, [], [])
    tally.add(TEXT, [gold("Ada Byron")], [hit("Call", "LOCATION"), hit("Ada")])
    document = tally.as_json()
    assert (document["texts_without_gold"], document["share_of_those_touched"]) == (2, 0.5)
    assert document["false_hits"] == [
        {"what": "PERSON test", "hits": 1, "letters": 5},
        {"what": "LOCATION test", "hits": 1, "letters": 4},
    ]


def test_nothing_to_count_has_no_share() -> None:
    assert (Tally().recall(), Tally().precision()) == (None, None)


def test_what_is_gone_is_read_from_the_masked_text() -> None:
    text = "Ada <ada@far.example> paid 4111 1111 1111 1111."
    masked = "PERSON_AAAAAA <EMAIL_BBBBBB@far.example> paid CARD_CCCCCC-1111."
    spans = [
        Span(0, 3, "PERSON", "Ada", "PERSON_AAAAAA"),
        Span(5, 20, "EMAIL", "ada@far.example", "EMAIL_BBBBBB"),
        Span(27, 46, "CARD", "4111 1111 1111 1111", "CARD_CCCCCC"),
    ]
    found = hits_of(text, masked, spans)
    assert [text[one.start : one.end] for one in found] == ["Ada", "ada", "4111 1111 1111 1111"]


def test_spans_that_do_not_fit_the_masked_text_are_refused() -> None:
    with pytest.raises(ValueError, match="line up"):
        hits_of("Ada was here", "PERSON_AAAAAA was there", [Span(0, 3, "PERSON", "Ada", "PERSON_AAAAAA")])


def test_tagged_words_become_sentences_with_their_spans() -> None:
    content = (
        "Ada B-PER\nByron I-PER\n, O\nof O\nOld I-LOC\nTown I-LOC\n. O\n\n( O\nBob I-PER\n) O\nAmy B-PER\nMay B-PER\n"
    )
    first, second = read_conll(content)
    assert first.text == "Ada Byron, of Old Town."
    assert [(first.text[g.start : g.end], g.kind) for g in first.gold] == [("Ada Byron", "PER"), ("Old Town", "LOC")]
    assert second.text == "(Bob) Amy May"
    assert [second.text[g.start : g.end] for g in second.gold] == ["Bob", "Amy", "May"]


def test_events_become_texts_of_whole_lines() -> None:
    texts = log_texts([{"n": "x" * 1500} for _ in range(5)])
    assert [text.count("\n") + 1 for text in texts] == [2, 2, 1]
    assert log_texts([]) == []


def test_masked_values_are_compared_in_their_places() -> None:
    before = {"a": ["x", {"b": "y"}], "c": 5}
    after = {"a": ["x", {"PERSON_AAAAAA": "z"}], "c": 5}
    assert list(pairs(before, after)) == [("a", "x", "x"), ("b", "y", "z"), ("c", 5, 5)]
