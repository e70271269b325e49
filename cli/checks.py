"""What `casemate doctor` looks at. Each check says what is there and, when something is wrong, how to mend it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from core.errors import BundleInvalid, CasemateError, Temporary

if TYPE_CHECKING:
    from cli.model_look import Seen
    from core.canonical import JsonObject
    from core.settings import Settings

#: Seconds by which two clocks may differ before leases and expiries cannot be trusted.
CLOCK_SECONDS = 30
#: Seconds the model server and the broker get to answer.
ANSWER_SECONDS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """The outcome of one check."""

    name: str
    ok: bool
    detail: str
    #: What to do when it is not ok, or is and should be looked at; empty otherwise.
    mend: str = ""

    @property
    def word(self) -> str:
        """Whether it is well; `note` where it works and somebody should look at it all the same."""
        if not self.ok:
            return "WRONG"
        return "note" if self.mend else "ok"

    def as_json(self) -> JsonObject:
        return {"name": self.name, "ok": self.ok, "detail": self.detail, "mend": self.mend}


def database(settings: Settings) -> Finding:
    """Opens, has its tables, and can be written."""
    from cli.context import open_store

    with open_store(settings) as store:
        with store.read() as tx:
            counts = tx.tickets.counts()
            halted = tx.operations.halted()
        with store.begin() as tx:
            tx.operations.forget(before=store.clock.now() - timedelta(days=7))
    detail = f"{sum(counts.values())} tickets" + (f"; halted: {halted}" if halted else "")
    return Finding(name="database", ok=not halted, detail=detail, mend="casemate resume" if halted else "")


def broker(settings: Settings) -> Finding:
    """Takes a connection, and says how much waits in it."""
    from workers.depth import look

    try:
        seen = look(settings)
    except Temporary as error:
        return Finding(
            name="broker",
            ok=False,
            detail=str(error),
            mend="Start it, and check CASEMATE_BROKER_URL; tickets are safe meanwhile and go on when it is back.",
        )
    waiting = ", ".join(f"{count} in {name}" for name, count in seen.waiting.items())
    return Finding(name="broker", ok=True, detail=f"{seen.transport}; messages that wait: {waiting}")


def worker(settings: Settings) -> Finding:
    """At least one worker shows signs of life, and has all it needs."""
    from cli.context import open_store
    from workers.heartbeat import HEARTBEAT_SECONDS

    with open_store(settings) as store, store.read() as tx:
        since = store.clock.now() - timedelta(seconds=4 * HEARTBEAT_SECONDS)
        alive = [process for process in tx.operations.alive(since=since) if process["kind"] == "worker"]
    if not alive:
        return Finding(name="worker", ok=False, detail="none runs", mend="Start one: casemate worker, or casemate up.")
    troubles = [process["data"]["trouble"] for process in alive if "trouble" in process["data"]]
    if troubles:
        return Finding(name="worker", ok=False, detail=troubles[0], mend="Mend that; the worker notices by itself.")
    return Finding(name="worker", ok=True, detail=", ".join(process["process"] for process in alive))


def model(settings: Settings) -> Finding:
    """Every endpoint of the chain may be used, answers, and knows its model's name."""
    from cli.context import live_bundle
    from cli.model_look import look

    seen = look(settings, live_bundle(settings))
    wrong = [one for one in seen if not one.up]
    mends = [_mend_model(one) for one in wrong]
    detail = "; then ".join(map(_model_detail, seen))
    return Finding(name="model", ok=not wrong, detail=detail, mend=" ".join(dict.fromkeys(mends)))


def _model_detail(one: Seen) -> str:
    """An endpoint and what is known of it, in a few words."""
    from cli.model_look import offers, probed

    if one.endpoint.is_playbook:
        return "playbook, inside the worker"
    known = [one.trouble or "up", *filter(None, [offers(one.features) if one.up else ""]), probed(one.probe)]
    return f"{one.endpoint.name} at {one.as_json()['url']} ({one.location or 'refused'}): {', '.join(known)}"


