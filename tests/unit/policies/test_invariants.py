from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from core.decision import Decision, Outcome
from core.errors import BundleInvalid, Problem
from policies.bundle import Bundle, default_bundle_path, load_bundle
from policies.invariants import Claim, load_invariants, parse_claim
from policies.prove import prove
from tools.registry import default_registry

CLAIMS = ["allow", "ask", "deny", "allow or ask", "approvals < 1", "approvals < 2", "approvals < 11", "lease > 8h"]
CLAIMS += ["lease > 2d", "allow with lease > 30m", "allow with lease > 1d"]
ANSWERS = [
    Decision(outcome=outcome, rules=(), reason="", bundle_hash="", approvals=approvals, lease_seconds=lease)
    for outcome, counts in ((Outcome.ALLOW, [0]), (Outcome.ASK, [1, 2, 3]), (Outcome.DENY, [0]))
    for approvals in counts
    for lease in ([0, 1800, 8 * 3600, 9 * 3600, 3 * 86400] if outcome is not Outcome.DENY else [0])
]


def claim(text: str) -> Claim:
    return parse_claim(text)[0]


def covered(text: str) -> set[tuple[str, int, int]]:
    found = [answer for answer in ANSWERS if claim(text).covers(answer)]
    return {(answer.outcome.value, answer.approvals, answer.lease_seconds) for answer in found}


def problems_of(path: Path, text: str, bundle: Bundle) -> list[Problem]:
    path.write_text(text)
    with pytest.raises(BundleInvalid) as caught:
        load_invariants(path, bundle.organization, default_registry().shapes())
    return caught.value.problems


@pytest.mark.parametrize("text", CLAIMS)
def test_a_claim_reads_as_it_is_written(text: str) -> None:
    assert str(claim(text)) == text
    assert parse_claim(f"{text} when asset.known")[1] == len(text) + len(" when ")


def test_claims_cover_the_answers_they_name() -> None:
    every = {(answer.outcome.value, answer.approvals, answer.lease_seconds) for answer in ANSWERS}
    assert covered("allow") == {one for one in every if one[0] == "allow"}
    assert covered("allow or ask") == {one for one in every if one[0] != "deny"}
    assert covered("deny") == {("deny", 0, 0)}
    # An allow takes no approval at all.
    assert covered("approvals < 2") == {one for one in every if one[0] != "deny" and one[1] < 2}
    # Without a lease the effect stays for ever.
    assert covered("lease > 8h") == {one for one in every if one[0] != "deny" and one[2] in (0, 9 * 3600, 3 * 86400)}
    assert covered("allow with lease > 8h") == covered("lease > 8h") & covered("allow")


def test_a_claim_that_implies_another_covers_nothing_the_other_does_not() -> None:
    for one, other in itertools.product(CLAIMS, CLAIMS):
        if claim(one).implies(claim(other)):
            assert covered(one) <= covered(other), (one, other)
    assert claim("allow").implies(claim("approvals < 2"))
    assert not claim("approvals < 2").implies(claim("allow"))
    assert claim("lease > 2d").implies(claim("lease > 8h"))


def test_the_default_invariants_load_with_the_bundle_and_count_for_its_hash(folder: Path, bundle: Bundle) -> None:
    assert len(bundle.invariants) >= 20
    assert all(invariant.reason for invariant in bundle.invariants)
    place = next(one for one in bundle.invariants if one.id == "tier-0-host-takes-two-people").place
    lines = (default_bundle_path() / "invariants.yaml").read_text().splitlines()
    assert "asset.tier == 0" in lines[place.line - 1]
    path = folder / "invariants.yaml"
    path.write_text(path.read_text().replace("approvals < 2", "approvals < 3", 1))
    assert load_bundle(folder).hash != bundle.hash


@pytest.mark.parametrize(
    ("never", "column", "message"),
    [
        ("allow whenn asset.known", 12, "`invariants[0].never` should begin with `allow`, `ask`, `deny`"),
        ("permit when asset.known", 12, "should begin with"),
        ("approvals < 0 when asset.known", 12, "should begin with"),
        ("lease > 8 when asset.known", 12, "should begin with"),
        ("allow when asset.teir == 0", 23, "did you mean `asset.tier`?"),
        ('allow when asset.known && verdict.label == "malicous"', 55, 'did you mean "malicious"?'),
        ("allow when asset.tier", 23, "gives int, not true or false"),
        ('allow when tool == "isolate_hots"', 23, "no tool is called `isolate_hots`; did you mean `isolate_host`?"),
        ('allow when tool in ["case_file", "look"]', 23, "no tool is called `look`"),
        ("allow when args.hots.trusted", 23, "no tool has an argument `hots`; did you mean `host`?"),
    ],
)
def test_what_is_wrong_in_an_invariant_is_said_at_its_place(
    tmp_path: Path, bundle: Bundle, never: str, column: int, message: str
) -> None:
    text = f"invariants:\n  - id: one\n    never: {never}\n"
    (problem,) = problems_of(tmp_path / "invariants.yaml", text, bundle)
    assert (problem.line, problem.column) == (3, column)
    assert message in problem.message


def test_all_problems_of_the_file_are_named_at_once(tmp_path: Path, bundle: Bundle) -> None:
    text = """\
invariants:
  - id: one
    never: allow when asset.teir == 0 && verdict.lable == "benign"
  - id: one
    nevr: allow
  - id: one
    never: >-
      allow when asset.known
      && asset.knwon
"""
    problems = problems_of(tmp_path / "invariants.yaml", text, bundle)
    said = sorted((problem.line, problem.message) for problem in problems)
    assert [line for line, _ in said] == [3, 3, 4, 4, 5, 6, 9]
    assert any("unknown key `nevr`; did you mean `never`?" in message for _, message in said)
    assert sum("invariant id `one` appears twice" in message for _, message in said) == 2


def test_a_broken_invariant_stops_the_bundle(folder: Path) -> None:
    path = folder / "invariants.yaml"
    path.write_text(path.read_text().replace("asset.tier == 0", "asset.teir == 0"))
    with pytest.raises(BundleInvalid, match=r"did you mean `asset.tier`"):
        load_bundle(folder)


def test_a_bundle_without_invariants_loads(folder: Path) -> None:
    (folder / "invariants.yaml").unlink()
    assert load_bundle(folder).invariants == ()


def test_the_invariants_of_the_reference_are_proved(tmp_path: Path, bundle: Bundle) -> None:
    page = (Path(__file__).parents[3] / "docs/reference/invariants.md").read_text()
    path = tmp_path / "invariants.yaml"
    path.write_text(page.partition("```yaml\n")[2].partition("```")[0])
    shapes = default_registry().shapes()
    found = load_invariants(path, bundle.organization, shapes)
    assert len(found) == 3
    assert prove(bundle, shapes, invariants=found).ok


def test_a_file_of_another_shape_is_told_so(tmp_path: Path, bundle: Bundle) -> None:
    text = "invariants:\n  - allow\n  - {id: one, never: 3}\n  - {id: two, never: ask}\n"
    problems = problems_of(tmp_path / "invariants.yaml", text, bundle)
    assert [problem.line for problem in problems] == [2, 3]
    problems = problems_of(tmp_path / "invariants.yaml", "never: allow\n", bundle)
    assert any("unknown key `never`" in problem.message for problem in problems)
