"""The worker's side: carries a tool's questions to the broker, after a last look that nothing of the ticket leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from core.canonical import JsonObject
from core.errors import CasemateError
from policies.compiled import Bundle
from policies.masking.session import MaskSession
from policies.network import Network
from tools.broker.leaving import check_session
from tools.broker.questions import MAX_ANSWER, MAX_QUESTION, Refused, line_of, question_of
from tools.registry import Tool
from tools.sandbox.call import Asked

#: Seconds until an answer counts as lost; the broker's own limits end before.
ANSWER_SECONDS = 45.0
#: Questions of one call of a tool.
MAX_QUESTIONS = 24
NO_BROKER = "No network broker runs, so nothing outside can be asked; an admin starts one with `casemate broker`."


async def refusing(_question: JsonObject) -> JsonObject:
    """The answer where nobody carries questions anywhere."""
    return {"refused": NO_BROKER}


class NoBroker(CasemateError):
    """Nothing answers on the broker's socket."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Behalf:
    """For whom a tool asks."""

    #: Whose quota its questions count against; None outside of a ticket.
    ticket_id: str | None
    #: The rules that this call goes by; the broker refuses when it goes by others.
    network: Network
    #: Raises CasemateError for a question that shows something of the ticket.
    check: Callable[[JsonObject], None]


def on_behalf(ticket_id: str, bundle: Bundle, session: MaskSession) -> Behalf:
    """A ticket's calls: by the rules of the bundle they are made under, with nothing of the ticket in any question."""
    return Behalf(ticket_id=ticket_id, network=bundle.network, check=partial(check_session, session))


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokerClient:
    """Reaches the broker of this machine; there need not be one."""

    socket: Path

    def ask_for(self, tool: Tool, behalf: Behalf) -> Asked:
        """Answers the questions of one call of a tool; what goes wrong is a refusal and never raised."""
        left = MAX_QUESTIONS

        async def ask(question: JsonObject) -> JsonObject:
            nonlocal left
            left -= 1
            if left < 0:
                return {"refused": f"One call may ask {MAX_QUESTIONS} questions; answer with what you have."}
            try:
                if question_of(question).kind not in tool.asks:
                    return {"refused": f"{tool.name} never asks for that kind of thing."}
                await asyncio.to_thread(behalf.check, question)
                errand = {"tool": tool.name, "ticket": behalf.ticket_id, "network": behalf.network.digest}
                return await self.send({**errand, "question": question})
            except (Refused, CasemateError) as refused:
                return {"refused": str(refused)}

        return ask

    async def status(self) -> JsonObject:
        """What the broker says of itself.

        Raises:
            NoBroker: there is none.
        """
        return await self.send({"status": True})

    async def send(self, said: JsonObject) -> JsonObject:
        """One line to the broker and its answer.

        Raises:
            NoBroker: nothing answers, or not in time, or nothing that can be read.
        """
        line = line_of(said)
        if len(line) >= MAX_QUESTION:
            return {"refused": "The question is too long."}
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                raw = await self._exchange(line)
            answer = json.loads(raw.decode("utf-8"))
        except (OSError, TimeoutError, EOFError, ValueError, RecursionError):
            raise NoBroker(NO_BROKER) from None
        if not isinstance(answer, dict):
            raise NoBroker(NO_BROKER)
        return answer

    async def _exchange(self, line: bytes) -> bytes:
        reader, writer = await asyncio.open_unix_connection(str(self.socket), limit=MAX_ANSWER + 1)
        try:
            writer.write(line)
            await writer.drain()
            return await reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            raise ValueError from None
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
