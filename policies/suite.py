"""`*_test.yaml`: what the whole policy must answer in situations that belong to no single rule. Not in its hash."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from core.ticket import Strict
from policies.actions import Expectation, Given, Name
from policies.sentences import faults


class Case(Expectation):
    """One situation, in which one tool is called."""

    #: What it shows, as a sentence.
    name: Annotated[str, Field(min_length=1, max_length=200)]
    #: For `ask`: the roles that count, in any order.
    roles: list[Name] | None = None
    #: The rules that give the answer, all of them, in any order; [] when no rule matches.
    rules: list[Name] | None = None

    @field_validator("given")
    @classmethod
    def _names_a_tool(cls, given: Given) -> Given:
        if given.tool is None:
            raise ValueError("names no tool; add `tool`")
        return given

    @field_validator("roles")
    @classmethod
    def _only_questions_take_roles(cls, roles: list[str] | None, info: ValidationInfo) -> list[str] | None:
        if info.data.get("expect", "ask") != "ask":
            raise ValueError("belongs to `expect: ask` only; remove it")
        return roles


class Suite(Strict):
    """Everything in one `*_test.yaml`."""

    #: The situations.
    tests: Annotated[list[Case], Field(min_length=1)]

    @field_validator("tests")
    @classmethod
    def _names_are_unique(cls, tests: list[Case]) -> list[Case]:
        names = [case.name for case in tests]
        twice = [
            ((number, "name"), "another test has this name; give each its own")
            for number, name in enumerate(names)
            if name in names[:number]
        ]
        if twice:
            raise faults(twice)
        return tests
