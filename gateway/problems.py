"""Errors as problem details (RFC 9457). A 500 says that something broke, never what: the text may quote a ticket."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from core.canonical import JsonObject
from core.errors import (
    ApprovalRefused,
    BundleInvalid,
    CasemateError,
    Halted,
    InvalidTicket,
    NotFound,
    Temporary,
    TicketConflict,
    ToolRefused,
)
from core.log import logger
from core.ticket import named

MEDIA_TYPE = "application/problem+json"
#: Seconds after which a sender should try again when the database is away.
RETRY_AFTER = 5

log = logger(__name__)


class Problem(Exception):
    """An answer other than the wanted one, raised by endpoints for what is HTTP's own business."""

    def __init__(self, status: HTTPStatus, detail: str, *, headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.headers = headers
        super().__init__(detail)


def answer(
    status: HTTPStatus, detail: str, *, headers: dict[str, str] | None = None, extra: JsonObject | None = None
) -> JSONResponse:
    """A problem document; `extra` adds members such as `field`."""
    document = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    return JSONResponse({**document, **(extra or {})}, status.value, headers=headers, media_type=MEDIA_TYPE)


def describe(error: CasemateError) -> JSONResponse:
    """Each family of errors as its own kind of answer."""
    retry = {"Retry-After": str(RETRY_AFTER)}
    match error:
        case TicketConflict():
            return answer(HTTPStatus.CONFLICT, str(error), extra={"field": error.field})
        case InvalidTicket():
            return answer(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), extra={"field": error.field})
        case ApprovalRefused():
            return answer(HTTPStatus.CONFLICT, str(error))
        case BundleInvalid():
            return answer(HTTPStatus.UNPROCESSABLE_ENTITY, _of_bundle(error), extra={"problems": _listed(error)})
        case ToolRefused():
            return answer(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        case NotFound():
            return answer(HTTPStatus.NOT_FOUND, str(error))
        case Temporary() | Halted():
            return answer(HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers=retry)
        case _:
            return broken(error)


def _of_bundle(error: BundleInvalid) -> str:
    return f"The policy bundle has {len(error.problems)} problems; the first: {error.problems[0]}"


def _listed(error: BundleInvalid) -> list[JsonObject]:
    return [{"file": p.file, "line": p.line, "column": p.column, "message": p.message} for p in error.problems]


def broken(error: Exception) -> JSONResponse:
    """What nobody foresaw."""
    log.error("request_failed", error=type(error).__name__)
    return answer(HTTPStatus.INTERNAL_SERVER_ERROR, "Something in casemate broke; its log says at what time.")


def install(app: FastAPI) -> None:
    """Turn every error of `app` into a problem document."""

    @app.exception_handler(CasemateError)
    def _casemate(request: Request, error: Exception) -> Response:
        assert isinstance(error, CasemateError)
        return _for_whom(request, describe(error))

    @app.exception_handler(Problem)
    def _problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return _for_whom(request, answer(error.status, str(error), headers=error.headers))

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        status = HTTPStatus(error.status_code)
        headers = dict(error.headers) if error.headers else None
        return _for_whom(request, answer(status, str(error.detail), headers=headers))

    @app.exception_handler(RequestValidationError)
    def _validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return _for_whom(request, _invalid(error.errors()[0]))

    @app.exception_handler(Exception)
    def _unforeseen(request: Request, error: Exception) -> Response:
        return _for_whom(request, broken(error))


def _for_whom(request: Request, made: JSONResponse) -> Response:
    """The problem document, or the page that says the same where a person asks in a browser."""
    document = json.loads(bytes(made.body))
    said = made.status_code, document["title"], document["detail"]
    page: Response | None = request.app.state.problem_page(request, *said)
    if page is None:
        return made
    if (wait := made.headers.get("retry-after")) is not None:
        page.headers["Retry-After"] = wait
    return page


def _invalid(first: dict[str, Any]) -> JSONResponse:
    """The first thing wrong with a request, by name and without its value."""
    place = [named(str(part)) for part in first["loc"] if part not in {"body", "query", "path", "header"}]
    field = ".".join(place) or "body"
    message = "is required" if first["type"] == "missing" else first["msg"]
    return answer(HTTPStatus.UNPROCESSABLE_ENTITY, f"Field `{field}`: {message}", extra={"field": field})
