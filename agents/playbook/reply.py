"""The playbook model's next message: tool calls while something is left to look at, then an answer."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from agents.playbook.casebook import Casebook, call_key
from agents.playbook.conditions import holds
from agents.playbook.conversation import CASE_FILE, Conversation, read_conversation
from agents.playbook.planner import Call, arrange
from agents.playbook.schema import Playbook, Response
from agents.playbook.weighing import assess
from core.canonical import Json
from core.errors import ToolRefused

#: Calls in one message; the rest follow in the next one.
MAX_CALLS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """Either tool calls or an answer."""

    calls: tuple[Call, ...] = ()
    content: str | None = None


def reply(playbooks: Mapping[str, Playbook], messages: Sequence[Json], offered: Collection[str]) -> Reply:
    """What the model says next. A pure function of its input.

    Raises:
        ToolRefused: the chat is not one that a casemate team holds.
    """
    conversation = read_conversation(messages)
    playbook = playbooks.get(conversation.playbook)
    if playbook is None:
        raise ToolRefused(
            f"There is no playbook `{conversation.playbook[:64]}`; the playbooks are {', '.join(playbooks)}."
        )
    if CASE_FILE in offered and not conversation.case_file_read:
        return Reply(calls=(Call(tool=CASE_FILE, arguments={}),))
    if conversation.role == "responder":
        return _respond(playbook, conversation, offered)
    reviewing = conversation.role == "reviewer"
    steps = playbook.steps if reviewing else playbook.look
    calls = arrange(steps, conversation.casebook, offered)
    if calls:
        return Reply(calls=tuple(calls[:MAX_CALLS]))
    signs = [*playbook.weigh, *playbook.refute.weigh] if reviewing else playbook.weigh
    return Reply(content=assess(playbook, conversation.casebook, signs).model_dump_json())


def _respond(playbook: Playbook, conversation: Conversation, offered: Collection[str]) -> Reply:
    arrange(playbook.steps, conversation.casebook, offered=())
    verdict = str((conversation.assessment or {}).get("verdict", ""))
    fitting = [
        call
        for response in playbook.respond
        if response.tool in offered and verdict in [v.value for v in response.verdicts]
        for call in _actions(response, conversation.casebook)
    ]
    done = conversation.answered | conversation.proposed
    calls = [call for call in fitting if not _made(call, done)]
    if calls:
        return Reply(calls=tuple(calls[:MAX_CALLS]))
    if not fitting:
        return Reply(content=f"The verdict is {verdict.replace('_', ' ') or 'open'}; no action is called for.")
    tools = ", ".join(dict.fromkeys(call.tool for call in fitting))
    return Reply(content=f"Proposed {len(fitting)} action(s) for the verdict {verdict}: {tools}.")


def _actions(response: Response, casebook: Casebook) -> list[Call]:
    if not holds(response.when, casebook).holds:
        return []
    elements: list[Json] = [None]
    if response.each is not None:
        elements = [e for e in casebook.elements(response.each) if holds(response.only, casebook, item=e).holds]
    calls = []
    for element in elements[: response.limit]:
        arguments = casebook.fill(response.arguments, element)
        if arguments is None:
            continue
        reason = casebook.sentence(response.reason, element)
        calls.append(
            Call(tool=response.tool, arguments={**arguments, "reason": reason, "evidence": _cited(response, casebook)})
        )
    return list({call_key(call.tool, call.arguments): call for call in calls}.values())


def _cited(response: Response, casebook: Casebook) -> list[str]:
    ids = [item.id for step in response.rests_on for item in casebook.steps.get(step, []) if item.id is not None]
    return list(dict.fromkeys(ids))[:10] or ["E1"]


def _made(call: Call, done: set[bytes]) -> bool:
    """Made in this chat (with reason and evidence), or listed in the case file (without them)."""
    bare = {k: v for k, v in call.arguments.items() if k not in {"reason", "evidence"}}
    return call_key(call.tool, call.arguments) in done or call_key(call.tool, bare) in done


def as_message(answer: Reply, seed: str) -> dict[str, Json]:
    """The reply as an OpenAI assistant message; `seed` makes call ids unique within a chat."""
    message: dict[str, Json] = {"role": "assistant", "content": answer.content}
    if answer.calls:
        message["tool_calls"] = [
            {
                "id": f"call_{seed}_{index}",
                "type": "function",
                "function": {"name": call.tool, "arguments": json.dumps(call.arguments, ensure_ascii=False)},
            }
            for index, call in enumerate(answer.calls)
        ]
    return message
