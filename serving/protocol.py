"""Requests of OpenAI's protocol, parsed once and strictly: what cannot be honoured is refused by its name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from core.canonical import Json, JsonObject
from serving.refusals import Refused

#: Fields that say who asks and what for; they have no effect on an answer.
WITHOUT_EFFECT = frozenset({"seed", "user", "metadata", "store", "safety_identifier", "prompt_cache_key"})
#: Fields that are not built, and the values of each that ask for nothing.
NOT_BUILT: Mapping[str, tuple[Json, ...]] = {
    "n": (1,),
    "top_p": (1,),
    "top_k": (-1, 0),
    "min_p": (0,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "repetition_penalty": (1,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "top_logprobs": (0,),
}
#: Sequences that end an answer, as many as OpenAI takes.
MAX_STOPS = 4
#: Tools of one request.
MAX_TOOLS = 128

Name = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_.-]+$")]
Asked = TypeVar("Asked", bound="_Request")


def parse(kind: type[Asked], body: bytes) -> Asked:
    """A request body as a request.

    Raises:
        Refused: it is not one; says which field, never its value.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused("The request is not JSON.") from None
    if not isinstance(value, dict):
        raise Refused("The request is not a JSON object.")
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        param = _place(first["loc"])
        told = "is required" if first["type"] == "missing" else first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            told = "is not supported by this server; leave it away"
        raise Refused(f"Field `{param}`: {told.removesuffix('.')}.", param=param) from None


def _place(loc: tuple[int | str, ...]) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc]
    return "".join(parts).removeprefix(".")


def _as_text(content: Json) -> Json:
    """Text, also where it comes in parts; parts of other kinds are for models that see or hear."""
    if not isinstance(content, list):
        return content
    return "\n".join(_text_of(part) for part in content)


def _text_of(part: Json) -> str:
    match part:
        case {"type": "text", "text": str(text)}:
            return text
        case _:
            raise ValueError("this server takes text only; every part must have the type `text`")


class _Part(BaseModel):
    """Part of a request; what else it holds has no meaning here."""

    model_config = ConfigDict(extra="ignore", strict=True)


class _Request(BaseModel):
    """A whole request: a field that is not known is an error, one that is null was not given."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _given(cls, value: JsonObject) -> JsonObject:
        for name, neutral in NOT_BUILT.items():
            given = value.get(name)
            if given is not None and given not in neutral:
                shown = " or ".join(json.dumps(one) for one in neutral)
                raise Refused(f"Field `{name}` is not supported by this server but as {shown}.", param=name)
        skipped = WITHOUT_EFFECT | NOT_BUILT.keys()
        return {name: given for name, given in value.items() if given is not None and name not in skipped}


class CalledFunction(_Part):
    """What an earlier answer called, as the client hands it back: the arguments are JSON text."""

    name: Annotated[str, Field(min_length=1, max_length=256)]
    arguments: str = "{}"


class CalledTool(_Part):
    """One call of an earlier answer."""

    id: str | None = None
    function: CalledFunction


class Message(_Part):
    """One message of a chat."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[str | None, BeforeValidator(_as_text)] = None
    name: str | None = None
    tool_calls: list[CalledTool] | None = None
    tool_call_id: str | None = None
    reasoning_content: str | None = None
    #: The form before tools; what it says would be lost.
    function_call: None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.content is None and self.role != "assistant":
            raise ValueError(f"a message of the role {self.role} needs content")
        if self.tool_calls and self.role != "assistant":
            raise ValueError("only a message of the role assistant has tool_calls")
        return self


class Function(_Part):
    """A function that may be called. Without parameters it takes none."""

    name: Name
    description: str | None = None
    parameters: JsonObject | None = None


class Tool(_Part):
    """A tool of a request."""

    type: Literal["function"]
    function: Function


class NamedTool(_Part):
    """The choice of one tool by its name."""

    name: str


class JsonSchema(_Part):
    """The schema of `response_format`; it is always enforced, whatever `strict` says."""

    name: str = "answer"
    schema_: Annotated[JsonObject, Field(alias="schema")]


