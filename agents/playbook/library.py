"""Loads playbooks and refuses one that contradicts itself or lets untrusted text excuse an attack."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from agents.playbook import document
from agents.playbook.schema import (
    AUTHENTICATED_FACT,
    AUTHENTICATING_TOOL,
    FREE_TEXT_TOOLS,
    TRUSTED_TOOLS,
    Look,
    Playbook,
    Sign,
    Test,
)
from core.errors import BundleInvalid, Problem

PLAYBOOKS = Path(__file__).parent.parent / "playbooks"

#: The step every playbook starts from: E1.
TICKET_STEP = "read_ticket"
_PLACEHOLDER = re.compile(r"\{([a-z][^{}]*)\}")


def load_playbooks(directory: Path = PLAYBOOKS) -> dict[str, Playbook]:
    """Every playbook of a directory by name.

    Raises:
        BundleInvalid: with the problems of all files at once.
    """
    problems: list[Problem] = []
    playbooks: dict[str, Playbook] = {}
    for path in sorted(directory.glob("*.yaml")):
        try:
            playbook = _with_queries(document.read(path, Playbook), path)
        except BundleInvalid as error:
            problems += error.problems
            continue
        if playbook.playbook != path.stem:
            problems.append(document.problem(path, f"playbook: is `{playbook.playbook}`; name it like its file"))
        problems += [document.problem(path, message) for message in mistakes(playbook)]
        playbooks[playbook.playbook] = playbook
    if not playbooks and not problems:
        problems.append(document.problem(directory, "holds no playbook; name a directory with *.yaml playbooks"))
    if problems:
        raise BundleInvalid(problems)
    return playbooks


@lru_cache(maxsize=1)
def shipped_playbooks() -> Mapping[str, Playbook]:
    """The playbooks in this package, read once."""
    return load_playbooks()


def mistakes(playbook: Playbook) -> list[str]:
    """What the schema alone cannot see, one sentence each."""
    found = list(_step_mistakes(playbook))
    steps = {look.name: look for look in playbook.steps}
    known = {*steps, TICKET_STEP}
    for place, sign in _signs(playbook):
        found += _unknown(place, {*sign.when.facts(), *placeholders(sign.says)}, known | {"item", "ticket"})
        if sign.explains and not _grounded(sign.when, steps):
            found.append(
                f"{place}: takes points away without resting on a trusted fact; add a fact of "
                f"{', '.join(sorted(TRUSTED_TOOLS))} (asked about a structured field) or `{AUTHENTICATED_FACT}` of "
                f"{AUTHENTICATING_TOOL}, in every alternative"
            )
    for index, response in enumerate(playbook.respond):
        paths = {*placeholders([response.arguments, response.reason]), *_facts(response.when), *_facts(response.only)}
        paths |= {response.each} if response.each else set()
        found += _unknown(f"respond.{index}", paths, known | {"item", "ticket"})
        found += [f"respond.{index}: rests_on names no step `{s}`" for s in response.rests_on if s not in known]
    for index, reason in enumerate(playbook.severity.raise_):
        found += _unknown(f"severity.raise.{index}", reason.when.facts(), known | {"ticket"})
    found += _unknown("requires", _facts(playbook.requires), known)
    return found


def _with_queries(playbook: Playbook, path: Path) -> Playbook:
    """The playbook with the text of its SQL files as arguments."""
    looks = [_with_query(look, path) for look in playbook.look]
    refuting = playbook.refute.model_copy(update={"look": [_with_query(look, path) for look in playbook.refute.look]})
    return playbook.model_copy(update={"look": looks, "refute": refuting})


def _with_query(look: Look, path: Path) -> Look:
    if look.query is None:
        return look
    file = path.parent / "queries" / f"{look.query}.sql"
    if not file.is_file():
        raise BundleInvalid([document.problem(path, f"look `{look.name}`: there is no queries/{look.query}.sql")])
    sql = " ".join(file.read_text(encoding="utf-8").split())
    return look.model_copy(update={"arguments": {**look.arguments, "sql": sql}})


def placeholders(template: Any) -> set[str]:
    """Every path a template reads."""
    if isinstance(template, dict):
        return set().union(*(placeholders(v) for v in template.values())) if template else set()
    if isinstance(template, list):
        return set().union(*(placeholders(v) for v in template)) if template else set()
    if not isinstance(template, str):
        return set()
    return {path.strip() for match in _PLACEHOLDER.finditer(template) for path in match.group(1).split("|")}


def reads(look: Look) -> set[str]:
    """Every path a step reads."""
    paths = {*placeholders(look.arguments), *_facts(look.only), *_facts(look.when)}
    for test in (look.only, look.when):
        paths |= _references(test)
    return paths | ({look.each} if look.each else set())


def _step_mistakes(playbook: Playbook) -> Iterator[str]:
    seen = {TICKET_STEP}
    for look in playbook.steps:
        place = f"look `{look.name}`"
        if look.name in seen:
            yield f"{place}: the name is taken; give the step its own `step:`"
        yield from _unknown(place, reads(look), seen | {"item", "ticket"})
        if look.each is None and any(path.startswith("item.") or path == "item" for path in reads(look)):
            yield f"{place}: uses `item` without `each`"
        seen.add(look.name)


def _signs(playbook: Playbook) -> Iterator[tuple[str, Sign]]:
    for index, sign in enumerate(playbook.weigh):
        yield f"weigh.{index}", sign
    for index, sign in enumerate(playbook.refute.weigh):
        yield f"refute.weigh.{index}", sign


def _unknown(place: str, paths: set[str], known: set[str]) -> list[str]:
    heads = sorted({path.split(".")[0] for path in paths} - known)
    return [
        f"{place}: reads `{head}`, which is no step before it; the steps are {', '.join(sorted(known))}"
        for head in heads
    ]


def _facts(test: Test | None) -> set[str]:
    return test.facts() if test else set()


def _references(test: Test | None) -> set[str]:
    """Paths that a condition compares with, as in `contains: "{signins.country}"`."""
    if test is None:
        return set()
    own = placeholders([test.is_, test.contains, test.within])
    return own.union(*(_references(child) for child in test.children))


def _grounded(test: Test, steps: Mapping[str, Look]) -> bool:
    """True when the condition cannot hold without a trusted fact."""
    if test.all is not None:
        return any(_grounded(child, steps) for child in test.all)
    if test.any is not None:
        return all(_grounded(child, steps) for child in test.any)
    if test.fact is None or test.exists is not None or test.fact.split(".")[0] not in steps:
        return False
    look = steps[test.fact.split(".")[0]]
    if look.tool == AUTHENTICATING_TOOL:
        return test.fact == f"{look.name}.{AUTHENTICATED_FACT}" and test.is_ is True
    return look.tool in TRUSTED_TOOLS and not _from_free_text(look, steps)


def _from_free_text(look: Look, steps: Mapping[str, Look]) -> bool:
    for path in reads(look):
        head, _, rest = path.partition(".")
        source = steps[head].tool if head in steps else head
        if source in FREE_TEXT_TOOLS or (head == "ticket" and rest.split(".")[0] in {"title", "body"}):
            return True
    return False
