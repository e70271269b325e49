"""What a person reads who wrote a condition that does not compile: where, and what to write instead."""

from __future__ import annotations

import pytest

from policies.bundle import Bundle
from policies.condition import Compiler, ConditionInvalid

HERE = "‸"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("(asset.known && evidence.manipulatio‸n", "a parenthesis is not closed; add `)`"),
        ("asset.known &‸& ", "the condition ends too early; write what follows, or remove the operator"),
        ('tool == ‸"isolate_host', "this text is not closed; add the quote"),
        ("tool == ‸'x", "this text is not closed; add the quote"),
        (r'tool == ‸"C:\q"', "a backslash starts an escape in this text; write two of them"),
        (
            "[1].map(‸1, 2) == []",
            "map() variable name must be a simple identifier; write it as docs/reference/policy.md",
        ),
        ("asset.tier ‸= 2", "a comparison is written `==`"),
        ("asset.tier ‸=== 1", "a comparison is written `==`"),
        ("asset.known ‸& evidence.manipulation", "and is written `&&`"),
        ("asset.known ‸| evidence.manipulation", "or is written `||`"),
        ("asset.known ‸and evidence.manipulation", "and is written `&&`"),
        ("asset.known ‸or evidence.manipulation", "or is written `||`"),
        ("‸not asset.known", "not is written `!`"),
        ("asset.tier ‸<> 2", "unequal is written `!=`"),
        ("asset.known || ‸|| asset.known", "two operators stand side by side; remove one"),
        ("asset.known &&‸& true", "two operators stand side by side; remove one"),
        ("asset.known‸)", "this parenthesis closes none; remove it"),
        ("asset.known‸]", "this bracket closes none; remove it"),
        ("verdict.confidence == 0‸,9", "a fraction is written with a point, like 0.9"),
        ("asset.known‸; true", "a rule has one condition; join its parts with `&&` or `||`"),
        ("‸`asset.known`", "facts stand without quotes; remove the backtick"),
        ('tool ‸=~ "x"', 'write `.matches("…")`, such as tool.matches("^read_")'),
        ("‸$x", "this cannot stand here; compare with `==`, `<` or `in`, and join with `&&` or `||`"),
        ("‸if asset.known", "`if` means something else in CEL; join parts with `&&` or `||`"),
        ('asset.tier ‸< "2"', "`<` cannot compare a whole number with text; write the number without quotes"),
        (
            "verdict.confidence ‸>= 1",
            "`>=` cannot compare a fraction with a whole number; write a number with a point, like 1.0",
        ),
        ("asset.tier ‸>= 1.0", "`>=` cannot compare a whole number with a fraction; write a whole number, like 1"),
        (
            'asset.known ‸== "true"',
            "`==` cannot compare true or false with text; write true or false without quotes",
        ),
        (
            "asset.tier ‸== null",
            "`==` cannot compare a whole number with nothing; every fact has a value, so compare with one",
        ),
        ("asset.known ‸== 1", "`==` cannot compare true or false with a whole number; compare with true or false"),
        ("‸!asset.tier", "`!` turns true or false, not a whole number; compare it first"),
        ("asset.tier ‸? true : false", "`?` needs true or false; compare a whole number first"),
        ('verdict.label ‸in "malicious"', "`in` needs a list of the same kind, not text; write text in [a, b]"),
        ("isOwn‸(asset.tier)", "`isOwn` does not take a whole number; write isOwn(args.NAME.value)"),
        (
            "tool.startsWith‸(asset.tier)",
            "`startsWith` does not take text and a whole number; give it text or numbers of one kind",
        ),
        ("isOwn‸()", "`isOwn` is called differently; write isOwn(args.NAME.value)"),
        ("isOwned‸(tool)", "`isOwned` is no function; did you mean `isOwn`?"),
        ('tool.strip‸() == ""', "`strip` is no function; functions are isOwn, isPartner, inCidr, contains"),
        ("asset.tier == ‸99999999999999999999", "this number is larger than any fact; write a smaller one"),
        ("‸asset.colour == 1", "`asset.colour` is not a fact; `asset` has known, tier"),
        ("‸asset", "`asset` holds several facts; write asset.known, asset.tier"),
        ("‸args", "`args` is not a fact; write `args.NAME.value`, `args.NAME.trusted` or `args.NAME.sources`"),
        ("‸Asset.known", "`Asset.known` is not a fact; did you mean `asset.known`?"),
        ("tool == ‸isolate_host", "`isolate_host` is not known; facts are ticket, verdict"),
        ("‸asset.tier", "gives int, not true or false; compare it"),
    ],
)
def test_each_mistake_is_told_where_it_is_and_in_words(bundle: Bundle, written: str, message: str) -> None:
    source, offset = written.replace(HERE, ""), written.index(HERE)
    with pytest.raises(ConditionInvalid) as caught:
        Compiler(bundle.organization).compile(source)
    (flaw,) = caught.value.flaws
    assert (flaw.offset, message in flaw.message) == (offset, True), flaw


def test_several_mistakes_are_told_at_once_and_what_does_not_parse_only_once(bundle: Bundle) -> None:
    compiler = Compiler(bundle.organization)
    with pytest.raises(ConditionInvalid) as caught:
        compiler.compile('asset.teir > 1 && verdict.confidence > 1 && verdict.label == "malicous"')
    assert len(caught.value.flaws) == 3
    with pytest.raises(ConditionInvalid) as caught:
        compiler.compile('asset.known and "x and $ and ;')
    assert len(caught.value.flaws) == 1
