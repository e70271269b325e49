"""What every process that stays does first: it says nothing it should not, not even when it dies."""

from __future__ import annotations

import resource

from core.log import configure, hook_last_words

#: Bytes of a core dump. Zero would still let a dump go to a program (`core_pattern = |…`); one is what the kernel
#: itself sets to make no dump at all (core(5), "Piping core dumps to a program").
CORE_BYTES = 1


def settle(log_level: str) -> None:
    """Set up logs, hooks for last words, and no core dumps: memory holds originals and keys."""
    configure(log_level)
    hook_last_words()
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    most = CORE_BYTES if hard == resource.RLIM_INFINITY else min(CORE_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))
