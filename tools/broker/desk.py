"""The broker's judgement: what the live bundle permits to a tool, what is ours, what was asked before; then it asks."""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, assert_never
from weakref import WeakValueDictionary

from core.canonical import JsonObject, digest
from core.clock import Clock
from core.errors import CasemateError
from core.log import logger
from core.secret_store import SecretStore
from policies.compiled import Bundle
from policies.network import Dns, HttpGet, Network, ToolNetwork, VendorUse, Whois
from tools.broker.addresses import AddressRules
from tools.broker.connecting import Connector, Resolve, system_resolve
from tools.broker.leaving import OwnValues
from tools.broker.questions import (
    DnsQuestion,
    Errand,
    HttpGetQuestion,
    Refused,
    VendorQuestion,
    WhoisQuestion,
)
from tools.broker.quotas import DAY, HOUR, MINUTE, Allowance, Cache, Quotas
from tools.broker.records import Resolver, asked_name, look_up
from tools.broker.registrations import asked_about, registration
from tools.broker.targets import Target
from tools.broker.vendors import ask_vendor, checked_value
from tools.broker.visits import destination, visit

log = logger(__name__)

#: Questions that are answered at once; more wait.
AT_ONCE = 32
#: Seconds for which a failure is remembered.
FAILED_SECONDS = 60.0


