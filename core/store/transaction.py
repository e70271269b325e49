"""One transaction and the tables in it. Every writing method takes the audit event of the write."""

from __future__ import annotations

from functools import cached_property

from sqlalchemy.orm import Session

from core.clock import Clock
from core.store.api_keys import ApiKeys
from core.store.assessments import Assessments
from core.store.audit import AuditTrail
from core.store.behind import Behind
from core.store.bundles import Bundles
from core.store.claims import Claims
from core.store.decisions import Decisions
from core.store.effects import Effects
from core.store.evidence import EvidenceLog
from core.store.feedback import FeedbackLog
from core.store.figures import Figures
from core.store.intel import Intel
from core.store.maskings import Maskings
from core.store.mcp import McpPins
from core.store.operations import Operations
from core.store.outbox import Outbox
from core.store.policy_figures import PolicyFigures
from core.store.probes import Probes
from core.store.proposals import Proposals
from core.store.reviews import Reviews
from core.store.saved_views import SavedViews
from core.store.sessions import Sessions
from core.store.tickets import Tickets
from core.store.tries import Tries
from core.store.upkeep import Upkeep
from core.store.users import Users
from core.store.vault import Vault
from core.store.worklist import Worklist
from core.vault import MasterKeys


class Transaction:
    """What can be read and written together. Made by `Store.begin` and `Store.read` only."""

    def __init__(self, session: Session, *, clock: Clock, keyring: MasterKeys) -> None:
        self._session = session
        self._clock = clock
        self._keyring = keyring

    @cached_property
    def audit(self) -> AuditTrail:
        return AuditTrail(self._session, self._clock)

    @cached_property
    def tickets(self) -> Tickets:
        return Tickets(self._session, self._clock, self.vault, self.audit)

    @cached_property
    def vault(self) -> Vault:
        return Vault(self._session, self._clock, self._keyring, self.audit)

    @cached_property
    def maskings(self) -> Maskings:
        return Maskings(self._session, self.audit)

    @cached_property
    def evidence(self) -> EvidenceLog:
        return EvidenceLog(self._session, self.audit)

    @cached_property
    def assessments(self) -> Assessments:
        return Assessments(self._session, self._clock, self.audit)

    @cached_property
    def proposals(self) -> Proposals:
        return Proposals(self._session, self._clock, self.audit)

    @cached_property
    def effects(self) -> Effects:
        return Effects(self._session, self._clock, self.vault, self.audit)

    @cached_property
    def decisions(self) -> Decisions:
        return Decisions(self._session, self._clock)

    @cached_property
    def policy_figures(self) -> PolicyFigures:
        return PolicyFigures(self._session)

    @cached_property
    def bundles(self) -> Bundles:
        return Bundles(self._session, self._clock, self.vault, self.audit)

    @cached_property
    def outbox(self) -> Outbox:
        return Outbox(self._session, self._clock, self.audit)

    @cached_property
    def intel(self) -> Intel:
        return Intel(self._session, self.audit)

    @cached_property
    def mcp(self) -> McpPins:
        return McpPins(self._session, self._clock, self.audit)

    @cached_property
    def probes(self) -> Probes:
        return Probes(self._session, self._clock, self.audit)

    @cached_property
    def operations(self) -> Operations:
        return Operations(self._session, self._clock, self.audit)

    @cached_property
    def users(self) -> Users:
        return Users(self._session, self._clock, self.audit)

    @cached_property
    def sessions(self) -> Sessions:
        return Sessions(self._session, self._clock, self.audit)

    @cached_property
    def tries(self) -> Tries:
        return Tries(self._session, self._clock, self.vault, self.audit)

    @cached_property
    def api_keys(self) -> ApiKeys:
        return ApiKeys(self._session, self._clock, self.audit)

    @cached_property
    def feedback(self) -> FeedbackLog:
        return FeedbackLog(self._session, self._clock, self.audit)

    @cached_property
    def claims(self) -> Claims:
        return Claims(self._session, self._clock, self.audit)

    @cached_property
    def saved_views(self) -> SavedViews:
        return SavedViews(self._session, self._clock, self.audit)

    @cached_property
    def reviews(self) -> Reviews:
        return Reviews(self._session, self._clock, self.vault, self.audit)

    @cached_property
    def figures(self) -> Figures:
        return Figures(self._session)

    @cached_property
    def behind(self) -> Behind:
        return Behind(self._session)

    @cached_property
    def worklist(self) -> Worklist:
        return Worklist(self._session, self._clock)

    @cached_property
    def upkeep(self) -> Upkeep:
        return Upkeep(self._session)
