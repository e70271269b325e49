"""The fitness test of a model endpoint: everything a team will ask of it, tried with made-up texts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from agents import probe_checks as checks
from agents.model import without_login
from agents.probe_checks import Check, Found, Subject
from agents.probe_context import context as reads_long
from agents.probe_http import Asked, Failed
from agents.probe_listing import Listing
from agents.probe_report import Outcome, Report, Result
from agents.probe_verdict import least_context, verdicts
from agents.spec import TeamSpec

#: Seconds that the whole test may take.
TOTAL_SECONDS = 1800.0
#: Checks in a row without an answer after which the rest is not tried.
SILENCES = 2
#: In their order.
CHECKS: Mapping[str, Check] = {
    "tool_calls": checks.tool_calls,
    "tool_required": checks.tool_required,
    "tool_named": checks.tool_named,
    "tool_parallel": checks.tool_parallel,
    "json": checks.plain_json,
    "schema": checks.schema,
    "schema_with_tools": checks.schema_with_tools,
    "injection": checks.injection,
    "decisions": checks.decisions,
    "speed": checks.speed,
    "context": reads_long,
}

_PLAYBOOK = (
    "This is casemate's playbook. It plays the parts of the teams and knows nothing else, so these checks say nothing "
    "of it; it needs no test."
)


async def probe(
    url: str,
    *,
    model: str | None,
    key: str,
    teams: Sequence[TeamSpec],
    context: int | None = None,
    seconds: float = 60.0,
    total: float = TOTAL_SECONDS,
) -> Report:
    """Test an endpoint. Never raises for what it answers.

    Args:
        url: of an OpenAI-compatible API, such as http://127.0.0.1:8000/v1.
        model: its name; None: the first that the endpoint lists.
        key: sent as a bearer token to this address only.
        teams: whose needs it is measured by.
        context: tokens of its window, where the endpoint does not tell or should not be believed.
        seconds: that one request may take.
        total: seconds that the whole test may take.
    """
    started = time.monotonic()
    asked = Asked(url, model=model or "", key=key, seconds=seconds)
    session = _Session(total=total)
    listing = Listing()
    try:
        await session.take("models", listing.look(asked))
        room = context or listing.features.window or max(map(least_context, teams), default=0)
        subject = Subject(asked=asked, features=listing.features, context=room)
        for name, check in CHECKS.items():
            await session.take(name, check(subject))
    finally:
        await asked.aclose()
    return Report(
        url=without_login(url).rstrip("/"),
        model=asked.model,
        features=listing.features,
        results=tuple(session.results),
        teams=verdicts(teams, session.results, listing.features, context),
        note=_PLAYBOOK if listing.names == ["playbook"] else "",
        seconds=round(time.monotonic() - started, 1),
    )


class _Session:
    """The results so far, and the time that is left."""

    def __init__(self, *, total: float) -> None:
        self.results: list[Result] = []
        self._until = time.monotonic() + total

    async def take(self, name: str, check: Coroutine[Any, Any, Found]) -> None:
        """Try one check, unless it is clear that nothing will come of it."""
        started = time.monotonic()
        lately = self.results[-SILENCES:]
        if len(lately) == SILENCES and all(result.outcome is Outcome.SILENT for result in lately):
            check.close()
            found = Found(outcome=Outcome.SILENT, reason="Not tried, because the checks before got no answer.")
        elif started >= self._until:
            check.close()
            found = Found(outcome=Outcome.SILENT, reason="Not tried, because the time for the whole test is over.")
        else:
            found = await self._outcome(check)
        self.results.append(
            Result(
                check=name,
                outcome=found.outcome,
                reason=found.reason,
                seconds=round(time.monotonic() - started, 3),
                facts=found.facts,
            )
        )

    async def _outcome(self, check: Coroutine[Any, Any, Found]) -> Found:
        try:
            async with asyncio.timeout(self._until - time.monotonic()):
                return await check
        except Failed as failed:
            return Found(outcome=failed.outcome, reason=failed.sentence)
        except TimeoutError:
            return Found(outcome=Outcome.SILENT, reason="It was not done when the time for the whole test was over.")
