"""The pages of a case: what they show, how they answer, and how large they may become."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from core.audit import AuditEvent
from core.evidence import Evidence, Trust
from core.store.engine import Store
from core.ticket import Ticket, TicketState
from core.vault import TokenEntry
from tests.console.site import AUDIT, Site
from tests.samples import ticket_json
from workflows import intake

SECTIONS = ("", "/evidence", "/timeline", "/connections", "/ticket", "/record")
HOSTILE = "</pre></svg><script>alert(1)</script><img src=x onerror=alert(1)>\u202egnp.exe\x1b[31m{{ 7*7 }} =1+1"


def tickets(site: Site) -> list[Ticket]:
    with site.store.read() as tx:
        return list(reversed(tx.tickets.recent(limit=100)))


def case_of(site: Site, kind: str, verdict: str = "malicious") -> Ticket:
    return next(one for one in tickets(site) if (one.kind, one.verdict) == (kind, verdict))


def waiting_case(site: Site) -> Ticket:
    with site.store.read() as tx:
        return tx.tickets.get(site.waiting()[0].ticket_id)


def fresh_case(site: Site, **changes: object) -> str:
    """A ticket that nobody has looked at yet."""
    return intake.submit(site.store, ticket_json(**changes), actor="api:desk", ring=site.rung.append).ticket_id


def add_evidence(store: Store, ticket_id: str, number: int, **changes: object) -> None:
    item = Evidence(
        ticket_id=ticket_id,
        id=f"E{number}",
        tool="search_logs",
        agent="investigator",
        arguments={"about": "HOST_K7Q2XB"},
        trust=Trust.UNTRUSTED,
        summary="A row.",
        facts={"rows": 1},
        detail={},
        error=None,
        sandbox="namespaces",
        duration_ms=12,
        digest="d",
        created_at=store.clock.now(),
    )
    event = AuditEvent(action="evidence.recorded", actor="team:identity/investigator", ticket_id=ticket_id)
    with store.begin() as tx:
        tx.evidence.add(replace(item, **changes), event)  # type: ignore[arg-type]  # fields by name


def a_token(site: Site, ticket_id: str, entity: str = "EMAIL") -> TokenEntry:
    with site.store.read() as tx:
        return next(entry for entry in tx.vault.entries(ticket_id) if entry.entity == entity)


def last_event(site: Site, ticket_id: str) -> dict[str, object]:
    with site.store.read() as tx:
        return tx.audit.of(ticket_id)[-1]


# --- what is shown


def test_every_section_of_every_demo_case_is_a_small_page(site: Site) -> None:
    with site.client("aud") as client:
        for ticket in tickets(site):
            for section in SECTIONS:
                answer = client.get(f"/cases/{ticket.id}{section}")
                assert answer.status_code == 200, (ticket.kind, section)
                assert len(answer.content) < 150_000, (ticket.kind, section)
                assert 'aria-current="page"' in answer.text


def test_the_verdict_its_reasons_and_their_evidence_are_on_the_first_page(site: Site) -> None:
    ticket = case_of(site, "identity")
    with site.store.read() as tx:
        run = tx.assessments.latest(ticket.id)
    assert run is not None
    with site.client("ana") as client:
        text = client.get(f"/cases/{ticket.id}").text
    assert "says the model itself" in text
    assert "Multi-Factor Authentication Request Generation" in text or "Valid Accounts" in text
    for finding in run.assessment.findings:
        for evidence_id in finding.evidence:
            assert f'href="/cases/{ticket.id}/evidence#{evidence_id}"' in text
    with site.client("ana") as client:
        evidence = client.get(f"/cases/{ticket.id}/evidence").text
    for evidence_id in {one for finding in run.assessment.findings for one in finding.evidence}:
        assert f'id="{evidence_id}"' in evidence


def test_actions_that_wait_are_links_to_their_cards(site: Site) -> None:
    ticket = waiting_case(site)
    own = [proposal for proposal in site.waiting() if proposal.ticket_id == ticket.id]
    with site.client("ana") as client:
        text = client.get(f"/cases/{ticket.id}").text
    assert own
    assert all(f'href="/cards/{proposal.id}"' in text for proposal in own)
    assert text.count('data-keys="a"') == 1


def test_a_technique_that_no_table_knows_is_shown_by_its_id() -> None:
    from workflows.attack import techniques

    known, child, unknown = techniques(["T1566.002", "T1566.999", "T9999"])
    assert (known.name, known.tactic) == ("Phishing: Spearphishing Link", "initial access")
    assert child.name == "Phishing"
    assert (unknown.name, unknown.tactic) == ("T9999", "")


def test_the_stream_is_filtered_by_who_did_it(site: Site) -> None:
    ticket = case_of(site, "phishing")
    with site.client("ana") as client:
        everybody = client.get(f"/cases/{ticket.id}/timeline").text
        team = client.get(f"/cases/{ticket.id}/timeline", params={"who": "team"}).text
        policy = client.get(f"/cases/{ticket.id}/timeline", params={"who": "policy"}).text
        nonsense = client.get(f"/cases/{ticket.id}/timeline", params={"who": "nobody"})
        all_of_it = client.get(f"/cases/{ticket.id}/timeline", params={"everything": "true"}).text
    doers = re.compile(r'<li class="d-(\w+)">')
    assert {"team", "policy", "system"} <= set(doers.findall(everybody))
    assert set(doers.findall(team)) == {"team"}
    assert set(doers.findall(policy)) == {"policy"}
    assert "Looking changes nothing." in policy
    assert "Looking changes nothing." not in everybody
    assert len(doers.findall(all_of_it)) > len(doers.findall(everybody))
    assert nonsense.status_code == 422


def test_the_timeline_draws_the_events_of_the_evidence(site: Site) -> None:
    ticket = case_of(site, "identity")
    with site.client("ana") as client:
        text = client.get(f"/cases/{ticket.id}/timeline").text
    assert text.count("<circle") >= 2
    assert "2026-01-05 UTC" in text
    assert "198.51.100.23" in text
    assert ">awaiting approval</text>" in text or ">closed</text>" in text


def test_the_graph_connects_the_account_with_the_address_and_says_so_in_words(site: Site) -> None:
    ticket = case_of(site, "identity")
    account = a_token(site, ticket.id).token
    with site.client("ana") as client:
        text = client.get(f"/cases/{ticket.id}/connections").text
    assert re.search(rf"<title>[^<]*{account}[^<]*198\.51\.100\.23|198\.51\.100\.23[^<]*{account}[^<]*</title>", text)
    assert "known as malicious" in text
    assert "Connections as a table" in text


def test_a_case_as_json_is_what_the_api_answers(site: Site) -> None:
    ticket = case_of(site, "phishing")
    with site.client("aud") as client:
        answer = client.get(f"/cases/{ticket.id}/case.json")
    assert answer.headers["content-disposition"] == f'attachment; filename="{ticket.id}.json"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["assessment"]["verdict"] == "malicious"


def test_a_ticket_that_nobody_has_masked_shows_nothing_of_itself(site: Site) -> None:
    ticket_id = fresh_case(site, title="A very private title", body="A very private body")
    with site.client("ana") as client:
        for section in SECTIONS:
            answer = client.get(f"/cases/{ticket_id}{section}")
            assert answer.status_code == 200
            assert "very private" not in answer.text
        assert "Not masked yet" in client.get(f"/cases/{ticket_id}/ticket").text


def test_what_is_not_there_is_said_in_a_sentence(site: Site) -> None:
    ticket = case_of(site, "phishing")
    with site.client("ana") as client:
        for path in ("tkt_none", f"{ticket.id}/evidence/E999", f"{ticket.id}/turns/999"):
            answer = client.get(f"/cases/{path}")
            assert answer.status_code == 404
            assert "<main" in answer.text


# --- size and hostile text


def test_a_case_with_a_megabyte_of_results_stays_a_bounded_page(site: Site) -> None:
    ticket_id = fresh_case(site)
    row = {"text": "x" * 4_800, "note": '<b>"&' * 40}
    for number in range(1, 201):
        add_evidence(site.store, ticket_id, number, detail={"rows": [row]}, facts={"said": "y" * 300})
    add_evidence(site.store, ticket_id, 201, detail={"text": "z" * 700_000})
    with site.client("ana") as client:
        page = client.get(f"/cases/{ticket_id}/evidence")
        one = client.get(f"/cases/{ticket_id}/evidence/E201")
        piece = client.get(f"/cases/{ticket_id}/evidence/E7", headers={"HX-Request": "true"})
        others = [client.get(f"/cases/{ticket_id}{section}") for section in SECTIONS if section != "/evidence"]
    assert page.text.count('<article class="card result"') == 201
    assert len(page.content) < 1_000_000
    assert f'hx-get="/cases/{ticket_id}/evidence/E201"' in page.text
    assert "The rest is left out here" in one.text
    assert len(one.content) < 500_000
    assert "x" * 4_800 in piece.text
    assert "<html" not in piece.text
    assert all(answer.status_code == 200 and len(answer.content) < 400_000 for answer in others)


def test_hostile_text_is_text_in_every_section(site: Site) -> None:
    ticket_id = fresh_case(site)
    fields = {"tool": HOSTILE, "agent": HOSTILE, "summary": HOSTILE, "facts": {HOSTILE: HOSTILE}}
    detail = {"rows": [{"eventTime": "2026-01-05T07:12:44Z", "eventName": HOSTILE, "user": "HOST_K7Q2XB"}]}
    add_evidence(site.store, ticket_id, 1, arguments={HOSTILE: [HOSTILE]}, detail=detail, error=HOSTILE, **fields)
    add_evidence(site.store, ticket_id, 2, detail=detail, **fields)
    with site.client("ana") as client:
        for section in (*SECTIONS, "/evidence/E1", "/timeline?everything=true"):
            text = client.get(f"/cases/{ticket_id}{section}").text
            assert "<script>alert" not in text
            assert "<img" not in text.replace('<img src="/static/mark.svg', "")
            assert "\u202e" not in text
            assert "\x1b" not in text
            assert "49 =1" not in text


# --- originals


def test_an_original_is_shown_for_a_reason_and_the_look_is_on_record(site: Site) -> None:
    ticket = case_of(site, "identity")
    entry = a_token(site, ticket.id)
    form = {"token": entry.token, "reason": "The owner, Erika Mustermann, called."}
    with site.client("ana") as client:
        page = client.get(f"/cases/{ticket.id}/ticket").text
        shown = client.post(f"/cases/{ticket.id}/reveal", data=form)
        piece = client.post(f"/cases/{ticket.id}/reveal", data=form, headers={"HX-Request": "true"})
    assert entry.token in page
    assert entry.value not in page
    for answer in (shown, piece):
        assert entry.value in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert entry.value not in str(answer.url)
    event = last_event(site, ticket.id)
    assert (event["action"], event["actor"]) == ("ticket.revealed", "user:ana")
    assert entry.token in json.dumps(event)
    assert entry.value not in json.dumps(event)
    assert "Mustermann" not in json.dumps(event)


@pytest.mark.parametrize(
    ("token", "reason", "sentence"),
    [
        ("EMAIL_AAAAAA", "I must know.", "is garbled|was never issued"),
        ("anybody@example.com", "I must know.", "is no token"),
        ("", "I must know.", "is no token"),
        (None, "  ", "Say why"),
        (None, "x" * 501, "501 characters"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_a_sentence(
    site: Site, token: str | None, reason: str, sentence: str
) -> None:
    ticket = case_of(site, "identity")
    asked = a_token(site, ticket.id).token if token is None else token
    before = last_event(site, ticket.id)
    with site.client("ana") as client:
        answer = client.post(f"/cases/{ticket.id}/reveal", data={"token": asked, "reason": reason})
        piece = client.post(
            f"/cases/{ticket.id}/reveal", data={"token": asked, "reason": reason}, headers={"HX-Request": "true"}
        )
    assert answer.status_code == 409
    assert re.search(sentence, answer.text)
    assert re.search(sentence, piece.text)
    assert last_event(site, ticket.id) == before


def test_another_tickets_token_shows_nothing(site: Site) -> None:
    mine, other = case_of(site, "identity"), case_of(site, "phishing")
    entry = a_token(site, other.id)
    with site.client("ana") as client:
        answer = client.post(f"/cases/{mine.id}/reveal", data={"token": entry.token, "reason": "Why not?"})
    assert answer.status_code == 409
    assert "was never issued for this ticket" in answer.text
    assert entry.value not in answer.text


def test_what_policy_made_irreversible_is_shown_to_nobody(site: Site) -> None:
    ticket = case_of(site, "identity")
    secret = TokenEntry(token="SECRET_A2B3C4", entity="SECRET", value="", fingerprint="f")
    with site.store.begin() as tx:
        tx.vault.add(ticket.id, [secret])
    with site.client("ada") as client:
        answer = client.post(f"/cases/{ticket.id}/reveal", data={"token": secret.token, "reason": "I am the admin."})
    assert answer.status_code == 409
    assert "irreversible" in answer.text


def test_originals_that_were_destroyed_are_gone_for_everybody(site: Site) -> None:
    ticket = next(one for one in tickets(site) if one.state is TicketState.CLOSED)
    token = a_token(site, ticket.id).token
    with site.store.begin() as tx:
        tx.vault.shred(ticket.id, AUDIT)
    with site.client("ana") as client:
        page = client.get(f"/cases/{ticket.id}/ticket")
        answer = client.post(f"/cases/{ticket.id}/reveal", data={"token": token, "reason": "I must know."})
    assert "reveal" not in page.text.split("<main")[1].replace("revealed", "")
    assert answer.status_code == 409
    assert "destroyed on purpose" in answer.text


@pytest.mark.parametrize("name", ["aud", "sue"])
def test_who_may_only_read_sees_no_originals(site: Site, name: str) -> None:
    ticket = case_of(site, "identity")
    form = {"token": a_token(site, ticket.id).token, "reason": "I must know."}
    with site.client(name) as client:
        assert client.post(f"/cases/{ticket.id}/reveal", data=form).status_code == 403
        assert client.post(f"/cases/{ticket.id}/feedback", data={"verdict": "benign"}).status_code == 403


# --- what people do


def test_a_person_agrees_then_corrects_and_the_case_says_so(site: Site) -> None:
    ticket = case_of(site, "phishing")
    with site.client("ana") as client:
        agreed = client.post(f"/cases/{ticket.id}/feedback", data={"verdict": "malicious"})
        assert (agreed.status_code, agreed.headers["location"]) == (303, f"/cases/{ticket.id}#feedback")
        assert "agree" in client.get(f"/cases/{ticket.id}").text
        site.clock.advance(seconds=1)
        bare = client.post(f"/cases/{ticket.id}/feedback", data={"verdict": "benign", "reason": " "})
        assert (bare.status_code, "needs a reason" in bare.text) == (409, True)
        said = {"verdict": "benign", "reason": "It is our own awareness training; ask Erika Mustermann."}
        assert client.post(f"/cases/{ticket.id}/feedback", data=said).status_code == 303
        page = client.get(f"/cases/{ticket.id}").text
    assert "our own awareness training" in page
    assert "Mustermann" not in page
    with site.store.read() as tx:
        assert tx.feedback.counts() == {"agreed": 0, "corrected": 1}


def test_an_admin_sends_a_ticket_round_again_that_was_given_up(site: Site) -> None:
    ticket_id = fresh_case(site)
    with site.store.begin() as tx:
        tx.tickets.set_state(ticket_id, TicketState.ESCALATED, audit=AUDIT, trouble="No model answers.")
    with site.client("ana") as analyst:
        page = analyst.get(f"/cases/{ticket_id}").text
        assert "No model answers." in page
        assert "/retry" not in page
        assert analyst.post(f"/cases/{ticket_id}/retry").status_code == 403
    with site.client("ada") as admin:
        assert f'action="/cases/{ticket_id}/retry"' in admin.get(f"/cases/{ticket_id}").text
        assert admin.post(f"/cases/{ticket_id}/retry").status_code == 303
        assert site.rung[-1] == ticket_id
        again = admin.post(f"/cases/{ticket_id}/retry")
    assert again.status_code == 409
    assert "only escalated and failed ones start over" in again.text


def test_the_head_of_an_open_page_says_what_the_team_does_and_what_is_new(site: Site) -> None:
    ticket_id = fresh_case(site)
    with site.client("ana") as client:
        before = client.get(f"/cases/{ticket_id}/evidence").text
        seen = re.search(rf'hx-get="/cases/{ticket_id}/now\?seen=(\d+)&amp;section=evidence"', before)
        assert seen is not None
        for state in (TicketState.MASKED, TicketState.INVESTIGATING):
            with site.store.begin() as tx:
                tx.tickets.set_state(ticket_id, state, audit=AUDIT)
        add_evidence(site.store, ticket_id, 1, tool="read_email")
        part = client.get(f"/cases/{ticket_id}/now", params={"seen": seen[1], "section": "evidence"}).text
    assert "<html" not in part
    assert "read_email" in part
    assert "has changed since you opened it" in part
    assert f'href="/cases/{ticket_id}/evidence">Show</a>' in part


def test_what_one_does_oneself_is_no_news(site: Site) -> None:
    ticket = case_of(site, "phishing")
    with site.client("ana") as client:
        seen = re.search(r"now\?seen=(\d+)&", client.get(f"/cases/{ticket.id}").text)
        assert seen is not None
        client.post(f"/cases/{ticket.id}/feedback", data={"verdict": "malicious"})
        mine = client.get(f"/cases/{ticket.id}/now", params={"seen": seen[1]}).text
    with site.client("abe") as client:
        theirs = client.get(f"/cases/{ticket.id}/now", params={"seen": seen[1]}).text
    assert "has changed since" not in mine
    assert "has changed since" in theirs


def test_a_case_that_somebody_has_taken_says_so(site: Site) -> None:
    ticket = case_of(site, "phishing")
    with site.client("ana") as client:
        after = client.post(f"/claims/{ticket.id}", data={"do": "claim", "after": f"/cases/{ticket.id}"})
        assert after.headers["location"] == f"/cases/{ticket.id}"
        assert "taken by <strong>you" in client.get(f"/cases/{ticket.id}").text
    site.clock.advance(seconds=int(timedelta(minutes=5).total_seconds()))
    with site.client("abe") as client:
        assert "taken by <strong>ana" in client.get(f"/cases/{ticket.id}").text
