"""Past decisions with the facts policy saw then, and what another bundle says of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING

from core.decision import Decision, Facts
from core.decision_log import DecisionEntry, PastDecision, seal_context
from core.errors import NotFound, VaultError
from core.store.decisions import BATCH
from core.store.engine import Store
from core.store.transaction import Transaction
from core.vault import unseal

if TYPE_CHECKING:
    from policies.bundle import Bundle
    from tools.registry import Registry

ORGANIZATION = "organization.yaml"


class Unknown(StrEnum):
    """Why the facts of a past decision cannot be told any more. Nothing is guessed in their place."""

    SHREDDED = "shredded"  # its ticket was shredded, and masking had changed something in the facts
    NO_KEY = "no-key"  # the master key of its ticket is not here
    UNREADABLE = "unreadable"  # its facts were changed since, or another release wrote them
    UNLOGGED = "unlogged"  # it was decided before decisions were logged
    REFUSED = "refused"  # a token was refused, so policy was given no facts


class Recall:
    """Reads facts back in one transaction; every data key is unwrapped once."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._keys: dict[str, bytes] = {}
        self._asked: set[str] = set()

    def each(self, decisions: Iterable[PastDecision]) -> Iterator[tuple[PastDecision, Facts | Unknown]]:
        """Every decision with its facts, in the order given."""
        remaining = iter(decisions)
        while chunk := list(islice(remaining, BATCH)):
            self._unwrap(chunk)
            for past in chunk:
                yield past, self._facts(past)

    def one(self, past: PastDecision | DecisionEntry) -> Facts | Unknown:
        """The facts of a single decision."""
        self._unwrap([past])
        return self._facts(past)

    def _unwrap(self, chunk: Sequence[PastDecision | DecisionEntry]) -> None:
        wanted = {past.ticket_id for past in chunk if past.sealed and past.ticket_id} - self._asked
        if wanted:
            self._keys |= self._tx.vault.data_keys(wanted)
            self._asked |= wanted

    def _facts(self, past: PastDecision | DecisionEntry) -> Facts | Unknown:
        text = past.facts
        if past.sealed is not None:
            ticket_id = past.ticket_id or ""
            key = self._keys.get(ticket_id)
            if not past.sealed:
                return Unknown.SHREDDED
            if key is None:
                return Unknown.NO_KEY
            try:
                text = unseal(key, past.sealed, context=seal_context(past.id, ticket_id)).decode()
            except VaultError:
                return Unknown.UNREADABLE
        facts = json.loads(text) if isinstance(text, str) else text
        try:
            return Facts.from_json(facts) if facts else Unknown.REFUSED
        except (KeyError, TypeError):
            return Unknown.UNREADABLE


def past_facts(store: Store, *, since: datetime | None = None) -> Iterator[Facts]:
    """The real facts of every past decision of which they can still be told: trusted zone only."""
    with store.read() as tx:
        for _, facts in Recall(tx).each(tx.decisions.all_since(since)):
            if not isinstance(facts, Unknown):
                yield facts


class Judge:
    """What one bundle says of past calls. What an action aims at is looked up in the bundle's own organization."""

    def __init__(self, tx: Transaction, registry: Registry, bundle: Bundle) -> None:
        self.bundle = bundle
        self._tx = tx
        self._targets = {name: shape.target for name, shape in registry.shapes().items() if shape.target}
        #: Hash of a bundle that was live → whether its organization is this one's, so that the facts hold as they are.
        self._same = {bundle.hash: True}

    def decide(self, past: PastDecision, facts: Facts) -> Decision:
        """This bundle's answer to what was asked then."""
        from policies.engine import decide
        from tools.facts import under

        target = self._targets.get(past.tool)
        if target and not self._has_organization_of(past.bundle_hash):
            facts = under(self.bundle, facts, target)
        return decide(self.bundle, facts)

    def _has_organization_of(self, bundle_hash: str) -> bool:
        if bundle_hash not in self._same:
            try:
                files = self._tx.bundles.get(bundle_hash).files
            except (NotFound, VaultError):  # not known: looking the target up anew is right in any case
                files = {}
            self._same[bundle_hash] = files.get(ORGANIZATION) == self.bundle.files[ORGANIZATION]
        return self._same[bundle_hash]
