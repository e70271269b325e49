"""Who may ask the gateway for what. Whoever adds an endpoint says here whom it is for, and a reviewer reads it."""

from __future__ import annotations

from dataclasses import dataclass

#: door, roles, method, path. `key`: programs with an API key; `page`: people with a session; `open`: no name is asked.
#: Admins may everything that a role may. `signed-in`: every person, whatever their roles.
TABLE = """
open anybody                            GET  /api/v1/openapi.json
open anybody                            HEAD /api/v1/openapi.json
key  submitter                          POST /api/v1/tickets
key  analyst,approver,auditor           GET  /api/v1/tickets
key  analyst,approver,auditor,submitter GET  /api/v1/tickets/{ticket_id}
key  analyst,approver,auditor           GET  /api/v1/approvals
key  analyst,approver,auditor           GET  /api/v1/approvals/{proposal_id}
key  analyst,approver                   POST /api/v1/approvals/{proposal_id}/reveal
key  analyst,approver                   POST /api/v1/approvals/{proposal_id}/approve
key  analyst,approver                   POST /api/v1/approvals/{proposal_id}/deny
key  analyst,approver                   POST /api/v1/approvals/{proposal_id}/edit
key  auditor                            GET  /api/v1/policy
key  auditor                            GET  /api/v1/policy/bundles/{bundle_hash}
key  auditor                            GET  /api/v1/policy/changes
key  admin                              POST /api/v1/policy/changes
key  auditor                            GET  /api/v1/policy/changes/{change_id}
key  admin                              POST /api/v1/policy/changes/{change_id}/answers
key  admin                              POST /api/v1/policy/rollback
key  auditor                            GET  /api/v1/policy/decisions
key  auditor                            GET  /api/v1/models
key  admin                              POST /api/v1/halt
key  admin                              POST /api/v1/resume
open anybody                            GET  /healthz
open anybody                            GET  /readyz
open anybody                            GET  /metrics
page signed-in                          GET  /
page analyst,approver,auditor           GET  /queue
page analyst,approver,auditor           POST /queue/views
page analyst,approver,auditor           POST /queue/views/{view_id}/delete
page analyst,approver                   POST /queue/confirm
page analyst,approver                   POST /queue/answer
page analyst,approver                   POST /queue/claims
page analyst,approver,auditor           GET  /cases/{ticket_id}
page analyst,approver,auditor           GET  /cases/{ticket_id}/evidence
page analyst,approver,auditor           GET  /cases/{ticket_id}/evidence/{evidence_id}
page analyst,approver,auditor           GET  /cases/{ticket_id}/turns/{number}
page analyst,approver,auditor           GET  /cases/{ticket_id}/timeline
page analyst,approver,auditor           GET  /cases/{ticket_id}/connections
page analyst,approver,auditor           GET  /cases/{ticket_id}/ticket
page analyst,approver,auditor           GET  /cases/{ticket_id}/record
page analyst,approver,auditor           GET  /cases/{ticket_id}/now
page analyst,approver                   POST /cases/{ticket_id}/reveal
page analyst,approver                   POST /cases/{ticket_id}/feedback
page admin                              POST /cases/{ticket_id}/retry
page analyst,approver,auditor           GET  /cases/{ticket_id}/case.json
page analyst,approver                   GET  /claims/{ticket_id}
page analyst,approver                   POST /claims/{ticket_id}
page analyst,approver,auditor           GET  /cards/{proposal_id}
page analyst,approver,auditor           GET  /cards/{proposal_id}/state
page analyst,approver                   POST /cards/{proposal_id}/approve
page analyst,approver                   POST /cards/{proposal_id}/deny
page analyst,approver                   POST /cards/{proposal_id}/edit
page analyst,approver                   POST /cards/{proposal_id}/reveal
open anybody                            GET  /sign-in
open anybody                            POST /sign-in
open anybody                            GET  /sign-in/link/{secret}
open anybody                            POST /sign-in/link/{secret}
page signed-in                          POST /sign-out
page signed-in                          GET  /account
page signed-in                          POST /account/sessions/{which}/end
page signed-in                          POST /account/sessions/end-others
page signed-in                          POST /account/password
page signed-in                          GET  /account/confirm
page signed-in                          POST /account/confirm
page admin                              GET  /admin/users
page admin                              POST /admin/users
page admin                              POST /admin/users/{name}/link
page admin                              POST /admin/users/{name}/roles
page admin                              POST /admin/users/{name}/disable
page admin                              POST /admin/users/{name}/enable
page admin                              POST /admin/users/{name}/sign-out
page admin                              GET  /admin/keys
page admin                              POST /admin/keys
page admin                              POST /admin/keys/{name}/revoke
page auditor                            GET  /admin
page auditor                            GET  /admin/connectors
page auditor                            GET  /admin/models
page auditor                            GET  /admin/teams
page auditor                            GET  /admin/tools
page auditor                            GET  /admin/audit
page auditor                            POST /admin/audit/verify
page auditor                            GET  /admin/tools/{name}
page analyst,approver,auditor           GET  /overview
page analyst,approver,auditor           GET  /overview/charts/{chart}
page analyst,approver,auditor           GET  /overview/runs
page analyst,approver,auditor           GET  /overview/answers
page analyst,approver,auditor           GET  /overview/words
page analyst,approver,auditor           GET  /overview/decisions
page analyst,approver,auditor           GET  /overview/masked
page analyst,submitter                  GET  /start
page analyst,submitter                  POST /start
page analyst,submitter                  GET  /start/{ticket_id}
page signed-in                          GET  /halted
page admin                              POST /admin/halt
page admin                              POST /admin/resume
page auditor                            GET  /policy
page auditor                            GET  /policy/rules
page auditor                            GET  /policy/bundles/{bundle_hash}
page admin                              GET  /policy/edit
page admin                              POST /policy/edit
page admin                              POST /policy/check
page admin                              POST /policy/review
page admin                              GET  /policy/review/{job_id}
page admin                              POST /policy/review/{job_id}/propose
page admin                              POST /policy/review/{job_id}/again
page auditor                            GET  /policy/changes/{change_id}
page admin                              POST /policy/changes/{change_id}/answers
page admin                              GET  /policy/rollback
page admin                              POST /policy/rollback
page auditor                            GET  /policy/decisions
page auditor                            GET  /policy/decisions/{decision_id}
page analyst,approver,auditor           GET  /live
open anybody                            GET  /static/{name}
"""


@dataclass(frozen=True, slots=True)
class Access:
    """One endpoint's rule."""

    door: str
    roles: frozenset[str]
    method: str
    path: str

    def lets_in(self, roles: frozenset[str]) -> bool:
        """Whether a person, or a machine, with these roles may."""
        return "signed-in" in self.roles or not self.roles.isdisjoint(roles) or "admin" in roles


def access() -> list[Access]:
    """The table."""
    lines = (line.split() for line in TABLE.strip().splitlines())
    return [Access(door, frozenset(roles.split(",")), method, path) for door, roles, method, path in lines]
