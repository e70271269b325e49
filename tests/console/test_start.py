"""The first run: what must be there, and a sample from hand-in to its verdict."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.settings import ModelEndpoint
from gateway.console.start import OFFERED
from tests.console.site import AUDIT, Site
from tests.house import open_house
from workflows import first_run, journey, switch

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page


def states(site: Site) -> dict[str, str]:
    app_parts = site.app.state.parts
    chain = app_parts.chain or site.settings.model_chain
    return {one.name: one.state for one in first_run.checks(site.store, app_parts.live, chain)}


def test_nothing_is_there_and_every_check_says_what_to_do(fresh: Site) -> None:
    found = states(fresh)
    assert found["A worker runs"] == "wrong"
    assert found["Tools can be locked in"] == "open"
    assert found["A model answers"] == "open"
    assert found["The policy loads"] == "ok"
    assert found["Somebody to decide"] == "ok"
    with fresh.client("sue") as client:
        page = client.get("/start").text
    assert "casemate worker" in page
    assert page.count('type="radio"') == len(OFFERED)


def test_checks_follow_what_workers_say(fresh: Site) -> None:
    told = {"name": "playbook", "url": "http://127.0.0.1:8621/v1", "up": True, "features": None}
    with fresh.store.begin() as tx:
        tx.operations.beat("w:1", "worker", {"sandbox": "namespaces", "policy": [], "models": [told]})
    assert set(states(fresh).values()) == {"ok"}
    with fresh.store.begin() as tx:
        tx.operations.beat("w:1", "worker", {"trouble": "Install bubblewrap.", "models": [{**told, "up": False}]})
    assert states(fresh)["A model answers"] == "wrong"
    assert states(fresh)["Tools can be locked in"] == "wrong"
    switch.halt(fresh.store, actor="user:ada", reason="a drill")
    assert states(fresh)["Not halted"] == "wrong"


def test_an_account_besides_the_admins_is_asked_for(fresh: Site) -> None:
    with fresh.store.begin() as tx:
        for user in tx.users.all():
            if "admin" not in user.roles:
                tx.users.set_roles(user.id, ["submitter"], AUDIT)
    assert states(fresh)["Somebody to decide"] == "wrong"


def test_a_model_that_policy_refuses_is_no_model(fresh: Site) -> None:
    parts = fresh.app.state.parts
    cloud = ModelEndpoint(url="https://models.example.com/v1", name="big")
    found = {one.name: one for one in first_run.checks(fresh.store, parts.live, [cloud])}
    assert found["A model answers"].state == "wrong"
    assert "models.yaml" in found["A model answers"].mend


def test_the_same_sample_twice_is_one_ticket_and_unknown_ones_are_none(fresh: Site) -> None:
    with fresh.client("sue") as client:
        first = client.post("/start", data={"sample": OFFERED[1]})
        again = client.post("/start", data={"sample": OFFERED[1]})
        assert first.status_code == again.status_code == 303
        assert first.headers["location"] == again.headers["location"]
        assert client.post("/start", data={"sample": "malformed"}).status_code == 404
        assert client.post("/start", data={"sample": "../../etc/passwd"}).status_code == 404
        followed = client.get(first.headers["location"])
        assert client.get("/start/tkt_nothing").status_code == 404
    assert "No worker takes it" in followed.text
    assert len(fresh.rung) == 1
    with fresh.client("aud") as client:
        assert client.get("/start").status_code == 403


@pytest.mark.browser
def test_from_an_empty_site_to_a_triaged_ticket(
    fresh: Site, model: tuple[str, Path], context: BrowserContext, tab: Page
) -> None:
    fresh.sign_in(context, "ana")
    tab.goto(f"{fresh.url}/overview")
    tab.get_by_role("link", name="Hand in a sample ticket").click()
    tab.get_by_text("A worker runs").wait_for()
    tab.get_by_role("button", name="Hand it in").click()
    tab.wait_for_url("**/start/tkt_*")
    found = re.search(r"tkt_\w+", tab.url)
    assert found is not None
    seen = []
    house = open_house(fresh.settings.folder, model, fresh.clock)
    for _ in range(30):
        step = "".join(tab.locator("[aria-current=step]").all_inner_texts()).split("\n")[0]
        words = tab.locator("#journey .row .muted").first
        before = [words.element_handle(), words.text_content()]
        ring = journey.advance(house.services, found[0]).ring
        ticket = house.ticket(found[0])
        tab.wait_for_function("([node, before]) => !node.isConnected || node.textContent !== before", arg=before)
        seen.append((step, ticket.state.value))
        if not ring:
            break
    house.services.close()
    tab.get_by_text("Triaged.").wait_for()
    assert len(seen) >= 4
    link = tab.get_by_role("link", name="Open the case")
    assert link.get_attribute("href") == f"/cases/{found[0]}"
