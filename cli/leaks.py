"""Looks for originals in what the model was really sent, independently of the masker and the egress guard."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from core.canonical import Json

if TYPE_CHECKING:
    from core.settings import Settings
    from core.store.engine import Store

#: Shorter values (a country code, an initial) are ordinary words; they are masked, but cannot be searched for.
SHORTEST = 4


def originals_in_requests(settings: Settings, store: Store, record: Path) -> int:
    """How often an original that any ticket's masking hides occurs in a recorded model request."""
    from agents.prompting import static_texts
    from agents.spec import load_teams

    ours = [text for spec in load_teams().by_name.values() for text in static_texts(spec)]
    lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
    return sum(1 for _ in leaks(originals(store), map(json.loads, lines), ours=ours))


def originals(store: Store) -> set[str]:
    """Every value that is masked in some ticket of this store."""
    from core.store.ticket_vault import TicketVault
    from policies.masking.words import is_particular

    with store.read() as tx:
        tickets = [ticket.id for ticket in tx.tickets.recent(limit=10_000) if ticket.shredded_at is None]
    entries = [entry for ticket_id in tickets for entry in TicketVault(store, ticket_id).entries()]
    # A town or an ordinary word is masked where it stands for somebody, and may stay in another ticket's log.
    values = {entry.value for entry in entries if is_particular(entry.value, entry.entity)}
    return {value for value in values if len(value) >= SHORTEST}


def leaks(values: Iterable[str], requests: Iterable[Json], *, ours: Iterable[str] = ()) -> Iterator[tuple[int, str]]:
    """(number of the request, original) for each that holds one, outside of `ours`: our own prompts."""
    patterns = {value: re.compile(rf"(?<!\w){re.escape(value)}(?!\w)", re.IGNORECASE) for value in set(values)}
    exempt = set(ours)
    for number, request in enumerate(requests, 1):
        messages = request.get("messages", []) if isinstance(request, dict) else request
        text = "\n".join(string for string in strings(messages) if string not in exempt)
        for value, pattern in patterns.items():
            if pattern.search(text):
                yield number, value


def strings(value: Json) -> Iterator[str]:
    """Every string in a JSON value, keys too; JSON inside a string is opened as well."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
            stack.extend(_opened(item))
        elif isinstance(item, dict):
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def _opened(text: str) -> list[Json]:
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return []
    try:
        inner = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return [inner] if inner != text else []
