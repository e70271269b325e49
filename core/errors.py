"""Every error casemate raises on purpose.

CasemateError
├── ToolRefused        told to the model; the run goes on
│   └── ForeignToken   a token that this ticket never issued
├── Temporary          try again later; nothing is lost
│   ├── ModelUnavailable
│   ├── TargetUnavailable  an action's target system; nothing was done there
│   └── NoTables       casemate was never started on this database
├── TriageError        stop and tell a person
│   ├── SandboxUnavailable
│   ├── MaskingUnavailable
│   ├── EgressBlocked
│   ├── VaultError
│   │   └── Shredded   the originals were destroyed on purpose
│   ├── AuditBroken
│   ├── SecretMissing  a secret that a setting names is not there
│   └── Halted         the kill switch is on
├── InvalidTicket      the sender must mend the ticket (names the field)
│   └── TicketConflict same identity, other content
├── BundleInvalid      an admin must mend the policy (file, line, column)
├── ApprovalRefused    this person may not give this answer now
│   └── ReauthenticationNeeded  not before saying once more who they are
├── LeaseLost          another worker has the ticket; drop the work
├── Duplicate          a unique row is there already; read it instead
└── NotFound
"""

from __future__ import annotations

from dataclasses import dataclass


class CasemateError(Exception):
    """Base of all; its text is one sentence that says what to do."""


class ToolRefused(CasemateError):
    """A tool call that may not run; the sentence goes back to the model."""


class ForeignToken(ToolRefused):
    """A token that is unknown, forged, or belongs to another ticket."""


class Temporary(CasemateError):
    """Something outside is unwell; the step runs again later."""


class ModelUnavailable(Temporary):
    """The model endpoint does not answer, or answers with a server error."""


class TargetUnavailable(Temporary):
    """The system an action is for cannot be reached or wants to be left alone; it did nothing."""


class NoTables(Temporary):
    """The database is there and has no casemate tables: nothing was ever started on it."""


class NewerTables(CasemateError):
    """The database's tables are those of a newer release than this one."""


class TriageError(CasemateError):
    """The ticket cannot go on by itself; a person must look."""


class SandboxUnavailable(TriageError):
    """No sandbox of the allowed tier works here, so no tool may run."""


class MaskingUnavailable(TriageError):
    """A name model of the settings is not there, so no text may be shown to a model."""


class EgressBlocked(TriageError):
    """A request to a model carried an original value and was not sent."""


class VaultError(TriageError):
    """A sealed value cannot be opened: wrong key, wrong ticket, or changed bytes."""


class Shredded(VaultError):
    """The ticket's originals were destroyed on purpose; no key brings them back."""


class SecretMissing(TriageError):
    """A secret that a connector or the broker needs is not there."""


class AuditBroken(TriageError):
    """The audit trail cannot be written or does not verify."""


class Halted(TriageError):
    """The kill switch is on: no model call and no effect until `casemate resume`."""


class InvalidTicket(CasemateError):
    """The ticket does not fit the schema; `field` names the place, e.g. `attachments[0].name`."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"Field `{field}`: {reason}")


class TicketConflict(InvalidTicket):
    """The same (source, external_id, version) was received with other content."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing wrong in a policy file; lines and columns count from 1."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class BundleInvalid(CasemateError):
    """A policy bundle that must not go live, with all of its problems at once."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class ApprovalRefused(CasemateError):
    """An answer to a proposal that may not count, and why."""


class ReauthenticationNeeded(ApprovalRefused):
    """Policy asks that whoever answers has shown a password or a link a moment ago, and this person has not."""


class LeaseLost(CasemateError):
    """A newer lease holds the ticket, so this worker's result is dropped."""


class Duplicate(CasemateError):
    """A row that may exist once exists already; read it instead of writing it."""


class NotFound(CasemateError):
    """No such ticket, proposal or record."""
