"""Binds a proposal to everything an approval covers; the executor binds again and compares."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from core.action import Binding
from core.canonical import JsonObject, digest
from core.evidence import Evidence
from policies.compiled import Bundle
from policies.masking.session import MaskSession
from tools.registry import Registry


def bind(
    *,
    tool: str,
    arguments: JsonObject,
    cited: Collection[str],
    evidence: Iterable[Evidence],
    registry: Registry,
    bundle: Bundle,
    session: MaskSession,
    sandbox: str,
) -> Binding:
    """The binding of a proposal as things stand now. Evidence that is cited and gone changes it too."""
    digests = {e.id: e.digest for e in evidence}
    return Binding(
        tool=tool,
        arguments=arguments,
        tool_schema=registry.schema_digest(tool),
        bundle_hash=bundle.hash,
        evidence_digest=digest([[id_, digests.get(id_)] for id_ in sorted(set(cited))]),
        mask_commitment=session.commitment(arguments),
        sandbox=sandbox,
        connector=registry.get(tool).carrier if tool in registry.names() else "",
    )
