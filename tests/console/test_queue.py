"""The queue as a client without scripts sees it: order, filters, views, claims, and answers for several at once."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from core.action import ProposalState
from core.clock import FixedClock
from core.decision import Decision, Outcome
from core.worklist import Filters
from policies.masking.masker import Masker
from tests.console.conftest import STARTED
from tests.console.site import Site, add_people, site_over
from tests.samples import keep, proposal, stored_ticket
from workers.wiring import open_store
from workflows import claims, queue

#: Bytes that opening the queue may move, with styles and scripts.
FIRST_PAGE = 100_000
#: Statements that opening the queue may send, whatever it shows.
STATEMENTS = 30


def rows(page: str, prefix: str) -> list[str]:
    """Ids of the rows of one kind, in the order of the page."""
    return re.findall(rf'<tr id="({prefix}_\w+)"', page)


def question(site: Site, ticket_id: str, *, approvals: int = 1, fresh: int = 0, minutes: int = 90) -> str:
    """One more action that waits for a person who is soc-lead; gives its id."""
    decision = Decision(
        outcome=Outcome.ASK,
        rules=("r",),
        reason="Asks.",
        bundle_hash="b",
        approvals=approvals,
        roles=("soc-lead",),
        reauthenticate_seconds=fresh,
    )
    until = site.clock.now() + timedelta(minutes=minutes)
    kept = proposal(
        ticket_id, decision=decision, expires_at=until, created_at=site.clock.now(), updated_at=site.clock.now()
    )
    return keep(site.store, kept).id


def items(site: Site, *proposal_ids: str) -> list[str]:
    with site.store.read() as tx:
        return [f"{one}:{tx.proposals.get(one).digest}" for one in proposal_ids]


def states(site: Site, *proposal_ids: str) -> list[ProposalState]:
    with site.store.read() as tx:
        return [tx.proposals.get(one).state for one in proposal_ids]


def test_what_the_visitor_may_answer_comes_first_then_what_lapses_soonest_then_cases(site: Site) -> None:
    for_leads = question(site, site.waiting()[0].ticket_id, minutes=1)
    with site.client("abe") as abe, site.client("ana") as ana:
        for client, name in ((abe, "abe"), (ana, "ana")):
            page = client.get("/queue").text
            shown = rows(page, "prp")
            with site.store.read() as tx:
                user = tx.users.named(name)
                assert user is not None
                viewer = queue.Viewer(person=name, roles=tuple(sorted(user.roles)))
                asked = {one.proposal.id: one for one in queue.look(tx, site.clock, viewer, Filters()).questions}
                cases = [ticket.id for ticket in tx.tickets.recent()]
            order = [(not asked[one].may, asked[one].proposal.expires_at) for one in shown]
            assert order == sorted(order)
            assert len(shown) == len(site.waiting())
            assert rows(page, "tkt") == cases
            assert (shown.index(for_leads) == 0) is (name == "abe")


def test_a_row_names_the_action_in_words_and_leads_to_its_card(site: Site) -> None:
    with site.client("abe") as abe:
        page = abe.get("/queue").text
    first = rows(page, "prp")[0]
    text = html.unescape(re.sub(r"<[^>]+>", "", page))
    assert "Isolate the host HOST_" in text
    assert f'href="/cards/{first}"' in page
    assert f'href="/cards/{first}?do=approve"' in page
    assert f"<title>({len(site.waiting())}) Queue" in page


@pytest.mark.parametrize("query", ["verdict=malicious", "severity=critical", "source=siem", "team=cloud"])
def test_a_filter_narrows_questions_and_cases_and_a_chip_takes_it_away(site: Site, query: str) -> None:
    name, value = query.split("=")
    with site.client("abe") as abe:
        page = abe.get(f"/queue?{query}&answer=").text
        found = rows(page, "tkt")
        with site.store.read() as tx:
            wanted = [one.id for one in tx.tickets.recent() if getattr(one, name) == value]
            asked = {one.id for one in tx.proposals.waiting() if one.ticket_id in wanted}
        assert found == wanted != []
        assert set(rows(page, "prp")) == asked
        assert f'aria-label="Remove the filter {name} {value}"' in page
        assert 'class="chip" href="/queue"' in page


def test_groups_searches_and_mine_narrow_the_list(site: Site) -> None:
    [ticket, *_] = [one.ticket_id for one in site.waiting()]
    with site.store.read() as tx:
        external = tx.tickets.get(ticket).external_id
    with site.client("abe") as abe:
        finished = abe.get("/queue?state=finished").text
        assert rows(finished, "prp") == []
        assert rows(finished, "tkt") != []
        assert rows(abe.get(f"/queue?q={external.lower()}").text, "tkt") == [ticket]
        assert rows(abe.get(f"/queue?q={ticket}").text, "tkt") == [ticket]
        assert rows(abe.get("/queue?mine=1").text, "tkt") == []
        claims.claim(site.store, ticket, "abe")
        mine = abe.get("/queue?mine=1").text
        assert rows(mine, "tkt") == [ticket]
        assert set(rows(mine, "prp")) == {one.id for one in site.waiting() if one.ticket_id == ticket}
        answerable = abe.get("/queue?answer=1").text
        assert rows(answerable, "prp") != []
        assert rows(answerable, "tkt") == []


def test_nothing_that_matches_says_so_and_how_to_see_more(site: Site) -> None:
    with site.client("ana") as ana, site.client("aud") as aud:
        page = ana.get("/queue?verdict=benign&severity=critical&q=nothing+of+this").text
        assert "Nothing matches" in page
        assert '<a class="button" href="/queue">Clear the filters</a>' in page
        assert "Nothing waits for you" in aud.get("/queue?answer=1").text
        assert ana.get("/queue?state=nonsense&verdict=nonsense").text.count("<tr id=") > 5
        assert ana.get("/queue?before=x").status_code == 422


def test_a_house_without_tickets_points_to_the_first_one(tmp_path: Path, masker: Masker) -> None:
    from core.settings import Settings

    clock = FixedClock(STARTED)
    empty = open_store(Settings(home=tmp_path / "empty"), clock=clock)
    empty.migrate()
    add_people(empty)
    empty.close()
    with site_over(tmp_path / "empty", tmp_path / "home", clock, masker) as site, site.client("ana") as ana:
        assert 'href="/start"' in ana.get("/queue").text


def test_older_pages_show_every_case_once(site: Site) -> None:
    made = [stored_ticket(site.store, external_id=f"MORE-{number}").id for number in range(queue.CASES_SHOWN)]
    seen: list[str] = []
    with site.client("ana") as ana:
        path = "/queue"
        while path:
            page = ana.get(path).text
            seen += rows(page, "tkt")
            found = re.search(r'<a class="button" href="([^"]+)">Older', page)
            path = html.unescape(found[1]) if found else ""
    with site.store.read() as tx:
        everything = [ticket.id for ticket in tx.tickets.recent(limit=200)]
    assert seen == everything
    assert set(made) < set(seen)


def test_a_view_is_kept_under_a_name_for_its_owner_and_forgotten_again(site: Site) -> None:
    with site.client("ana") as ana, site.client("abe") as abe:
        answer = ana.post("/queue/views", data={"name": "  Bad  ones ", "after": "/queue?verdict=malicious"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/queue?verdict=malicious")
        page = ana.get("/queue?verdict=malicious").text
        assert '<a class="view" href="/queue?verdict=malicious" aria-current="page">Bad ones</a>' in page
        assert "Bad ones" not in abe.get("/queue").text
        found = re.search(r"/queue/views/(viw_\w+)/delete", page)
        assert found is not None
        assert abe.post(f"/queue/views/{found[1]}/delete").status_code == 303
        assert "Bad ones" in ana.get("/queue").text
        ana.post(f"/queue/views/{found[1]}/delete")
        assert "Bad ones" not in ana.get("/queue").text
        assert ana.post("/queue/views", data={"name": "All", "after": "/queue"}).status_code == 422
        assert ana.post("/queue/views", data={"name": "", "after": "/queue?verdict=benign"}).status_code == 422


def test_a_claim_shows_is_released_and_taken_over_only_after_asking(site: Site) -> None:
    ticket = site.waiting()[0].ticket_id
    with site.client("ana") as ana, site.client("abe") as abe, site.client("aud") as aud:
        back = {"after": "/queue?mine=1"}
        answer = ana.post(f"/claims/{ticket}", data={"do": "claim", **back})
        assert (answer.status_code, answer.headers["location"]) == (303, "/queue?mine=1")
        assert f'href="/claims/{ticket}?after=/queue"' in abe.get("/queue").text
        asked = abe.post(f"/claims/{ticket}", data={"do": "claim", **back}).headers["location"]
        assert asked == f"/claims/{ticket}?after=%2Fqueue%3Fmine%3D1"
        asked = abe.get(f"/claims/{ticket}").text
        assert "Take it over from ana" in asked
        assert "courtesy, not a lock" in asked
        assert abe.post(f"/claims/{ticket}", data={"do": "take"}).status_code == 303
        assert abe.post(f"/claims/{ticket}", data={"do": "nonsense"}).status_code == 422
        assert "You have claimed this ticket" in abe.get(f"/claims/{ticket}").text
        abe.post(f"/claims/{ticket}", data={"do": "release"})
        assert "Nobody has claimed" in abe.get(f"/claims/{ticket}").text
        assert abe.get("/claims/tkt_nope").status_code == 404
        assert aud.post(f"/claims/{ticket}", data={"do": "claim"}).status_code == 403
        assert 'name="item"' not in aud.get("/queue").text
        assert abe.post(f"/claims/{ticket}", data={"do": "claim", "after": "//evil.example"}).headers["location"] == "/"


def test_several_are_approved_only_after_each_was_shown_and_each_is_checked(site: Site) -> None:
    ticket = site.waiting()[0].ticket_id
    good, other, two, fresh = (
        question(site, ticket),
        question(site, ticket),
        question(site, ticket, approvals=2),
        question(site, ticket, fresh=300),
    )
    chosen = items(site, good, other, two, fresh)
    chosen[1] = f"{other}:{'0' * 64}"
    claims.claim(site.store, ticket, "ana")
    with site.client("abe") as abe:
        shown = abe.post("/queue/confirm", data={"do": "approve", "item": chosen}).text
        assert states(site, good, other, two, fresh) == [ProposalState.PENDING] * 4
        asked, _, left_out = shown.partition("Left out")
        assert re.findall(r'name="item" value="(prp_\w+):', asked) == [good]
        assert "ana has claimed this ticket" in asked
        for words in ("more than one approval", "fresh sign-in", "not the action that the page showed"):
            assert words in left_out
        done = abe.post("/queue/answer", data={"do": "approve", "item": chosen}).text
        assert "1 of 4 answers counted" in done
        assert done.count("refused</span>") == 3
        again = abe.post("/queue/answer", data={"do": "approve", "item": chosen[:1]}).text
        assert "0 of 1 answers counted" in again
    assert states(site, good, other, two, fresh) == [ProposalState.APPROVED, *[ProposalState.PENDING] * 3]


def test_several_are_denied_with_one_reason(site: Site) -> None:
    ticket = site.waiting()[0].ticket_id
    mine = (question(site, ticket), question(site, ticket, approvals=2))
    with site.client("abe") as abe, site.client("ana") as ana:
        assert "required" in abe.post("/queue/confirm", data={"do": "deny", "item": items(site, *mine)}).text
        data = {"do": "deny", "item": items(site, *mine), "reason": "A drill."}
        assert "0 of 2 answers counted" in ana.post("/queue/answer", data=data).text
        assert "0 of 2 answers counted" in abe.post("/queue/answer", data={**data, "reason": " "}).text
        assert "2 of 2 answers counted" in abe.post("/queue/answer", data=data).text
    with site.store.read() as tx:
        assert [tx.proposals.answers(one)[0].reason for one in mine] == ["A drill."] * 2
    assert states(site, *mine) == [ProposalState.DENIED] * 2


@pytest.mark.parametrize("path", ["/queue/confirm", "/queue/answer", "/queue/claims"])
def test_nothing_and_too_much_at_once_are_refused(site: Site, path: str) -> None:
    many = [f"prp_{number}:{'0' * 64}" for number in range(queue.MOST_AT_ONCE + 1)]
    tickets = [f"tkt_{number}" for number in range(queue.MOST_AT_ONCE + 1)]
    with site.client("abe") as abe:
        do = "claim" if path.endswith("claims") else "deny"
        assert abe.post(path, data={"do": do, "item": [*many, *tickets], "reason": "x"}).status_code == 409
        assert abe.post(path, data={"do": do, "reason": "x"}).status_code == 409
        if do == "deny":
            assert abe.post(path, data={"do": "close", "item": many[:1]}).status_code == 422


def test_several_are_claimed_and_released(site: Site) -> None:
    one, *others = site.waiting()
    other = next(found for found in others if found.ticket_id != one.ticket_id)
    claims.claim(site.store, other.ticket_id, "ana")
    chosen = [*items(site, one.id), other.ticket_id, "tkt_nope"]
    with site.client("abe") as abe:
        page = abe.post("/queue/claims", data={"do": "claim", "item": chosen}).text
        assert ">claimed<" in page
        assert "ana has claimed it" in page
        page = abe.post("/queue/claims", data={"do": "release", "item": chosen}).text
        assert ">released<" in page
        assert ">was not yours<" in page


def test_an_open_page_gets_its_rows_with_those_that_have_left(site: Site) -> None:
    ticket = site.waiting()[0].ticket_id
    gone = question(site, ticket)
    with site.client("abe") as abe:
        abe.post("/queue/answer", data={"do": "deny", "item": items(site, gone), "reason": "No."})
        part = abe.get(f"/queue?shown={gone},{ticket},prp_nope", headers={"HX-Request": "true"}).text
    assert "<html" not in part
    here, _, left = part.partition('data-rows="gone"')
    assert gone not in here
    assert gone in left
    assert "denied" in left
    assert f'data-waiting="{len(site.waiting())}"' in here


def fill(site: Site) -> None:
    """As many questions and cases as the first page can hold, and more."""
    for number in range(queue.CASES_SHOWN):
        ticket = stored_ticket(site.store, external_id=f"FILL-{number}")
        question(site, ticket.id, minutes=number + 5)


def statements_of(site: Site, look: Callable[[], object]) -> int:
    said: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        said.append(statement)

    event.listen(site.store._engine, "before_cursor_execute", note)
    look()
    event.remove(site.store._engine, "before_cursor_execute", note)
    return len(said)


def test_a_full_page_asks_no_more_of_the_database_than_a_short_one(site: Site) -> None:
    with site.client("abe") as abe:
        abe.get("/queue")
        few = statements_of(site, lambda: abe.get("/queue"))
        fill(site)
        many = statements_of(site, lambda: abe.get("/queue"))
    assert many == few <= STATEMENTS


def test_the_first_page_is_small(site: Site) -> None:
    fill(site)
    with site.client("abe") as abe:
        page = abe.get("/queue")
        files = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text))
        answers = [page, *(abe.get(path) for path in files)]
    moved = sum(answer.num_bytes_downloaded for answer in answers)
    assert len(rows(page.text, "prp")) == queue.SHOWN_BESIDE_CASES
    assert len(rows(page.text, "tkt")) == queue.CASES_SHOWN
    assert len(files) >= 6
    assert 10_000 < moved <= FIRST_PAGE


def test_what_a_page_weighs_does_not_tell_what_is_in_it(site: Site) -> None:
    with site.client("abe") as abe:
        sizes = {abe.get("/queue").num_bytes_downloaded for _ in range(12)}
        plain = abe.get("/queue", headers={"Accept-Encoding": "identity"})
    assert len(sizes) > 3
    assert "content-encoding" not in plain.headers