class Rules(Protocol):
    """The live bundle, as the store has it (`workers/network.py`)."""

    def __call__(self, *, now: bool = False) -> Bundle:
        """With `now` the store is asked at once, else it was a moment ago.

        Raises:
            CasemateError: nothing is live, it does not load, or the store is away: then nothing is permitted.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Outside:
    """How the broker reaches the outside. Only tests give another than the default."""

    resolve: Resolve = system_resolve
    resolver: Resolver = field(default_factory=Resolver)
    #: Networks that count as public.
    public: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    #: File with certificates to check TLS by.
    roots: str | None = None
    #: Ports that stand for others: {43: 4343}.
    ports: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Case:
    """One question with everything that judges it."""

    errand: Errand
    bundle: Bundle
    permits: ToolNetwork
    connector: Connector
    own: OwnValues


class Broker:
    """Answers questions. One for a process; its state is quotas and cache."""

    def __init__(
        self,
        *,
        rules: Rules,
        secrets: SecretStore,
        clock: Clock,
        outside: Outside = Outside(),
        quotas: Quotas | None = None,
        cache: Cache | None = None,
    ) -> None:
        self._rules = rules
        self._secrets = secrets
        self._clock = clock
        self._outside = outside
        self._quotas = quotas if quotas is not None else Quotas()
        self._cache = cache if cache is not None else Cache()
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._own: tuple[str, OwnValues] | None = None
        #: Outcomes of questions by kind, for `status`.
        self._counts: Counter[str] = Counter()

    async def answer(self, errand: Errand) -> JsonObject:
        """The answer to a question, or `{"refused": sentence}`."""
        kind = errand.question.kind
        outcome = "refused"
        try:
            async with self._at_once:
                case = await asyncio.to_thread(self._judged, errand)
                said, outcome = await self._asked(case)
        except Refused as refused:
            said = {"refused": str(refused)}
        except TimeoutError:
            outcome, said = "late", {"refused": "The other side did not answer in time."}
        except CasemateError as trouble:
            log.error("network_trouble", error=type(trouble).__name__)
            said = {"refused": "The network broker has no rules to go by, so nothing may be asked; an admin must look."}
        self._counts[f"{kind} {outcome}"] += 1
        log.info("network_question", tool=errand.tool, part=kind, state=outcome, ticket_id=errand.ticket)
        return said

    async def status(self) -> JsonObject:
        """What the broker goes by, and what it did; no question and no answer is in it."""
        try:
            network = (await asyncio.to_thread(self._rules)).network
        except CasemateError as trouble:
            return {"trouble": str(trouble), "counts": dict(self._counts)}
        missing = sorted({name for name in network.secrets() if not self._secrets.has(name)})
        return {
            "network": network.digest,
            "tools": {tool: list(permits.kinds) for tool, permits in network.tools.items()},
            "missing_secrets": missing,
            "counts": dict(self._counts),
            "cached": len(self._cache),
        }

    # --- judging

    def _judged(self, errand: Errand) -> _Case:
        """The question with the permits of its tool. Looks at the store anew where worker and broker differ.

        Raises:
            Refused: the tool may ask nothing, or the worker goes by other rules.
            CasemateError: there are no rules.
        """
        bundle = self._rules()
        if bundle.network.digest != errand.network:
            bundle = self._rules(now=True)
        if bundle.network.digest != errand.network:
            raise Refused("The rules for the network have changed meanwhile; ask again in a new run.")
        permits = bundle.network.tools.get(errand.tool)
        if permits is None or errand.question.kind not in permits.kinds:
            raise Refused(f"Policy does not let {errand.tool} ask for {errand.question.kind}.")
        if self._own is None or self._own[0] != bundle.hash:
            self._own = bundle.hash, OwnValues(bundle.organization)
        rules = AddressRules(own=bundle.organization.parsed_networks, also=self._outside.public)
        connector = Connector(
            rules=rules, resolve=self._outside.resolve, roots=self._outside.roots, ports=dict(self._outside.ports)
        )
        return _Case(errand=errand, bundle=bundle, permits=permits, connector=connector, own=self._own[1])

    async def _asked(self, case: _Case) -> tuple[JsonObject, str]:
        """The answer, and whether it was asked for or known."""
        question, permits = case.errand.question, case.permits
        match question:
            case HttpGetQuestion():
                assert permits.http_get is not None
                return await self._visited(case, question, permits.http_get)
            case DnsQuestion():
                assert permits.dns is not None
                return await self._resolved(case, question, permits.dns)
            case WhoisQuestion():
                assert permits.whois is not None
                return await self._registered(case, question, permits.whois)
            case VendorQuestion():
                assert permits.vendor is not None
                return await self._reputed(case, question, permits.vendor, case.bundle.network)
            case _:
                assert_never(question)

    # --- asking

    async def _visited(self, case: _Case, question: HttpGetQuestion, permit: HttpGet) -> tuple[JsonObject, str]:
        def check(target: Target) -> None:
            case.own.check(target.url, [target.host])

        case.own.check(question.url, [])
        target = destination(case.connector.rules, permit, question.url, check)

        async def ask() -> JsonObject:
            return await visit(case.connector, permit, target, check=check, now=self._clock.now)

        # A visit keeps the time itself, and tells how far it came.
        return await self._once(case, permit, ask, seconds=permit.seconds + 1)

    async def _resolved(self, case: _Case, question: DnsQuestion, permit: Dns) -> tuple[JsonObject, str]:
        host, name = asked_name(case.connector.rules, permit, question)
        case.own.check(question.name, [host])

        async def ask() -> JsonObject:
            return await look_up(self._outside.resolver, permit, question.type, host=host, name=name)

        # The resolver keeps the time itself and says which time-out it was.
        return await self._once(case, permit, ask, seconds=permit.seconds + 1)

    async def _registered(self, case: _Case, question: WhoisQuestion, permit: Whois) -> tuple[JsonObject, str]:
        asked = asked_about(case.connector.rules, permit, question.name)
        case.own.check(question.name, [asked])

        async def ask() -> JsonObject:
            return await registration(case.connector, permit, asked)

        return await self._once(case, permit, ask, seconds=permit.seconds)

    async def _once(
        self, case: _Case, permit: HttpGet | Dns | Whois, ask: Callable[[], Awaitable[JsonObject]], *, seconds: float
    ) -> tuple[JsonObject, str]:
        """The answer from the cache, or asked for now and counted; two who ask the same ask once."""
        errand = case.errand
        key = digest([errand.tool, errand.question.model_dump(), errand.network, case.bundle.hash])
        async with self._lock(key):
            known = self._cache.get(key)
            if known is not None:
                return {**known, "cached": True}, "cached"
            self._quotas.take(_allowances(errand, permit.quota.per_hour, permit.quota.per_ticket))
            async with asyncio.timeout(seconds):
                said = {**await ask(), "at": self._clock.now().isoformat()}
            failed = said.get("reached") is False or said.get("status") in {"TIMEOUT", "SERVFAIL", "ERROR"}
            self._cache.put(key, said, min(FAILED_SECONDS, permit.cache_seconds) if failed else permit.cache_seconds)
            return {**said, "cached": False}, "asked"

    async def _reputed(
        self, case: _Case, question: VendorQuestion, permit: VendorUse, network: Network
    ) -> tuple[JsonObject, str]:
        """What every vendor says that the tool may ask and that takes this type."""
        value, host = checked_value(case.connector.rules, question)
        case.own.check(question.value, [host] if host else [])
        names = [name for name in permit.names if question.type in network.vendors[name].takes]
        if not names:
            raise Refused(f"No vendor that policy permits here takes a {question.type}.")
        fresh = [name for name in names if self._cache.get(self._vendor_key(case, name, question, value)) is None]
        if fresh:
            self._quotas.take(_allowances(case.errand, permit.quota.per_hour, permit.quota.per_ticket))
        answers = await asyncio.gather(*(self._of_vendor(case, name, question, value) for name in names))
        said = {"type": question.type, "answers": list(answers), "at": self._clock.now().isoformat()}
        return {**said, "cached": not fresh}, "asked" if fresh else "cached"

    async def _of_vendor(self, case: _Case, name: str, question: VendorQuestion, value: str) -> JsonObject:
        vendor = case.bundle.network.vendors[name]
        key = self._vendor_key(case, name, question, value)
        async with self._lock(key):
            known = self._cache.get(key)
            if known is not None:
                return known
            try:
                self._quotas.take(
                    [
                        Allowance(key=("vendor", name), most=vendor.quota.per_minute, seconds=MINUTE, what="a minute"),
                        Allowance(key=("vendor", name), most=vendor.quota.per_day, seconds=DAY, what="a day"),
                    ]
                )
                async with asyncio.timeout(vendor.seconds):
                    said = await ask_vendor(case.connector, name, vendor, question.type, value, secrets=self._secrets)
            except Refused as refused:
                return {"vendor": name, "trouble": str(refused)}
            except TimeoutError:
                return {"vendor": name, "trouble": "it did not answer in time"}
            if "trouble" not in said:
                self._cache.put(key, said, vendor.cache_seconds)
            return said

    def _vendor_key(self, case: _Case, name: str, question: VendorQuestion, value: str) -> str:
        return digest(["vendor", name, question.type, value, case.errand.network])

    def _lock(self, key: str) -> asyncio.Lock:
        return self._asking.setdefault(key, asyncio.Lock())


def _allowances(errand: Errand, per_hour: int, per_ticket: int) -> list[Allowance]:
    tool, kind = errand.tool, errand.question.kind
    ticket = errand.ticket or "no ticket"
    return [
        Allowance(key=(tool, kind), most=per_hour, seconds=HOUR, what=f"an hour by {tool}"),
        Allowance(key=(tool, kind, ticket), most=per_ticket, seconds=HOUR, what=f"an hour by {tool} for one ticket"),
    ]
