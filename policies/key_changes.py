"""What changed in the parts of a bundle that are no rules, such as masking and model endpoints, key by key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.canonical import JsonObject
from policies.compiled import Bundle

#: Changes that are listed; a bundle with more is another bundle.
MAX_CHANGES = 500
#: Characters of a value that are shown.
MAX_SHOWN = 80
#: What tells the entries of a list apart.
_NAMES = ("username", "hostname", "id", "name", "pattern")


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyChange:
    """One value that was added, removed or replaced; None where there is none."""

    #: `organization.assets[SRV-1].tier`.
    key: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.key}: added {self.after}"
        if self.after is None:
            return f"{self.key}: removed {self.before}"
        return f"{self.key}: {self.before} → {self.after}"

    def as_json(self) -> JsonObject:
        return {"key": self.key, "before": self.before, "after": self.after}


def key_changes(before: Bundle, after: Bundle) -> tuple[KeyChange, ...]:
    """The differences of organization, masking, guardrails, network and models, and of the roles that exist."""
    found: list[KeyChange] = []
    for old, new in zip(_parts(before), _parts(after), strict=True):
        for change in _changes("", old, new):
            if len(found) == MAX_CHANGES:
                return tuple(found)
            found.append(change)
    return tuple(found)


def _parts(bundle: Bundle) -> Iterator[JsonObject]:
    yield {"organization": bundle.organization.model_dump(mode="json", by_alias=True)}
    yield {"masking": bundle.masking.model_dump(mode="json", by_alias=True, exclude={"examples"})}
    yield {"guardrails": bundle.guardrails.model_dump(mode="json", by_alias=True)}
    yield {"network": bundle.network.model_dump(mode="json", by_alias=True, exclude_none=True)}
    yield {"models": bundle.models.model_dump(mode="json", exclude_none=True)}
    yield {"actions": {"roles": sorted(bundle.actions.roles)}}


def _changes(key: str, old: Any, new: Any) -> Iterator[KeyChange]:
    if old == new:
        return
    old_items, new_items = _items(old), _items(new)
    if old_items is None or new_items is None:
        yield KeyChange(key=key, before=_shown(old), after=_shown(new))
        return
    for name in dict.fromkeys((*old_items, *new_items)):
        inner = f"{key}{name}" if name.startswith("[") or not key else f"{key}.{name}"
        if name not in new_items:
            yield KeyChange(key=inner, before=_shown(old_items[name]), after=None)
        elif name not in old_items:
            yield KeyChange(key=inner, before=None, after=_shown(new_items[name]))
        else:
            yield from _changes(inner, old_items[name], new_items[name])


def _items(value: Any) -> dict[str, Any] | None:
    """The entries of a mapping or a list by name; None for a single value."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, list):
        return None
    found: dict[str, Any] = {}
    for number, entry in enumerate(value):
        name = next((str(entry[key]) for key in _NAMES if key in entry), None) if isinstance(entry, dict) else None
        plain = json.dumps(entry, ensure_ascii=False) if not isinstance(entry, dict | list) else str(number)
        found[f"[{name if name is not None else plain}]"] = entry
    return found


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"