def _mend_model(one: Seen) -> str:
    from agents.probe_report import Outcome

    if one.found is None:
        return "Name it in models.yaml of the policy (casemate policy propose), or take it out of the settings."
    if one.found.outcome is Outcome.WRONG:
        return "Set CASEMATE_MODEL_NAME (or its name among the fallbacks) to one of these."
    if one.found.outcome is Outcome.REFUSED:
        return "Set CASEMATE_MODEL_API_KEY (or its key among the fallbacks), and check CASEMATE_MODEL_URL."
    return "Start it (casemate serve, or casemate up), and check CASEMATE_MODEL_URL."


def sandbox(settings: Settings) -> Finding:
    """Tools can run, and cannot get out."""
    from tools.sandbox.sandbox import open_sandbox
    from tools.sandbox.tiers import TIERS

    opened = open_sandbox(weakest=settings.sandbox_tier, bwrap=settings.bwrap)
    result = opened.selftest()
    held = sum(check.ok for check in result.checks)
    weaker = "; a stronger one does not work here" if result.tier != TIERS[0] else ""
    if opened.missing:
        return Finding(
            name="sandbox",
            ok=False,
            detail=f"tier {result.tier} holds, but tools cannot be loaded in it: {'; '.join(opened.missing)[:400]}",
            mend="Install what is missing into casemate's Python, or mend the tool.",
        )
    return Finding(
        name="sandbox",
        ok=result.ok,
        detail=f"tier {result.tier}{weaker}: {held} of {len(result.checks)} escape attempts failed, as they must",
        mend="" if result.ok else "Run casemate sandbox selftest to see which got out.",
    )


def policy(settings: Settings) -> Finding:
    """What is live since when and by whom, whether every process uses it, and what is wrong with its folder."""
    from core.errors import NoTables
    from core.store.engine import Store
    from tools.registry import default_registry
    from workflows.policy_folder import PolicyFolder

    try:
        if Store.is_there(settings.store_url):
            with suppress(NoTables):
                found = _live_policy(settings)
                if found is not None:
                    return found
        bundle = PolicyFolder(settings, default_registry()).read()
    except BundleInvalid as error:
        detail = f"{len(error.problems)} problems, first: {error.problems[0]}"
        return Finding(
            name="policy", ok=False, detail=detail, mend="Run casemate policy check, and mend what it names."
        )
    return Finding(name="policy", ok=True, detail=f"hash {bundle.hash[:16]}; it goes live at the first start")


def _live_policy(settings: Settings) -> Finding | None:
    """None while nothing was ever started: looking must not be what makes a bundle live."""
    from cli.context import open_store
    from tools.registry import default_registry
    from workers.live import LiveBundle
    from workflows import candidates

    with open_store(settings) as store:
        with store.read() as tx:
            if tx.bundles.live_hash() is None:
                return None
        live = LiveBundle(settings, store, default_registry())
        hash_ = live.pin().live
        trouble = candidates.trouble(live, store)
        with store.read() as tx:
            newest = tx.bundles.live()
            waiting = [change.id for change in tx.bundles.changes.waiting()]
            others = [p["process"] for p in candidates.processes(tx, store) if p["bundle"] and not p["live"]]
            said = [f"{p['process']}: {t}" for p in candidates.processes(tx, store) for t in p["trouble"]]
    if others:
        trouble.append(f"Another bundle than the live one is in use by {', '.join(others)}.")
    trouble += [sentence for sentence in said if sentence.partition(": ")[2] not in trouble]
    if trouble:
        mend = (
            "Mend the folder, or propose a bundle that loads (casemate policy propose); processes notice by themselves."
        )
        return Finding(name="policy", ok=False, detail=" ".join(trouble), mend=mend)
    since = f", live since {newest.created_at:%Y-%m-%d %H:%M} UTC by {newest.actor} ({newest.kind})" if newest else ""
    wait = f"; {len(waiting)} change(s) wait: {', '.join(waiting)}" if waiting else ""
    mend = "casemate policy candidates" if waiting else ""
    return Finding(name="policy", ok=True, detail=f"hash {hash_[:16]}{since}{wait}", mend=mend)


