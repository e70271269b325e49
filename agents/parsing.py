"""Turns what a role says into an assessment, or into a sentence that tells the role what to mend."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator

from pydantic import ValidationError

from core.assessment import Assessment, Finding, Verdict
from core.canonical import Json, JsonObject
from core.errors import ToolRefused

#: Characters of an answer that are looked at; a schema-sized answer is a tenth of it.
MAX_ANSWER = 100_000
#: Mistakes named to the role at once.
MAX_MISTAKES = 5
#: Places in an answer where an object is looked for.
MAX_STARTS = 50


def parse_assessment(text: str, evidence_ids: Collection[str]) -> Assessment:
    """The assessment in `text`, as it was said; the guardrails settle what may be shown of it.

    Raises:
        ToolRefused: the sentence goes back to the role, which may try again.
    """
    candidates = list(_objects(text[:MAX_ANSWER]))
    if not candidates:
        raise ToolRefused("Your answer holds no JSON object; answer with one JSON object and nothing else.")
    # Models think aloud before they answer, so the last object that looks like an answer counts.
    value = next((c for c in reversed(candidates) if "verdict" in c), candidates[-1])
    try:
        answer = Assessment.model_validate(value)
    except ValidationError as error:
        raise ToolRefused(f"Your answer does not fit the schema: {_mistakes(error)}. Answer again.") from None
    if not cited(answer, evidence_ids).findings and answer.verdict is not Verdict.NEEDS_INFORMATION:
        raise ToolRefused(
            f"The verdict `{answer.verdict.value}` rests on no finding that cites evidence of this ticket; "
            "cite evidence ids such as E2 in `findings`, or answer `needs_information`."
        )
    return answer


def cited(answer: Assessment, evidence_ids: Collection[str]) -> Assessment:
    """The assessment without findings that cite no evidence of this ticket: a draft that others may build on."""
    return answer.model_copy(update={"findings": list(_cited(answer.findings, evidence_ids))})


def _cited(findings: list[Finding], known: Collection[str]) -> Iterator[Finding]:
    for finding in findings:
        ids = [i for i in dict.fromkeys(finding.evidence) if i in known]
        if ids:
            yield finding.model_copy(update={"evidence": ids})


def _objects(text: str) -> Iterator[JsonObject]:
    """Every outermost JSON object in `text`, in order."""
    decoder = json.JSONDecoder()
    position = 0
    for _ in range(MAX_STARTS):
        position = text.find("{", position)
        if position < 0:
            return
        try:
            value, position = _decode(decoder, text, position)
        except (ValueError, RecursionError):
            position += 1
            continue
        if isinstance(value, dict):
            yield value


def _decode(decoder: json.JSONDecoder, text: str, position: int) -> tuple[Json, int]:
    return decoder.raw_decode(text, position)


def _mistakes(error: ValidationError) -> str:
    parts = []
    for item in error.errors(include_url=False, include_input=False, include_context=False)[:MAX_MISTAKES]:
        where = ".".join(str(part) for part in item["loc"]) or "answer"
        parts.append(f"`{where}`: {item['msg']}")
    return "; ".join(parts)
