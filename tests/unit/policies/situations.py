"""Every situation of a small world, made without the prover, to hold it against the live engine."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

from core.decision import ArgumentFacts, EmptyFacts, Facts
from policies.vocabulary import ToolShape, facts_over_strictest

TOOLS = {"isolate_host": ToolShape(arguments=("host",), acts=True, target={"asset": "host"})}

Groups = dict[str, dict[str, Any]]


def _asset() -> Iterator[Groups]:
    yield {"asset": dict(EmptyFacts().asset)}
    for tier, kind, owner in itertools.product(range(5), ["server", "cloud", "mobile"], ["", "j.moreau", "someone"]):
        yield {"asset": {"known": True, "tier": tier, "kind": kind, "owner": owner, "environment": ""}}


def _verdict() -> Iterator[Groups]:
    for label, confidence in itertools.product(["malicious", "benign"], [0.0, 0.3, 0.5, 0.6, 0.8, 0.85, 0.9, 1.0]):
        yield {"verdict": {"label": label, "confidence": confidence}}


def _history() -> Iterator[Groups]:
    for hour, day, at_target in itertools.product(range(4), range(5), range(4)):
        if at_target <= hour <= day:
            yield {
                "history": {"last_hour": hour, "last_day": day, "target_last_hour": at_target, "target_last_day": day}
            }


def _time() -> Iterator[Groups]:
    for hour, day in itertools.product([0, 6, 7, 8, 17, 18, 23], [0, 4, 5, 6]):
        yield {"time": {"hour": hour, "weekday": day, "business_hours": day < 5 and 7 <= hour < 18}}


def _evidence() -> Iterator[Groups]:
    for count, internal, untrusted in itertools.product(range(5), repeat=3):
        if internal + untrusted <= count:
            for manipulation in (True, False) if count else (True,):
                named = {"count": count, "internal": internal, "untrusted": untrusted, "manipulation": manipulation}
                yield {"evidence": named}


def _host() -> Iterator[Groups]:
    for value, trusted in itertools.product(
        ["WS-TRE-014", "www.harbourbank.example", "10.0.0.5", "10.9.0.1", "198.51.100.7", "abc", "abcd", "other", ""],
        [True, False],
    ):
        yield {"host": {"value": value, "trusted": trusted}}


def _anything() -> Iterator[Groups]:
    for value in [0, 1, 2, 2.5, 3, 3.0, 4, True, False, "abc", "abd", "b", "c", ""]:
        yield {"host": {"value": value, "trusted": False}}


def _words() -> Iterator[Groups]:
    for kind in ["phishing", "phish", "spear-phishing", "mail-phish", "malware", "spear", "", "other"]:
        for source in ["", "siem", "edr", "a", "zzz"]:
            yield {"ticket": {"kind": kind, "source": source}}


#: What conditions ask, and every situation that could tell the answers apart.
WORLDS: dict[str, tuple[tuple[str, ...], tuple[Groups, ...]]] = {
    "asset": (
        (
            "asset.known",
            "asset.tier < 2",
            "asset.tier == 4",
            'asset.kind == "server"',
            "asset.tier in [0, 3]",
            'asset.owner == ""',
            'asset.owner != "j.moreau"',
            "asset.tier + 1 < 3",
            'asset.kind == "cloud"',
        ),
        tuple(_asset()),
    ),
    "verdict": (
        (
            'verdict.label == "malicious"',
            "verdict.confidence >= 0.8",
            "verdict.confidence > 0.8",
            "0.5 < verdict.confidence",
            "verdict.confidence == 0.9",
            "verdict.confidence <= 1.0",
        ),
        tuple(_verdict()),
    ),
    "history": (
        ("history.last_hour >= 2", "history.last_day == 3", "history.target_last_hour > 0", "history.last_day < 2"),
        tuple(_history()),
    ),
    "time": (
        ("time.business_hours", "time.hour >= 8", "time.hour < 18", "time.weekday > 4", "time.hour + time.weekday > 7"),
        tuple(_time()),
    ),
}
#: Worlds whose values cannot all be gone through.
OPEN_WORLDS: dict[str, tuple[tuple[str, ...], tuple[Groups, ...]]] = {
    "evidence": (
        (
            "evidence.manipulation",
            "evidence.internal >= 1",
            "evidence.untrusted == 0",
            "evidence.count > 2",
            "evidence.internal * 2 > evidence.count",
        ),
        tuple(_evidence()),
    ),
    "anything": (
        (
            "args.host.value > 2",
            "args.host.value <= 3.0",
            "args.host.value == true",
            'args.host.value in [1, "abc"]',
            'args.host.value < "b"',
            "args.host.value != 2.5",
            "(args.host.value && true)",
        ),
        tuple(_anything()),
    ),
    "words": (
        (
            'ticket.kind.startsWith("spear")',
            'ticket.kind.endsWith("phish")',
            'ticket.kind.contains("ish")',
            'ticket.kind.matches("^mal(ware)?$")',
            'ticket.source >= "siem"',
            'ticket.source in ["edr", "siem"]',
            'ticket.kind + ticket.source == "phishingsiem"',
        ),
        tuple(_words()),
    ),
    "host": (
        (
            "args.host.trusted",
            'args.host.value == "abc"',
            "isOwn(args.host.value)",
            'args.host.value.startsWith("10.")',
            'args.host.value.contains("bc")',
            'inCidr(args.host.value, "10.0.0.0/24")',
            "size(args.host.value) > 3",
        ),
        tuple(_host()),
    ),
}


def every_situation(worlds: Sequence[tuple[Groups, ...]]) -> Iterator[Facts]:
    """The product of some worlds; what is in none of them has one value."""
    for groups in itertools.product(*worlds):
        given: Groups = {"asset": dict(EmptyFacts().asset)}
        for group in groups:
            given |= group
        host = given.pop("host", {"value": "WS-1", "trusted": False})
        sources = ("E1",) if host["trusted"] else ()
        yield facts_over_strictest("isolate_host", {"host": ArgumentFacts(sources=sources, **host)}, given)


def conditions(atoms: Sequence[str]) -> st.SearchStrategy[str]:
    """Conditions over some atoms."""
    some = st.lists(st.sampled_from(atoms), min_size=1, max_size=3)
    negated = st.builds(lambda text, no: f"!({text})" if no else f"({text})", st.sampled_from(atoms), st.booleans())
    return st.one_of(
        st.sampled_from(atoms),
        st.builds(lambda parts, sign: f" {sign} ".join(parts), some, st.sampled_from(["&&", "||"])),
        st.builds(
            lambda one, two, three, first, second: f"({one} {first} {two}) {second} {three}",
            negated,
            negated,
            negated,
            st.sampled_from(["&&", "||"]),
            st.sampled_from(["&&", "||"]),
        ),
    )


@st.composite
def rule_rows(draw: st.DrawFn, atoms: Sequence[str]) -> dict[str, Any]:
    """A rule as written, with a condition over some atoms."""
    asks = st.fixed_dictionaries(
        {"approvals": st.integers(1, 3), "from": st.lists(st.sampled_from(["analyst", "soc-lead"]), max_size=1)},
        optional={
            "expires": st.sampled_from(["30m", "4h"]),
            "on_expiry": st.sampled_from(["escalate", "deny"]),
            "reauthenticate": st.sampled_from(["5m", "1h"]),
        },
    )
    row: dict[str, Any] = {"then": draw(st.one_of(st.sampled_from(["allow", "allow", "allow", "deny"]), asks))}
    if draw(st.integers(0, 4)):
        row["when"] = draw(conditions(atoms))
    if row["then"] != "deny" and draw(st.booleans()):
        row["lease"] = draw(st.sampled_from(["30m", "4h", "2d"]))
    if row["then"] == "allow" and draw(st.integers(0, 2)) == 0:
        row["limit"] = draw(
            st.sampled_from([{"per_hour": 2}, {"per_hour": 1, "per_day": 3}, {"per_target": {"per_hour": 1}}])
        )
    return row
