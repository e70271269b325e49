"""Joins the gateway: one place, ordinary arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from fastapi import FastAPI

from core.clock import Clock
from core.settings import ApiKey, FrameworkChoice, ModelEndpoint, Settings
from core.store.engine import Store
from gateway import approvals, description, health, metrics, models, policy, problems, switch, tickets
from gateway.console import routes as console
from gateway.console.pulse import Pulse
from gateway.identity import Keys
from gateway.limits import MAX_REQUEST, Limits
from gateway.parts import Parts
from workers.depth import Depths
from workflows.overview import Counting

if TYPE_CHECKING:
    from tools.registry import Registry
    from workflows.services import LiveBundle, MaskerOf


def create_app(
    *,
    store: Store,
    clock: Clock,
    ring: Callable[[str], None],
    api_keys: Mapping[str, ApiKey],
    masker: MaskerOf,
    live: LiveBundle,
    registry: Registry,
    framework: FrameworkChoice = FrameworkChoice.SPEC,
    chain: Sequence[ModelEndpoint] = (),
    settings: Settings | None = None,
    max_request: int = MAX_REQUEST,
) -> FastAPI:
    """The HTTP API and the console. Documentation pages are left out: they would load scripts from elsewhere."""
    app = FastAPI(
        title="Casemate",
        version="1",
        summary="Hand security tickets in, read cases, answer approvals, change the policy.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        # They would name the host that the request claims, and http: behind whatever ends TLS.
        redirect_slashes=False,
    )
    app.state.keys = Keys(api_keys, store)
    pulse = Pulse(store)
    settings = settings or Settings()
    app.state.parts = Parts(
        store=store,
        clock=clock,
        ring=ring,
        masker=masker,
        live=live,
        registry=registry,
        chain=tuple(chain),
        framework=framework,
        settings=settings,
        pulse=pulse,
        counting=Counting(store),
        depths=Depths(settings or Settings()),
    )
    app.add_middleware(Limits, max_request=max_request, settings=settings)
    problems.install(app)
    app.include_router(tickets.router)
    app.include_router(approvals.router)
    app.include_router(policy.router)
    app.include_router(models.router)
    app.include_router(switch.router)
    app.include_router(health.router)
    app.include_router(metrics.router)
    console.install(app)
    description.describe(app)
    return app
