"""The tools as plain functions: no gate, no masking, no sandbox, no store. What `overhead.py` compares with."""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Callable, Coroutine
from typing import Any

from agents.parsing import parse_assessment
from agents.spec import CASE_FILE
from core.canonical import JsonObject
from core.errors import CasemateError
from core.store.engine import Store
from policies.compiled import Bundle
from tools.case import Case
from tools.detection.books import Rulebooks
from tools.inputs import prepare
from tools.registry import Registry, Tool

Function = Callable[..., Coroutine[Any, Any, Any]]

#: What a parameter of JSON Schema is in Python.
_TYPES: dict[str, Any] = {"string": str, "integer": int, "boolean": bool, "array": list[str]}


class PlainTools:
    """One ticket's tools, called in this process with the real data."""

    def __init__(self, case: Case, registry: Registry, bundle: Bundle, store: Store, rules: Rulebooks) -> None:
        self._case = case
        self._registry = registry
        self._bundle = bundle
        self._store = store
        self._rules = rules
        self.evidence: list[JsonObject] = []
        self.proposals: list[JsonObject] = []
        self._draft: JsonObject | None = None

    def call(self, name: str, arguments: JsonObject) -> JsonObject:
        """The tool's answer in the shape a gate would give it."""
        if name == CASE_FILE:
            return {
                "ticket": ticket_json(self._case),
                "evidence": self.evidence,
                "assessment": self._draft,
                "proposals": self.proposals,
            }
        tool = self._registry.get(name)
        if tool.acts:
            self.proposals.append({"proposal": f"p{len(self.proposals)}", "tool": name, "arguments": arguments})
            return {"proposal": f"p{len(self.proposals)}", "status": "recorded", "tool": name}
        try:
            found = self._run(tool, arguments)
        except CasemateError as error:
            return {"error": str(error)}
        shown = {"evidence": f"E{len(self.evidence) + 1}", "tool": name, "arguments": arguments,
                 "trust": tool.trust.value, **found}  # fmt: skip
        self.evidence.append(shown)
        return shown

    def _run(self, tool: Tool, arguments: JsonObject) -> JsonObject:
        assert tool.entry is not None
        module, _, function = tool.entry.partition(":")
        checked = tool.arguments.model_validate(arguments).model_dump()
        inputs = prepare(tool, checked, case=self._case, bundle=self._bundle, store=self._store)
        inputs |= self._rules.given(tool.needs)
        run = getattr(importlib.import_module(module), function)
        result: JsonObject = run(checked, inputs)
        return result

    def heard(self, text: str) -> None:
        """Remember an assessment, so that the next role finds it in the case file."""
        try:
            draft = parse_assessment(text, frozenset(shown["evidence"] for shown in self.evidence))
        except CasemateError:
            return
        self._draft = draft.model_dump(mode="json")

    def function(self, name: str, *, as_text: bool = False) -> Function:
        """The tool as a function with a signature, as both frameworks like their tools.

        `as_text` answers JSON text: AutoGen shows a model what `str()` makes of anything else.
        """

        async def call(**arguments: Any) -> Any:
            answer = self.call(name, arguments)
            return json.dumps(answer, ensure_ascii=False) if as_text else answer

        spec = None if name == CASE_FILE else self._registry.get(name).spec()
        properties = spec.parameters["properties"] if spec else {}
        kinds = {key: _TYPES.get(shape.get("type", ""), str) for key, shape in properties.items()}
        call.__name__ = name
        call.__doc__ = spec.description if spec else "The whole case so far."
        call.__annotations__ = {**kinds, "return": str if as_text else dict}
        call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # read by inspect.signature
            [inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, annotation=kind) for key, kind in kinds.items()],
            return_annotation=str if as_text else dict,
        )
        return call


def ticket_json(case: Case) -> JsonObject:
    """The ticket as it came."""
    original = case.original
    return {
        "title": original.title,
        "body": original.body,
        "fields": original.fields,
        "reporter": original.reporter,
        "occurred_at": original.occurred_at.isoformat() if original.occurred_at else None,
        "attachments": [
            {"index": index, "name": file.name, "bytes": len(file.content)}
            for index, file in enumerate(original.attachments)
        ],
    }


def opening(case: Case, first: JsonObject) -> str:
    """The first message to a bare team: the same data a casemate team starts from, unmasked."""
    return json.dumps({"kind": case.kind, "ticket": ticket_json(case), "evidence": [first]}, ensure_ascii=False)
