"""Entries for the decision log of one ticket: facts masked, and sealed where masking changed something in them."""

from __future__ import annotations

import json
import time
from typing import Any

from core.canonical import JsonObject
from core.decision import Decision, Facts, Outcome
from core.decision_log import DecisionEntry, Door, seal_context
from core.errors import ToolRefused
from core.ids import new_id
from core.store.columns import storable
from policies.compiled import Bundle
from policies.engine import decide
from policies.masking.session import MaskSession

#: Groups of facts that hold words, some of them about people. The others hold numbers and truths of our own making.
WORDS = ("ticket", "verdict", "asset", "identity", "team")


class Denied(ToolRefused):
    """Policy's refusal of a call, with the entry that the log gets."""

    def __init__(self, sentence: str, entry: DecisionEntry) -> None:
        super().__init__(sentence)
        self.entry = entry


class DecisionLog:
    """The entries of one ticket."""

    def __init__(self, session: MaskSession, ticket_id: str) -> None:
        self._session = session
        self._ticket_id = ticket_id
        #: Masked words by what they were: most calls of a run share them.
        self._known: dict[str, JsonObject] = {}

    def masked(self, facts: Facts, args: JsonObject) -> JsonObject:
        """The facts as they may be kept and shown; `args` are the arguments as they were masked already.

        Masks, which may write tokens: never inside a transaction.
        """
        shown = facts.as_json()
        for name, argument in shown["args"].items():
            argument["value"] = args[name]
        return {**shown, **self._masked_words({group: _words(shown[group]) for group in WORDS}, shown)}

    def entry(
        self,
        *,
        door: Door,
        facts: Facts,
        shown: JsonObject,
        decision: Decision,
        microseconds: int,
        proposal_id: str | None = None,
    ) -> DecisionEntry:
        """The entry of a decision on `facts`, of which `shown` is the masked form. Writes nothing: safe anywhere."""
        decision_id, exact = new_id("dec"), facts.as_json()
        sealed = None
        if storable(shown) != exact:
            plain = json.dumps(exact, separators=(",", ":")).encode()
            sealed = self._session.seal(plain, context=seal_context(decision_id, self._ticket_id))
        return DecisionEntry(
            id=decision_id,
            ticket_id=self._ticket_id,
            proposal_id=proposal_id,
            door=door,
            tool=facts.tool,
            facts=shown,
            sealed=sealed,
            decision=decision,
            microseconds=microseconds,
        )

    def refusal(
        self, *, door: Door, tool: str, reason: str, bundle: Bundle, proposal_id: str | None = None
    ) -> DecisionEntry:
        """The entry of a denial without facts: a token was forged or misplaced, and no rule may bring it back.

        The reason must be masked. Writes nothing: safe anywhere.
        """
        return DecisionEntry(
            id=new_id("dec"),
            ticket_id=self._ticket_id,
            proposal_id=proposal_id,
            door=door,
            tool=tool,
            facts={},
            sealed=None,
            decision=Decision(outcome=Outcome.DENY, rules=(), reason=reason, bundle_hash=bundle.hash),
            microseconds=0,
        )

    def _masked_words(self, words: dict[str, JsonObject], shown: JsonObject) -> JsonObject:
        key = repr(words)
        if key not in self._known:
            self._known[key] = self._session.mask_json(words)
        return {group: {**shown[group], **masked} for group, masked in self._known[key].items()}


def timed(bundle: Bundle, facts: Facts) -> tuple[Decision, int]:
    """What policy answers, and the microseconds that took."""
    started = time.perf_counter()
    decision = decide(bundle, facts)
    return decision, round((time.perf_counter() - started) * 1_000_000)


def _words(group: dict[str, Any]) -> JsonObject:
    return {name: value for name, value in group.items() if isinstance(value, str)}
