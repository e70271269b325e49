"""Turns a chat into the tokens of a prompt: the same chat always into the same tokens, so that prefixes are shared.

Text of a message never becomes a control token: what looks like one in a ticket is encoded as the letters it is.
"""

from __future__ import annotations

import inspect
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.canonical import Json, JsonObject
from serving import plain_chat
from serving.formats import THINK, THOUGHT, write_call
from serving.protocol import Message, Tool
from serving.refusals import Refused

#: A function that takes nothing: what OpenAI means by a function without parameters.
NO_PARAMETERS: JsonObject = {"type": "object", "properties": {}, "additionalProperties": False}
#: Tokens at the end of a prompt in which a template opens or closes the model's thinking.
TAIL = 16
_PROBE = Tool.model_validate({"type": "function", "function": {"name": "probe", "parameters": {"type": "object"}}})
_CALL: JsonObject = {"name": "probe", "arguments": {"a": 1, "b": ["x"]}}


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """What the model reads.

    Attributes:
        thinking: the answer begins with free text up to `</think>`.
    """

    tokens: tuple[int, ...]
    thinking: bool


class Chat:
    """The chat template and tokenizer of one model."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._one_at_a_time = threading.Lock()  # an encoding tokenizer changes its state
        template = _template(tokenizer)
        self._thinks = THOUGHT in template
        self._reserved = frozenset(
            {"messages", *inspect.signature(tokenizer.apply_chat_template).parameters, *tokenizer.special_tokens_map}
        )
        added = (token.content.strip() for token in tokenizer.added_tokens_decoder.values())
        self._control = tuple(sorted(text for text in added if text))
        self.has_template = bool(template)
        #: Whether the template itself tells of tools and writes calls in the form that our grammar has.
        self.writes_calls = self._probe_calls()
        self._takes_system = self._probe_system()

    def render(
        self,
        messages: Sequence[Message],
        tools: Sequence[Tool] = (),
        options: Mapping[str, bool | int | str] | None = None,
    ) -> Prompt:
        """The prompt of a chat, up to where the model's answer begins. `options` are variables of the template.

        Raises:
            Refused: the template does not take this chat.
        """
        if not self.has_template:
            raise Refused("This model has no chat template; it serves /v1/embeddings only.", param="model")
        options = {"enable_thinking": False, **(options or {})}
        for name in options:
            if name in self._reserved or not name.isidentifier():
                told = "Field `chat_template_kwargs`: one of its names is not a variable that a template may be given."
                raise Refused(told, param="chat_template_kwargs")
        self._check_keys(messages, tools)
        try:
            with self._one_at_a_time:
                tokens = tuple(self._tokens(messages, tools, options))
        except Exception as error:  # noqa: BLE001 - a template is a program of the model's author
            raise Refused(
                f"The model's chat template does not take this chat ({type(error).__name__}); "
                "look at the order of roles and at the tool calls of its messages.",
                param="messages",
            ) from None
        return Prompt(tokens=tokens, thinking=self._opens_thinking(tokens, wanted=bool(options["enable_thinking"])))

    def tokens_of(self, text: str) -> list[int]:
        """A text by itself, with what the tokenizer puts around one; for embeddings."""
        with self._one_at_a_time:
            tokens: list[int] = self._tokenizer.encode(text, split_special_tokens=True)
        return tokens

    def _tokens(self, messages: Sequence[Message], tools: Sequence[Tool], options: Mapping[str, Json]) -> list[int]:
        if self.writes_calls:
            chat, offered = [_native(message) for message in messages], [described(tool) for tool in tools] or None
        else:
            told = [described(tool) for tool in tools]
            chat, offered = plain_chat.messages(messages, told, takes_system=self._takes_system), None
        tokens: list[int] = self._tokenizer.apply_chat_template(
            chat,
            tools=offered,
            add_generation_prompt=True,
            sanitize_control_tokens=True,
            return_dict=False,
            **options,
        )
        return tokens

    def _opens_thinking(self, tokens: Sequence[int], *, wanted: bool) -> bool:
        tail: str = self._tokenizer.decode(tokens[-TAIL:]).rstrip()
        return tail.endswith(THINK) or (wanted and self._thinks and not tail.endswith(THOUGHT))

    def _check_keys(self, messages: Sequence[Message], tools: Sequence[Tool]) -> None:
        """Texts are made harmless while they are encoded, but names of fields are not, so these must be harmless."""
        arguments = [_value(call.function.arguments) for message in messages for call in message.tool_calls or ()]
        for value, param in ((arguments, "messages"), ([tool.function.parameters for tool in tools], "tools")):
            if self._control and any(token in key for key in _keys(value) for token in self._control):
                raise Refused(f"Field `{param}`: a name in it contains a control token of the model.", param=param)

    def _probe_calls(self) -> bool:
        call = {"type": "function", "function": _CALL}
        chat: list[JsonObject] = [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "content": "y"},
        ]
        written = write_call(_CALL["name"], json.dumps(_CALL["arguments"]))
        return written in self._rendered(chat, tools=[described(_PROBE)])

    def _probe_system(self) -> bool:
        return "probe" in self._rendered([{"role": "system", "content": "probe"}, {"role": "user", "content": "x"}])

    def _rendered(self, chat: list[JsonObject], tools: list[JsonObject] | None = None) -> str:
        try:
            text: str = self._tokenizer.apply_chat_template(
                chat, tools=tools, tokenize=False, add_generation_prompt=True, enable_thinking=False
            )
        except Exception:  # noqa: BLE001 - as above: it cannot do what was probed
            return ""
        return text


def described(tool: Tool) -> JsonObject:
    """A tool as templates and models read it: what the protocol knows of it, in one order."""
    function = tool.function
    told: JsonObject = {"name": function.name}
    if function.description:
        told["description"] = function.description
    return {"type": "function", "function": {**told, "parameters": parameters(tool)}}


def parameters(tool: Tool) -> JsonObject:
    """The JSON Schema of a tool's arguments."""
    return NO_PARAMETERS if tool.function.parameters is None else tool.function.parameters


def _native(message: Message) -> JsonObject:
    """A message as templates that know tools want it: arguments are values, so that all templates write them alike."""
    role = "system" if message.role == "developer" else message.role
    made: JsonObject = {"role": role, "content": message.content or ""}
    if message.name:
        made["name"] = message.name
    if message.reasoning_content:
        made["reasoning_content"] = message.reasoning_content
    if message.tool_calls:
        made["tool_calls"] = [
            {"type": "function", "function": {"name": c.function.name, "arguments": _value(c.function.arguments)}}
            for c in message.tool_calls
        ]
    return made


def _value(arguments: str) -> Json:
    """Arguments as a value; as the text they are, where another model wrote something that is none."""
    try:
        return json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        return arguments


def _keys(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for child in value:
            yield from _keys(child)


def _template(tokenizer: Any) -> str:
    try:
        template: str = tokenizer.get_chat_template(tools=[described(_PROBE)])
    except ValueError:
        return ""
    return template
