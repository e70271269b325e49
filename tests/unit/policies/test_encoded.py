"""Text that is written in base64, hexadecimal digits or encoded words is found and read; hashes and ids are not."""

from __future__ import annotations

import base64
import random
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.masking.formats.encoded import encoded_of

NAME = "Quillo Zanderhof"
LETTER = "Dear Quillo Zanderhof,\r\nyour account at the Zürich branch was closed. Regards, José\r\n" * 6


def b64(text: str, encoding: str = "utf-8") -> str:
    return base64.b64encode(text.encode(encoding)).decode()


def wrapped(text: str, end: str = "\r\n") -> str:
    return end.join(textwrap.wrap(text, 76))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"see {b64(NAME)} there", NAME),
        (f'{{"note":"{b64(NAME)}"}}', NAME),
        (f"powershell -enc {b64(NAME, 'utf-16-le')}", NAME),
        (f"data:text/plain;base64,{b64(NAME)}", NAME),
        (f"Authorization: Basic {b64('quillo:hunter22')}", "quillo:hunter22"),
        (f"Content-Transfer-Encoding: base64\r\n\r\n{wrapped(b64(LETTER))}\r\n--x", LETTER),
        (f"\r\n{wrapped(b64(LETTER, 'latin-1'))}\r\n", LETTER),
        (f'{{"body":"{wrapped(b64(LETTER), chr(92) + "r" + chr(92) + "n")}"}}', LETTER),
        (
            f"q={base64.urlsafe_b64encode('Quillo? Zanderhof>>é~'.encode()).decode().rstrip('=')}",
            "Quillo? Zanderhof>>é~",
        ),
        (f"/share/{b64(NAME)}/x", NAME),
        (f"=?utf-8?B?{b64(NAME)}?=", NAME),
        ("=?iso-8859-1?q?Jos=E9_Zanderhof?=", "José Zanderhof"),
        (f"proctitle={NAME.encode().hex()}", NAME),
        (f"0x{NAME.encode().hex().upper()}", NAME),
        (" ".join(f"{byte:02x}" for byte in NAME.encode()), NAME),
    ],
)
def test_encoded_text_is_found_and_read(text: str, said: str) -> None:
    [found] = encoded_of(text)
    assert found.text.splitlines()[: len(said.splitlines())] == said.splitlines()


def test_what_is_encoded_twice_is_read_too() -> None:
    [found] = encoded_of(b64(b64(f"{NAME} called")))
    assert NAME in found.text
    [found] = encoded_of(b64(b64(b64(f"{NAME} called"))))
    assert NAME in found.text


def test_words_of_a_header_are_read_together_and_apart() -> None:
    [found] = encoded_of(f"From: =?utf-8?B?{b64('Quillo')}?= =?utf-8?q?Zanderhof?= <q@evil.example>")
    assert found.text == "QuilloZanderhof\nQuillo Zanderhof"


def test_an_unknown_character_set_is_read_as_utf_8() -> None:
    [found] = encoded_of(f"=?x-nobody?B?{b64(NAME)}?=")
    assert found.text == NAME


def test_a_run_covers_its_padding_and_nothing_else() -> None:
    run = b64("Quillo Zander")
    assert run.endswith("==")
    [found] = encoded_of(f"x={run};")
    assert (found.start, found.end) == (2, 2 + len(run))


@pytest.mark.parametrize(
    "text",
    [
        "d41d8cd98f00b204e9800998ecf8427e",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "4111111111111111 20240115123045123456 4242424242424242",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJxdWlsbG8ifQ.4Adcj3UFYzPUVaVF43FmMab6RlaQD8A9V8wFzzht-KQ",
        "C:/Windows/System32/WindowsPowerShell/v1.0/Modules/SmbShare",
        "arn:aws:iam::123456789012:role/AWSReservedSSO_AdministratorAccess_0123456789abcdef",
        "AuthorizeSecurityGroupIngress DescribeInstanceAttribute internationalization",
        "7b3f0a5e-6f2b-4c39-9a57-2b1b0c7f1d11",
        "/usr/share/applications/networkmanager/dispatcher",
        "g5175696c6c6f205a616e646572686f66g",
        "=?utf-8?B??= =?utf-8?B?QUJ!D?=",
        "00:1a:2b:3c:4d:5e 00:1a:2b:3c:4d:5f",
        base64.b64encode(random.Random(1).randbytes(600)).decode(),
        "",
    ],
)
def test_hashes_ids_and_paths_are_no_text(text: str) -> None:
    assert encoded_of(text) == []


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=0, max_size=300))
def test_places_are_valid_and_apart(text: str) -> None:
    position = 0
    for found in encoded_of(text):
        assert position <= found.start < found.end <= len(text)
        position = found.end


@given(st.text(alphabet="abcdefghij klmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZäéß", min_size=20).map(str.strip))
def test_any_words_are_read_again(words: str) -> None:
    if len(words) < 20:
        return
    [found] = encoded_of(f"\n{b64(words)}\n")
    assert found.text.startswith(words)
