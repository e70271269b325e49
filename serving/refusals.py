"""What a model server answers instead of what was asked for, in the form that OpenAI's clients read."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi.responses import JSONResponse

from core.canonical import JsonObject

#: Seconds after which to try again, while the model is still being loaded.
LOADING_RETRY = 10
#: What OpenAI calls the families of errors; clients choose the class of their exception by status.
_TYPES = {
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
}


class Refused(Exception):
    """A request that gets no answer. The sentence says what to do; of the request it quotes names of fields only."""

    def __init__(
        self,
        sentence: str,
        *,
        status: HTTPStatus = HTTPStatus.BAD_REQUEST,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.param = param
        self.code = code
        self.headers = headers
        super().__init__(sentence)

    @property
    def document(self) -> JsonObject:
        """The error as a JSON document, for an answer or for an event of a stream."""
        server = self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        family = _TYPES.get(self.status, "server_error" if server else "invalid_request_error")
        return {"error": {"message": str(self), "type": family, "param": self.param, "code": self.code}}

    @property
    def outcome(self) -> str:
        """One fixed word for metrics."""
        if self.code in {"queue_full", "deadline_exceeded", "constraint_failed"}:
            return str(self.code)
        return "failed" if self.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "refused"

    def response(self) -> JSONResponse:
        """The error as an HTTP answer."""
        headers = {"WWW-Authenticate": "Bearer"} if self.status is HTTPStatus.UNAUTHORIZED else {}
        return JSONResponse(self.document, self.status.value, headers={**headers, **(self.headers or {})})


def too_long(*, prompt: int, answer: int, context: int) -> Refused:
    """The sentence is OpenAI's own, which clients look for."""
    return Refused(
        f"This model's maximum context length is {context} tokens. However, you requested {prompt + answer} tokens "
        f"({prompt} in the messages, {answer} in the completion). "
        "Please reduce the length of the messages or completion.",
        param="messages",
        code="context_length_exceeded",
    )


def queue_full(retry_after: int) -> Refused:
    """All slots and all places in the queue are taken."""
    return Refused(
        f"The queue is full; try again in {retry_after} seconds.",
        status=HTTPStatus.TOO_MANY_REQUESTS,
        code="queue_full",
        headers={"Retry-After": str(retry_after)},
    )


def deadline_exceeded() -> Refused:
    """The time that the request gave itself is over."""
    return Refused(
        "The deadline of the request passed; send fewer requests at once or allow more time.",
        status=HTTPStatus.GATEWAY_TIMEOUT,
        code="deadline_exceeded",
    )


def constraint_failed() -> Refused:
    """An answer left the shape that was asked for, which the constraint should have made impossible."""
    return Refused(
        "The model's answer does not have the shape that was asked for, so it was withheld; "
        "ask again, and report this if it happens twice.",
        status=HTTPStatus.BAD_GATEWAY,
        code="constraint_failed",
    )


def still_loading() -> Refused:
    """The server answers, its model does not yet."""
    return Refused(
        "The model is being loaded; /readyz says when it is there.",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        code="loading",
        headers={"Retry-After": str(LOADING_RETRY)},
    )
