"""The model endpoints of a process in their order: a run that finds one down is begun again on the next.

The kill switch and the egress guard never lead on: what may not leave for one endpoint may not leave for another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from agents.model import ModelClients
from agents.playbook.transport import PlaybookTransport
from core.errors import ModelUnavailable
from core.log import logger
from core.settings import ModelEndpoint, Settings

log = logger(__name__)

#: Seconds an endpoint that failed is left alone while there is another.
REST_SECONDS = 30.0
#: What the clients of the playbook model inside the worker are told; nothing is ever sent there.
INSIDE = "http://playbook.invalid/v1"

T = TypeVar("T")
#: Why a run may not use an endpoint, in one sentence; None when it may.
Refusal = Callable[[ModelEndpoint], str | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """One endpoint of a chain and what speaks with it."""

    endpoint: ModelEndpoint
    clients: ModelClients


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered(Generic[T]):
    """What came of a run, and who gave it."""

    result: T
    endpoint: ModelEndpoint
    #: Why the endpoints before it were passed over, a sentence each.
    passed: tuple[str, ...]


def permitted(_endpoint: ModelEndpoint) -> str | None:
    """The refusal that refuses nothing."""
    return None


class Chain:
    """Shared by all runs of a process and safe to use from many threads."""

    def __init__(self, links: Sequence[Link], *, ticks: Callable[[], float] = time.monotonic) -> None:
        """`ticks` are the seconds that rests are measured by."""
        self.links = tuple(links)
        self._ticks = ticks
        self._rests_until = [float("-inf")] * len(self.links)

    def run(self, attempt: Callable[[ModelClients], T], *, refusal: Refusal = permitted) -> Answered[T]:
        """Let the first endpoint that may and can answer do the whole of `attempt`.

        Raises:
            ModelUnavailable: none can; the last failure, or why each was passed over.
        """
        passed: list[str] = []
        failure: ModelUnavailable | None = None
        for number, link in enumerate(self.links):
            why = refusal(link.endpoint)
            if why is None and not self.is_up(number):
                why = f"The model {link.endpoint.name} was down a moment ago."
            if why is not None:
                passed.append(why)
                continue
            try:
                result = attempt(link.clients)
            except ModelUnavailable as error:
                failure = error
                passed.append(f"The model {link.endpoint.name} was down.")
                link.clients.discovery.forget()
                self._leave_alone(number, error)
                continue
            return Answered(result=result, endpoint=link.endpoint, passed=tuple(passed))
        raise failure or ModelUnavailable(" ".join(passed))

    def is_up(self, number: int) -> bool:
        """Whether the endpoint in this place is not known to be down."""
        return self._ticks() >= self._rests_until[number]

    async def aclose(self) -> None:
        """Close the connections of all endpoints, on the loop that used them."""
        for link in self.links:
            await link.clients.aclose()

    def _leave_alone(self, number: int, error: ModelUnavailable) -> None:
        # An endpoint without another behind it is asked every time: the ticket's own patience spaces the tries.
        if number + 1 < len(self.links):
            log.warning("model_down", trouble=str(error), seconds=REST_SECONDS)
            self._rests_until[number] = self._ticks() + REST_SECONDS


def open_chain(settings: Settings, *, before_request: Callable[[], None] = lambda: None) -> Chain:
    """The chain of the settings. `before_request` raises Halted when the kill switch is on."""
    return Chain([Link(endpoint=one, clients=_clients(one, settings, before_request)) for one in settings.model_chain])


def _clients(endpoint: ModelEndpoint, settings: Settings, before_request: Callable[[], None]) -> ModelClients:
    return ModelClients(
        url=INSIDE if endpoint.is_playbook else endpoint.url,
        name=endpoint.name,
        api_key=endpoint.api_key.get_secret_value(),
        timeout=settings.model_timeout,
        answer_tokens=settings.model_answer_tokens,
        before_request=before_request,
        transport=PlaybookTransport() if endpoint.is_playbook else None,
    )
