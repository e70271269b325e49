"""Clouds see less: a ticket is masked for them from the start, and one that was not never goes there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from cli.board import print_case
from core.audit import AuditEvent
from core.masking import Masking
from core.settings import PLAYBOOK
from core.store.model_schema import TicketMaskingRow
from core.store.ticket_vault import TicketVault
from core.ticket import RESTING, TicketState
from gateway.cases import case
from tests.bundles import put_live, write_bundle
from tests.demo_cases import demo_ticket
from tests.house import House
from workflows import clouds, journey
from workflows.retry import retry

pytestmark = pytest.mark.journey

STRICT = "{treatments: {CARD: redact}, indicators: {urls: mask, addresses: mask, mail_domains: mask}}"


def bundle(folder: Path, *, endpoint: str, location: str = "cloud", cloud: str = STRICT) -> Path:
    """The shipped bundle, which names one endpoint."""
    write_bundle(folder)
    (folder / "models.yaml").write_text(
        f"endpoints: [{{name: frontier, url: {endpoint}, location: {location}}}]\ncloud: {cloud}\n"
    )
    return folder


@pytest.fixture
def endpoint(model: tuple[str, Path]) -> str:
    return model[0]


@pytest.fixture
def sent(model: tuple[str, Path]) -> Callable[[], list[str]]:
    """What the model server was sent since the test began."""
    record = model[1]
    before = len(record.read_text().splitlines()) if record.exists() else 0
    return lambda: record.read_text().splitlines()[before:] if record.exists() else []


MakeHouse = Callable[..., House]


def run_of(house: House, ticket_id: str) -> Any:
    with house.services.store.read() as tx:
        found = tx.assessments.latest(ticket_id)
    assert found is not None
    return found


def masking(house: House, ticket_id: str) -> Masking:
    with house.services.store.read() as tx:
        found = tx.maskings.of(ticket_id)
    assert found is not None
    return found


def test_a_cloud_in_the_chain_sees_neither_ticket_nor_tool_results_as_others_do(
    make_house: MakeHouse, tmp_path: Path, endpoint: str, sent: Callable[[], list[str]]
) -> None:
    house = make_house(policy_dir=bundle(tmp_path / "policy", endpoint=endpoint), model_fallbacks=["playbook"])
    for framework in ("autogen", "adk"):
        before = len(sent())
        ticket = house.triage({**demo_ticket("phishing", "malicious"), "external_id": framework}, framework=framework)
        requests = sent()[before:]
        assert len(requests) > 3
        assert any('"role":"tool"' in line for line in requests)
        told = json.dumps([json.loads(line)["messages"][1:] for line in requests])
        assert "URL_" in told
        assert re.findall(r"https?://[^\s\"\\]+", told) == []
        assert run_of(house, ticket.id).note is None


def test_a_case_says_for_which_models_it_was_masked(
    make_house: MakeHouse, tmp_path: Path, endpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also for a cloud that is only a fallback: it may come to that."""
    folder = bundle(tmp_path / "policy", endpoint="https://api.frontier.example/v1")
    fallbacks = [{"url": "https://api.frontier.example/v1", "name": "f"}, "playbook"]
    house = make_house(policy_dir=folder, model_fallbacks=fallbacks)
    ticket_id = house.submit({**demo_ticket("phishing", "malicious"), "title": "Mail from billing@evil.example"})
    journey.advance(house.services, ticket_id)
    with house.services.store.read() as tx:
        found = case(tx, ticket_id)
        (event,) = [event for event in tx.audit.of(ticket_id) if event["action"] == "ticket.masked"]
    assert found["masked_for"] == event["data"]["masked_for"] == "cloud"
    print_case(found)
    assert "Masked for cloud models." in capsys.readouterr().out
    # Whoever restores uses the rules that the ticket was masked by, whatever chain the process has that restores.
    session = house.services.masker().session(TicketVault(house.services.store, ticket_id))
    assert "@evil.example" not in found["ticket"]["title"]
    assert session.restore_text(found["ticket"]["title"]) == "Mail from billing@evil.example"


def test_without_a_cloud_nothing_changes(
    make_house: MakeHouse, tmp_path: Path, endpoint: str, sent: Callable[[], list[str]]
) -> None:
    house = make_house(policy_dir=bundle(tmp_path / "policy", endpoint="https://api.frontier.example/v1"))
    ticket = house.triage(demo_ticket("phishing", "malicious"))
    assert masking(house, ticket.id).profile == "local"
    assert "URL_" not in "".join(sent())
    assert re.findall(r"https?://[^\s\"\\]+", "".join(sent()))


def masked_locally(make_house: MakeHouse, **changes: Any) -> str:
    """A ticket that a process without any cloud has masked and nobody has worked on."""
    house = make_house(model_url=PLAYBOOK.url, model_name="playbook", **changes)
    ticket_id = house.submit(demo_ticket("phishing", "malicious"))
    journey.advance(house.services, ticket_id)
    assert house.ticket(ticket_id).state is TicketState.MASKED
    return ticket_id


def test_a_ticket_that_was_masked_before_the_cloud_came_never_goes_there(
    make_house: MakeHouse, tmp_path: Path, endpoint: str, sent: Callable[[], list[str]]
) -> None:
    folder = bundle(tmp_path / "policy", endpoint=endpoint)
    ticket_id = masked_locally(make_house, policy_dir=folder)
    house = make_house(policy_dir=folder, model_fallbacks=["playbook"])
    ticket = house.work(ticket_id)
    assert ticket.state in RESTING
    assert sent() == []
    assert run_of(house, ticket_id).model == "playbook"
    note = str(run_of(house, ticket_id).note)
    assert "was masked before less strictly than policy demands for clouds" in note
    assert "indicators.urls" in note
    # What comes in now goes there.
    house.triage({**demo_ticket("phishing", "benign"), "external_id": "later"})
    assert sent() != []


