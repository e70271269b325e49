"""The admin's pages, and the kill switch: in the console, over the API, and on pages that are open."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from core.action import EffectState, ProposalState
from core.ticket import TicketState
from gateway.console.admin import TABS
from tests.console.site import AUDIT, Site
from tests.samples import effect, keep, proposal, stored_ticket, walk
from tests.servers import free_port
from workers.app import make_app
from workers.depth import Depths

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

OURS = [path for path, _, _ in TABS if path not in {"/admin/users", "/admin/keys"}]
HOSTILE = "<img src=x onerror=alert(1)>\u202e"


@pytest.mark.parametrize("path", [*OURS, "/admin/tools/isolate_host"])
def test_auditors_read_every_page_and_analysts_none(site: Site, path: str) -> None:
    with site.client("aud") as aud, site.client("ana") as ana:
        assert aud.get(path).status_code == 200
        assert ana.get(path).status_code == 403


def test_a_fresh_site_says_what_to_start(fresh: Site) -> None:
    with fresh.client("ada") as client:
        health = client.get("/admin").text
        connectors = client.get("/admin/connectors").text
    assert "No process has shown a sign of life" in health
    assert "none is alive" in health
    assert "every ticket goes on" in health
    assert "0 confirmed" in connectors


def test_health_shows_processes_and_what_is_wrong_with_them(site: Site) -> None:
    with site.store.begin() as tx:
        live = tx.bundles.live_hash()
        tx.operations.beat("old:1", "gateway", {"bundle": live, "policy": []})
    site.clock.advance(seconds=600)
    with site.store.begin() as tx:
        tx.operations.beat("far:2", "worker", {"bundle": "f" * 64, "sandbox": "confined", "policy": []})
        tx.operations.beat("far:3", "worker", {"trouble": "Install bubblewrap."})
    with site.client("aud") as client:
        page = client.get("/admin").text
        part = client.get("/admin", headers={"HX-Request": "true"}).text
    for text in (page, part):
        assert "sandbox confined" in text
        assert "not the live one" in text
        assert "Install bubblewrap." in text
        assert "silent" in text
    assert "<html" not in part
    assert "Stop everything" not in page


def test_tickets_and_messages_that_do_not_go_on_are_listed_and_their_words_are_inert(site: Site) -> None:
    ticket = stored_ticket(site.store, external_id="stuck")
    walk(site.store, ticket.id, TicketState.ESCALATED)
    with site.store.begin() as tx:
        tx.outbox.add(ticket_id=ticket.id, kind="report", destination="siem", payload={})
        (message,) = tx.outbox.claim(seconds=5, ticket_id=ticket.id)
        tx.outbox.failed(message, error=HOSTILE, audit=AUDIT)
    with site.client("aud") as client:
        page = client.get("/admin").text
    assert f'href="/cases/{ticket.id}"' in page
    assert "escalated" in page
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page
    assert "⟨U+202E⟩" in page
    assert re.search(r"On their way out</span><strong>1</strong>", page)


def test_health_shows_the_queues_and_the_ticket_that_waits_for_longest(site: Site) -> None:
    older = stored_ticket(site.store, external_id="older")
    site.clock.advance(seconds=125)
    stored_ticket(site.store, external_id="newer")
    make_app(site.settings).send_task("casemate.advance", args=["tkt_x"])
    with site.client("aud") as client:
        page = client.get("/admin").text
        away = site.settings.model_copy(update={"broker_url": f"redis://127.0.0.1:{free_port()}/0"})
        site.app.state.parts = dataclasses.replace(site.app.state.parts, depths=Depths(away))
        without = client.get("/admin")
    assert re.search(r"In the queues</span><strong>1</strong><span>intake 0 · work 1<", page)
    assert re.search(rf'href="/cases/{older.id}"><span>Oldest in work</span><strong><time[^>]*>2 min<', page)
    assert "The broker does not answer" not in page
    assert without.status_code == 200
    assert "The broker does not answer" in without.text
    assert "Tickets are safe in the database" in without.text


def test_a_connector_shows_its_effects_and_its_last_trouble(site: Site) -> None:
    ticket = stored_ticket(site.store, external_id="doubt")
    asked = keep(site.store, proposal(ticket.id, state=ProposalState.APPROVED))
    planned = effect(asked, connector="lab")
    with site.store.begin() as tx:
        before = tx.upkeep.effects()["lab"]
        tx.effects.plan(planned, AUDIT)
    for origin, to in ((EffectState.PLANNED, EffectState.DISPATCHED), (EffectState.DISPATCHED, EffectState.UNKNOWN)):
        with site.store.begin() as tx:
            (row,) = [one for one in tx.effects.of(ticket.id) if one.state is origin]
            assert tx.effects.move(row, to, outcome={"said": {"error": "TimeoutError"}}, audit=AUDIT)
    with site.client("aud") as client:
        page, health = client.get("/admin/connectors").text, client.get("/admin").text
    done = before.get("confirmed", 0) + before.get("reverted", 0)
    assert f"{done} confirmed · {before.get('failed', 0)} failed · 1 unknown" in page
    assert "TimeoutError" in page
    assert f'href="/cases/{ticket.id}"' in page
    assert "nobody knows whether it took effect" in health


def test_the_trail_is_filtered_paged_and_verified(site: Site) -> None:
    with site.client("aud") as client:
        first = client.get("/admin/audit").text
        older = re.search(r'href="(/admin/audit\?cursor=\d+)"', first)
        assert older is not None
        second = client.get(older[1]).text
        effects = client.get("/admin/audit", params={"action": "effect.", "actor": "", "ticket": ""}).text
        nothing = client.get("/admin/audit", params={"actor": "user:<b>nobody"}).text
        verified = client.post("/admin/audit/verify").text
        wrong = client.get("/admin/audit", params={"cursor": "x"})
        with site.store.read() as tx:
            newest = tx.audit.newest()
    numbers = [int(found) for found in re.findall(r'<td class="right num muted">(\d+)</td>', first + second)]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[0] == newest
    assert set(re.findall(r"<code>(\w+)\.\w+</code></td>", effects)) == {"effect"}
    assert "No event fits" in nothing
    assert "<b>nobody" not in nothing
    assert f"All {newest} events are as they were written" in verified
    assert wrong.status_code == 422


def test_a_changed_event_is_found(site: Site) -> None:
    from core.store.schema import AuditRow

    with site.store.begin() as tx:
        row = tx._session.get(AuditRow, 3)
        assert row is not None
        row.actor = "somebody else"
    with site.client("aud") as client:
        page = client.post("/admin/audit/verify", headers={"HX-Request": "true"}).text
    assert "The trail was changed." in page
    assert "3" in page


def test_the_switch_needs_an_admin_and_a_reason(site: Site) -> None:
    with site.client("aud") as aud, site.client("ada") as ada:
        assert aud.post("/admin/halt", data={"reason": "x"}).status_code == 403
        assert ada.post("/admin/halt", data={"reason": "  "}).status_code == 422
        with site.store.read() as tx:
            assert tx.operations.halted() is None
        assert ada.post("/admin/halt", data={"reason": HOSTILE}).status_code == 303
        page = ada.get("/queue").text
        assert "<img src=x" not in page
        assert "No model is asked" in page
        assert "user:ada" in ada.get("/admin").text
        assert aud.post("/admin/resume").status_code == 403
        assert ada.post("/admin/resume").status_code == 303
        assert "No model is asked" not in ada.get("/queue").text
        trail = ada.get("/admin/audit?action=operations.").text
    assert trail.count("operations.halted") == 1
    assert trail.count("operations.resumed") == 1


@pytest.mark.browser
def test_an_open_page_shows_a_halt_and_its_end_without_a_reload(site: Site, context: BrowserContext, tab: Page) -> None:
    site.sign_in(context, "ana")
    tab.goto(f"{site.url}/overview")
    tab.get_by_text("live", exact=True).wait_for()
    height = tab.evaluate("document.querySelector('h1').getBoundingClientRect().top")
    expect(tab.get_by_role("alert")).to_have_count(0)
    admin = context.browser.new_context()  # type: ignore[union-attr]  # a context of a browser
    site.sign_in(admin, "ada")
    switch = admin.new_page()
    switch.goto(f"{site.url}/admin")
    switch.get_by_text("Stop everything…").click()
    switch.get_by_label("Why? Everyone").fill("a drill")
    switch.get_by_role("button", name="Stop every model call").click()
    tab.get_by_role("alert").get_by_text("a drill").wait_for()
    assert tab.evaluate("document.querySelector('h1').getBoundingClientRect().top") == height
    with site.store.read() as tx:
        assert tx.operations.halted() == "a drill"
    switch.get_by_role("button", name="Let casemate go on").click()
    tab.get_by_role("alert").wait_for(state="detached")
    admin.close()
