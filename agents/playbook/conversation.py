"""Reads an OpenAI chat: which part to play, on which ticket, with which evidence.

The part comes from the system message only, the ticket from the first user message, and evidence from tool results:
no text of a ticket can change what the model is asked to do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.playbook.casebook import Casebook, Item, call_key
from core.action import VOID
from core.canonical import Json, JsonObject
from core.errors import ToolRefused

CASE_FILE = "case_file"
_MARKER = re.compile(r"^casemate: (\{.*\})$", re.MULTILINE)


@dataclass(kw_only=True, slots=True)
class Conversation:
    """A chat as the planner sees it."""

    role: str
    playbook: str
    casebook: Casebook
    #: The latest draft in the case file, if it was read.
    assessment: JsonObject | None = None
    #: Calls that were answered in this chat, whatever came of them.
    answered: set[bytes] = field(default_factory=set)
    case_file_read: bool = False
    #: Calls of the proposals that the case file lists.
    proposed: set[bytes] = field(default_factory=set)


def read_conversation(messages: Sequence[Json]) -> Conversation:
    """Make sense of a chat.

    Raises:
        ToolRefused: the chat was not written by a casemate team; the sentence says what is missing.
    """
    conversation = _part(messages)
    conversation.casebook = _opening(messages)
    calls: dict[str, tuple[str, JsonObject]] = {}
    for message in messages:
        if not isinstance(message, dict):
            continue
        if message.get("role") == "assistant":
            calls.update(_calls(message))
        elif message.get("role") == "tool":
            tool, arguments = calls.get(str(message.get("tool_call_id")), ("", {}))
            _result(conversation, tool, arguments, _json(_text(message.get("content"))))
    return conversation


def _part(messages: Sequence[Json]) -> Conversation:
    system = "\n".join(_text(m.get("content")) for m in messages if isinstance(m, dict) and m.get("role") == "system")
    found = _MARKER.findall(system)
    marker: Json = _json(found[-1]) if found else None
    if not isinstance(marker, dict) or not all(isinstance(marker.get(k), str) for k in ("role", "playbook")):
        raise ToolRefused(
            'The system message has no line `casemate: {"role": …, "playbook": …}`; '
            "the playbook model serves casemate teams only."
        )
    empty = Casebook(ticket={}, items=[])
    return Conversation(role=marker["role"], playbook=marker["playbook"], casebook=empty)


def _opening(messages: Sequence[Json]) -> Casebook:
    first = next((m for m in messages if isinstance(m, dict) and m.get("role") == "user"), None)
    text = _text(first.get("content")) if first else ""
    value = _json(text[text.find("{") :]) if "{" in text else None
    if not isinstance(value, dict) or not isinstance(value.get("ticket"), dict):
        raise ToolRefused(
            "The first user message is not a ticket brief; send the JSON object that casemate teams send."
        )
    evidence = value.get("evidence")
    shown = [e for e in evidence if isinstance(e, dict)] if isinstance(evidence, list) else []
    return Casebook(ticket=value["ticket"], items=[Item.of(e) for e in shown])


def _calls(message: JsonObject) -> dict[str, tuple[str, JsonObject]]:
    found: dict[str, tuple[str, JsonObject]] = {}
    for call in message.get("tool_calls") or []:
        function = call.get("function") or {}
        arguments = _json(str(function.get("arguments") or "{}"))
        found[str(call.get("id"))] = (str(function.get("name")), arguments if isinstance(arguments, dict) else {})
    return found


def _result(conversation: Conversation, tool: str, arguments: JsonObject, value: Json) -> None:
    result: JsonObject = value if isinstance(value, dict) else {"error": "The result is not a JSON object."}
    conversation.answered.add(call_key(tool, arguments))
    if tool != CASE_FILE:
        _add(conversation.casebook, Item.of(result, tool=tool, arguments=arguments))
        return
    conversation.case_file_read = True
    for shown in result.get("evidence") or []:
        if isinstance(shown, dict):
            _add(conversation.casebook, Item.of(shown))
    draft = result.get("assessment")
    conversation.assessment = draft if isinstance(draft, dict) else None
    for proposal in result.get("proposals") or []:
        stands = isinstance(proposal, dict) and str(proposal.get("state")) not in VOID
        if stands and isinstance(proposal.get("arguments"), dict):
            conversation.proposed.add(call_key(str(proposal.get("tool")), proposal["arguments"]))


def _add(casebook: Casebook, item: Item) -> None:
    if item.id is None or all(item.id != known.id for known in casebook.items):
        casebook.items.append(item)


def _text(content: Json) -> str:
    """A message's text, whether it is sent as a string or in parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _json(text: str) -> Json:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
