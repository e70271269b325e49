"""What `masking.yaml` may say, and what happens when it is wrong."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from core.errors import BundleInvalid
from core.vault import MemoryVault
from policies.bundle import default_bundle_path, load_bundle
from policies.masking.examples import run_masking_examples
from policies.masking.masker import Masker


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(default_bundle_path(), tmp_path / "bundle"))


def add(folder: Path, section: str, entry: str) -> None:
    file = folder / "masking.yaml"
    file.write_text(file.read_text().replace(f"\n{section}:\n", f"\n{section}:\n  - {entry}\n"))


def test_the_bundle_that_ships_keeps_its_promises() -> None:
    assert run_masking_examples(load_bundle(default_bundle_path())) == []


@pytest.mark.parametrize(
    ("section", "entry", "message"),
    [
        ("examples", '{text: "quiet here", hides: [quiet]}', "must hide `quiet`"),
        ("examples", '{text: "mail a@b.example", shows: ["a@b.example"]}', "must leave `a@b.example` readable"),
        ("examples", '{text: "nothing", shows: [something]}', "does not stand in its text"),
        ("patterns", '{entity: CUSTOMER_ID, regex: "K-[0-9]{4}", examples: ["K-12"]}', "holds no CUSTOMER_ID"),
        ("patterns", '{entity: CUSTOMER_ID, regex: "K-[0-9]{4}", not_examples: ["K-1234"]}', "must not be taken for"),
    ],
)
def test_an_example_that_fails_is_named_with_its_line(folder: Path, section: str, entry: str, message: str) -> None:
    add(folder, section, entry)
    with pytest.raises(BundleInvalid) as caught:
        load_bundle(folder)
    problems = caught.value.problems
    assert [message in problem.message for problem in problems] == [True]
    line = (folder / "masking.yaml").read_text().splitlines()[problems[0].line - 1]
    assert entry in line


def test_words_outside_ascii_can_stand_before_an_identifier(folder: Path) -> None:
    add(folder, "patterns", '{entity: CUSTOMER_ID, regex: "[0-9]{4}", context: [Kündigung, 客户]}')
    masker = Masker(load_bundle(folder))
    for text in ("kündigung zu 4711", "客户 4711"):
        assert "4711" not in masker.session(MemoryVault()).mask_text(text)
    assert "4711" in masker.session(MemoryVault()).mask_text("Vorgang 4711")


def test_an_expression_with_letters_outside_ascii_says_how_to_write_them(folder: Path) -> None:
    add(folder, "patterns", '{entity: CUSTOMER_ID, regex: "Kündigung-[0-9]{4}"}')
    with pytest.raises(BundleInvalid, match="without their accents"):
        load_bundle(folder)


@pytest.mark.parametrize("regex", ["([0-9]", "(?=x)y", "x*"])
def test_an_expression_that_cannot_be_used_stops_the_load(folder: Path, regex: str) -> None:
    add(folder, "patterns", f'{{entity: CUSTOMER_ID, regex: "{regex}"}}')
    with pytest.raises(BundleInvalid) as caught:
        load_bundle(folder)
    assert any("RE2" in problem.message or "matches nothing" in problem.message for problem in caught.value.problems)


def test_indicators_are_masked_where_the_bundle_says_so(folder: Path) -> None:
    text = "From a@evil.example via http://evil.example/x at 198.51.100.7"
    kept = Masker(load_bundle(folder)).session(MemoryVault()).mask_text(text)
    assert kept.partition("@")[2] == text.partition("@")[2]
    file = folder / "masking.yaml"
    file.write_text(
        re.sub(r"shows: \[.*\]", "shows: []", file.read_text())
        .replace("addresses: keep", "addresses: mask")
        .replace("mail_domains: keep", "mail_domains: mask")
        .replace("urls: keep", "urls: mask")
    )
    masked = Masker(load_bundle(folder)).session(MemoryVault()).mask_text(text)
    assert "evil" not in masked
    assert "198" not in masked


def test_an_identifier_of_our_own_needs_its_context(folder: Path) -> None:
    session = Masker(load_bundle(folder)).session(MemoryVault())
    assert "E20417" not in session.mask_text("Employee E20417 left.")
    assert "E30417" in session.mask_text("The build failed with E30417.")
    assert "HB-20417733" not in session.mask_text("HB-20417733 called.")
