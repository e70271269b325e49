"""What a cloud sees less of: by the rules of the bundle, for every session of such a ticket, and never more."""

from __future__ import annotations

import typing
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.masking import Profile
from core.vault import MemoryVault
from policies.bundle import Bundle, BundleSource, load_bundle
from policies.masking.masker import Masker
from policies.masking.rules import Treatment
from policies.masking.session import MaskSession
from policies.masking.strictness import allows, looser_kinds, loosest, shown_by

CLOUD = """
cloud:
  treatments: {CARD: redact, USERNAME: redact}
  indicators: {mail_domains: mask, urls: mask, addresses: mask}
"""
TEXT = (
    "Anna Lindqvist (a.lindqvist) paid with 4111 1111 1111 1111; then billing@evil.example wrote from 198.51.100.7: "
    "http://harbourbank-login.example/a.php"
)
WORDS = st.sampled_from([*typing.get_args(Treatment), "mask", "melt"])


@pytest.fixture(scope="module")
def strict(bundle: Bundle) -> Masker:
    files = {**bundle.files, "models.yaml": CLOUD.lstrip()}
    return Masker(load_bundle(BundleSource.from_files(files, name="b")))


def session(masker: Masker, profile: Profile) -> MaskSession:
    return masker.session(MemoryVault(profile=profile))


def test_a_ticket_for_clouds_shows_less_and_a_ticket_for_local_models_as_before(strict: Masker) -> None:
    local, cloud = (session(strict, profile).mask_text(TEXT) for profile in ("local", "cloud"))
    for shown in ("-1111", "@evil.example", "198.51.100.7", "harbourbank-login.example"):
        assert shown in local
        assert shown not in cloud
    for hidden in ("Lindqvist", "a.lindqvist", "4111", "billing"):
        assert hidden not in local + cloud


def test_what_tools_answer_is_masked_by_the_same_rules(strict: Masker) -> None:
    cloud = session(strict, "cloud")
    cloud.mask_text("Look.")
    assert cloud.mask_json({"url": "http://payroll-check.example/x", "ip": "198.51.100.9"}) != {
        "url": "http://payroll-check.example/x",
        "ip": "198.51.100.9",
    }


def test_what_is_redacted_for_clouds_is_never_kept(strict: Masker) -> None:
    vault = MemoryVault(profile="cloud")
    masked = strict.session(vault).mask_text("From: Xaver Yilmaz, account a.lindqvist")
    usernames = [entry for entry in vault.entries() if entry.entity == "USERNAME"]
    assert usernames
    assert all(entry.value == "" for entry in usernames)
    assert "a.lindqvist" not in strict.session(vault).restore_text(masked)


@pytest.mark.parametrize("profile", ["local", "cloud"])
def test_a_token_comes_back_whole_by_the_rules_that_it_was_made_by(strict: Masker, profile: Profile) -> None:
    vault = MemoryVault(profile=profile)
    masked = strict.session(vault).mask_text("Mail billing@evil.example.")
    assert strict.session(vault).restore_text(masked) == "Mail billing@evil.example."


def test_without_anything_stricter_both_are_one_masker(bundle: Bundle) -> None:
    files = {**bundle.files, "models.yaml": "endpoints: []\n"}
    masker = Masker(load_bundle(BundleSource.from_files(files, name="b")))
    assert masker.for_models("cloud") is masker
    assert Masker(bundle).for_models("cloud") is not masker


def test_nothing_is_ever_looser_for_clouds(bundle: Bundle, strict: Masker) -> None:
    usual, stricter = shown_by(strict.rules), shown_by(strict.for_models("cloud").rules)
    assert all(allows(usual[name], stricter[name]) for name in usual)
    assert looser_kinds(stricter, stricter) == []
    assert set(looser_kinds(usual, stricter)) == {
        "CARD", "USERNAME", "indicators.addresses", "indicators.mail_domains", "indicators.urls",
    }  # fmt: skip


def test_redaction_allows_nothing_and_a_card_that_shows_its_end_is_no_token() -> None:
    order = {pair: allows(*pair) for pair in product(typing.get_args(Treatment), repeat=2)}
    assert {pair for pair, allowed in order.items() if not allowed} == {
        ("redact", "token"), ("redact", "partial"), ("redact", "keep"),
        ("token", "partial"), ("token", "keep"),
        ("partial", "token"), ("partial", "keep"),
    }  # fmt: skip


@given(one=WORDS, other=WORDS)
def test_what_was_shown_twice_counts_as_its_loosest(one: str, other: str) -> None:
    joined = loosest({"URL": one}, {"URL": other})["URL"]
    assert allows(joined, one)
    assert allows(joined, other)
    assert loosest({"URL": one}, {}) == loosest({"URL": one}, {"URL": "keep"})
    # What nobody wrote down may have been shown.
    assert looser_kinds({}, {"URL": "token"}) == ["URL"]
