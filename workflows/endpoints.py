"""The model endpoints of the settings as people see them: where each runs, whether it is up, what its test found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from core.canonical import JsonObject
from core.store.engine import Store
from core.store.transaction import Transaction
from workflows.candidates import SILENT_SECONDS
from workflows.clouds import profile_of

if TYPE_CHECKING:
    from agents.chain import Chain
    from core.settings import ModelEndpoint
    from policies.compiled import Bundle


def known_by(chain: Chain) -> list[JsonObject]:
    """What a worker knows of its endpoints, for its signs of life; `up` is null until it asked."""
    return [
        {
            **identity(link.endpoint),
            "up": None if known is None and chain.is_up(number) else known is not None,
            "features": asdict(known) if known is not None else None,
        }
        for number, link in enumerate(chain.links)
        for known in (link.clients.discovery.known,)
    ]


def shown(tx: Transaction, store: Store, chain: Iterable[ModelEndpoint], bundle: Bundle) -> JsonObject:
    """The chain as the API shows it: no keys, no logins. Only workers reach endpoints, so `up` is what they say."""
    endpoints = tuple(chain)
    since = store.clock.now() - timedelta(seconds=SILENT_SECONDS)
    told = [known for process in tx.operations.alive(since=since) for known in process["data"].get("models", [])]
    probes = tx.probes.last()
    return {
        "masked_for": profile_of(bundle, endpoints),
        "endpoints": [
            {
                **identity(endpoint),
                "location": bundle.models.location(endpoint.url),
                "refusal": bundle.models.refusal(endpoint.url),
                **_told(endpoint, told),
                "probe": last_probe(endpoint, probes),
            }
            for endpoint in endpoints
        ],
    }


def identity(endpoint: ModelEndpoint) -> JsonObject:
    """How an endpoint is told from others, without a login."""
    from agents.model import without_login

    return {"name": endpoint.name, "url": without_login(endpoint.url).rstrip("/")}


def last_probe(endpoint: ModelEndpoint, probes: Iterable[JsonObject]) -> JsonObject | None:
    """What the last fitness test of an endpoint found, if there was one."""
    mine = identity(endpoint)
    found = (probe for probe in probes if (probe["model"], probe["url"]) == (mine["name"], mine["url"]))
    return next(found, None)


def _told(endpoint: ModelEndpoint, told: list[JsonObject]) -> JsonObject:
    """What workers say of an endpoint: down if one of them does."""
    mine = identity(endpoint)
    about = [one for one in told if {"name": one["name"], "url": one["url"]} == mine]
    said = {one["up"] for one in about} - {None}
    features = next((one["features"] for one in about if one["features"] is not None), None)
    return {"up": said == {True} if said else None, "features": features}
