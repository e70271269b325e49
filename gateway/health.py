"""`/healthz` says that the process answers; `/readyz` that it can take a ticket in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from gateway.identity import Open
from gateway.parts import Parts, parts

#: An orchestrator asks before it has any secret.
ANYBODY = [Depends(Open("probes carry no key"))]

router = APIRouter(tags=["health"])


@router.get("/healthz", dependencies=ANYBODY)
def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get(
    "/readyz",
    dependencies=ANYBODY,
    responses={503: {"description": "The database does not answer"}},
)
def ready(our: Annotated[Parts, Depends(parts)]) -> dict[str, str]:
    """The database answers and has its tables."""
    with our.store.read() as tx:
        halted = tx.operations.halted()
    return {"status": "ok", "halted": "no" if halted is None else "yes"}
