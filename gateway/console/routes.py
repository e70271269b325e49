"""Joins the console's pages."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from gateway.console import (
    account,
    admin,
    assets,
    behind,
    card,
    case,
    case_actions,
    claims,
    home,
    live,
    overview,
    people,
    policy,
    policy_changes,
    policy_edit,
    policy_log,
    queue,
    signing_in,
    start,
    switch,
)
from gateway.console.policy_jobs import Bench, Jobs
from gateway.console.render import HEADERS, is_part, part
from gateway.console.visit import SAFE, SignInNeeded

#: Every page's router; a new page is one more.
ROUTERS: tuple[APIRouter, ...] = (
    home.router,
    queue.router,
    case.router,
    case_actions.router,
    claims.router,
    card.router,
    signing_in.router,
    account.router,
    people.router,
    admin.router,
    overview.router,
    behind.router,
    start.router,
    switch.router,
    policy.router,
    policy_edit.router,
    policy_changes.router,
    policy_log.router,
    live.router,
    assets.router,
)

#: What stands above a problem; programs read the names of HTTP.
PROBLEM_TITLES: dict[int, str] = {
    HTTPStatus.FORBIDDEN: "Not for your account",
    HTTPStatus.NOT_FOUND: "Nothing here",
    HTTPStatus.METHOD_NOT_ALLOWED: "Nothing here",
    HTTPStatus.CONFLICT: "Not as things stand",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Something in the form is missing or wrong",
    HTTPStatus.TOO_MANY_REQUESTS: "Too often",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something broke here",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not available right now",
}


def install(app: FastAPI) -> None:
    """Add the console to `app`."""
    for router in ROUTERS:
        app.include_router(router)
    app.state.problem_page = problem_page
    app.state.bench = Bench(Jobs(app.state.parts.store))

    @app.exception_handler(SignInNeeded)
    def _sign_in(request: Request, error: Exception) -> Response:
        return to_sign_in(request)


def to_sign_in(request: Request) -> Response:
    """Where somebody goes who has not signed in, and back afterwards."""
    path = request.url.path
    after = f"{path}?{request.url.query}" if request.url.query else path
    if is_part(request):
        after = _page_of(request)
    elif request.method not in SAFE:
        after = "/"
    to = f"/sign-in?{urlencode({'after': after})}"
    if is_part(request):
        return Response(status_code=HTTPStatus.UNAUTHORIZED, headers={**HEADERS, "HX-Redirect": to})
    if path == "/live":
        return Response(status_code=HTTPStatus.UNAUTHORIZED, headers=HEADERS)
    return RedirectResponse(to, HTTPStatus.SEE_OTHER, headers=HEADERS)


def _page_of(request: Request) -> str:
    """The page that a piece is for, as htmx says; only a path is kept, so it leads nowhere else."""
    page = urlsplit(request.headers.get("hx-current-url", ""))
    return (f"{page.path}?{page.query}" if page.query else page.path) or "/"


def problem_page(request: Request, status: int, title: str, detail: str) -> Response | None:
    """An error as a page for people; None when a program asks, which gets problem details."""
    if request.url.path.startswith("/api/"):
        return None
    if detail == HTTPStatus.NOT_FOUND.phrase:
        detail = "There is no such page."
    title = PROBLEM_TITLES.get(status, title)
    if is_part(request):
        answer = part(request, "problem_part.html", None, status=status, title=title, detail=detail)
        answer.headers["HX-Retarget"] = "#notice"
        answer.headers["HX-Reswap"] = "innerHTML"
        return answer
    if "text/html" not in request.headers.get("accept", ""):
        return None
    return part(request, "problem.html", None, status=status, title=title, detail=detail)
