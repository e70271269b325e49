"""`actions.yaml`: which tool calls are allowed, asked about or denied, with an example of each."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    create_model,
    field_validator,
    model_validator,
)

from core.decision import OutcomeName
from core.evidence import Fact
from core.ticket import Strict
from policies.vocabulary import FIELDS, FactType

#: Seconds a question stays open when a rule does not say (24 hours); nothing waits for ever by accident.
DEFAULT_EXPIRES = 24 * 3600
#: Roles a rule may name when the file has no list of its own.
STANDARD_ROLES = ("analyst", "approver", "soc-lead", "server-owner", "identity-admin", "admin")

_DURATION = re.compile(r"([1-9][0-9]{0,5})(s|m|h|d)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(value: object) -> object:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("should be a duration such as 30m, 4h or 2d")
    return int(match.group(1)) * _UNITS[match.group(2)]


def _seconds_or_never(value: object) -> object:
    return 0 if value == "never" else _seconds(value)


Duration = Annotated[int, BeforeValidator(_seconds)]
DurationOrNever = Annotated[int, BeforeValidator(_seconds_or_never)]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9_.-]*$")]


class Ask(Strict):
    """People who must agree."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)

    approvals: Annotated[int, Field(ge=1, le=10)]
    #: Roles that count; empty means any approver.
    roles: Annotated[tuple[Name, ...], Field(alias="from", strict=False)] = ()
    #: Seconds until the question closes; 0 never.
    expires: DurationOrNever = DEFAULT_EXPIRES


class Limit(Strict):
    """How often a rule allows; beyond it the rule asks."""

    per_hour: Annotated[int | None, Field(ge=0)] = None
    per_day: Annotated[int | None, Field(ge=0)] = None


class GivenArgument(Strict):
    """One argument in an example."""

    value: Fact
    trusted: bool = False
    sources: list[str] = Field(default_factory=list)


class _GivenCall(Strict):
    #: The tool called; without it the example holds for every tool of its rule.
    tool: str | None = None
    args: dict[str, GivenArgument] = Field(default_factory=dict)

    def groups(self) -> dict[str, dict[str, Fact]]:
        """The facts that were given, by group."""
        given = self.model_dump(exclude_unset=True, exclude={"tool", "args"})
        return {group: dict(fields) for group, fields in given.items()}


_PYTHON_TYPES: dict[FactType, type] = {"bool": bool, "int": int, "double": float, "string": str}


def _given_model() -> type[_GivenCall]:
    groups: dict[str, Any] = {}
    for group, fields in FIELDS.items():
        columns: dict[str, Any] = {field: (_PYTHON_TYPES[kind], None) for field, kind in fields.items()}
        model = create_model(f"Given{group.title()}", __base__=Strict, **columns)
        groups[group] = (model, Field(default_factory=model))
    made: type[_GivenCall] = create_model("Given", __base__=_GivenCall, **groups)
    return made


if TYPE_CHECKING:
    Given = _GivenCall
else:
    #: Partial facts of an example: one optional group per group of facts.
    Given = _given_model()


class Example(Strict):
    """What the whole policy must answer in one situation."""

    given: Given
    expect: OutcomeName
    #: For `ask`: how many approvals it must take.
    approvals: int | None = None


def _then_kind(value: object) -> str:
    return "ask" if isinstance(value, dict | Ask) else "word"


def _word(value: object) -> object:
    if value not in ("allow", "deny"):
        near = difflib.get_close_matches(str(value), ["allow", "deny"], n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"should be allow, deny or {{approvals: 1, from: [soc-lead], expires: 4h}}{hint}")
    return value


Word = Annotated[Literal["allow", "deny"], BeforeValidator(_word)]
Then = Annotated[Annotated[Word, Tag("word")] | Annotated[Ask, Tag("ask")], Discriminator(_then_kind)]


class Rule(Strict):
    """One rule about some tools."""

    id: Name
    tools: Annotated[list[str], Field(min_length=1)]
    #: CEL; without it the rule always matches.
    when: str | None = None
    then: Then
    #: Seconds until the effect reverts by itself; 0 stays.
    lease: Duration = 0
    limit: Limit | None = None
    reason: Annotated[str, Field(max_length=500)] = ""
    examples: Annotated[list[Example], Field(min_length=1)]

    @field_validator("tools")
    @classmethod
    def _tools_are_names(cls, tools: list[str]) -> list[str]:
        for tool in tools:
            if not re.fullmatch(r"[a-z][a-z0-9_]*", tool):
                raise ValueError(f"names `{tool}`; name every tool, there are no wildcards")
        if len(set(tools)) != len(tools):
            raise ValueError("names a tool twice; keep one")
        return tools

    @model_validator(mode="after")
    def _parts_fit(self) -> Rule:
        if self.lease and self.then == "deny":
            raise ValueError("a rule that denies has no lease; remove it")
        if self.limit is not None and self.then != "allow":
            raise ValueError("only a rule that allows has a limit; remove it")
        return self


class ActionRules(Strict):
    """Everything in `actions.yaml`."""

    roles: list[Name] = Field(default_factory=lambda: list(STANDARD_ROLES))
    rules: Annotated[list[Rule], Field(min_length=1)]
