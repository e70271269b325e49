"""The approval card as the server makes it, and what its forms do, without a browser."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from core.action import Proposal, ProposalState
from core.canonical import JsonObject
from core.decision import Decision
from core.ids import new_id
from core.settings import ApiKey
from gateway.app import create_app
from tests.console.site import AUDIT, Site
from tools.registry import default_registry
from workflows import approvals
from workflows.quotes import MAX_QUOTES


def waiting(site: Site, tool: str) -> Proposal:
    """The demo's oldest waiting proposal of a tool."""
    return next(proposal for proposal in site.waiting() if proposal.tool == tool)


def read(site: Site, proposal: Proposal) -> Proposal:
    with site.store.read() as tx:
        return tx.proposals.get(proposal.id)


def another(site: Site, proposal: Proposal, decision: dict[str, Any] | None = None, **changes: Any) -> Proposal:
    """A proposal like this one that waits as well, with other things in it."""
    fresh = dataclasses.replace(
        proposal, id=new_id("prp"), state=ProposalState.PROPOSED, created_at=site.clock.now(), **changes
    )
    assert proposal.decision is not None
    decided: Decision = dataclasses.replace(proposal.decision, **(decision or {}))
    with site.store.begin() as tx:
        tx.proposals.add(fresh, AUDIT)
        tx.proposals.decide(fresh, decided, provenance=fresh.provenance, expires_at=fresh.expires_at)
        tx.proposals.move(fresh, ProposalState.PENDING, AUDIT)
        return tx.proposals.get(fresh.id)


def look(site: Site, proposal: Proposal, person: str = "abe", query: str = "") -> str:
    with site.client(person) as client:
        answer = client.get(f"/cards/{proposal.id}{query}")
    assert answer.status_code == 200, answer.text
    return answer.text


def send(site: Site, proposal: Proposal, word: str, person: str = "abe", **fields: str) -> Response:
    with site.client(person) as client:
        answer: Response = client.post(f"/cards/{proposal.id}/{word}", data={"digest": proposal.digest, **fields})
        return answer


