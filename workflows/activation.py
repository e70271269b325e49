"""The life of the policy: who may change what is live, and how. A change is an action under the rules of approval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from core.audit import AuditEvent
from core.bundle_change import (
    ACTIVATE,
    Activation,
    BundleAnswer,
    BundleChange,
    ChangeState,
    Origin,
    StoredBundle,
    change_digest,
)
from core.canonical import JsonObject
from core.decision import ArgumentFacts, Decision, Facts, Outcome
from core.errors import ApprovalRefused, Temporary
from core.ids import new_id
from core.store.engine import Store
from core.store.transaction import Transaction
from workflows import questions
from workflows.decision_log import activation_entry
from workflows.review import review
from workflows.services import Pinned
from workflows.stored_bundle import load_stored

if TYPE_CHECKING:
    from core.decision_log import DecisionEntry
    from policies.bundle import Bundle
    from policies.source import BundleSource
    from tools.registry import Registry

#: Who answers where the live policy has no rule for its own change, how many of them, and within how many seconds.
ADMIN = "admin"
APPROVALS = 2
EXPIRES_SECONDS = 7 * 24 * 3600


def propose(
    store: Store, registry: Registry, live: Pinned, source: BundleSource, *, author: str, reason: str, origin: Origin
) -> BundleChange:
    """Ask whether a bundle may go live; returns the question, or the one that waits for the same already.

    Raises:
        BundleInvalid: the bundle has problems; all of them, and nothing is kept.
        ApprovalRefused: it is live already, breaks its own invariants, or the live policy denies changing it.
        Temporary: the store is away, or another bundle went live meanwhile.
    """
    from policies.bundle import load_bundle

    if not reason.strip():
        raise ApprovalRefused("A change of the policy needs a reason, for those who answer it.")
    candidate = load_bundle(source, tools=registry.shapes())
    with store.read() as tx:
        waiting = _waiting(tx, candidate.hash, live.live)
    if waiting is not None:
        return waiting
    found = review(store, registry, candidate, live.bundle)
    decision, entry = ask_policy(live.bundle, candidate.hash, store)
    if decision.outcome is Outcome.DENY:
        with store.begin() as tx:
            tx.decisions.add(entry)
        raise ApprovalRefused(f"The live policy denies this change: {decision.reason}")
    with store.begin() as tx:
        tx.bundles.lock()
        if tx.bundles.live_hash() != live.live:
            raise Temporary("Another policy bundle went live a moment ago; propose the change again.")
        waiting = _waiting(tx, candidate.hash, live.live)
        if waiting is not None:
            return waiting
        change = _change(store, candidate.hash, live.live, decision, author=author, reason=reason)
        _keep(tx, store, candidate, author=author, reason=reason, origin=origin)
        tx.decisions.add(entry)
        about = {"change": change.id, "bundle": candidate.hash, "base": live.live, "decision": entry.id}
        event = AuditEvent(action="policy.change_proposed", actor=author, data=about)
        tx.bundles.changes.ask(change, review=found, audit=event)
    return change


def answer(
    store: Store,
    change_id: str,
    *,
    person: str,
    roles: Sequence[str],
    approve: bool,
    reason: str,
    digest: str | None = None,
    authenticated_at: datetime | None = None,
) -> BundleChange:
    """Record one person's answer; with the last yes the bundle goes live in the same transaction.

    `digest` is what the person saw; without one, that the change of this id is the one meant.
    `authenticated_at` is when their session last saw a password or a link; an API key and a terminal have none.

    Raises:
        ReauthenticationNeeded: it would count, but policy asks for a fresher sign-in; nothing was changed.
        ApprovalRefused: the answer does not count, and why.
        NotFound: there is no such change.
    """
    actor = f"user:{person}"
    with store.begin() as tx:
        tx.bundles.lock()
        change = tx.bundles.changes.get(change_id)
        outdated = change.state is ChangeState.PENDING and change.base_hash != tx.bundles.live_hash()
        if outdated:
            event = AuditEvent(action="policy.change_outdated", actor=actor)
            tx.bundles.changes.move(change, ChangeState.OUTDATED, event)
        else:
            check_answer(tx, store, change, person=person, roles=roles, digest=digest or change.digest)
            questions.check_fresh(change.decision, authenticated_at=authenticated_at, now=store.clock.now())
            if not approve and not reason.strip():
                raise ApprovalRefused("A denial needs a reason, for whoever proposed the change.")
            _record(tx, store, change, person=person, roles=roles, approve=approve, reason=reason)
            _settle(tx, change, actor=actor)
        after = tx.bundles.changes.get(change_id)
    if outdated:
        raise ApprovalRefused("Another bundle went live since this change was proposed; propose it again.")
    return after


def check_answer(
    tx: Transaction, store: Store, change: BundleChange, *, person: str, roles: Sequence[str], digest: str
) -> None:
    """Raises:
    ApprovalRefused: this person may not answer this change now; the sentence says why.
    """
    question = questions.Question(
        about="change",
        again="propose it again",
        state=change.state.value,
        pending=change.state is ChangeState.PENDING,
        # Made again from what it is about, so that a row that was tampered with takes no answers.
        digest=change_digest(change.bundle_hash, change.base_hash),
        asked_by=change.author,
        roles=change.decision.roles,
        expires_at=change.expires_at,
        answered=frozenset(given.person for given in tx.bundles.changes.answers(change.id)),
    )
    questions.check(question, person=person, roles=roles, digest=digest, now=store.clock.now())


def can_answer(tx: Transaction, store: Store, change: BundleChange, *, person: str, roles: Sequence[str]) -> bool:
    """Whether `check_answer` would let this person answer."""
    try:
        check_answer(tx, store, change, person=person, roles=roles, digest=change.digest)
    except ApprovalRefused:
        return False
    return True


def rollback(store: Store, registry: Registry, *, person: str, roles: Sequence[str], reason: str) -> Activation:
    """Make the bundle live that was live directly before; one admin is enough, because it was live with approval.

    Raises:
        ApprovalRefused: no admin, no reason, nothing to go back to, or the last change was a rollback itself.
        BundleInvalid: the bundle before does not load in this release.
    """
    if ADMIN not in roles:
        raise ApprovalRefused(f"A rollback takes the role {ADMIN}; {person} does not have it.")
    if not reason.strip():
        raise ApprovalRefused("A rollback needs a reason, for everybody who works under the policy.")
    with store.read() as tx:
        target = _before(tx)
    load_stored(store, target, registry)
    with store.begin() as tx:
        tx.bundles.lock()
        if _before(tx) != target:
            raise Temporary("Another policy bundle went live a moment ago; look at `casemate policy history` again.")
        return tx.bundles.activate(target, kind="rollback", actor=f"user:{person}", reason=reason.strip())


def go_live_from_folder(store: Store, live: Pinned, candidate: Bundle, *, origin: Origin) -> Activation | None:
    """Make the folder's bundle live without asking, where the settings say so; None when it may not be.

    What was rolled back from waits for people, so that a folder does not undo what an admin undid.
    """
    with store.begin() as tx:
        tx.bundles.lock()
        if tx.bundles.live_hash() != live.live or tx.bundles.rolled_back(candidate.hash):
            return None
        reason = "The policy folder changed, and CASEMATE_POLICY_ACTIVATION is files."
        _keep(tx, store, candidate, author=origin, reason=reason, origin=origin)
        return tx.bundles.activate(candidate.hash, kind="files", actor=origin, reason=reason)


def expire(store: Store) -> None:
    """Close changes that nobody answered in time."""
    with store.begin() as tx:
        for change in tx.bundles.changes.overdue():
            to = ChangeState.DENIED if change.decision.on_expiry == "deny" else ChangeState.EXPIRED
            tx.bundles.changes.move(change, to, AuditEvent(action=f"policy.change_{to.value}", actor="clock"))


def ask_policy(live: Bundle, bundle_hash: str, store: Store) -> tuple[Decision, DecisionEntry]:
    """What the live policy says of making a bundle live, and the entry of that for the log.

    It never goes live unasked: an allow takes one approval, and where no rule speaks of it, two admins.
    """
    from policies.vocabulary import facts_over_strictest
    from tools.decision_log import timed
    from tools.facts import time_facts

    given = {"time": time_facts(store.clock.now())}
    bundle = ArgumentFacts(value=bundle_hash, trusted=True, sources=())
    facts: Facts = facts_over_strictest(ACTIVATE, {"bundle": bundle}, given)
    decision, spent = timed(live, facts)
    if not live.rules_for(ACTIVATE):
        decision = Decision(
            outcome=Outcome.ASK,
            rules=(),
            reason=f"No rule speaks of {ACTIVATE}, so {APPROVALS} admins must agree.",
            bundle_hash=live.hash,
            approvals=APPROVALS,
            roles=(ADMIN,),
            expires_seconds=EXPIRES_SECONDS,
        )
    entry = activation_entry(facts=facts, decision=decision, microseconds=spent)
    if decision.outcome is Outcome.ALLOW:
        decision = replace(decision, outcome=Outcome.ASK, approvals=1, expires_seconds=EXPIRES_SECONDS)
    return replace(decision, roles=decision.roles or (ADMIN,)), entry


def card(tx: Transaction, change: BundleChange) -> JsonObject:
    """Everything a person needs to decide on one change, but the review."""
    return {
        "id": change.id,
        "bundle": change.bundle_hash,
        "base": change.base_hash,
        "author": change.author,
        "reason": change.reason,
        "state": change.state.value,
        "digest": change.digest,
        "decision": change.decision.as_json(),
        "expires_at": change.expires_at.isoformat() if change.expires_at else None,
        "created_at": change.created_at.isoformat(),
        "answers": [given.as_json() for given in tx.bundles.changes.answers(change.id)],
    }


def activation_json(activation: Activation) -> JsonObject:
    """One line of the history of what was live."""
    return {
        "bundle": activation.bundle_hash,
        "before": activation.previous_hash,
        "kind": activation.kind,
        "change": activation.change_id,
        "by": activation.actor,
        "reason": activation.reason,
        "at": activation.created_at.isoformat(),
    }


def _waiting(tx: Transaction, bundle_hash: str, live: str) -> BundleChange | None:
    """The question that waits for the same already.

    Raises:
        ApprovalRefused: the bundle is live.
    """
    if bundle_hash == live:
        raise ApprovalRefused(
            f"The bundle {bundle_hash[:12]} is already live; comments, layout and tests change nothing."
        )
    late = {change.id for change in tx.bundles.changes.overdue()}
    same = (c for c in tx.bundles.changes.waiting() if (c.bundle_hash, c.base_hash) == (bundle_hash, live))
    return next((change for change in same if change.id not in late), None)


def _change(
    store: Store, bundle_hash: str, base_hash: str, decision: Decision, *, author: str, reason: str
) -> BundleChange:
    now = store.clock.now()
    return BundleChange(
        id=new_id("chg"),
        bundle_hash=bundle_hash,
        base_hash=base_hash,
        author=author,
        reason=reason.strip(),
        state=ChangeState.PENDING,
        decision=decision,
        digest=change_digest(bundle_hash, base_hash),
        expires_at=now + timedelta(seconds=decision.expires_seconds) if decision.expires_seconds else None,
        created_at=now,
        updated_at=now,
    )


def _keep(tx: Transaction, store: Store, bundle: Bundle, *, author: str, reason: str, origin: Origin) -> None:
    now = store.clock.now()
    kept = StoredBundle(
        hash=bundle.hash, files=bundle.files, author=author, reason=reason, origin=origin, created_at=now
    )
    tx.bundles.keep(kept)


def _record(
    tx: Transaction,
    store: Store,
    change: BundleChange,
    *,
    person: str,
    roles: Sequence[str],
    approve: bool,
    reason: str,
) -> None:
    given = BundleAnswer(
        id=new_id("apr"),
        change_id=change.id,
        person=person,
        roles=tuple(roles),
        approve=approve,
        reason=reason.strip(),
        digest=change.digest,
        created_at=store.clock.now(),
    )
    about = {"change": change.id, "approve": approve, "digest": change.digest}
    tx.bundles.changes.answer(given, AuditEvent(action="policy.change_answered", actor=f"user:{person}", data=about))


def _settle(tx: Transaction, change: BundleChange, *, actor: str) -> None:
    """One denial denies; a full quorum makes it live; until then it waits."""
    answers = tx.bundles.changes.answers(change.id)
    agreed = questions.settled((given.approve for given in answers), needed=change.decision.approvals)
    if agreed is None:
        return
    to = ChangeState.LIVE if agreed else ChangeState.DENIED
    name = "approved" if agreed else "denied"
    tx.bundles.changes.move(change, to, AuditEvent(action=f"policy.change_{name}", actor=actor))
    if agreed:
        tx.bundles.activate(change.bundle_hash, kind="change", actor=actor, reason=change.reason, change_id=change.id)


def _before(tx: Transaction) -> str:
    """What a rollback goes back to.

    Raises:
        ApprovalRefused: there is nothing, or it would bring back what was rolled back from.
    """
    newest = tx.bundles.live()
    if newest is None or newest.previous_hash is None:
        raise ApprovalRefused("No other bundle was live before, so there is nothing to go back to.")
    if newest.kind == "rollback":
        raise ApprovalRefused(
            f"The last change was a rollback from {newest.previous_hash[:12]}; to make that or an older one live is a "
            "change that others approve: `casemate policy propose --hash HASH`."
        )
    return newest.previous_hash
