"""`actions.yaml`: which tool calls are allowed, asked about or denied, with an example of each."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    create_model,
    field_validator,
)

from core.decision import OnExpiry, OutcomeName
from core.evidence import Fact
from core.ticket import Strict
from policies.meanings import MEANINGS
from policies.sentences import faults
from policies.vocabulary import CLOSED_SETS, FIELDS, FactType, strictest

#: Seconds a question stays open when a rule does not say (24 hours); nothing waits for ever by accident.
DEFAULT_EXPIRES = 24 * 3600
#: Roles a rule may name when the file has no list of its own.
STANDARD_ROLES = ("analyst", "approver", "soc-lead", "server-owner", "identity-admin", "admin")

_DURATION = r"[1-9][0-9]{0,5}[smhd]"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(_DURATION, value, re.ASCII):
        raise ValueError("should be a duration such as 30m, 4h or 2d")
    return int(value[:-1]) * _UNITS[value[-1]]


def _seconds_or_never(value: object) -> object:
    if value == "never":
        return 0
    try:
        return _seconds(value)
    except ValueError as error:
        raise ValueError(f"{error}, or never") from None


_WRITTEN = {"type": "string", "examples": ["30m", "4h", "2d"]}
Duration = Annotated[
    int, BeforeValidator(_seconds), WithJsonSchema({**_WRITTEN, "pattern": f"^{_DURATION}$"}, mode="validation")
]
DurationOrNever = Annotated[
    int,
    BeforeValidator(_seconds_or_never),
    WithJsonSchema({**_WRITTEN, "pattern": f"^({_DURATION}|never)$"}, mode="validation"),
]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9_.-]*$")]
#: Effects; 0 lets none through unasked.
Most = Annotated[int, Field(ge=0, le=1_000_000)]


class Ask(Strict):
    """People who must agree."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)

    #: How many different people must approve.
    approvals: Annotated[int, Field(ge=1, le=10)]
    #: Roles that count; left out or empty, any approver's does.
    roles: Annotated[tuple[Name, ...], Field(alias="from", strict=False)] = ()
    #: How long the question stays open: 30m, 4h, 2d or never; left out, 24 hours.
    expires: DurationOrNever = DEFAULT_EXPIRES
    #: What becomes of a question nobody answers: it lapses, the whole ticket goes to a person, or it counts as a no.
    on_expiry: OnExpiry = "expire"
    #: How old the sign-in of whoever answers may be: 5m, 1h; left out, any session or key will do.
    reauthenticate: Duration = 0

    @field_validator("on_expiry")
    @classmethod
    def _can_happen(cls, on_expiry: OnExpiry, info: ValidationInfo) -> OnExpiry:
        if info.data.get("expires") == 0:
            raise ValueError("never happens, because the question never expires; remove one of them")
        return on_expiry


class Window(Strict):
    """How many effects within a time."""

    #: Effects within an hour.
    per_hour: Most | None = None
    #: Effects within 24 hours.
    per_day: Most | None = None


class Limit(Window):
    """How often a rule allows; beyond it the rule asks."""

    #: Effects at the same target.
    per_target: Window | None = None
    #: Effects for tickets of the same source.
    per_source: Window | None = None

    def bounds(self) -> Iterator[tuple[str, int, str]]:
        """The fact that counts, how many it may be at most, and within what in words."""
        for window, prefix, words in (
            (self, "", ""),
            (self.per_target, "target_", " at one target"),
            (self.per_source, "source_", " for one source"),
        ):
            if window is not None and window.per_hour is not None:
                yield f"history.{prefix}last_hour", window.per_hour, f"an hour{words}"
            if window is not None and window.per_day is not None:
                yield f"history.{prefix}last_day", window.per_day, f"a day{words}"


def _argument_value(value: object) -> object:
    if not isinstance(value, str | bool | int | float):
        raise ValueError("should be one text, number, true or false")  # noqa: TRY004 (pydantic's word for refusal)
    return value


class GivenArgument(Strict):
    """One argument in an example."""

    #: The real value.
    value: Annotated[Fact, BeforeValidator(_argument_value)]
    #: It occurs in internal evidence.
    trusted: bool = False
    #: Ids of the evidence it was found in.
    sources: list[str] = Field(default_factory=list)


class _GivenCall(Strict):
    #: The tool called; without it the example holds for every tool of its rule.
    tool: str | None = None
    #: Arguments by name.
    args: dict[str, GivenArgument] = Field(default_factory=dict)

    def groups(self) -> dict[str, dict[str, Fact]]:
        """The facts that were given, by group."""
        given = self.model_dump(exclude_unset=True, exclude={"tool", "args"})
        return {group: dict(fields) for group, fields in given.items()}


_PYTHON_TYPES: dict[FactType, type] = {"bool": bool, "int": int, "double": float, "string": str}


def _given_field(group: str, field: str, kind: FactType) -> Any:
    """Type of a fact in an example: a value the fact can never have is refused."""
    name = f"{group}.{field}"
    meaning = MEANINGS[name]
    words = (*CLOSED_SETS.get(name, ()), str(strictest()[group][field]))
    # Of a closed set, and the value of what is not known.
    closed = typing.cast("type", Literal[tuple(dict.fromkeys(words))])
    type_ = closed if name in CLOSED_SETS else _PYTHON_TYPES[kind]
    return Annotated[type_, Field(ge=meaning.least, le=meaning.most, description=meaning.words)]


