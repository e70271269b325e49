"""Joins the endpoints of a model server: OpenAI's protocol, decisions, health and metrics."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from core.canonical import JsonObject
from serving import completion, decisions, embeddings
from serving.exchange import Exchange, check_key
from serving.metrics import CONTENT_TYPE_LATEST
from serving.parts import Model, Parts
from serving.refusals import Refused, still_loading


def create_app(parts: Parts) -> FastAPI:
    """The HTTP server. It answers at once; what needs the model is refused until the model is there."""
    app = FastAPI(title="casemate model server", docs_url=None, redoc_url=None, openapi_url=None)
    _health(app, parts)

    @app.get("/v1/models")
    async def models(request: Request) -> JsonObject:
        check_key(parts, request)
        return {"object": "list", "data": _entries(parts.model)}

    @app.get("/v1/models/{name:path}")
    async def model(request: Request, name: str) -> JsonObject:
        check_key(parts, request)
        parts.model.adapter(name)
        return next(entry for entry in _entries(parts.model) if entry["id"] == name)

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        return Exchange("chat", parts, request, completion.work)

    @app.post("/v1/decisions")
    async def decide(request: Request) -> Response:
        return Exchange("decisions", parts, request, decisions.work)

    @app.post("/v1/embeddings")
    async def embed(request: Request) -> Response:
        return Exchange("embeddings", parts, request, embeddings.work)

    @app.exception_handler(Refused)
    async def _refused(_request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return error.response()

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return Refused(f"{error.detail}.", status=HTTPStatus(error.status_code), headers=error.headers).response()

    return app


def _health(app: FastAPI, parts: Parts) -> None:
    """Without a key: probes and scrapes have none, and learn nothing of what is asked."""

    @app.get("/healthz")
    async def alive() -> Response:
        failure = parts.failure
        if failure is not None:  # restart this process
            return JSONResponse({"status": "failed", "reason": failure}, HTTPStatus.SERVICE_UNAVAILABLE)
        return JSONResponse({"status": "ok"})

    @app.get("/readyz")
    async def ready() -> Response:
        loaded = parts.model.loaded
        if not parts.ready:  # its batch is being built again, or never will be
            raise still_loading()
        return JSONResponse({"status": "ok", "model": loaded.name, "device": str(loaded.device)})

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(parts.metrics.render(), media_type=CONTENT_TYPE_LATEST)


def _entries(model: Model) -> list[JsonObject]:
    loaded = model.loaded
    entry: JsonObject = {
        "id": loaded.name,
        "object": "model",
        "created": 0,
        "owned_by": "casemate",
        "max_model_len": model.context,
        "casemate": {"structured_with_tools": model.chat.has_template, "decisions": model.letters is not None},
    }
    return [entry, *({**entry, "id": adapter, "parent": loaded.name} for adapter in loaded.adapters)]