class ResponseFormat(_Part):
    """What the answer must be."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.type == "json_schema" and self.json_schema is None:
            raise ValueError("the type json_schema needs the field json_schema")
        return self


class StreamOptions(_Part):
    """What a stream says besides its pieces."""

    include_usage: bool = False


class ChatRequest(_Request):
    """`POST /v1/chat/completions`."""

    model: str | None = None
    messages: Annotated[list[Message], Field(min_length=1)]
    #: The likeliest token is taken when nothing else is asked for: the same chat gets the same answer.
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: list[str] = Field(default_factory=list, max_length=MAX_STOPS)
    response_format: ResponseFormat | None = None
    tools: Annotated[list[Tool], Field(max_length=MAX_TOOLS)] = Field(default_factory=list)
    tool_choice: Literal["none", "auto", "required"] | NamedTool = "auto"
    parallel_tool_calls: bool = True
    chat_template_kwargs: dict[str, bool | int | str] = Field(default_factory=dict)
    #: As vLLM's: the lower goes first.
    priority: int = 0
    stream: bool = False
    stream_options: StreamOptions | None = None

    @field_validator("stop", mode="before")
    @classmethod
    def _listed(cls, value: Json) -> Json:
        return [value] if isinstance(value, str) else value

    @field_validator("tool_choice", mode="before")
    @classmethod
    def _chosen(cls, value: Json) -> Json:
        match value:
            case "none" | "auto" | "required":
                return value
            case {"type": "function", "function": {"name": str(name)}}:
                return NamedTool(name=name)
            case _:
                raise ValueError("say none, auto, required, or name one function")

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        names = [tool.function.name for tool in self.tools]
        if len(set(names)) < len(names):
            raise Refused("Field `tools`: two tools have the same name.", param="tools")
        if isinstance(self.tool_choice, NamedTool) and self.tool_choice.name not in names:
            raise Refused("Field `tool_choice` names a tool that is not among `tools`.", param="tool_choice")
        if self.tool_choice == "required" and not names:
            raise Refused("Field `tool_choice` is required, and there are no `tools`.", param="tool_choice")
        if not all(self.stop):
            raise Refused("Field `stop`: an empty text would end every answer.", param="stop")
        if self.stop and self.answer_schema is not None:
            told = "Field `stop`: an answer with a schema ends where its schema says; leave `stop` away."
            raise Refused(told, param="stop")
        if self.max_tokens and self.max_completion_tokens and self.max_tokens != self.max_completion_tokens:
            raise Refused("Fields `max_tokens` and `max_completion_tokens` disagree; send one.", param="max_tokens")
        return self

    @property
    def most(self) -> int | None:
        """Tokens the answer may have, if the request says so."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def most_param(self) -> str:
        """Which field said it."""
        return "max_completion_tokens" if self.max_completion_tokens else "max_tokens"

    @property
    def answer_schema(self) -> JsonObject | None:
        """The JSON Schema of the answer, if it must have one."""
        match self.response_format:
            case ResponseFormat(type="json_object"):
                return {"type": "object"}
            case ResponseFormat(type="json_schema", json_schema=JsonSchema(schema_=schema)):
                return schema
            case _:
                return None


class EmbeddingsRequest(_Request):
    """`POST /v1/embeddings`."""

    model: str | None = None
    input: list[str] | list[list[int]]
    encoding_format: Literal["float", "base64"] = "float"

    @field_validator("input", mode="before")
    @classmethod
    def _many(cls, value: Json) -> Json:
        single = isinstance(value, str) or (isinstance(value, list) and value and isinstance(value[0], int))
        return [value] if single else value


class Answer(_Part):
    """One of the answers that a decision may have."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    meaning: Annotated[str, Field(min_length=1, max_length=2000)]


class DecisionRequest(_Request):
    """`POST /v1/decisions`."""

    model: str | None = None
    messages: Annotated[list[Message], Field(min_length=1)]
    tools: Annotated[list[Tool], Field(max_length=MAX_TOOLS)] = Field(default_factory=list)
    question: Annotated[str, Field(min_length=1, max_length=4000)]
    answers: Annotated[list[Answer], Field(min_length=2, max_length=26)]
    #: 2 asks with the answers in both directions and takes the mean: models favour first or last places.
    orders: Literal[1, 2] = 2
    priority: int = 0

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len({answer.name for answer in self.answers}) < len(self.answers):
            raise Refused("Field `answers`: two answers have the same name.", param="answers")
        return self