def _given_model() -> type[_GivenCall]:
    groups: dict[str, Any] = {}
    for group, fields in FIELDS.items():
        columns: dict[str, Any] = {field: (_given_field(group, field, kind), None) for field, kind in fields.items()}
        model = create_model(f"Given{group.title()}", __base__=Strict, __doc__=f"Facts `{group}`.", **columns)
        groups[group] = (model, Field(default_factory=model))
    made: type[_GivenCall] = create_model(
        "Given",
        __base__=_GivenCall,
        __doc__="Partial facts; what is left out takes its strictest value.",
        **groups,
    )
    return made


if TYPE_CHECKING:
    Given = _GivenCall
else:
    #: Partial facts of an example: one optional group per group of facts.
    Given = _given_model()


class Expectation(Strict):
    """A situation and what the whole policy must answer in it."""

    #: Facts of the situation.
    given: Given
    #: What the policy must answer.
    expect: OutcomeName
    #: For `ask`: how many approvals it must take.
    approvals: Annotated[int | None, Field(ge=1, le=10)] = None

    @field_validator("approvals")
    @classmethod
    def _only_questions_take_approvals(cls, approvals: int | None, info: ValidationInfo) -> int | None:
        if info.data.get("expect", "ask") != "ask":
            raise ValueError("belongs to `expect: ask` only; remove it")
        return approvals


class Example(Expectation):
    """What the whole policy must answer in one situation its rule speaks of."""


def _then_kind(value: object) -> str:
    return "ask" if isinstance(value, dict | Ask) else "word"


def _word(value: object) -> object:
    if value not in ("allow", "deny"):
        words = {"allow": "allow", "deny": "deny", "ask": "{approvals: 1}"}
        near = [words[word] for word in difflib.get_close_matches(str(value), words, n=1)]
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"should be allow, deny or {{approvals: 1, from: [soc-lead], expires: 4h}}{hint}")
    return value


Word = Annotated[Literal["allow", "deny"], BeforeValidator(_word)]
Then = Annotated[Annotated[Word, Tag("word")] | Annotated[Ask, Tag("ask")], Discriminator(_then_kind)]


class Rule(Strict):
    """One rule about some tools."""

    #: Name of the rule; what decisions and reports cite.
    id: Name
    #: The tools it speaks of, each by name.
    tools: Annotated[list[str], Field(min_length=1)]
    #: CEL; without it the rule always matches.
    when: Annotated[str, Field(min_length=1)] | None = None
    #: The answer: allow, deny, or a question to people.
    then: Then
    #: How long the effect lasts before it reverts by itself: 30m, 4h, 2d; left out, it stays.
    lease: Duration = 0
    #: How often the rule allows; beyond it the rule asks one person.
    limit: Limit | None = None
    #: One sentence for analysts and reports.
    reason: Annotated[str, Field(max_length=500)] = ""
    #: Situations and the answer of the whole policy; run at every load.
    examples: Annotated[list[Example], Field(min_length=1)]

    @field_validator("tools")
    @classmethod
    def _tools_are_names(cls, tools: list[str]) -> list[str]:
        found: list[tuple[tuple[int], str]] = []
        for position, tool in enumerate(tools):
            if not re.fullmatch(r"[a-z][a-z0-9_]*", tool):
                found.append(((position,), f"`{tool}` is no tool; name every tool, there are no wildcards"))
            elif tool in tools[:position]:
                found.append(((position,), f"`{tool}` stands in this list twice; keep one"))
        if found:
            raise faults(found)
        return tools

    # Both look at `then` alone, so that they speak up whatever else is wrong with the rule.
    @field_validator("lease")
    @classmethod
    def _denials_have_no_lease(cls, lease: int, info: ValidationInfo) -> int:
        if info.data.get("then") == "deny":
            raise ValueError("is nothing to a rule that denies; remove it")
        return lease

    @field_validator("limit")
    @classmethod
    def _limits_are_for_allowing(cls, limit: Limit | None, info: ValidationInfo) -> Limit | None:
        if info.data.get("then", "allow") != "allow":
            raise ValueError("only a rule that allows has a limit; remove it")
        if limit is not None and not list(limit.bounds()):
            raise ValueError("bounds nothing; write per_hour or per_day")
        return limit


class ActionRules(Strict):
    """Everything in `actions.yaml`."""

    #: Who may be named in `from`.
    roles: Annotated[list[Name], Field(min_length=1)] = Field(default_factory=lambda: list(STANDARD_ROLES))
    #: The rules; their order does not matter.
    rules: Annotated[list[Rule], Field(min_length=1)]

    @field_validator("roles")
    @classmethod
    def _roles_are_named_once(cls, roles: list[str]) -> list[str]:
        twice = [((n,), f"role `{role}` appears twice; keep one") for n, role in enumerate(roles) if role in roles[:n]]
        if twice:
            raise faults(twice)
        return roles
