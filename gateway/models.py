"""`/api/v1/models`: the endpoints that teams think with, and what is known of each."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from core.canonical import JsonObject
from core.identity import Role
from gateway.identity import Caller, Permit
from gateway.parts import Parts, parts
from workflows import endpoints

router = APIRouter(prefix="/api/v1/models", tags=["models"])


@router.get("")
def chain(
    _caller: Annotated[Caller, Depends(Permit(Role.AUDITOR))], our: Annotated[Parts, Depends(parts)]
) -> JsonObject:
    """The chain in its order: where each endpoint runs, whether workers find it up, and its last fitness test."""
    bundle = our.live()
    with our.store.read() as tx:
        return endpoints.shown(tx, our.store, our.chain, bundle)
