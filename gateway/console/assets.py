"""Styles and scripts: in this repository, read once, compressed once, named by their content."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from core.errors import NotFound
from gateway.identity import Open

router = APIRouter(include_in_schema=False)

FOLDER = Path(__file__).parent / "static"
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
#: A page names the content it wants, so an answer with that content is good for ever …
FOR_EVER = "public, max-age=31536000, immutable"
#: … and one of another release, whose gateway serves beside this one during an upgrade, is not kept.
FOR_NOW = "no-store"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    content: bytes
    compressed: bytes
    media_type: str
    version: str


@cache
def assets() -> dict[str, Asset]:
    """Every file by its name."""
    return {path.name: _read(path) for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES}


def url(name: str) -> str:
    """Where a page finds a file. Raises KeyError for one that is not there."""
    return f"/static/{name}?v={assets()[name].version}"


@router.get("/static/{name}")
def static(name: str, request: Request, _open: Annotated[None, Depends(Open("holds nothing of anybody"))]) -> Response:
    """One file."""
    found = assets().get(name)
    if found is None:
        raise NotFound("There is no such file.")
    wanted = request.query_params.get("v", found.version) == found.version
    headers = {"Cache-Control": FOR_EVER if wanted else FOR_NOW, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.compressed, media_type=found.media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(found.content, media_type=found.media_type, headers=headers)


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    return Asset(
        content=content,
        compressed=gzip.compress(content, mtime=0),
        media_type=TYPES[path.suffix],
        version=hashlib.sha256(content).hexdigest()[:12],
    )
