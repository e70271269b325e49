"""`/admin`: how the installation does and what it is made of. Auditors read; the kill switch is for admins."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response

from core.canonical import Json
from core.errors import AuditBroken, BundleInvalid, NotFound
from core.identity import Role
from gateway.console.render import is_part, page, part
from gateway.console.visit import Visit, Visitor
from gateway.cursors import before
from gateway.parts import Parts, parts
from workflows import candidates, endpoints, installation

router = APIRouter(prefix="/admin", include_in_schema=False)

Our = Annotated[Parts, Depends(parts)]
Auditor = Annotated[Visitor, Depends(Visit(Role.AUDITOR))]
#: What stands above every page here: path, title, keys.
TABS = (
    ("/admin", "Health", "1"),
    ("/admin/connectors", "Connectors", "2"),
    ("/admin/models", "Models", "3"),
    ("/admin/teams", "Teams", "4"),
    ("/admin/tools", "Tools", "5"),
    ("/admin/audit", "Audit", "6"),
    ("/admin/users", "Users", "7"),
    ("/admin/keys", "API keys", "8"),
)
#: Events on one page of the trail.
PAGE = 50
#: Characters of one thing that an event says.
MOST_SAID = 120
DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{20,}\b")

Text = Annotated[str, Query(max_length=120)]


@router.get("")
def health(request: Request, visitor: Auditor, our: Our) -> Response:
    """Processes, queues, policy, tickets that stand still, messages on their way, effects in doubt; the kill switch."""
    policy = candidates.trouble(our.live, our.store)
    depth = our.depths()
    with our.store.read() as tx:
        waiting, messages = tx.upkeep.undelivered()
        seen: dict[str, Any] = {
            "halt": tx.operations.halt_in_force(),
            "processes": installation.processes(tx, our.store),
            "policy": policy,
            "live": tx.bundles.live(),
            "stuck": tx.upkeep.stuck(),
            "set_aside": tx.upkeep.set_aside(),
            "messages": messages,
            "undelivered": waiting,
            "unknown": tx.upkeep.unknown(),
            "oldest": tx.upkeep.oldest(),
            "depth": depth,
        }
    seen["workers"] = [one for one in seen["processes"] if one.kind == "worker" and one.alive]
    seen["database"] = "PostgreSQL" if our.settings.store_url.startswith("postgres") else "SQLite"
    if is_part(request):
        return part(request, "admin/state.html", visitor, **seen)
    return page(request, "admin/health.html", visitor, title="Health", tabs=TABS, **seen)


@router.get("/connectors")
def connectors(request: Request, visitor: Auditor, our: Our) -> Response:
    """Who carries out which action, what each lacks, and how its effects went."""
    with our.store.read() as tx:
        found, problems = installation.connectors(tx, our.settings, our.registry)
        unknown = tx.upkeep.unknown()
    return page(
        request, "admin/connectors.html", visitor, title="Connectors", tabs=TABS,
        connectors=found, problems=problems, unknown=unknown, folder=our.settings.connectors_dir,
        secrets=our.settings.secrets_folder,
    )  # fmt: skip


@router.get("/models")
def models(request: Request, visitor: Auditor, our: Our) -> Response:
    """The endpoints that teams think with, in their order, and what their last fitness test found."""
    trouble, shown = "", None
    try:
        bundle = our.live()
        with our.store.read() as tx:
            shown = endpoints.shown(tx, our.store, our.chain or our.settings.model_chain, bundle)
    except BundleInvalid as error:
        trouble = str(error)
    return page(request, "admin/models.html", visitor, title="Models", tabs=TABS, shown=shown, trouble=trouble)


@router.get("/teams")
def teams(request: Request, visitor: Auditor) -> Response:
    """Who works on which kind of ticket, with what, and how much it may cost."""
    from agents.spec import shipped_teams

    specs = sorted(shipped_teams().by_name.values(), key=lambda spec: (spec.name == "default", spec.name))
    return page(request, "admin/teams.html", visitor, title="Teams", tabs=TABS, teams=specs)


@router.get("/tools")
def tools(request: Request, visitor: Auditor, our: Our) -> Response:
    """Everything a team can call, and the tools of MCP servers that wait to be accepted."""
    registry = our.registry.snapshot()
    with our.store.read() as tx:
        pinned = installation.mcp_tools(tx)
    own = sorted((tool for tool in registry.all() if tool.mcp is None), key=lambda tool: (tool.acts, tool.name))
    return page(request, "admin/tools.html", visitor, title="Tools", tabs=TABS, tools=own, pinned=pinned)


@router.get("/audit")
def audit(
    *,
    request: Request,
    visitor: Auditor,
    our: Our,
    action: Text = "",
    actor: Text = "",
    ticket: Text = "",
    cursor: Annotated[str | None, Query(max_length=20)] = None,
) -> Response:
    """The audit trail, newest first."""
    start = before(cursor)
    with our.store.read() as tx:
        found = tx.upkeep.trail(
            action=action.strip(), actor=actor.strip(), ticket_id=ticket.strip(), before=start, limit=PAGE + 1
        )
        newest = tx.audit.newest()
    events = found[:PAGE]
    filters = {"action": action, "actor": actor, "ticket": ticket}
    kept = {name: value for name, value in filters.items() if value}
    return page(
        request,
        "admin/audit.html",
        visitor,
        title="Audit",
        tabs=TABS,
        events=events,
        said=_said,
        filters=filters,
        newest=newest,
        older=f"/admin/audit?{urlencode({**kept, 'cursor': events[-1].sequence})}" if len(found) > PAGE else "",
        first=f"/admin/audit?{urlencode(kept)}" if start is not None else "",
        verified=None,
    )


def _said(value: Json) -> str:
    """What an event says of one thing, in a few words: of a digest its beginning."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = DIGEST.sub(r"\1…", text)
    return text if len(text) <= MOST_SAID else f"{text[:MOST_SAID]}…"


@router.post("/audit/verify")
def verify(request: Request, visitor: Auditor, our: Our) -> Response:
    """Walk the whole chain. Takes about ten seconds for a million events."""
    holds, broken = 0, ""
    try:
        with our.store.read() as tx:
            holds = tx.audit.verify()
    except AuditBroken as error:
        broken = str(error)
    if is_part(request):
        return part(request, "admin/verified.html", visitor, holds=holds, broken=broken)
    return page(
        request, "admin/verified_page.html", visitor, title="Audit trail verified", tabs=TABS,
        holds=holds, broken=broken,
    )  # fmt: skip


@router.get("/tools/{name}")
def tool(name: str, request: Request, visitor: Auditor, our: Our) -> Response:
    """One tool: what it takes and what it may use."""
    registry = our.registry.snapshot()
    if name not in registry.names():
        raise NotFound("There is no tool of this name; Tools lists all.")
    return page(
        request, "admin/tool.html", visitor, title=name, tabs=TABS, tool=registry.get(name),
        schema=registry.get(name).schema(),
    )  # fmt: skip
