from __future__ import annotations

import pytest

from policies.masking import people
from policies.masking.masker import Masker
from policies.masking.needs import Needs
from policies.masking.recognizers import PatternsRecognizer, Scanned, make_registry
from policies.masking.scan import (
    Pattern,
    all_if,
    find_all,
    follower,
    matches,
    occurs,
    run,
    run_prepared,
    searcher,
    set_of,
)
from policies.masking.views import shape_of


def test_strings_are_found_in_any_case_with_any_digit_and_any_separator() -> None:
    needs = Needs(["social security", "000-00-0000", "@", "user name", "0 y"])
    assert needs.present(b"SOCIAL\nSecurity") == {"social security"}
    assert needs.present(b"536-22-8726") == {"000-00-0000"}
    assert needs.present(b"a@b USER_NAME") == {"@", "user name"}
    assert needs.present(b"45 years") == {"0 y"}
    assert needs.present(b"nothing") == frozenset()
    assert Needs([]).present(b"anything") == frozenset()


def test_a_string_inside_a_longer_one_is_found_too() -> None:
    needs = Needs(["pass", "passport", "port number", "sport"])
    assert needs.present(b"passport number") == {"pass", "passport", "port number", "sport"}


def test_marks_of_words_are_respected() -> None:
    needs = Needs(["<tin>", "<user", "way>"])
    assert needs.present(b"tinned superuser always") == frozenset()
    assert needs.present(b"my TIN: user_name") == {"<tin>", "<user"}
    assert needs.present(b"highway") == {"way>"}


def test_a_text_full_of_strings_is_not_counted_to_its_end() -> None:
    needs = Needs(["a", "b", "c"])
    assert needs.present(b"a" * 100_000) == {"a", "b", "c"}


def test_a_long_run_of_digits_is_passed_in_one_step() -> None:
    needs = Needs(["0000", "0 y"])
    assert needs.present(b"1" * 1_000_000 + b" y") == {"0000", "0 y"}


def test_an_expression_may_be_needed_too() -> None:
    needs = Needs(["~[0-9]{3}", "abc"])
    assert needs.present(b"12 34") == frozenset()
    assert needs.present(b"ABC 345") == {"~[0-9]{3}", "abc"}
    assert Needs(["~[0-9]{3}"]).present(b"345") == {"~[0-9]{3}"}


def test_a_need_may_be_any_of_several_strings() -> None:
    needs = Needs(["<anna |<bob ", "ann"])
    assert needs.present(b"Bob was here") == {"<anna |<bob "}
    assert needs.present(b"to Anna Lee") == {"<anna |<bob ", "ann"}
    assert needs.present(b"Hanna Lee") == {"ann"}


def test_what_stands_there_twice_is_told_from_what_stands_there_once() -> None:
    needs = Needs(["@", "card", "card 0", "~[0-9]{3}"])
    signs, again = needs.signs(b"a@b card 1")
    assert signs == {frozenset({"@"}), frozenset({"card", "card 0"})}
    assert not again
    assert set(needs.signs(b"a@b c@d")[1]) == {frozenset({"@"})}
    # How often an expression matches is not counted.
    assert set(needs.signs(b"123")[1]) == {frozenset({"~[0-9]{3}"})}
    signs, again = needs.signs(b"@" * 30_000)
    assert signs == set(again) == needs.signs(b"@ card card 1")[0]


def test_a_pattern_whose_need_is_there_once_is_not_looked_for_again() -> None:
    pattern = Pattern(entity="EMAIL", regex="[a-z]@[a-z]", needs=("@",))
    sign = frozenset({"@"})
    prepared = [(pattern, *searcher(pattern.regex), sign)]
    assert run_prepared(prepared, b"a@b c@d", [sign]) == [(0, 3, pattern), (4, 7, pattern)]
    assert run_prepared(prepared, b"a@b c@d") == [(0, 3, pattern)]
    assert run_prepared(prepared, b"a@bb c@d") == [(5, 8, pattern)]


def test_expressions_are_told_apart_in_one_pass() -> None:
    match = set_of(["[0-9]{3}", "(?i:b)", "c$"])
    assert sorted(match(b"123 B")) == [0, 1]
    assert match(b"12 c") == [2]
    assert match(b"") == []


def test_what_follows_a_match_is_taken_with_it() -> None:
    assert follower(" [0-9]+")(b"Flat 12", 4) == 7
    assert follower(" [0-9]+")(b"Flat x 12", 4) == 4
    pattern = Pattern(entity="ADDRESS", regex="Flat", extend=follower(" [0-9]+"))
    assert list(matches(pattern, b"Flat 12, Flat, Flat 3x")) == [(0, 7), (9, 13)]


