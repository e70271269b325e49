"""Looks at every model endpoint of the settings: what policy says of it, whether it answers, what its test found."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.features import Features
    from agents.probe_checks import Found
    from core.canonical import JsonObject
    from core.settings import ModelEndpoint, Settings
    from policies.bundle import Bundle

#: Seconds an endpoint gets to list its models.
ANSWER_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One endpoint of the chain."""

    endpoint: ModelEndpoint
    #: `local` or `cloud`; None when policy refuses it, and then it was not asked.
    location: str | None
    #: Why policy refuses it.
    refusal: str | None
    #: What came of asking; None for the playbook inside the worker, which is always there.
    found: Found | None
    features: Features
    probe: JsonObject | None

    @property
    def up(self) -> bool:
        """Whether it answers and has the model; one that policy refuses does not count as up."""
        from agents.probe_report import Outcome

        return self.refusal is None and (self.found is None or self.found.outcome is Outcome.GOOD)

    @property
    def trouble(self) -> str | None:
        """What is wrong with it, in one sentence."""
        return None if self.up else self.refusal or (self.found.reason if self.found is not None else None)

    def as_json(self) -> JsonObject:
        from workflows.endpoints import identity

        return {
            **identity(self.endpoint),
            "location": self.location,
            "refusal": self.refusal,
            "up": self.up,
            "trouble": self.trouble,
            "features": asdict(self.features),
            "probe": self.probe,
        }


def look(settings: Settings, bundle: Bundle) -> list[Seen]:
    """Every endpoint of the chain, in its order, all asked at once."""
    return asyncio.run(_look(settings, bundle, _probes(settings)))


async def _look(settings: Settings, bundle: Bundle, probes: list[JsonObject]) -> list[Seen]:
    return list(await asyncio.gather(*(_one(endpoint, bundle, probes) for endpoint in settings.model_chain)))


async def _one(endpoint: ModelEndpoint, bundle: Bundle, probes: list[JsonObject]) -> Seen:
    from agents.features import PLAIN
    from agents.probe_listing import look_at
    from workflows.endpoints import last_probe

    found, features = None, PLAIN
    refusal = bundle.models.refusal(endpoint.url)
    # A key goes to nobody whom policy refuses.
    if refusal is None and not endpoint.is_playbook:
        key = endpoint.api_key.get_secret_value()
        found, listing = await look_at(endpoint.url, model=endpoint.name, key=key, seconds=ANSWER_SECONDS)
        features = listing.features
    return Seen(
        endpoint=endpoint,
        location=bundle.models.location(endpoint.url),
        refusal=refusal,
        found=found,
        features=features,
        probe=last_probe(endpoint, probes),
    )


def _probes(settings: Settings) -> list[JsonObject]:
    """The reports of fitness tests, where a database is."""
    from cli.context import open_store
    from core.errors import NoTables
    from core.store.engine import Store

    if Store.is_there(settings.store_url):
        with suppress(NoTables), open_store(settings) as store, store.read() as tx:
            return tx.probes.last()
    return []


def probed(probe: JsonObject | None) -> str:
    """The last fitness test in a few words."""
    if probe is None:
        return "never tested"
    fit = sum(team["fit"] for team in probe["teams"])
    return f"fit for {fit} of {len(probe['teams'])} teams, tested {probe['at'][:10]}"


def offers(features: Features) -> str:
    """What an endpoint offers beyond plain chats with tools, in a few words."""
    window = f"window {features.window}" if features.window else ""
    shapes = "shapes beside tools" if features.structured_with_tools else ""
    decisions = "probabilities" if features.decisions else ""
    return ", ".join(filter(None, (window, shapes, decisions)))
