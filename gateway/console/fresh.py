"""Whether a sign-in is fresh enough for what changes who may do what."""

from __future__ import annotations

from gateway.console.visit import Visitor
from gateway.parts import Parts

#: Seconds since a password or a link was shown, within which accounts, keys and a first password may be changed.
FRESH_SECONDS = 900.0


def is_fresh(our: Parts, visitor: Visitor) -> bool:
    """Whether this person has shown a password or a link within the last quarter of an hour."""
    return (our.clock.now() - visitor.session.authenticated_at).total_seconds() <= FRESH_SECONDS
