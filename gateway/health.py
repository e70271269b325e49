"""`/healthz` says that the process answers; `/readyz` that it can take a ticket in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from gateway.parts import Parts, parts

router = APIRouter(tags=["health"])


@router.get("/healthz")
def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"description": "The database does not answer"}})
def ready(our: Annotated[Parts, Depends(parts)]) -> dict[str, str]:
    """The database answers and has its tables."""
    with our.store.read() as tx:
        halted = tx.operations.halted()
    return {"status": "ok", "halted": "no" if halted is None else "yes"}
