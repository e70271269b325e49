"""`casemate demo`: all processes under a home of their own, sample tickets through the front door, and a board."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli import up
from cli.output import complain, print_json, say
from cli.samples import Sample, load_intel, load_samples
from core.canonical import JsonObject
from core.errors import CasemateError
from core.settings import FrameworkChoice, Settings

if TYPE_CHECKING:
    from core.store.engine import Store

#: Marks a folder as a demo's home, so that a later demo may empty it.
MARK = ".casemate-demo"
#: Seconds until every sample rests or needs a person.
WORK_SECONDS = 600.0
#: Seconds for which the links of the demo's people sign in: a day, for whoever looks later.
LINK_SECONDS = 86_400.0
#: Seconds between two looks at the tickets.
LOOK = 0.25


class NoDemo(CasemateError):
    """The demo could not be shown."""


def run(*, home: Path, leave: bool, as_json: bool) -> None:
    """Show casemate at work. With `leave`, stop everything afterwards; with `as_json`, print one document only."""
    if as_json and not leave:
        raise typer.BadParameter("--json goes with --exit", param_hint="--json")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    settings = fresh_settings(home)
    from workers.wiring import open_store

    store = open_store(settings)
    record = settings.folder / "model-requests.jsonl"
    try:
        if not as_json:
            say("Starting casemate (gateway, worker, beat, playbook model) …")
        load_intel(store)
        links = make_people(settings, store)
        with up.running(settings, store, record=record) as crew:
            from cli.watch import Watch

            refused = submit_all(settings, load_samples())
            Watch(store, refused, quiet=as_json).until_at_rest(seconds=WORK_SECONDS, check=crew.check)
            document = {**summarize(settings, store, record), "sign_in_links": links}
            if as_json:
                print_json(document)
            else:
                show(settings, store, document)
            if not leave:
                say("Ctrl-C stops everything.")
                while True:
                    crew.check()
                    time.sleep(up.LOOK)
    except KeyboardInterrupt:
        complain("Stopped.")
        if leave:  # it was to print a board and did not get there
            raise typer.Exit(130) from None
        return
    finally:
        store.close()
    if not sound(document):
        raise typer.Exit(1)


def fresh_settings(home: Path) -> Settings:
    """Settings of a demo that touches nothing but its own folder, whatever this shell is set up for."""
    folder = home.expanduser().absolute()
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise NoDemo(f"{folder} is not empty and no earlier demo made it; name another with --home.")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / MARK).touch()
    for name in [name for name in os.environ if name.startswith("CASEMATE_") and name != "CASEMATE_BWRAP"]:
        del os.environ[name]
    return Settings(
        home=folder,
        http_port=up.port_near(8620),
        model_url=f"http://127.0.0.1:{up.port_near(8621)}/v1",
        framework=FrameworkChoice.ALTERNATE,
    )


def make_people(settings: Settings, store: Store) -> dict[str, str]:
    """An analyst, an approver and an admin; gives for each a link that signs in once."""
    from policies.bundle import default_bundle_path, load_bundle
    from workflows import people
    from workflows.role_holders import asked_roles

    asked = set(asked_roles(load_bundle(default_bundle_path()))) - {"analyst", "admin"}
    roles = {
        "analyst": ["analyst"],
        "approver": sorted({"approver", *asked}),
        # Some actions take two people who lead the SOC: the admin is the second, so that one can be tried.
        "admin": ["admin", *sorted(asked & {"soc-lead"})],
    }
    links = {}
    for name, held in roles.items():
        people.add(store, name, held, actor="demo", reserved=settings.api_keys)
        secret = people.link(store, name, actor="demo", seconds=LINK_SECONDS)
        links[name] = people.sign_in_url(settings, secret)
    return links


def submit_all(settings: Settings, samples: list[Sample]) -> list[JsonObject]:
    """Hand the samples in over HTTP, in order; returns what the gateway refused.

    Raises:
        NoDemo: a sample met another answer than it was written for.
    """
    import httpx2

    refused = []
    url = f"http://{settings.http_host}:{settings.http_port}/api/v1/tickets"
    headers = {"Authorization": f"Bearer {up.local_key(settings.folder)}"}
    with httpx2.Client(headers=headers, timeout=30, trust_env=False) as client:
        for sample in samples:
            answer = client.post(url, json=sample.ticket)
            if answer.is_success != sample.valid:
                raise NoDemo(f"Sample {sample.name} was answered {answer.status_code}: {answer.text[:300]}")
            if not answer.is_success:
                refused.append({"name": sample.name, "why": answer.json()["detail"]})
    return refused


def summarize(settings: Settings, store: Store, record: Path) -> JsonObject:
    """The board as one document."""
    from cli.leaks import originals_in_requests
    from cli.watch import rows

    tickets = rows(store)
    states = [ticket["state"] for ticket in tickets]
    with store.read() as tx:
        effects = tx.effects.total()
    requests = len(record.read_text(encoding="utf-8").splitlines()) if record.exists() else 0
    return {
        "tickets": tickets,
        "summary": {
            "tickets": len(tickets),
            "reported": states.count("closed") + states.count("reported"),
            "awaiting_approval": states.count("awaiting_approval"),
            "failed": states.count("failed") + states.count("escalated"),
            "model_requests": requests,
            "originals_in_model_requests": originals_in_requests(settings, store, record),
            "effects": effects,
            "audit_ok": audit_ok(store),
        },
    }


def audit_ok(store: Store) -> bool:
    """Whether the audit trail verifies."""
    from core.errors import AuditBroken

    try:
        with store.read() as tx:
            tx.audit.verify()
    except AuditBroken as error:
        complain(str(error))
        return False
    return True


def sound(document: JsonObject) -> bool:
    """Whether the demo showed what it promises."""
    summary = document["summary"]
    return not summary["failed"] and not summary["originals_in_model_requests"] and summary["audit_ok"]


def show(settings: Settings, store: Store, document: JsonObject) -> None:
    """What came of it, and what to do next."""
    summary = document["summary"]
    say("")
    say(
        f"{summary['tickets']} tickets: {summary['reported']} reported, {summary['awaiting_approval']} waiting for a "
        f"person, {summary['failed']} failed. {summary['effects']} actions carried out on the practice estate."
    )
    say(
        f"{summary['model_requests']} requests reached the model; {summary['originals_in_model_requests']} times "
        f"one held an original that masking hides. Audit trail: {'verifies' if summary['audit_ok'] else 'BROKEN'}."
    )
    say("")
    say("The console, each link signs in once:")
    for name, link in document["sign_in_links"].items():
        print(f"  {name:<9} {link}")
    say("")
    say("Or in another terminal:")
    command = f"CASEMATE_HOME={_relative(settings.folder)} {_casemate()}"
    with store.read() as tx:
        waiting = tx.proposals.waiting()
    if waiting:
        first = next((p for p in waiting if p.decision and p.decision.approvals == 1), waiting[0])
        roles = first.decision.roles if first.decision else ()
        role = "" if not roles or "approver" in roles else f" --role {roles[0]}"
        print(f"  {command} approvals show {first.id}")
        print(f"  {command} approvals approve {first.id} --digest {first.digest[:16]}{role}")
    print(f"  {command} ticket show {document['tickets'][0]['id']}")
    print(f"  {command} ticket submit YOUR-MESSAGE.eml --wait")
    print(f"  ls {_relative(settings.report_folder)}        # the reports that went back")
    key = _relative(settings.folder / "api-key")
    print(
        f'  curl -H "Authorization: Bearer $(cat {key})" '
        f"http://{settings.http_host}:{settings.http_port}/api/v1/tickets"
    )
    say("")


def _casemate() -> str:
    beside = Path(sys.executable).parent / "casemate"
    return _relative(beside) if beside.exists() else "casemate"


def _relative(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
