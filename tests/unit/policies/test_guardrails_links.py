"""Nothing in a shown text is followed, fetched or obeyed by the program that shows it; what is plain stays as it is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.guardrails.links import defang, inert, undisguised
from policies.masking.draft import JOINER

#: What makes a program act: a scheme at work, a tag, an image or a link of Markdown, `www.`.
ALIVE = re.compile(
    r"(?i)\b(?!hxxps?:)[a-z][a-z0-9+.-]{1,30}:[/\\]{2}|\b(?:javascript|data|vbscript|mailto|tel|file|https?):[^\s<>\"'`)\]/\\]|<[a-z/!]"
    r"|\]\(\s*\S|\bwww\.\w|(?<![:\w\]])//[a-z0-9-]+\.[a-z]"
)


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("see https://evil.example/a.b?c", "see hxxps://evil[.]example/a.b?c"),
        ("HTTP://EVIL.EXAMPLE", "hxxp://EVIL[.]EXAMPLE"),
        ("ftp://evil.example/x", "ftp[:]//evil[.]example/x"),
        ("s3://bucket/key", "s3[:]//bucket/key"),
        ("javascript:alert(1)", "javascript[:]alert(1)"),
        ("http:\\\\evil.example\\x", "hxxp:\\\\evil[.]example\\x"),
        ("www.evil.example", "www[.]evil[.]example"),
        ("data: three rows", "data: three rows"),
        ("hxxp://evil[.]example and 198.51.100.7", "hxxp://evil[.]example and 198.51.100.7"),
        ("http://a.example/?to=http://b.example/", "hxxp://a[.]example/?to=hxxp://b[.]example/"),
    ],
)
def test_links_cannot_be_clicked(text: str, harmless: str) -> None:
    assert defang(text) == harmless
    assert defang(harmless) == harmless
    assert inert(text) == harmless


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("![x](http://evil.example/p.png?d=1)", "x (hxxp://evil[.]example/p.png?d=1)"),
        ("![](https://evil.example/p.png)", "(hxxps://evil[.]example/p.png)"),
        ("[the report](https://evil.example/a(1) 'title')", "the report (hxxps://evil[.]example/a(1))"),
        ("[the report](<//evil.example/a>)", "the report (//evil[.]example/a)"),
        ("[here][1]\n[1]: //evil.example/x", "[here][1]\n(1): //evil[.]example/x"),
        ("[a [b] c](https://evil.example)", "[a [b] c] (hxxps://evil[.]example)"),
        ("<img src=x onerror=alert(1)>", "‹img src=x onerror=alert(1)›"),
        ("<img src=//evil.example/p", "‹img src=//evil[.]example/p"),
        ("<a href='https://evil.example'>bank</a>", "‹a href='hxxps://evil[.]example'›bank‹/a›"),
        ("<script>fetch(`//evil.example`)</script>", "‹script›fetch(`//evil[.]example`)‹/script›"),
        ("<https://evil.example>", "‹hxxps://evil[.]example›"),
        ("<anna@evil.example>", "‹anna@evil.example›"),
        ("data:text/html;base64,PHNjcmlwdD4=", "data[:]text/html;base64,PHNjcmlwdD4="),
        ("style='background:url(//evil.example/b)'", "style='background:url(//evil[.]example/b)'"),
        ("&lt;img src=x&gt;", "‹img src=x›"),
        ("&#104;ttps://evil.example", "hxxps://evil[.]example"),
        ("ht\u200btps://evil.example", "hxxps://evil[.]example"),
        ("safe\u202eexe.\x1b[31m\U000e0041", "safeexe.[31m"),
    ],
)
def test_markup_is_spelled_out(text: str, harmless: str) -> None:
    assert inert(text) == harmless
    assert inert(harmless) == harmless
    assert not ALIVE.search(harmless)


@pytest.mark.parametrize(
    "text",
    [
        "The sender's domain harb0urbank.example imitates a name that is not its own.",
        "DMARC is fail, SPF is softfail: 3 < 5 and 7 > 6, a&b, 50 % of [E3] and [E4].",
        "The field x[0][1] is odd.",
        "HOST_K7Q2XB wrote C:\\Users\\x\\a.exe at 10:02:03; sha256 3f78…; T1566.002.",
        "A comment // like this, and 1/2 or n/a.",
        "Ana wrote to ana@evil.example from 198.51.100.7:443.",
        "The files: three of them. Note: data, tel, file.",
        "arn:aws:iam::123456789012:role/admin",
    ],
)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert inert(text) == text


def test_what_keeps_a_token_apart_stays_and_other_joiners_go() -> None:
    kept = f"HOST_K7Q2XB{JOINER}s and{JOINER} more"
    assert undisguised(kept) == f"HOST_K7Q2XB{JOINER}s and more"


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["http://", "https:\\\\", "//", "www.", "evil.example", "<", ">", "img src=", "a href=", "[", "](", "]:",
             ")", "!", "data:", "javascript:", "x", " ", "\n", "&lt;", "&#60;", "&colon;", "\u200b", "'", '"', "/"]
        ),
        max_size=14,
    ).map("".join)
)  # fmt: skip
def test_nothing_alive_is_left_whatever_is_put_together(text: str) -> None:
    shown = inert(text)
    assert not ALIVE.search(shown), shown
    assert inert(shown) == shown
