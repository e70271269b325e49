"""Limits on what a request may carry, enforced while it is read, and headers every answer carries."""

from __future__ import annotations

from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.settings import Settings
from core.ticket import MAX_ATTACHMENTS_TOTAL, MAX_BODY, MAX_FIELDS
from gateway.problems import answer

#: Bytes of the largest request: attachments in base64, body and fields with room for JSON's escapes, and the rest.
MAX_REQUEST = MAX_ATTACHMENTS_TOTAL * 4 // 3 + 6 * (MAX_BODY + MAX_FIELDS) + 65_536

TOO_LARGE = f"A request may carry {MAX_REQUEST} bytes; send fewer or smaller attachments."

#: No answer is cached or guessed at: answers hold tickets.
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
#: Seconds for which a browser that came by HTTPS never comes without: a year.
HTTPS_ONLY = 31_536_000


class Limits:
    """ASGI middleware; counts the bytes that arrive, whatever Content-Length claims."""

    def __init__(self, app: ASGIApp, *, settings: Settings, max_request: int = MAX_REQUEST) -> None:
        self._app = app
        self._max = max_request
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        claimed = dict(scope["headers"]).get(b"content-length", b"0")
        if not claimed.isdigit() or int(claimed) > self._max:
            await answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE)(scope, receive, send)
            return
        await self._app(scope, self._counted(receive), self._marked(send))

    def _counted(self, receive: Receive) -> Receive:
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE)
            return message

        return counted

    def _marked(self, send: Send) -> Send:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if self._settings.is_secure:
                    headers.setdefault("Strict-Transport-Security", f"max-age={HTTPS_ONLY}")
            await send(message)

        return marked
