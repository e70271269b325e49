"""The OpenAPI 3.1 description. The ticket schema and the API key are added here, because we parse both ourselves."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from core.canonical import JsonObject
from core.ticket import TicketIn

REFERENCES = "#/components/schemas/{model}"
#: Goes into the description of the endpoint that takes a ticket.
TICKET_BODY: JsonObject = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": REFERENCES.format(model="TicketIn")}}},
    }
}
PROBLEM = {
    "type": "object",
    "description": "Problem details (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "field": {"type": "string", "description": "The field at fault, where one is."},
    },
}


def describe(app: FastAPI) -> None:
    """Make `app.openapi()` complete."""

    def build() -> JsonObject:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
            _complete(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = build  # type: ignore[method-assign]  # FastAPI's documented way


def _complete(document: JsonObject) -> None:
    ticket = TicketIn.model_json_schema(ref_template=REFERENCES)
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas.update(ticket.pop("$defs", {}))
    schemas["TicketIn"] = ticket
    schemas["Problem"] = PROBLEM
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    problem = {"application/problem+json": {"schema": {"$ref": REFERENCES.format(model="Problem")}}}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            operation["responses"]["default"] = {"description": "Anything else", "content": problem}
            operation["responses"].pop("422", None)
            if path.startswith("/api/"):
                operation["security"] = [{"key": []}]
