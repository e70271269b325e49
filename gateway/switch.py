"""`/api/v1/halt` and `/api/v1/resume`: the kill switch."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from core.canonical import JsonObject
from core.identity import Role
from gateway.identity import Caller, Permit
from gateway.parts import Parts, parts
from workflows import switch

router = APIRouter(prefix="/api/v1", tags=["operations"])

Admin = Annotated[Caller, Depends(Permit(Role.ADMIN))]


class Halt(BaseModel):
    """Why everything stops."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[
        str,
        Field(min_length=1, max_length=switch.MAX_REASON, description="Everyone who is stopped by it reads this."),
    ]


@router.post("/halt")
def halt(said: Halt, caller: Admin, our: Annotated[Parts, Depends(parts)]) -> JsonObject:
    """Stop every model call and every action. Tickets still come in and wait."""
    switch.halt(our.store, actor=f"user:{caller.name}", reason=said.reason)
    return {"halted": True, "reason": said.reason}


@router.post("/resume")
def resume(caller: Admin, our: Annotated[Parts, Depends(parts)]) -> JsonObject:
    """Let casemate go on. Harmless when nothing was stopped."""
    switch.resume(our.store, actor=f"user:{caller.name}")
    return {"halted": False, "reason": ""}