def network(settings: Settings) -> Finding:
    """The network broker goes by the live rules and has its keys; there need be none where nobody may ask outside."""
    import asyncio

    from tools.broker.client import BrokerClient, NoBroker
    from tools.registry import default_registry
    from workers.live import read_live

    rules = read_live(settings, default_registry())[0].network
    try:
        status = asyncio.run(BrokerClient(socket=settings.broker_socket_file).status())
    except NoBroker:
        if not rules.tools:
            return Finding(name="network", ok=True, detail="off: policy lets no tool ask outside, and no broker runs")
        detail = f"policy lets {', '.join(rules.tools)} ask outside, and no broker runs"
        return Finding(name="network", ok=False, detail=detail, mend="Start one: casemate broker, or casemate up.")
    if "trouble" in status:
        return Finding(
            name="network", ok=False, detail=status["trouble"], mend="Mend that; the broker notices by itself."
        )
    if status["network"] != rules.digest:
        detail = "the broker goes by other rules than the live ones"
        mend = "Look again in some seconds; if it still does, restart the broker."
        return Finding(name="network", ok=False, detail=detail, mend=mend)
    if status["missing_secrets"]:
        detail = f"these secrets are missing: {', '.join(status['missing_secrets'])}"
        mend = f"Write each into a file of its name in {settings.secrets_folder} (mode 0600)."
        return Finding(name="network", ok=False, detail=detail, mend=mend)
    said = "; ".join(f"{tool}: {', '.join(kinds)}" for tool, kinds in status["tools"].items())
    return Finding(name="network", ok=True, detail=said or "a broker runs, and policy lets no tool ask outside")


def masking(settings: Settings) -> Finding:
    """The name models of the settings are there, and what they and the patterns find is hidden."""
    from cli.context import live_bundle
    from core.vault import MemoryVault
    from workers.wiring import make_masker
    from workflows.clouds import profile_of

    bundle = live_bundle(settings)
    masker, profile = make_masker(bundle, settings), profile_of(bundle, settings.model_chain)
    probe = "Please ring Marit Solvang at +49 40 5550 2231 tomorrow."
    masked = masker.session(MemoryVault(profile=profile)).mask_text(probe)
    shown = [value for value in ("Marit", "Solvang", "5550") if value in masked]
    return Finding(
        name="masking",
        ok=not shown,
        detail=f"names: {settings.name_models}; for {profile} models"
        if not shown
        else "leaves a name or a number of a probe readable",
        mend="" if not shown else "Look at treatments in masking.yaml, and at CASEMATE_NAME_MODELS.",
    )


def clock(settings: Settings) -> Finding:
    """This machine's clock agrees with the other processes' and with the model server's."""
    import httpx2

    from cli.context import open_store
    from core.clock import SystemClock

    others: list[tuple[str, datetime]] = []
    with open_store(settings) as store, store.read() as tx:
        now = store.clock.now()
        since = now - timedelta(seconds=CLOCK_SECONDS)
        others += [
            (process["process"], datetime.fromisoformat(process["at"])) for process in tx.operations.alive(since=since)
        ]
    try:
        # Without the key: any answer carries the date.
        date = httpx2.get(settings.model_url, timeout=ANSWER_SECONDS, trust_env=False).headers.get("date")
        if date:
            others.append(("the model server", parsedate_to_datetime(date)))
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError):
        pass  # the model check says so
    now = SystemClock().now()
    for name, theirs in others:
        apart = abs((theirs - now).total_seconds())
        if apart > CLOCK_SECONDS:
            detail = f"{name} is {apart:.0f} s away from this machine"
            return Finding(
                name="clock", ok=False, detail=detail, mend="Synchronise the clocks, for instance with chrony."
            )
    return Finding(
        name="clock", ok=True, detail=f"{now.isoformat(timespec='seconds')}, compared with {len(others)} others"
    )