def test_a_ticket_that_was_masked_as_strictly_without_any_cloud_may_go_there(
    make_house: MakeHouse, tmp_path: Path, endpoint: str, sent: Callable[[], list[str]]
) -> None:
    folder = bundle(tmp_path / "policy", endpoint=endpoint, cloud="{}")
    ticket_id = masked_locally(make_house, policy_dir=folder)
    make_house(policy_dir=folder, model_fallbacks=["playbook"]).work(ticket_id)
    assert sent() != []


def test_with_no_other_endpoint_such_a_ticket_waits_and_says_why(
    make_house: MakeHouse, tmp_path: Path, endpoint: str, sent: Callable[[], list[str]]
) -> None:
    folder = bundle(tmp_path / "policy", endpoint=endpoint)
    ticket_id = masked_locally(make_house, policy_dir=folder)
    house = make_house(policy_dir=folder)
    ticket = house.work(ticket_id)
    assert ticket.state is TicketState.INVESTIGATING
    assert "does not go there" in str(ticket.trouble)
    assert sent() == []


def test_a_stricter_bundle_keeps_tickets_of_the_one_before_from_the_cloud(
    make_house: MakeHouse, tmp_path: Path, endpoint: str, sent: Callable[[], list[str]]
) -> None:
    house = make_house(
        policy_dir=bundle(tmp_path / "policy", endpoint=endpoint, cloud="{treatments: {CARD: redact}}"),
        model_fallbacks=["playbook"],
    )
    ticket_id = house.submit(demo_ticket("phishing", "malicious"))
    journey.advance(house.services, ticket_id)
    assert masking(house, ticket_id).profile == "cloud"
    put_live(house.services.store, bundle(tmp_path / "next", endpoint=endpoint))
    house.services.bundle.look()
    house.work(ticket_id)
    assert sent() == []


def test_what_a_looser_bundle_let_through_in_between_is_remembered(
    make_house: MakeHouse, tmp_path: Path, endpoint: str, sent: Callable[[], list[str]]
) -> None:
    strict = bundle(tmp_path / "policy", endpoint=endpoint)
    house = make_house(policy_dir=strict, model_fallbacks=["playbook"])
    services = house.services
    ticket_id = house.submit(demo_ticket("phishing", "malicious"))
    journey.advance(services, ticket_id)
    assert clouds.refusal(services, ticket_id, services.bundle())(house.settings.model_chain[0]) is None
    put_live(services.store, bundle(tmp_path / "loose", endpoint=endpoint, cloud="{}"))
    services.bundle.look()
    house.work(ticket_id)
    assert masking(house, ticket_id).shown["indicators.urls"] == "keep"
    with services.store.read() as tx:
        assert [e["action"] for e in tx.audit.of(ticket_id)].count("ticket.masking_loosened") == 1
    put_live(services.store, strict)
    services.bundle.look()
    assert "indicators.urls" in str(
        clouds.refusal(services, ticket_id, services.bundle())(house.settings.model_chain[0])
    )


def test_a_ticket_that_starts_over_keeps_what_its_evidence_was_masked_for(
    make_house: MakeHouse, tmp_path: Path, endpoint: str, sent: Callable[[], list[str]]
) -> None:
    folder = bundle(tmp_path / "policy", endpoint=endpoint)
    local = make_house(model_url=PLAYBOOK.url, model_name="playbook", policy_dir=folder)
    ticket_id = local.triage(demo_ticket("phishing", "malicious")).id
    house = make_house(policy_dir=folder, model_fallbacks=["playbook"])
    with house.services.store.begin() as tx:
        event = AuditEvent(action="ticket.escalated", actor="test")
        tx.tickets.set_state(ticket_id, TicketState.ESCALATED, audit=event)
    retry(house.services.store, ticket_id, actor="test", ring=house.rung.append)
    assert house.work(ticket_id).state in RESTING
    assert masking(house, ticket_id).profile == "local"
    assert sent() == []
    assert "was masked before less strictly" in str(run_of(house, ticket_id).note)


def test_a_ticket_of_a_release_that_wrote_nothing_down_goes_to_no_cloud(
    make_house: MakeHouse, tmp_path: Path, endpoint: str, sent: Callable[[], list[str]]
) -> None:
    house = make_house(
        policy_dir=bundle(tmp_path / "policy", endpoint=endpoint, cloud="{}"), model_fallbacks=["playbook"]
    )
    ticket_id = house.submit(demo_ticket("phishing", "malicious"))
    journey.advance(house.services, ticket_id)
    with house.services.store.begin() as tx:
        tx._session.execute(delete(TicketMaskingRow))
    assert house.work(ticket_id).state in RESTING
    assert sent() == []
    assert "was masked before less strictly" in str(run_of(house, ticket_id).note)


def test_an_endpoint_that_policy_does_not_name_is_passed_over(
    make_house: MakeHouse, tmp_path: Path, sent: Callable[[], list[str]]
) -> None:
    house = make_house(model_url="https://api.frontier.example/v1", model_fallbacks=["playbook"])
    ticket = house.triage(demo_ticket("phishing", "malicious"))
    run = run_of(house, ticket.id)
    assert run.model == "playbook"
    assert "the policy does not name it" in str(run.note)
    assert "add it to `endpoints` in models.yaml" in str(run.note)
