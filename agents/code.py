"""Code that a role writes into its answer, run as its own call of `run_python`: no other way runs code of a model.

Both frameworks have code executors of their own, some of which run on the host. Ours are thin: they come here, and
here it is an ordinary tool call, with its budget, policy, sandbox, evidence and masking.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from agents.course import Course
from agents.spec import RUN_PYTHON, RoleSpec
from core.canonical import JsonObject

#: A block of Python in Markdown, exactly as AutoGen's speaker looks for it.
BLOCK = re.compile(r"```\s*(?:python|py)\n[\s\S]*?```", re.IGNORECASE)
#: What a role may call the language.
PYTHON = frozenset({"python", "py"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """What a piece of code came to, as its writer reads it."""

    output: str
    failed: bool


class CodeRunner:
    """Runs one role's code in one run of a team."""

    def __init__(self, course: Course, role: RoleSpec) -> None:
        self._course = course
        self._role = role

    async def run(self, code: str) -> Ran:
        """Never raises but for cancellation."""
        try:
            result = await self._course.call(self._role, RUN_PYTHON, {"code": code})
        except Exception as error:  # noqa: BLE001 - a framework that sees an exception here hangs or breaks off
            return Ran(output=f"The code could not be run ({type(error).__name__}).", failed=True)
        return _told(result)


def _told(result: JsonObject) -> Ran:
    if "error" in result:
        return Ran(output=str(result["error"]), failed=True)
    facts, detail = result.get("facts", {}), result.get("detail", {})
    parts = [f"{result.get('evidence', 'No evidence')}: {result.get('summary', '')}", str(detail.get("output", ""))]
    if detail.get("value") is not None:
        parts.append(json.dumps(detail["value"], ensure_ascii=False))
    return Ran(output="\n".join(part for part in parts if part), failed=facts.get("ok") is not True)