def words(html: str) -> str:
    """What a person reads."""
    body = html.partition("<main")[2].partition("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def edited(site: Site, proposal: Proposal, value: str, *, previewed: str = "", **more: str) -> Response:
    """What the edit form would send with this first argument."""
    schema = default_registry().schema_digest(proposal.tool)
    return send(site, proposal, "edit", arg0=value, schema=schema, previewed=previewed, **more)


def hidden(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found is not None
    return found[1]


def test_the_card_says_what_where_why_by_whom_and_until_when(site: Site) -> None:
    asked = waiting(site, "isolate_host")
    said = words(look(site, asked))
    host = asked.arguments["host"]
    assert f"Isolate the host {host}" in said
    for part in (
        "cut off from the network",
        "Releasing it brings it back",
        "4 h ; then Casemate undoes it by itself",
        "practice lab",
        "rule isolate-doubtful",
        "in our own records",
        "tier 2",
        "Here that is abe, amy, ana",
        "nothing is done then, and the case goes on without it",
        "The team says written by a model; nobody has checked it " + asked.reason,
        asked.digest,
        asked.binding.bundle_hash,
        "tier namespaces",
        '{"host":" ' + host + ' "}',
    ):
        assert part in said, part
    assert f'href="/cases/{asked.ticket_id}/evidence#{asked.evidence[0]}"' in look(site, asked)


def test_each_argument_is_quoted_from_the_evidence_that_names_it(site: Site) -> None:
    asked = waiting(site, "disable_account")
    html = look(site, asked)
    quotes = re.findall(r"<blockquote>(.*?)</blockquote>", html)
    assert 1 <= len(quotes) <= MAX_QUOTES
    assert all(asked.arguments["account"] in quote.partition("<mark>")[2] for quote in quotes)


def test_a_value_from_nowhere_is_said_loudly(site: Site) -> None:
    made_up = another(
        site,
        waiting(site, "isolate_host"),
        provenance={"args": {"host": {"value": "X", "trusted": False, "sources": []}}, "asset": {"known": False}},
    )
    said = words(look(site, made_up))
    assert "No evidence names this value." in said
    assert "A host that is not in our inventory. Policy takes it for tier 0" in said


def test_every_character_of_a_value_shows(site: Site) -> None:
    odd = another(site, waiting(site, "isolate_host"), arguments={"host": "SRV\u202e-\u0430 \n"})
    html = look(site, odd)
    assert "\u202e" not in html
    said = words(html)
    assert "⟨U+202E⟩" in said
    assert '\\n"' in said
    assert "U+0430 CYRILLIC SMALL LETTER A" in said


@pytest.mark.parametrize(
    ("person", "says"),
    [
        ("ana", "takes one of the roles identity-admin, soc-lead; ana has none of them"),
        ("aud", "takes one of the roles identity-admin, soc-lead; aud has none of them"),
    ],
)
def test_who_may_not_answer_reads_why_and_gets_no_form(site: Site, person: str, says: str) -> None:
    html = look(site, waiting(site, "disable_account"), person, "?do=approve")
    assert says in words(html)
    assert 'name="digest"' not in html


def test_submitters_see_no_card(site: Site) -> None:
    with site.client("sue") as sue:
        assert sue.get(f"/cards/{site.waiting()[0].id}").status_code == 403
    with site.client("abe") as abe:
        assert abe.get("/cards/prp_none").status_code == 404


def test_an_approval_counts_once_and_names_the_next(site: Site) -> None:
    asked = waiting(site, "quarantine_email")
    answer = send(site, asked, "approve", reason="Seen it.")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/cards/{asked.id}?said=approved")
    assert read(site, asked).state is ProposalState.APPROVED
    after = look(site, asked, query="?said=approved")
    assert "You approved it." in words(after)
    assert "Next that waits for you" in after
    again = send(site, asked, "approve", "amy", reason="Me too.")
    assert again.status_code == 409
    assert "only one that is pending takes answers" in again.text
    assert "Me too." in again.text


def test_two_people_must_agree(site: Site) -> None:
    asked = waiting(site, "disable_account")
    send(site, asked, "approve")
    said = words(look(site, asked))
    assert "1 of 2 have approved" in said
    assert "You have answered; it cannot be changed." in said
    assert send(site, asked, "approve").status_code == 409
    assert "Here that is amy" in words(look(site, asked, "amy"))
    send(site, asked, "approve", "amy")
    assert read(site, asked).state is ProposalState.APPROVED


def test_a_denial_needs_a_reason_and_shows_it(site: Site) -> None:
    asked = waiting(site, "quarantine_email")
    refused = send(site, asked, "deny", reason="  ")
    assert refused.status_code == 409
    assert "A denial needs a reason" in refused.text
    assert send(site, asked, "deny", reason="It is ours.").status_code == 303
    assert "denied" in words(look(site, asked))
    assert "It is ours." in look(site, asked)


@pytest.mark.parametrize("field", [{"digest": "0" * 64}, {"digest": ""}])
def test_an_answer_to_something_else_does_not_count_and_keeps_what_was_typed(site: Site, field: dict[str, str]) -> None:
    asked = waiting(site, "quarantine_email")
    refused = send(site, asked, "deny", reason="A long thought.", **field)
    assert refused.status_code == 409
    assert "digest differs" in refused.text
    assert "A long thought.</textarea>" in refused.text
    assert asked.digest in refused.text
    assert read(site, asked).state is ProposalState.PENDING


def test_nobody_answers_after_the_time_is_up(site: Site) -> None:
    asked = waiting(site, "quarantine_email")
    site.clock.advance(seconds=4 * 3600)
    assert send(site, asked, "approve", reason="Late.").status_code == 409
    html = look(site, asked)
    assert "Its time is up" in words(html)
    assert 'name="digest"' not in html
    assert read(site, asked).state is ProposalState.PENDING


def test_an_edit_is_previewed_then_a_new_proposal_that_its_editor_may_not_answer(site: Site) -> None:
    asked = waiting(site, "isolate_host")
    form = look(site, asked, query="?do=edit")
    assert hidden(form, "schema") == default_registry().schema_digest("isolate_host")
    preview = edited(site, asked, "SRV-PAY-01", step="send", reason="The other one.")
    assert preview.status_code == 200
    assert "2 people with the role server-owner or soc-lead must approve it, and not you" in words(preview.text)
    assert read(site, asked).state is ProposalState.PENDING
    seen = hidden(preview.text, "previewed")
    other = edited(site, asked, "SRV-WEB-01", previewed=seen, step="send", reason="x")
    assert (other.status_code, read(site, asked).state) == (200, ProposalState.PENDING)
    done = edited(site, asked, "SRV-PAY-01", previewed=seen, step="send", reason="The other one.")
    assert done.status_code == 303
    assert read(site, asked).state is ProposalState.REPLACED
    with site.client("abe") as abe:
        fresh = abe.get(done.headers["location"])
    assert "You proposed this proposal, so somebody else must answer it." in words(fresh.text)
    assert "<del" in fresh.text
    assert "SRV-PAY-01" not in fresh.text
    assert "See what took its place" in words(look(site, asked))


@pytest.mark.parametrize(
    ("value", "says", "status"),
    [
        ("", "host", 422),
        ("HOST_AAAAAA", "token", 422),
        (None, "changes nothing", 409),
    ],
)
def test_an_edit_that_makes_no_sense_keeps_what_was_typed(
    site: Site, value: str | None, says: str, status: int
) -> None:
    asked = waiting(site, "isolate_host")
    answer = edited(site, asked, asked.arguments["host"] if value is None else value, reason="A try.")
    assert answer.status_code == status
    assert says in words(answer.text)
    assert "A try.</textarea>" in answer.text


def test_originals_are_shown_to_those_who_decide_and_each_look_is_on_record(site: Site) -> None:
    asked = waiting(site, "isolate_host")
    assert "SRV-WEB-02" not in look(site, asked).upper()
    assert "SRV-WEB-02" in send(site, asked, "reveal").text.upper()
    with site.client("aud") as aud:
        assert aud.post(f"/cards/{asked.id}/reveal").status_code == 403
    with site.store.read() as tx:
        looks = [e["actor"] for e in tx.audit.of(asked.ticket_id) if e["action"] == "proposal.revealed"]
    assert looks == ["user:abe"]


def test_whoever_approves_too_fast_is_told_and_counted(site: Site) -> None:
    like = waiting(site, "quarantine_email")
    many = [another(site, like) for _ in range(approvals.RATE_ALARM + 2)]
    for proposal in many[:-1]:
        assert send(site, proposal, "approve").status_code == 303
    assert "Slow down." in words(look(site, many[-1]))
    assert "Slow down." not in words(look(site, many[-1], "amy"))
    send(site, many[-1], "approve")
    with site.store.read() as tx:
        counted = [
            e["data"].get("approved_lately") for e in tx.audit.of(like.ticket_id) if e["action"] == "proposal.answered"
        ]
    assert [count for count in counted if count] == [approvals.RATE_ALARM + 1]
    site.clock.advance(seconds=approvals.RATE_WINDOW.total_seconds() + 1)
    assert "Slow down." not in words(look(site, like))


def test_policy_may_ask_for_a_fresher_sign_in_first(site: Site) -> None:
    asked = another(site, waiting(site, "quarantine_email"), decision={"reauthenticate_seconds": 60})
    with site.client("abe") as abe:
        site.clock.advance(seconds=61)
        where = f"/account/confirm?after=%2Fcards%2F{asked.id}%3Fdo%3Dapprove"
        assert where.replace("&", "&amp;") in abe.get(f"/cards/{asked.id}").text
        form = {"digest": asked.digest}
        assert abe.post(f"/cards/{asked.id}/approve", data=form).headers["location"] == where
        typed = abe.post(f"/cards/{asked.id}/approve", data={**form, "reason": "Kept."})
        assert typed.status_code == 409
        assert "Kept.</textarea>" in typed.text
    assert read(site, asked).state is ProposalState.PENDING


def test_the_same_action_before_is_shown_with_its_answers(site: Site) -> None:
    asked = waiting(site, "quarantine_email")
    send(site, asked, "deny", reason="Not while the auditors are here.")
    again = another(site, asked, expires_at=site.clock.now() + timedelta(hours=1))
    said = words(look(site, again))
    assert "The same action was proposed" in said
    assert "Not while the auditors are here." in said


def over_the_api(site: Site, name: str, path: str, said: JsonObject) -> Response:
    key = ApiKey(key_sha256=hashlib.sha256(b"key").hexdigest(), roles=["analyst"])
    parts = site.app.state.parts
    app = create_app(
        store=site.store,
        clock=site.clock,
        ring=site.rung.append,
        api_keys={name: key},
        masker=parts.masker,
        live=parts.live,
        registry=parts.registry,
    )
    with TestClient(app, headers={"Authorization": "Bearer key"}) as client:
        answer: Response = client.post(path, json=said)
        return answer


def test_machines_edit_over_the_api(site: Site) -> None:
    asked = waiting(site, "isolate_host")
    path = f"/api/v1/approvals/{asked.id}/edit"
    said: JsonObject = {"digest": asked.digest, "changes": {"host": "SRV-PAY-01"}, "reason": "The other one."}
    assert over_the_api(site, "soar", path, {**said, "digest": "0" * 64}).status_code == 409
    wrong = over_the_api(site, "soar", path, {**said, "changes": {"planet": "Mars"}})
    assert (wrong.status_code, wrong.headers["content-type"]) == (422, "application/problem+json")
    fresh = over_the_api(site, "soar", path, said).json()
    assert (fresh["replaces"], fresh["proposed_by"], fresh["state"]) == (asked.id, "user:soar", "pending")
    assert "SRV-PAY-01" not in str(fresh)


def test_what_policy_refused_to_look_at_has_a_card_too(site: Site) -> None:
    bare = another(site, waiting(site, "isolate_host"), provenance={}, evidence=("E99",))
    said = words(look(site, bare))
    assert "policy could not look at it" in said
    assert "E99 not there" in said
