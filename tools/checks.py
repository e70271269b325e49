"""What goes into a tool and what comes out of one, checked before anything else looks at it."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.canonical import Json, JsonObject, canonical_bytes
from core.errors import ToolRefused
from core.evidence import Fact

#: Bytes of canonical JSON in the arguments of one call.
MAX_ARGUMENTS = 200_000
#: Facts one result may report; `search_logs` adds a row's columns to its own two.
MAX_FACTS = 80
#: Characters of a fact or a summary; longer text belongs into the detail.
MAX_FACT = 1_000

Model = TypeVar("Model", bound=BaseModel)


class Grounds(BaseModel):
    """What a model says in favour of an action."""

    model_config = ConfigDict(extra="forbid", strict=True)
    reason: str = Field(min_length=1, max_length=1000)
    evidence: list[str] = Field(min_length=1, max_length=20)


def check_size(arguments: object) -> None:
    """Refuse what is not a JSON object of reasonable size.

    Raises:
        ToolRefused: says which.
    """
    if not isinstance(arguments, dict):
        raise ToolRefused("The arguments must be one JSON object.")
    try:
        size = len(canonical_bytes(arguments))
    except (ValueError, TypeError, RecursionError):
        raise ToolRefused("The arguments are not plain JSON with well-formed text; send them anew.") from None
    if size > MAX_ARGUMENTS:
        raise ToolRefused(f"The arguments are {size} bytes long; send at most {MAX_ARGUMENTS}.")


def parse(model: type[Model], arguments: JsonObject) -> Model:
    """The arguments in the form the tool declares.

    Raises:
        ToolRefused: names every argument at fault, without repeating its value.
    """
    try:
        return model.model_validate(arguments)
    except ValidationError as error:
        faults = [
            f"`{'.'.join(map(str, fault['loc'])) or 'arguments'}`: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False, include_context=False)[:5]
        ]
        wanted = ", ".join(model.model_fields) or "none"
        raise ToolRefused(f"{'; '.join(faults)}. The arguments are: {wanted}.") from None


def checked_result(found: Json, facts_model: type[BaseModel] | None = None) -> JsonObject:
    """What a tool answered, if it has the shape every answer has and its facts the types that it declares.

    Raises:
        ToolRefused: it has not, so nothing in it is used.
    """
    if not isinstance(found, dict) or set(found) != {"summary", "facts", "detail"}:
        raise ToolRefused("The tool's answer has the wrong shape; treat its result as unknown.")
    summary, facts, detail = found["summary"], found["facts"], found["detail"]
    if not isinstance(summary, str) or not isinstance(facts, dict) or not isinstance(detail, dict):
        raise ToolRefused("The tool's answer has the wrong shape; treat its result as unknown.")
    if len(facts) > MAX_FACTS or not all(isinstance(value, Fact) for value in facts.values()):
        raise ToolRefused("The tool's facts are not plain values; treat its result as unknown.")
    if facts_model is not None:
        try:
            facts = facts_model.model_validate(facts).model_dump(exclude_none=True)
        except ValidationError:
            raise ToolRefused("The tool's facts are not what it declares; treat its result as unknown.") from None
    short = {name: v[:MAX_FACT] if isinstance(v, str) else v for name, v in facts.items()}
    return {"summary": summary[:MAX_FACT], "facts": short, "detail": detail}
