"""Who could answer what the live policy asks: roles that rules name, and the people and machines that hold them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from core.settings import Settings
from core.store.transaction import Transaction
from workflows.approvals import ANY_APPROVER

if TYPE_CHECKING:
    from policies.bundle import Bundle

#: Name → roles of everybody who may act: people with an account and machines with a key.
Holders = Mapping[str, frozenset[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Unanswerable:
    """A rule whose question waits for people who are not there."""

    rule: str
    needed: int
    roles: tuple[str, ...]
    #: How many hold one of these roles.
    held: int


def holders(tx: Transaction, settings: Settings, *, now: datetime) -> dict[str, frozenset[str]]:
    """Everybody who may act now: enabled accounts, valid keys of the database, keys of these settings."""
    found = {name: frozenset(key.roles) for name, key in settings.api_keys.items()}
    found |= {key.name: key.roles for key in tx.api_keys.all() if not key.is_over(now)}
    found |= {user.name: user.roles for user in tx.users.all() if user.disabled_at is None}
    return found


def asked_roles(bundle: Bundle) -> list[str]:
    """Every role that a rule of this bundle accepts answers from, by name."""
    return sorted({role for _, _, roles in _questions(bundle) for role in roles})


def unheld(bundle: Bundle, people: Holders) -> list[str]:
    """Roles that rules ask for and nobody holds."""
    held = _all(people.values())
    return [role for role in asked_roles(bundle) if role not in held]


def unanswerable(bundle: Bundle, people: Holders) -> list[Unanswerable]:
    """Rules that ask more people than hold one of the roles they accept."""
    found = []
    for rule, needed, roles in _questions(bundle):
        held = sum(not mine.isdisjoint(roles) for mine in people.values())
        if held < needed:
            found.append(Unanswerable(rule=rule, needed=needed, roles=roles, held=held))
    return found


def _questions(bundle: Bundle) -> list[tuple[str, int, tuple[str, ...]]]:
    from policies.actions import Ask

    rules = (compiled.rule for compiled in bundle.rules)
    asks = ((rule.id, rule.then) for rule in rules)
    return [(rule, then.approvals, then.roles or ANY_APPROVER) for rule, then in asks if isinstance(then, Ask)]


def _all(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset[str]().union(*sets)