def test_patterns_run_one_after_the_other() -> None:
    patterns = [Pattern(entity="PHONE", regex=regex, name=regex) for regex in ("[0-9]{3}", "[a-z]{3}", "x")]
    assert [(hit.start, hit.end, hit.name) for hit in run(patterns, b"abc 345")] == [
        (4, 7, "[0-9]{3}"),
        (0, 3, "[a-z]{3}"),
    ]


def test_matches_are_whole_words() -> None:
    pattern = Pattern(entity="PHONE", regex="[0-9]{3}", not_beside="-")
    assert list(matches(pattern, b"123 a456 789b 0123 1-234 555.")) == [(0, 3), (25, 28)]


def test_what_a_pattern_may_not_follow_is_looked_at() -> None:
    pattern = Pattern(entity="EMAIL", regex="[a-z]+@[a-z]+", not_after=b"://")
    assert list(matches(pattern, b"https://me@evil you@evil")) == [(16, 24)]


@pytest.mark.parametrize("text", [b"1 " * 50_000, b"1" * 100_000, b"1-" * 50_000])
def test_refused_matches_cost_a_bounded_number_of_searches(text: bytes) -> None:
    checks = 0

    def refuse(_: str) -> bool:
        nonlocal checks
        checks += 1
        return False

    pattern = Pattern(entity="CARD", regex=r"[0-9](?:[ \-]?[0-9]){0,40}", check=all_if(refuse))
    assert list(matches(pattern, text)) == []
    assert checks <= len(text)


def test_a_long_match_that_is_refused_is_not_read_again_from_each_of_its_words() -> None:
    read = 0

    def refuse(value: str) -> bool:
        nonlocal read
        read += len(value)
        return False

    text = b"x=" * 50_000
    pattern = Pattern(entity="USERNAME", regex=r"x=[^\s]+", check=all_if(refuse))
    assert list(matches(pattern, text)) == []
    assert read <= 20 * len(text)


def test_searches_give_groups_and_nothing_where_there_is_nothing() -> None:
    search, group = searcher("a(b)?(c)")
    assert group == 1
    assert search(b"xxac", 0, 4) == [(2, 4), (-1, -1), (3, 4)]
    assert search(b"xxac", 3, 4)[0] == (-1, -1)
    assert occurs("ac", b"xxac")
    assert not occurs("ac", b"xx")
    assert [spans[0] for spans in find_all("a?", b"ba")] == [(0, 0), (1, 2), (2, 2)]


#: Texts of many kinds: what is found with the scan is what is found without it.
TEXTS = [
    "Dear Mr. Otto Vogel, your card 4111 1111 1111 1111 DE89370400440532013000 \nBest regards,\nGreta Sommerfeld",
    "1) Greta Sommerfeld, born 14.03.1968, +49 40 5550 1477, Elbchaussee 214, 22605 Hamburg\n2) ul. Lipowa 18",
    'password: "correct horse" Authorization: Basic dXNlcjpwYXNz export API_TOKEN=Zx81kd0Qp2 curl -u me:Winter2026! x',
    "SSN 536 22 8726, DL F4528817, NHS 943 476 5919, PESEL 44051401458, passport C01X00T47, hetu 131052-308T",
    "She is 45 years old, aged 45; I'm 31 and she's turned 50. lives at 12345 Somewhere 67, Apt. 8, Halden 12345",
    r'{"user": "CORP\\pmiller", "mac": "00:1a:2b:3c:4d:5e", "imei": "490154203237518", "path": "C:\\Users\\pm1\\x"}',
    "P.O. Box 771, 12 Timms Drive, 56 rue La Boétie, Via Roma 131, Unit 4120 Box 0117, Postfach 12 34",
]


@pytest.mark.parametrize("text", TEXTS)
def test_the_scan_hides_no_finding(masker: Masker, text: str) -> None:
    registry = make_registry(masker.organization, masker.own, ())
    recognizers = registry.get_recognizers(language="en", all_fields=True)
    shape = shape_of(text)
    found = 0
    for recognizer in recognizers:
        assert isinstance(recognizer, Scanned)
        scanned = list(recognizer.find(text, shape, Needs(recognizer.needs).present(shape)))
        assert scanned == list(recognizer.find(text, shape, recognizer.needs))
        found += len(scanned)
    assert found


def test_most_patterns_wait_for_a_string(masker: Masker) -> None:
    registry = make_registry(masker.organization, masker.own, ())
    recognizers = registry.get_recognizers(language="en", all_fields=True)
    patterns = [p for each in recognizers if isinstance(each, PatternsRecognizer) for p in each.patterns]
    always = [pattern for pattern in patterns if not pattern.needs]
    assert len(always) < len(patterns) / 20
    assert people.NEEDS