def connectors(settings: Settings) -> Finding:
    """The files of connectors and routes are sound, and what is in use has its secrets; nobody is asked anything."""
    from core.secret_store import SecretStore
    from tools.connectors.loading import load, secrets_of
    from tools.registry import default_registry

    try:
        shelf = load(settings.connectors_dir, default_registry().shapes())
    except BundleInvalid as error:
        detail = f"{len(error.problems)} problems, first: {error.problems[0]}"
        return Finding(name="connectors", ok=False, detail=detail, mend="Run casemate connector check, and mend it.")
    store = SecretStore(settings.secrets_folder)
    used = sorted(set(shelf.routes.values()))
    missing = [secret for name in used for secret in secrets_of(shelf.connectors[name]) if not store.has(secret)]
    if missing:
        mend = f"Write it to {settings.secrets_folder / missing[0]} (mode 0600)."
        return Finding(name="connectors", ok=False, detail=f"the secret {missing[0]} is missing", mend=mend)
    detail = f"in use: {', '.join(used)}" if used else "the lab carries out everything"
    return Finding(name="connectors", ok=True, detail=detail)


def people(settings: Settings) -> Finding:
    """Somebody may approve, and what rules ask can be answered by enough of those who hold a role."""
    from cli.context import live_bundle, open_store
    from core.store.engine import Store
    from workflows.approvals import ANY_APPROVER
    from workflows.role_holders import holders, unanswerable, unheld

    none = "nobody has an account yet"
    if not Store.is_there(settings.store_url):
        return Finding(name="people", ok=True, detail=none, mend="casemate up makes the account admin.")
    with open_store(settings) as store, store.read() as tx:
        everybody = holders(tx, settings, now=store.clock.now())
        accounts = tx.users.count()
    detail = f"{accounts} accounts, {len(everybody)} people and machines that may act"
    if not any(not roles.isdisjoint(ANY_APPROVER) for roles in everybody.values()):
        mend = "casemate user add NAME --role approver"
        return Finding(name="people", ok=True, detail=f"{detail}; none of them may approve", mend=mend)
    bundle = live_bundle(settings)
    stuck, missing = unanswerable(bundle, everybody), unheld(bundle, everybody)
    if stuck:
        first = stuck[0]
        asked = f"{first.needed} of {' or '.join(first.roles)}, and {first.held} have such a role"
        detail = f"{detail}; {len(stuck)} rules ask more people than there are, {first.rule} asks {asked}"
        mend = f"casemate user roles NAME --role {first.roles[0]}, beside the roles that NAME has"
        return Finding(name="people", ok=True, detail=detail, mend=mend)
    if missing:
        detail = f"{detail}; rules ask for roles that nobody holds: {', '.join(missing)}"
        mend = "Give them to somebody (casemate user roles), or take them out of the rules."
        return Finding(name="people", ok=True, detail=detail, mend=mend)
    return Finding(name="people", ok=True, detail=detail)


def rules(settings: Settings) -> Finding:
    """Every YARA and Sigma rule can be run."""
    from workers.wiring import open_rules

    missing = [folder for folder in (settings.yara_rules, settings.sigma_rules) if folder and not folder.is_dir()]
    if missing:
        mend = "Make the folder, or take the setting away."
        return Finding(name="rules", ok=False, detail=f"there is no folder {missing[0]}", mend=mend)
    books = open_rules(settings)
    yara, sigma = books.yara(), books.sigma()
    problems = [*yara.problems, *sigma.problems]
    return Finding(
        name="rules",
        ok=not problems,
        detail=f"{yara.rules} YARA and {len(sigma.rules)} Sigma rules; {len(problems)} left out",
        mend="Run `casemate rules check`, which names each with its file and line." if problems else "",
    )


#: In the order they are printed: a broken first one explains the others.
CHECKS: dict[str, Callable[[Settings], Finding]] = {
    "database": database,
    "broker": broker,
    "worker": worker,
    "model": model,
    "sandbox": sandbox,
    "policy": policy,
    "people": people,
    "network": network,
    "masking": masking,
    "connectors": connectors,
    "rules": rules,
    "clock": clock,
}


def examine(name: str, settings: Settings) -> Finding:
    """Run one check; whatever goes wrong is a finding, so that the other checks still run."""
    try:
        return CHECKS[name](settings)
    except CasemateError as error:
        first, _, rest = str(error).partition(": ")
        return Finding(name=name, ok=False, detail=first, mend=rest or first)
    except Exception as error:  # noqa: BLE001 - the outermost handler of a check
        return Finding(name=name, ok=False, detail=f"broke with {type(error).__name__}", mend="Report this as a bug.")
