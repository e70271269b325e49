"""An approved action through a YAML connector: sent once, seen, taken back; and what a busy or mute target changes."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.samples import load_intel
from core.action import Effect, EffectState, ProposalState
from core.audit import AuditEvent
from core.canonical import JsonObject
from core.ticket import TicketState
from tests.demo_cases import demo_ticket
from tests.house import House
from tests.journey.sinks import talkative
from tests.journey.test_journey import answer_all, proposals, reports
from tests.unit.connectors.conftest import SECRETS
from tests.unit.connectors.target import Answer, Asked, Target, target_server
from tests.unit.connectors.vendors import Falcon, Okta
from tools.connectors.connector import Probe, Send, Sent
from tools.connectors.loading import SHIPPED
from tools.connectors.rest import RestConnector
from workflows import journey, sweep

pytestmark = pytest.mark.journey

ACT = "/devices/entities/devices-actions/v2"
MakeHouse = Callable[..., House]


@pytest.fixture
def falcon() -> Iterator[Target]:
    with target_server() as target:
        target.handle = Falcon()
        target.first_for = lambda asked: asked.path == ACT
        yield target


@dataclasses.dataclass
class Office:
    """The files of an admin, and houses that read them."""

    folder: Path
    make: MakeHouse

    def write(self, name: str, text: str) -> None:
        (self.folder / "connectors" / name).write_text(text)

    def open(self) -> House:
        """A process that starts now, with the files as they are."""
        made = self.make(connectors_dir=self.folder / "connectors", secrets_dir=self.folder / "secrets")
        load_intel(made.services.store)
        return made


@pytest.fixture
def office(make_house: MakeHouse, tmp_path: Path, falcon: Target) -> Office:
    """Hosts are isolated by CrowdStrike, everything else by the lab."""
    for name in ("connectors", "secrets"):
        (tmp_path / name).mkdir()
    for name, text in SECRETS.items():
        (tmp_path / "secrets" / name).write_text(text)
    made = Office(tmp_path, make_house)
    made.write("routes.yaml", routes("isolate_host: crowdstrike", falcon))
    return made


def routes(text: str, falcon: Target) -> str:
    return f"routes:\n  {text}\nconnectors:\n  crowdstrike:\n    values: {{url: '{falcon.url}'}}\n"


def isolation(house: House, ticket_id: str) -> Effect:
    """The newest effect of isolate_host."""
    with house.services.store.read() as tx:
        return [effect for effect in tx.effects.of(ticket_id) if effect.tool == "isolate_host"][-1]


def acted(falcon: Target) -> list[str]:
    """What the vendor was asked to do."""
    return [asked.query["action_name"] for asked in falcon.asked if asked.path == ACT]


def at_execution(house: House) -> str:
    """A ticket whose isolation is approved and not yet carried out."""
    ticket_id = house.submit(demo_ticket("endpoint", "malicious"))
    for _ in range(10):
        if house.ticket(ticket_id).state is TicketState.EXECUTING:
            return ticket_id
        journey.advance(house.services, ticket_id)
    raise AssertionError


def test_an_approved_action_goes_to_the_vendor_once_and_is_seen_there(office: Office, falcon: Target) -> None:
    house = office.open()
    done = house.triage(demo_ticket("endpoint", "malicious"))
    effect = isolation(house, done.id)
    assert (effect.state, effect.connector) == (EffectState.CONFIRMED, "crowdstrike")
    assert acted(falcon) == ["contain"]
    [proposal] = proposals(house, done.id, "isolate_host")
    assert proposal.binding.connector.startswith("crowdstrike sha256:")
    house.work(done.id)
    assert acted(falcon) == ["contain"]
    lab = house.services.connectors["lab"]
    assert lab.probe("isolate_host", {"host": "WS-TRE-014"}).state == "no", "the lab had no part in it"


def test_what_the_vendor_did_is_taken_back_when_the_lease_runs_out(office: Office, falcon: Target) -> None:
    house = office.open()
    done = house.triage(demo_ticket("endpoint", "malicious"))
    house.clock.advance(seconds=30 * 24 * 3600)
    sweep.run(house.services)
    assert isolation(house, done.id).state is EffectState.REVERTED
    assert acted(falcon) == ["contain", "lift_containment"]


def test_an_undo_that_takes_long_is_not_asked_for_again_at_every_sweep(office: Office, falcon: Target) -> None:
    house = office.open()
    done = house.triage(demo_ticket("endpoint", "malicious"))
    vendor: Any = falcon.handle
    vendor.state["under_way"] = "lift_containment_pending"
    house.clock.advance(seconds=30 * 24 * 3600)
    for _ in range(3):
        sweep.run(house.services)
        house.clock.advance(seconds=15)
    assert acted(falcon) == ["contain", "lift_containment"]
    house.clock.advance(seconds=300)
    sweep.run(house.services)
    assert acted(falcon) == ["contain", "lift_containment", "lift_containment"]
    vendor.state["status"] = "normal"
    sweep.run(house.services)
    assert isolation(house, done.id).state is EffectState.REVERTED


def test_a_busy_target_is_asked_again_after_the_pause_it_wants_and_acts_once(office: Office, falcon: Target) -> None:
    house = office.open()
    ticket_id = at_execution(house)
    falcon.first.append(Answer(status=429, headers={"Retry-After": "900"}))
    waiting = house.work(ticket_id)
    assert waiting.state is TicketState.EXECUTING
    assert "wants to be left alone for 900 seconds" in str(waiting.trouble)
    assert isolation(house, ticket_id).state is EffectState.PLANNED
    with house.services.store.read() as tx:
        others = [effect for effect in tx.effects.of(ticket_id) if effect.tool != "isolate_host"]
    assert {effect.state for effect in others} <= {EffectState.CONFIRMED}, "the others did not wait for it"
    for _ in range(14):  # far beyond the patience there is for a model, and never given to a person
        house.clock.advance(seconds=62)
        assert house.work(ticket_id).state is TicketState.EXECUTING
    assert acted(falcon) == ["contain"]
    house.clock.advance(seconds=62)
    assert house.work(ticket_id).state in (TicketState.CLOSED, TicketState.AWAITING_APPROVAL)
    assert isolation(house, ticket_id).state is EffectState.CONFIRMED
    assert acted(falcon) == ["contain", "contain"], "once refused for being too many, once done"
    with house.services.store.read() as tx:
        assert tx.audit.verify() > 0


def test_a_target_that_is_away_leaves_the_action_planned_until_it_is_back(office: Office, falcon: Target) -> None:
    office.write("routes.yaml", routes("isolate_host: crowdstrike", Target(url="http://127.0.0.1:9")))
    house = office.open()
    ticket_id = at_execution(house)
    waiting = house.work(ticket_id)
    assert (waiting.state, isolation(house, ticket_id).state) == (TicketState.EXECUTING, EffectState.PLANNED)
    assert isolation(house, ticket_id).attempts == 0, "nothing was dispatched"
    house.clock.advance(seconds=62)
    assert house.work(ticket_id).state is TicketState.EXECUTING
    assert falcon.asked == []


@pytest.mark.parametrize("answer", [Answer(hang_up=True), Answer(status=503), Answer(body=b"<html>")])
def test_a_lost_answer_is_settled_by_what_the_probe_sees_and_nothing_is_sent_twice(
    office: Office, falcon: Target, answer: Answer
) -> None:
    vendor: Any = falcon.handle

    def arrives_then_is_lost(asked: Asked) -> Answer | None:
        said = vendor(asked)
        return answer if asked.path == ACT else said

    falcon.handle = arrives_then_is_lost
    vendor.state["under_way"] = "containment_pending"
    house = office.open()
    done = house.triage(demo_ticket("endpoint", "malicious"))
    assert isolation(house, done.id).state is EffectState.UNKNOWN
    house.clock.advance(seconds=2 * house.settings.lease_seconds + 1)
    sweep.run(house.services)
    assert isolation(house, done.id).state is EffectState.UNKNOWN
    vendor.state["status"] = "contained"
    sweep.run(house.services)
    assert isolation(house, done.id).state is EffectState.CONFIRMED
    assert acted(falcon) == ["contain"]


def test_a_lost_request_that_never_arrived_has_failed_once_the_probe_says_so_later(
    office: Office, falcon: Target
) -> None:
    house = office.open()
    falcon.first.append(Answer(hang_up=True))
    done = house.triage(demo_ticket("endpoint", "malicious"))
    assert isolation(house, done.id).state is EffectState.UNKNOWN, "not there yet is not a no"
    house.clock.advance(seconds=2 * house.settings.lease_seconds + 1)
    sweep.run(house.services)
    assert isolation(house, done.id).state is EffectState.FAILED


class Killed(BaseException):
    """The process dies here."""


@dataclasses.dataclass
class Mortal:
    """A connector whose process dies around the request that acts."""

    inner: RestConnector
    after: bool
    name: str = "crowdstrike"

    def prepare(self, tool: str, args: JsonObject, key: str) -> Send:
        send = self.inner.prepare(tool, args, key)

        def die() -> Sent:
            if self.after:
                send()
            raise Killed

        return die

    def repeatable(self, tool: str) -> bool:
        return self.inner.repeatable(tool)

    def execute(self, tool: str, args: JsonObject, key: str) -> Sent:
        return self.prepare(tool, args, key)()

    def probe(self, tool: str, args: JsonObject, key: str = "") -> Probe:
        return self.inner.probe(tool, args, key)

    undo = execute


@pytest.mark.parametrize("repeatable", [True, False])
@pytest.mark.parametrize("arrived", [True, False])
def test_a_crash_between_sending_and_writing_acts_at_most_once(
    office: Office, falcon: Target, arrived: bool, repeatable: bool
) -> None:
    if not repeatable:
        text = (SHIPPED / "crowdstrike.yaml").read_text()
        office.write("crowdstrike.yaml", text.replace("repeatable: true", "repeatable: false"))
    first = office.open()
    ticket_id = at_execution(first)
    mortal = Mortal(first.services.connectors["crowdstrike"], after=arrived)  # type: ignore[arg-type]
    connectors = {**first.services.connectors, "crowdstrike": mortal}
    with pytest.raises(Killed):
        journey.advance(dataclasses.replace(first.services, connectors=connectors), ticket_id)
    assert isolation(first, ticket_id).state is EffectState.DISPATCHED
    second = office.open()
    second.clock.advance(seconds=2 * second.settings.lease_seconds + 1)
    second.work(ticket_id)
    effect = isolation(second, ticket_id)
    assert acted(falcon) == (["contain"] if arrived or repeatable else [])
    assert effect.state is (EffectState.CONFIRMED if arrived or repeatable else EffectState.FAILED)
    assert effect.attempts == 1


def test_what_the_vendor_does_not_know_fails_before_anything_is_sent(office: Office, falcon: Target) -> None:
    vendor: Any = falcon.handle
    falcon.handle = lambda asked: (
        Answer(body={"resources": [], "errors": []}) if asked.path.startswith("/devices/combined") else vendor(asked)
    )
    house = office.open()
    done = house.triage(demo_ticket("endpoint", "malicious"))
    effect = isolation(house, done.id)
    assert effect.state is EffectState.FAILED
    assert "knows no such device" in effect.outcome["said"]["error"]
    assert effect.attempts == 0
    assert acted(falcon) == []
    assert any("failed" in json.dumps(report) for report in reports(house))


def test_while_casemate_is_halted_no_target_is_asked_anything(office: Office, falcon: Target) -> None:
    house = office.open()
    ticket_id = at_execution(house)
    falcon.first.append(Answer(status=429, headers={"Retry-After": "30"}))
    house.work(ticket_id)
    asked = len(falcon.asked)
    with house.services.store.begin() as tx:
        tx.operations.halt(on=True, reason="drill", audit=AuditEvent(action="halt", actor="test"))
    house.clock.advance(seconds=62)
    halted = house.work(ticket_id)
    assert "casemate resume" in str(halted.trouble)
    assert len(falcon.asked) == asked, "not even a look-up"
    assert isolation(house, ticket_id).state is EffectState.PLANNED


# --- what was approved is what runs


def test_another_route_after_the_approval_asks_again(office: Office, falcon: Target) -> None:
    house = office.open()
    asked = house.triage(demo_ticket("leaked_credential", "malicious"))
    answer_all(house, asked.id, approve=True)
    okta = "\n  okta:\n    values: {url: 'URL'}\n"
    with target_server() as target:
        target.handle = Okta()
        text = routes("isolate_host: crowdstrike\n  revoke_sessions: okta", falcon).rstrip()
        office.write("routes.yaml", text + okta.replace("URL", target.url))
        again = office.open()
        assert again.work(asked.id).state is TicketState.AWAITING_APPROVAL
        states = [p.state for p in proposals(again, asked.id, "revoke_sessions")]
        assert states == [ProposalState.REPLACED, ProposalState.PENDING]
        assert not any(a.method == "DELETE" for a in target.asked)
        rotated = proposals(again, asked.id, "rotate_secret")
        assert [p.state for p in rotated] == [ProposalState.EXECUTED], "what the lab does is as it was approved"
        office.write("routes.yaml", routes("isolate_host: crowdstrike", falcon))
        back = office.open()
        answer_all(back, asked.id, approve=True)
        assert back.work(asked.id).state is TicketState.AWAITING_APPROVAL, "and back to the lab is another way too"


def test_a_changed_file_asks_again_about_what_was_approved_and_waits(office: Office, falcon: Target) -> None:
    house = office.open()
    ticket_id = at_execution(house)
    falcon.first.append(Answer(status=429, headers={"Retry-After": "60"}))
    house.work(ticket_id)
    assert isolation(house, ticket_id).state is EffectState.PLANNED
    text = (SHIPPED / "crowdstrike.yaml").read_text()
    office.write("crowdstrike.yaml", text.replace("{action_name: contain}", "{action_name: contain, note: new}"))
    changed = office.open()
    changed.clock.advance(seconds=62)
    changed.work(ticket_id)
    with changed.services.store.read() as tx:
        old, new = (effect for effect in tx.effects.of(ticket_id) if effect.tool == "isolate_host")
    assert (old.state, new.state) == (EffectState.FAILED, EffectState.CONFIRMED)
    first, second = proposals(changed, ticket_id, "isolate_host")
    assert second.replaces == first.id
    assert first.binding.connector != second.binding.connector
    assert [asked.query.get("note") for asked in falcon.asked if asked.path == ACT] == [None, "new"]


def test_a_proposal_of_a_release_without_connectors_is_still_what_was_approved(office: Office) -> None:
    house = office.open()
    asked = house.triage(demo_ticket("leaked_credential", "malicious"))
    answer_all(house, asked.id, approve=True)
    before = {p.id: p.digest for p in proposals(house, asked.id, "rotate_secret")}
    database = sqlite3.connect(house.settings.folder / "casemate.db")
    with database:
        for id_, binding in database.execute("SELECT id, binding FROM proposals").fetchall():
            old = {name: value for name, value in json.loads(binding).items() if name != "connector"}
            database.execute("UPDATE proposals SET binding = ? WHERE id = ?", (json.dumps(old), id_))
    database.close()
    assert {p.id: p.digest for p in proposals(house, asked.id, "rotate_secret")} == before
    house.work(asked.id)
    assert [p.state for p in proposals(house, asked.id, "rotate_secret")] == [ProposalState.EXECUTED]


def test_a_connector_that_is_gone_leaves_what_it_did_open_and_says_so(office: Office, falcon: Target) -> None:
    text = (SHIPPED / "crowdstrike.yaml").read_text().replace("name: crowdstrike", "name: mine")
    office.write("mine.yaml", text)
    office.write("routes.yaml", routes("isolate_host: mine", falcon).replace("  crowdstrike:", "  mine:"))
    house = office.open()
    done = house.triage(demo_ticket("endpoint", "malicious"))
    assert isolation(house, done.id).state is EffectState.CONFIRMED
    (office.folder / "connectors" / "mine.yaml").unlink()
    (office.folder / "connectors" / "routes.yaml").unlink()
    without = office.open()
    without.clock.advance(seconds=30 * 24 * 3600)
    sweep.run(without.services)
    assert isolation(without, done.id).state is EffectState.CONFIRMED
    assert acted(falcon) == ["contain"]


def test_nothing_of_arguments_answers_or_secrets_is_logged(
    office: Office, falcon: Target, capfd: pytest.CaptureFixture[str]
) -> None:
    vendor: Any = falcon.handle
    falcon.handle = lambda asked: (
        Answer(status=500, body={"error": "WS-TRE-014 said s3cr3t-words"}) if asked.path == ACT else vendor(asked)
    )
    with talkative() as log:
        house = office.open()
        house.triage(demo_ticket("endpoint", "malicious"))
        house.clock.advance(seconds=2 * house.settings.lease_seconds + 1)
        sweep.run(house.services)
    said = log.getvalue() + "".join(capfd.readouterr())
    assert "effect" in said
    assert [word for word in ("WS-TRE-014", "ws-tre-014", "s3cr3t", "token-1", falcon.url) if word in said] == []
